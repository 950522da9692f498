#pragma once
// The table of middleware: how each product is recognised and what its ports speak. find_middleware reads the first
// half, the rule for ports the second. A new product is one row. Pure data.

#include <array>
#include <span>
#include <string_view>

namespace meshgraft {

// A product. Unused places of the arrays are "" or 0.
struct Product {
  std::string_view name;                    // for people: "RocketMQ"
  std::array<std::string_view, 12> images;  // last path segments of its server images, or the last two with their slash
  // Words that, beside one of `ports`, tell the product: in the name of Service or workload, in the labels app,
  // app.kubernetes.io/name and k8s-app, in the container's name or image. Digits at their end are ignored.
  std::array<std::string_view, 6> words;
  std::string_view env;                     // the same by a variable that only its server knows; "" for none
  std::array<int, 10> ports{};              // its own ports: binary, server-first or possibly TLS, so plain TCP
  std::array<int, 5> http_ports{};           // HTTP/1.1 without TLS in the product's defaults
  int grpc_port = 0;
};

inline constexpr std::string_view kNacos = "Nacos";

std::span<const Product> products();

// The row that `name` names; null when none does.
const Product* product(std::string_view name);

// What `pod_port` of `product` speaks: "http", "grpc", or "tcp" for every other port. TCP is right for whatever
// flows there, TLS and server-first protocols included.
std::string_view protocol_of(const Product& product, int pod_port);

// Whether `pod_port` stands in the row of `product`.
bool knows_port(const Product& product, int pod_port);

// Whether `pod_port` beside a word tells `product`: one of its ports that ordinary services do not use too.
bool is_sign(const Product& product, int pod_port);

// Whether is_sign holds for some product: says quickly that nearly every port tells nothing.
bool is_sign_of_any(int pod_port);

// Ports that are TCP whoever serves them: databases and queues with a number of their own, most of them
// server-first, which sniffing would hang on. Numbers that other programs use too are left out.
bool is_plain_tcp_port(int port);

}  // namespace meshgraft
