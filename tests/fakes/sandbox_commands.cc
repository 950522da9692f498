#include "tests/fakes/sandbox_commands.h"

#include <chrono>
#include <cstdio>
#include <thread>

#include "tests/fakes/kubesphere_play.h"
#include "tests/fakes/raw_client.h"
#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

int failed(const std::string& why) {
  std::fprintf(stderr, "error: %s\n", why.c_str());
  return 1;
}

std::string plural_of(const std::string& kind) {
  if (kind == "Ingress") return "ingresses";
  if (kind == "Strategy") return "strategies";
  if (kind == "ServicePolicy") return "servicepolicies";
  std::string out = kind + "s";
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// A kind that is not served counts as empty.
Result<Snapshot> snapshot_of(RawClient& client) {
  Snapshot result;
  for (const std::string& kind : watched_kinds()) {
    const std::string api_version(model_api_version(kind));
    Result<Answer> answer = client.call("GET", raw_path(api_version, plural_of(kind)));
    if (!answer) return Unexpected<Error>(answer.error());
    if (answer->code == 404) continue;
    if (!answer->ok()) return fail("list of " + plural_of(kind) + ": " + text_at(answer->body, {"message"}));
    for (Json item : answer->body["items"]) {
      item["kind"] = kind;
      item["apiVersion"] = api_version;
      std::pair<std::string, std::string> place(text_at(item, {"metadata", "namespace"}),
                                                text_at(item, {"metadata", "name"}));
      result[kind].emplace(std::move(place), std::make_shared<const Json>(std::move(item)));
    }
  }
  return result;
}

// Whether the server took it.
bool carry_out(RawClient& client, const ModelWrite& write) {
  const std::string kind = text_at(write.object, {"kind"}), ns = text_at(write.object, {"metadata", "namespace"});
  const std::string name = text_at(write.object, {"metadata", "name"});
  const std::string collection = raw_path(model_api_version(kind), plural_of(kind), ns);
  const std::string one = collection + "/" + name, manager = "?fieldManager=controller-manager";
  Result<Answer> answer = fail("");
  const char* verb = "";
  switch (write.verb) {
    case ModelWrite::create:
      verb = "created";
      answer = client.call("POST", collection + manager, write.object);
      break;
    case ModelWrite::update:
      verb = "updated";
      answer = client.call("PUT", one + manager, write.object);
      break;
    case ModelWrite::update_status:
      verb = "status of";
      answer = client.call("PUT", one + "/status" + manager, write.object);
      break;
    case ModelWrite::remove:
      verb = "deleted";
      answer = client.call("DELETE", one);
      break;
  }
  const bool ok = answer.has_value() && answer->ok();
  const std::string why =
      ok ? "" : ": " + (answer.has_value() ? text_at(answer->body, {"message"}) : answer.error().text);
  std::printf("%s%s %s %s/%s%s\n", ok ? "" : "not ", verb, kind.c_str(), ns.c_str(), name.c_str(), why.c_str());
  std::fflush(stdout);
  return ok;
}

std::string api_version_for(const std::string& plural) {
  if (plural == "virtualservices" || plural == "destinationrules" || plural == "envoyfilters")
    return "networking.istio.io/v1alpha3";
  if (plural == "deployments" || plural == "statefulsets" || plural == "daemonsets" || plural == "replicasets")
    return "apps/v1";
  if (plural == "ingresses") return "networking.k8s.io/v1";
  if (plural == "applications") return "app.k8s.io/v1beta1";
  if (plural == "strategies") return "servicemesh.kubesphere.io/v1alpha2";
  return "v1";
}

// "http :80 -> v1 100%" for each route; "v1, v2" for subsets.
std::string routing(const Json& object) {
  std::string out;
  for (const char* protocol : {"http", "tcp"}) {
    for (const Json& route : at(object, {"spec", protocol})) {
      out += (out.empty() ? "" : "; ") + std::string(protocol);
      for (const Json& match : at(route, {"match"})) out += " :" + std::to_string(number_at(match, {"port"}));
      out += " ->";
      for (const Json& one : at(route, {"route"}))
        out +=
            " " + text_at(one, {"destination", "subset"}) + " " + std::to_string(number_at(one, {"weight"}, 100)) + "%";
    }
  }
  if (const Json& subsets = at(object, {"spec", "subsets"}); subsets.is_array()) {
    out = "subsets";
    for (const Json& one : subsets) out += " " + text_at(one, {"name"});
  }
  return out;
}

}  // namespace

int run_models(const std::string& kubeconfig, const std::atomic<bool>& stop) {
  Result<std::unique_ptr<RawClient>> client = RawClient::open(kubeconfig);
  if (!client) return failed(client.error().text);
  std::printf("KubeSphere's controllers are at work\n");
  std::fflush(stdout);
  ModelQueue queue;
  std::string complained;
  while (!stop) {
    Result<Snapshot> now = snapshot_of(**client);
    if (!now) {  // said once, tried again: an API server may restart
      if (now.error().text != complained) failed(now.error().text);
      complained = now.error().text;
    } else {
      complained.clear();
      queue.look(std::move(*now));
      const std::vector<ModelWrite> writes = queue.writes();
      bool all = true;
      for (const ModelWrite& write : writes) all = carry_out(**client, write) && all;
      queue.tried(all);
      if (!writes.empty() && all) continue;
    }
    for (int i = 0; i < 10 && !stop; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return 0;
}

int label_namespace(const std::string& kubeconfig, const std::string& ns, const std::vector<std::string>& labels) {
  Result<std::unique_ptr<RawClient>> client = RawClient::open(kubeconfig);
  if (!client) return failed(client.error().text);
  Json patch = {{"metadata", {{"labels", Json::object()}}}};
  for (const std::string& label : labels) {
    const auto equals = label.find('=');
    if (equals != std::string::npos) {
      patch["metadata"]["labels"][label.substr(0, equals)] = label.substr(equals + 1);
    } else if (label.ends_with('-')) {
      patch["metadata"]["labels"][label.substr(0, label.size() - 1)] = nullptr;
    } else {
      return failed("\"" + label + "\" is neither KEY=VALUE nor KEY-");
    }
  }
  Result<Answer> answer = (*client)->call("PATCH", raw_path("v1", "namespaces", "", ns) + "?fieldManager=kubectl-label",
                                          patch, "application/merge-patch+json");
  if (!answer) return failed(answer.error().text);
  if (!answer->ok()) return failed(text_at(answer->body, {"message"}));
  std::printf("namespace/%s labeled\n", ns.c_str());
  return 0;
}

int show(const std::string& kubeconfig, const std::vector<std::string>& plurals) {
  Result<std::unique_ptr<RawClient>> client = RawClient::open(kubeconfig);
  if (!client) return failed(client.error().text);
  for (const std::string& plural : plurals) {
    Result<Answer> answer = (*client)->call("GET", raw_path(api_version_for(plural), plural));
    if (!answer) return failed(answer.error().text);
    if (!answer->ok()) return failed(plural + ": " + text_at(answer->body, {"message"}));
    std::printf("%s\n", plural.c_str());
    for (const Json& item : answer->body["items"]) {
      const std::string place = text_at(item, {"metadata", "namespace"}) + "/" + text_at(item, {"metadata", "name"});
      std::printf("  %-32s %s\n", place.c_str(), routing(item).c_str());
    }
  }
  return 0;
}

}  // namespace meshgraft::fakes
