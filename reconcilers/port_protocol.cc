#include "reconcilers/port_protocol.h"

#include <array>
#include <string>
#include <utility>

namespace meshgraft {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// istio/istio pkg/config/protocol/instance.go, Parse. http_proxy is a listener's, grpc-web rides on HTTP.
constexpr std::array<std::pair<std::string_view, Protocol>, 12> kWords{{
    {"tcp", Protocol::tcp}, {"udp", Protocol::udp}, {"grpc", Protocol::grpc}, {"grpc-web", Protocol::grpc},
    {"http", Protocol::http}, {"http_proxy", Protocol::http}, {"http2", Protocol::http2}, {"https", Protocol::tcp},
    {"tls", Protocol::tcp}, {"mongo", Protocol::tcp}, {"redis", Protocol::tcp}, {"mysql", Protocol::tcp},
}};

}  // namespace

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::http: return "http";
    case Protocol::http2: return "http2";
    case Protocol::grpc: return "grpc";
    case Protocol::tcp: return "tcp";
    case Protocol::udp: return "udp";
    case Protocol::unknown: break;
  }
  return "unknown";
}

bool is_http_family(Protocol protocol) {
  return protocol == Protocol::http || protocol == Protocol::http2 || protocol == Protocol::grpc;
}

Protocol protocol_of_word(std::string_view word) {
  const std::string small = lower(word);
  for (const auto& [known, protocol] : kWords) {
    if (known == small) return protocol;
  }
  return Protocol::unknown;
}

Protocol protocol_of_name(std::string_view name) {
  const std::string small = lower(name);
  if (small == "grpc-web" || small.starts_with("grpc-web-")) return Protocol::grpc;
  return protocol_of_word(name.substr(0, name.find('-')));
}

Protocol protocol_of_app_protocol(std::string_view app_protocol) {
  // Kubernetes' own names; known since Istio 1.18, sniffed before, which for HTTP comes to the same Host rules.
  if (app_protocol == "kubernetes.io/h2c") return Protocol::http2;
  if (app_protocol == "kubernetes.io/ws") return Protocol::http;
  if (app_protocol == "kubernetes.io/wss") return Protocol::tcp;
  return protocol_of_word(app_protocol);
}

Protocol declared_protocol(const ServicePort& port) {
  if (port.protocol == "UDP") return Protocol::udp;
  if (port.protocol != "TCP") return Protocol::tcp;
  if (port.app_protocol && !port.app_protocol->empty()) return protocol_of_app_protocol(*port.app_protocol);
  return protocol_of_name(port.name);
}

bool is_http_name(std::string_view name) {
  const std::string_view first = name.substr(0, name.find('-'));
  return first == "http" || first == "http2" || first == "grpc";
}

}  // namespace meshgraft
