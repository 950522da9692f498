// The ConfigMap of an ingress-nginx controller: where nginx takes the client's address from. It reloads by itself.

#include <algorithm>
#include <array>
#include <charconv>

#include "reconcilers/envoy_filter.h"
#include "reconcilers/findings.h"
#include "reconcilers/gateway.h"
#include "reconcilers/keys.h"
#include "reconcilers/record.h"

namespace meshgraft {
namespace {

// ingress-nginx, docs/user-guide/nginx-configuration/configmap.md
constexpr std::string_view kUseForwarded = "use-forwarded-headers";
constexpr std::string_view kRealIp = "enable-real-ip";
constexpr std::string_view kRealIpCidr = "proxy-real-ip-cidr";
constexpr std::string_view kProxyProtocol = "use-proxy-protocol";
constexpr std::string_view kSidecar = "127.0.0.6/32";  // whom nginx sees behind a sidecar: istio pilot, InboundPassthroughBindIpv4

std::shared_ptr<const ConfigMap> find_config(const Context& context, const OwnController& controller) {
  if (controller.read.config_map.empty() || controller.read.config_map_ns != context.view.name) return nullptr;
  for (const auto& config : context.view.config_maps) {
    if (config->meta.name == controller.read.config_map) return config;
  }
  return nullptr;
}

const std::string* value_of(const ConfigMap& config, std::string_view key) {
  const auto found = config.data.find(key);
  return found == config.data.end() ? nullptr : &found->second;
}

bool is_true(const ConfigMap& config, std::string_view key) {
  const std::string* value = value_of(config, key);
  return value != nullptr && *value == "true";
}

bool owns(const Record& record, std::string_view key) { return record.owns("data[" + std::string(key) + "]"); }

// The value before us; "" when there was none.
std::string before(const ConfigMap& config, const Record& record, std::string_view key) {
  if (owns(record, key)) {
    const auto was = record.was.find("data[" + std::string(key) + "]");
    const auto* text = was == record.was.end() ? nullptr : was->second.get_ptr<const std::string*>();
    return text == nullptr ? "" : *text;
  }
  const std::string* live = value_of(config, key);
  return live == nullptr ? "" : *live;
}

bool lists(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view one = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one == item) return true;
  }
  return false;
}

std::string with_sidecar(const std::string& list) {
  if (list.empty() || lists(list, "0.0.0.0/0")) return std::string(kSidecar);
  return lists(list, kSidecar) ? list : std::string(kSidecar) + "," + list;
}

// MG504: forwarded headers that anybody may send, or that stop being read.
void look_at_own_choice(const ConfigMap& config, const Record& record, std::vector<Finding>& findings) {
  const std::string cidr = before(config, record, kRealIpCidr);
  if (cidr.empty() || lists(cidr, "0.0.0.0/0")) {
    findings.push_back(finding("MG504", config.key(), "use-forwarded-headers trusts everybody (proxy-real-ip-cidr is " + (cidr.empty() ? std::string("0.0.0.0/0, the default") : cidr) +
                                                          "): any client can choose the address that it is seen with"));
  } else if (!lists(cidr, kSidecar)) {
    findings.push_back(finding("MG504", config.key(), "proxy-real-ip-cidr " + cidr + " lacks 127.0.0.6/32: behind its sidecar nginx would see that address for everybody",
                               "Add 127.0.0.6/32 to proxy-real-ip-cidr"));
  }
}

bool parse_v4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    unsigned value = 256;  // without a sign: "-0" is no number to nginx
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value > 255 || end - text.data() > 3) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (part == 3) return text.empty();
    if (!text.starts_with('.')) return false;
    text.remove_prefix(1);
  }
  return false;
}

bool parse_v6(std::string_view text) {
  int groups = 0;
  bool gap = false;
  if (text.starts_with("::")) {
    gap = true;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    std::size_t length = 0;
    while (length < text.size() && length < 5 && std::string_view("0123456789abcdefABCDEF").find(text[length]) != std::string_view::npos) ++length;
    if (length == 0 || length > 4) return false;
    text.remove_prefix(length);
    ++groups;
    if (text.empty()) break;
    if (!text.starts_with(':')) return false;
    text.remove_prefix(1);
    if (text.starts_with(':')) {
      if (gap) return false;
      gap = true;
      text.remove_prefix(1);
    } else if (text.empty()) {
      return false;
    }
  }
  return gap ? groups <= 7 : groups == 8;
}

}  // namespace

bool is_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  const bool v4 = parse_v4(address);
  if (!v4 && (address.find(':') == std::string_view::npos || !parse_v6(address))) return false;
  if (slash == std::string_view::npos) return true;
  const std::string_view bits = text.substr(slash + 1);
  unsigned value = 0;
  const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), value);
  return error == std::errc{} && end == bits.data() + bits.size() && value <= (v4 ? 32U : 128U);
}

bool reads_proxy_protocol(const Context& context, const OwnController& controller) {
  const auto config = find_config(context, controller);
  return config != nullptr && is_true(*config, kProxyProtocol);
}

GatewayTemplate gateway_config(const Context& context, const OwnController& controller) {
  GatewayTemplate made;
  const ClientIpMode mode = context.settings.client_ip;
  if (mode == ClientIpMode::bypass || mode == ClientIpMode::off) return made;
  // Without the filter nginx would believe whatever a client says.
  if (mode == ClientIpMode::mesh_wide && mesh_wide_does_harm(context.facts.mesh)) return made;
  const auto config = find_config(context, controller);
  if (config == nullptr) {
    made.findings.push_back(finding("MG509", controller.workload->key(),
                                    controller.read.config_map.empty()
                                        ? "the controller has no argument --configmap"
                                        : "ConfigMap " + controller.read.config_map_ns + "/" + controller.read.config_map + " of --configmap is not there"));
    return made;
  }
  if (is_true(*config, kProxyProtocol)) {
    made.findings.push_back(finding("MG512", config->key(), "use-proxy-protocol is on: ports 80 and 443 stay out of the sidecar, and nginx goes on seeing the client"));
    return made;
  }
  const Record record = read_record(config->meta);
  Wish wish;
  const bool chosen = before(*config, record, kUseForwarded) == "true";
  if (mode == ClientIpMode::mesh_wide) {
    wish.data.emplace(kUseForwarded, "true");
  } else if (chosen) {
    look_at_own_choice(*config, record, made.findings);
    return made;
  } else if (!context.settings.trusted_proxies.empty()) {
    std::string cidr(kSidecar);
    for (const std::string& proxy : context.settings.trusted_proxies) {
      if (!is_cidr(proxy)) {
        made.findings.push_back(finding("MG514", context.view.ns->key(), "gateway.trustedProxies has \"" + proxy + "\", which is no address range"));
        return made;
      }
      cidr += "," + proxy;
    }
    wish.data.emplace(kUseForwarded, "true");
    wish.data.emplace(kRealIpCidr, cidr);
  } else {
    const std::string cidr = before(*config, record, kRealIpCidr);
    wish.data.emplace(kRealIp, "true");
    wish.data.emplace(kRealIpCidr, with_sidecar(cidr));
  }
  made.intent.object = config;
  made.intent.wish = std::move(wish);
  made.intent.stage = Stage::gateway_config;
  made.intent.impact = Impact::traffic;
  made.intent.rule = "gateway";
  made.intent.why = "nginx takes the client's address from its sidecar";
  return made;
}

}  // namespace meshgraft
