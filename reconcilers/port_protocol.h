#pragma once
// How Istio and KubeSphere read the protocol of a Service port. Used by the rule for ports, by derive_facts and by
// the gateway's precaution. Pure.
//
// Istio (pkg/config/kube/conversion.go; recorded in docs of envoy decisions): appProtocol, when set, replaces the
// name; otherwise the text of the name before its first '-'. Both without regard to case. What it does not know is
// sniffed, but for a few numbers that are TCP.
// KubeSphere 3.3 (pkg/controller/utils/servicemesh): the name alone, which must be http, http2 or grpc, or begin
// with one of them and '-'.

#include <cstdint>
#include <string_view>

#include "k8sclient/model/objects.h"

namespace meshgraft {

enum class Protocol : std::uint8_t {
  unknown,  // sniffed
  http,     // HTTP/1.1
  http2,
  grpc,
  tcp,      // and everything that is a TCP chain to a sidecar: tls, https, mongo, redis, mysql
  udp,
};
std::string_view to_string(Protocol protocol);  // what appProtocol takes: "http", "http2", "grpc", "tcp"

// http, http2 or grpc.
bool is_http_family(Protocol protocol);

// What `word` means to Istio as appProtocol, and as the first part of a port name.
Protocol protocol_of_word(std::string_view word);
Protocol protocol_of_name(std::string_view name);
Protocol protocol_of_app_protocol(std::string_view app_protocol);

// What the port declares to Istio.
Protocol declared_protocol(const ServicePort& port);

// Whether KubeSphere makes an HTTP route of a port so named.
bool is_http_name(std::string_view name);

}  // namespace meshgraft
