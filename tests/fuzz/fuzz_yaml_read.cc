// Manifests: anything may be read, nothing may crash, and what to_yaml writes is read back as the same value.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "k8sclient/model/yaml_read.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshgraft;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)read_manifests(text, "fuzz", "shop");
  const Result<Json> json = yaml_to_json(text, "fuzz");
  if (!json) return 0;
  const Json valid = Json::parse(to_text(*json));  // bytes that are no UTF-8 have become U+FFFD
  const Result<Json> again = yaml_to_json(to_yaml(valid), "again");
  if (!again || *again != valid) std::abort();
  return 0;
}
