// plan over whatever manifests say: any objects may meet any rule, in a namespace that joins and is a gateway, and
// nothing may crash or go on for ever.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "k8sclient/model/yaml_read.h"
#include "reconcilers/foresee.h"
#include "reconcilers/keys.h"

namespace {

// MG199: a plan that keeps wanting something, whatever is carried out, is a defect of the program.
void must_end(const meshgraft::Foreseen& foreseen) {
  for (const meshgraft::Finding& finding : foreseen.findings) {
    if (finding.code == "MG199") std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshgraft;
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Result<std::vector<Document>> documents = read_manifests(text, "fuzz", "shop");
  if (!documents) return 0;
  std::vector<ObjectPtr> objects;
  for (const Document& document : *documents) objects.push_back(document.object);
  World world = make_world(objects);
  for (auto& [name, view] : world.namespaces) {
    auto labelled = std::make_shared<Namespace>(*view.ns);
    labelled->meta.labels.insert_or_assign(std::string(keys::kApp), "shop");
    if ((data[0] & 4U) != 0) labelled->meta.labels.insert_or_assign(std::string(keys::kGateway), "ingress-nginx");
    view.ns = std::move(labelled);
  }
  constexpr std::array<std::string_view, 4> kProfiles{"kubesphere-3.3", "kubesphere-3.4", "kubesphere-4", "istio"};
  if (auto assumed = profile(kProfiles.at(data[0] & 3U))) {
    world.mesh = std::move(assumed->mesh);
    world.platform = std::move(assumed->platform);
  }
  const Foreseen first = foresee(world, {});
  must_end(first);
  must_end(foresee(first.after, {}));
  return 0;
}
