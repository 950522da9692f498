#pragma once
// The readers of the kinds' own fields, one function a top-level section ("spec", "status", "data", …) at a time.
// Called by decode.cc through reader_of(); metadata, kind and apiVersion never come here.

#include <memory>
#include <string_view>

#include "k8sclient/model/decode_fields.h"

namespace meshgraft::decoding {

// How one kind is read.
struct KindReader {
  std::shared_ptr<Object> (*make)(Kind);
  // Reads the section `key`; sections that it does not know are left alone (true).
  bool (*section)(FieldReader&, std::string_view key, Value, Object&);
  // Fields that follow from others, when all sections are read. May be null.
  void (*finish)(const FieldReader&, Object&);
};
const KindReader& reader_of(Kind kind);

// `keep_applied`: with the annotation of kubectl apply, which is as large as its object.
bool read_meta(FieldReader& reader, Value value, Meta& meta, bool keep_applied = false);
bool read_selector(FieldReader& reader, Value value, LabelSelector& selector);

// decode_workload.cc
bool read_workload(FieldReader& reader, std::string_view section, Value value, Object& object);
void finish_workload(const FieldReader& reader, Object& object);
bool read_pod(FieldReader& reader, std::string_view section, Value value, Object& object);
// decode_replica_set.cc
bool read_replica_set(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_controller_revision(FieldReader& reader, std::string_view section, Value value, Object& object);
// decode_service.cc
bool read_service(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_ingress(FieldReader& reader, std::string_view section, Value value, Object& object);
void finish_ingress(const FieldReader& reader, Object& object);
bool read_ingress_class(FieldReader& reader, std::string_view section, Value value, Object& object);
void finish_ingress_class(const FieldReader& reader, Object& object);
bool read_endpoint_slice(FieldReader& reader, std::string_view section, Value value, Object& object);
void finish_endpoint_slice(const FieldReader& reader, Object& object);
bool read_service_monitor(FieldReader& reader, std::string_view section, Value value, Object& object);
// decode_cluster.cc
bool read_namespace(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_config_map(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_webhooks(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_quota(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_limit_range(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_disruption_budget(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_autoscaler(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_volume_claim(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_event(FieldReader& reader, std::string_view section, Value value, Object& object);
// decode_mesh.cc
bool read_virtual_service(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_destination_rule(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_envoy_filter(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_peer_authentication(FieldReader& reader, std::string_view section, Value value, Object& object);
// decode_kubesphere.cc
bool read_application(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_strategy(FieldReader& reader, std::string_view section, Value value, Object& object);
bool read_gateway(FieldReader& reader, std::string_view section, Value value, Object& object);
void finish_gateway(const FieldReader& reader, Object& object);
bool read_cluster_configuration(FieldReader& reader, std::string_view section, Value value, Object& object);
void finish_cluster_configuration(const FieldReader& reader, Object& object);
bool read_install_plan(FieldReader& reader, std::string_view section, Value value, Object& object);

// A route's destinations, shared by VirtualService and Strategy: calls `found(RouteDestination)` for every destination
// and mirror of the http, tls and tcp routes of a VirtualService spec's field `key`. `route`: the number of the next route.
template <typename F>
bool read_routes(FieldReader& reader, std::string_view key, Value value, int& route, F&& found) {
  if (key != "http" && key != "tls" && key != "tcp") return true;
  const auto destination = [&reader](Value at, RouteDestination& into) {
    return reader.fields(at, [&](std::string_view name, Value field) {
      if (name == "host") return reader.text(field, into.host);
      return name != "subset" || reader.text(field, into.subset);
    });
  };
  const auto take = [&found, &route](RouteDestination one) {
    one.route = route;
    if (!one.host.empty()) found(std::move(one));
    return true;
  };
  const auto listed = [&](Value at, bool mirror) {
    return reader.items(at, [&](Value member) {
      RouteDestination one;
      one.mirror = mirror;
      return reader.fields(member,
                           [&](std::string_view name, Value field) {
                             if (name == "weight") return reader.number(field, one.weight);
                             return name != "destination" || destination(field, one);
                           }) &&
             take(std::move(one));
    });
  };
  return reader.items(value, [&](Value at) {
    const bool good = reader.fields(at, [&](std::string_view name, Value field) {
      if (name == "route" || name == "mirrors") return listed(field, name == "mirrors");
      if (name != "mirror") return true;
      RouteDestination one;
      one.mirror = true;
      return destination(field, one) && take(std::move(one));
    });
    ++route;
    return good;
  });
}

}  // namespace meshgraft::decoding
