// EndpointSlices: one per Service and set of resolved ports, an endpoint for every pod that the selector matches.

#include <algorithm>
#include <tuple>

#include "tests/fakes/cluster_play.h"

namespace meshgraft::fakes {
namespace {

// The Service's ports as this pod serves them: named targetPorts are looked up in its containers.
Json ports_on(const Json& service, const Json& pod) {
  Json ports = Json::array();
  for (const Json& port : at(service, {"spec", "ports"})) {
    const std::string protocol = text_at(port, {"protocol"}, "TCP");
    Json number = port.value("targetPort", port.value("port", Json()));
    if (text_at(service, {"spec", "clusterIP"}) == "None" && !port.contains("targetPort"))
      number = port.value("port", Json());
    if (number.is_string()) {
      const std::string wanted = number.get<std::string>();
      number = Json();
      for (const Json& container : at(pod, {"spec", "containers"})) {
        for (const Json& one : at(container, {"ports"})) {
          if (text_at(one, {"name"}) == wanted && text_at(one, {"protocol"}, "TCP") == protocol)
            number = one.value("containerPort", Json());
        }
      }
      if (number.is_null()) continue;
    }
    Json out = {{"name", text_at(port, {"name"})}, {"port", number}, {"protocol", protocol}};
    if (port.contains("appProtocol")) out["appProtocol"] = port["appProtocol"];
    ports.push_back(std::move(out));
  }
  return ports;
}

// Objects of a kind by one label: the pods of a selector's first pair, the slices of a Service.
class ByLabel {
 public:
  ByLabel(const Engine& engine, std::string_view api_version, std::string_view kind) {
    for (const Object& object : engine.objects(api_version, kind)) {
      const std::string ns = text_at(*object, {"metadata", "namespace"});
      for (const auto& [key, value] : labels_of(*object).items()) {
        if (value.is_string()) objects_[{ns, key, value.get<std::string>()}].push_back(object);
      }
    }
  }
  [[nodiscard]] const std::vector<Object>& with(const std::string& ns, const std::string& key, const std::string& value) const {
    static const std::vector<Object> none;
    const auto it = objects_.find({ns, key, value});
    return it == objects_.end() ? none : it->second;
  }

 private:
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<Object>> objects_;
};

}  // namespace

void ClusterPlay::endpoint_slices() {
  const ByLabel pods(engine_, "v1", "Pod");
  const ByLabel all_slices(engine_, "discovery.k8s.io/v1", "EndpointSlice");
  for (const Object& object : engine_.objects("v1", "Service")) {
    const Json& service = *object;
    const Json& selector = at(service, {"spec", "selector"});
    if (!selector.is_object() || selector.empty() || text_at(service, {"spec", "type"}) == "ExternalName") continue;
    const std::string ns = text_at(service, {"metadata", "namespace"}), name = text_at(service, {"metadata", "name"});
    const bool all_ready = at(service, {"spec", "publishNotReadyAddresses"}) == true;
    std::map<std::string, Json> slices;  // by the text of their ports
    const auto first = selector.begin();
    for (const Object& pod : pods.with(ns, first.key(), first->is_string() ? first->get<std::string>() : "")) {
      if (!map_selects(selector, labels_of(*pod)) || text_at(*pod, {"status", "podIP"}).empty()) continue;
      const Json ports = ports_on(service, *pod);
      Json& slice = slices[to_text(ports)];
      if (slice.is_null()) slice = {{"ports", ports}, {"endpoints", Json::array()}};
      const bool ready = is_ready(*pod);
      Json endpoint = {{"addresses", Json::array({at(*pod, {"status", "podIP"})})},
                       {"nodeName", at(*pod, {"spec", "nodeName"})},
                       {"conditions", {{"ready", ready || all_ready}, {"serving", ready}, {"terminating", false}}},
                       {"targetRef",
                        {{"kind", "Pod"},
                         {"name", at(*pod, {"metadata", "name"})},
                         {"namespace", ns},
                         {"uid", at(*pod, {"metadata", "uid"})}}}};
      if (const std::string host = text_at(*pod, {"spec", "hostname"});
          !host.empty() && text_at(*pod, {"spec", "subdomain"}) == name)
        endpoint["hostname"] = host;
      slice["endpoints"].push_back(std::move(endpoint));
    }
    if (slices.empty()) slices[""] = {{"ports", nullptr}, {"endpoints", Json::array()}};
    std::vector<Json> have;
    for (const Object& slice : all_slices.with(ns, "kubernetes.io/service-name", name)) have.push_back(*slice);
    std::stable_sort(have.begin(), have.end(), [](const Json& a, const Json& b) {
      return text_at(a, {"metadata", "name"}) < text_at(b, {"metadata", "name"});
    });
    std::size_t used = 0;
    for (auto& [ports, wanted] : slices) {
      Json slice;
      if (used < have.size()) {
        slice = have[used];
      } else {
        slice = {{"apiVersion", "discovery.k8s.io/v1"},
                 {"kind", "EndpointSlice"},
                 {"addressType", "IPv4"},
                 {"metadata",
                  {{"generateName", name + "-"},
                   {"namespace", ns},
                   {"labels",
                    {{"kubernetes.io/service-name", name},
                     {"endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"}}},
                   {"ownerReferences", Json::array({owner_reference(service)})}}}};
      }
      slice["endpoints"] = std::move(wanted["endpoints"]);
      slice["ports"] = std::move(wanted["ports"]);
      if (used < have.size()) {
        if (slice != have[used]) write(slice);
      } else {
        create(std::move(slice));
      }
      ++used;
    }
    for (; used < have.size(); ++used) remove(have[used]);
  }
}

}  // namespace meshgraft::fakes
