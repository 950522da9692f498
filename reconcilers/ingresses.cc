#include "reconcilers/ingresses.h"

#include <algorithm>
#include <array>
#include <map>

#include "reconcilers/findings.h"
#include "reconcilers/ingress_judgement.h"
#include "reconcilers/ingress_split.h"
#include "reconcilers/ingress_values.h"
#include "reconcilers/keys.h"
#include "reconcilers/middleware_table.h"
#include "reconcilers/record.h"

namespace meshgraft {
namespace {

constexpr std::string_view kRule = "ingress";

const std::string* annotation(const Ingress& ingress, std::string_view key) {
  const auto found = ingress.meta.annotations.find(key);
  return found == ingress.meta.annotations.end() ? nullptr : &found->second;
}

// Names that the sidecar takes for the Service (Istio's virtual host domains), or nginx' variables for the same.
bool names_service(std::string_view value, const std::string& service, const std::string& ns, const std::string& domain) {
  const std::string name_and_ns = service + "." + ns;
  return value == name_and_ns || value == name_and_ns + ".svc" || value == name_and_ns + ".svc." + domain;
}

bool names_variable(std::string_view value, const std::string& domain) {
  for (const std::string_view base : {"$service_name.$namespace", "${service_name}.${namespace}"}) {
    const std::string name(base);
    if (value == name || value == name + ".svc" || value == name + ".svc." + domain) return true;
  }
  return false;
}

// Works on one namespace; lives for one call.
class Rule {
 public:
  explicit Rule(const Context& context)
      : context_(context), cases_(judge_ingresses(context)),
        any_copies_(std::any_of(context.view.ingresses.begin(), context.view.ingresses.end(), [](const auto& one) { return is_split_copy(*one); })) {}

  Decision take() {
    refuse_what_cannot_be_shared();
    for (const IngressCase& one : cases_) decide(one);
    for (Finding& one : judge_error_pages(context_)) decision_.findings.push_back(std::move(one));
    return std::move(decision_);
  }

 private:
  static bool takes_pair(const IngressCase& one) { return one.has_member && !one.excluded && !one.refused && one.gateway != nullptr; }

  // Every Ingress of an upstream has to say service-upstream (the oldest decides for all): one that may not be
  // touched, or that picks pods by cookie, rules it out for the others.
  void refuse_what_cannot_be_shared() {
    for (const IngressCase& one : cases_) {
      if (one.gateway == nullptr) continue;
      const bool follows = !one.excluded && !has_cookie_affinity(*one.ingress);
      const std::string* live = annotation(*one.ingress, keys::kServiceUpstream);
      if (follows || (live != nullptr && is_on(*live))) continue;
      for (const std::string& upstream : one.upstreams.empty() ? raw_upstreams(one) : one.upstreams) blockers_.emplace(upstream, one.ingress->meta.name);
    }
    for (IngressCase& one : cases_) {
      if (!takes_pair(one)) continue;
      // The one without the other would send the public Host to the Service (ED 1): neither is written.
      if (const std::string vhost = missing_vhost(one); !vhost.empty() && !is_valid_vhost(vhost)) {
        one.refused = true;
        one.findings.push_back(finding("MG413", one.ingress->key(), "upstream-vhost " + vhost + " would be refused by the controller"));
        continue;
      }
      for (const std::string& upstream : one.upstreams) {
        const auto blocker = blockers_.find(upstream);
        if (blocker == blockers_.end() || blocker->second == one.ingress->meta.name) continue;
        one.refused = true;
        one.findings.push_back(finding("MG412", one.ingress->key(), "Ingress " + blocker->second + " uses the same upstream " + upstream +
                                                                        " and cannot be given service-upstream"));
        break;
      }
    }
    for (const IngressCase& one : cases_) {
      if (takes_pair(one)) upstreams_.insert(one.upstreams.begin(), one.upstreams.end());
    }
  }

  static std::vector<std::string> raw_upstreams(const IngressCase& one) {
    std::vector<std::string> list;
    for (const BackendPlace& place : one.places) {
      list.push_back(place.backend->service + "/" + (place.backend->port != 0 ? std::to_string(place.backend->port) : place.backend->port_name));
    }
    return list;
  }

  void decide(const IngressCase& one) {
    decision_.findings.insert(decision_.findings.end(), one.findings.begin(), one.findings.end());
    if (one.excluded || is_being_split(one)) return;
    Intent intent;
    if (one.has_member) add_labels(one, intent.wish);
    const bool shares = one.gateway != nullptr &&
                        std::any_of(one.upstreams.begin(), one.upstreams.end(), [this](const std::string& upstream) { return upstreams_.contains(upstream); });
    if (shares) want_service_upstream(*one.ingress, intent.wish);
    if (takes_pair(one)) {
      want_vhost(one, intent.wish);
      edit_numbers(one);
    }
    want_redirects(one, intent.wish);
    if (intent.wish.labels.empty() && intent.wish.annotations.empty()) return;
    intent.object = one.ingress;
    intent.stage = Stage::ingress;
    intent.impact = intent.wish.annotations.empty() ? Impact::none : Impact::traffic;
    intent.rule = kRule;
    intent.why = takes_pair(one) ? "labels of the app; requests go to Services by their inside name"
                 : shares        ? "it shares an upstream whose requests go to the ClusterIP"
                 : one.has_member ? "labels of the app"
                                  : "redirects of the application keep the public host";
    decision_.intents.push_back(std::move(intent));
  }

  // Adds the next step of a split, or of its return once the owner no longer asks for it; false when there is none.
  bool is_being_split(const IngressCase& one) {
    SplitStep step;
    if (!asks_for_split(*one.ingress)) {
      if (names_one_service(one.ingress)) return true;
      if (any_copies_ || is_split(*one.ingress)) step.changes = unsplit_step(context_.view, *one.ingress, Stage::ingress_backend);
    } else if (takes_pair(one)) {
      step = split_step(context_, one);
    }
    decision_.findings.insert(decision_.findings.end(), step.findings.begin(), step.findings.end());
    for (Change& change : step.changes) decision_.extras.push_back({std::move(change), ""});
    return !step.changes.empty();
  }

  // An Ingress that is to have the paths of several Services again names none of them as Host before it has them.
  bool names_one_service(const std::shared_ptr<const Ingress>& ingress) {
    const std::string* host = annotation(*ingress, keys::kUpstreamVhost);
    if (!is_split(*ingress) || host == nullptr || names_variable(*host, context_.facts.platform.cluster_domain)) return false;
    Intent intent;
    intent.object = ingress;
    intent.stage = Stage::ingress;
    intent.impact = Impact::traffic;
    intent.rule = kRule;
    intent.why = "it is to have the paths of several Services again";
    intent.wish.annotations.emplace(keys::kUpstreamVhost, variable_host());
    decision_.intents.push_back(std::move(intent));
    return true;
  }

  void add_labels(const IngressCase& one, Wish& wish) const {
    std::string app;
    for (const BackendPlace& place : one.places) {
      if (!context_.membership.is_member(place.backend->service)) continue;
      const std::string of_member = app_of(place.backend->service);
      if (!app.empty() && app != of_member) {
        app = context_.options.app;
        break;
      }
      app = of_member;
    }
    wish.labels.emplace(keys::kAppName, app);
    wish.labels.emplace(keys::kAppVersion, context_.membership.app_version);
  }

  std::string app_of(const std::string& service_name) const {
    const std::optional<std::size_t> service = context_.membership.index_of(service_name);
    if (!service) return context_.options.app;
    const auto members = context_.membership.members_of(*service);
    const auto first = std::find_if(members.begin(), members.end(), [](const Member* member) { return member->blocked.empty() && !member->excluded; });
    return first == members.end() ? context_.options.app : (*first)->app_name;
  }

  static void want_service_upstream(const Ingress& ingress, Wish& wish) {
    const std::string* live = annotation(ingress, keys::kServiceUpstream);
    if (live == nullptr || !is_on(*live)) wish.annotations.emplace(keys::kServiceUpstream, "true");
  }

  [[nodiscard]] std::string fqdn(const std::string& service) const {
    return service + "." + context_.view.name + ".svc." + context_.facts.platform.cluster_domain;
  }

  [[nodiscard]] std::string variable_host() const { return "$service_name.$namespace.svc." + context_.facts.platform.cluster_domain; }

  // The Host that the Ingress has to be given; "" when it has a right one.
  [[nodiscard]] std::string missing_vhost(const IngressCase& one) const {
    const std::string& domain = context_.facts.platform.cluster_domain;
    const bool single = one.services.size() == 1;
    const std::string* live = annotation(*one.ingress, keys::kUpstreamVhost);
    const bool right = live != nullptr && (names_variable(*live, domain) ||
                                           (single && names_service(*live, *one.services.begin(), context_.view.name, domain)));
    return right ? "" : single ? fqdn(*one.services.begin()) : variable_host();
  }

  void want_vhost(const IngressCase& one, Wish& wish) {
    const std::string* live = annotation(*one.ingress, keys::kUpstreamVhost);
    const std::string missing = missing_vhost(one);
    if (!missing.empty()) wish.annotations.emplace(keys::kUpstreamVhost, missing);
    std::string text = "the application sees Host " + (missing.empty() ? *live : missing) + " instead of the public one";
    if (live != nullptr && !missing.empty()) text += " (the Ingress set " + *live + ")";
    decision_.findings.push_back(finding("MG410", one.ingress->key(), std::move(text)));
  }

  void edit_numbers(const IngressCase& one) {
    if (one.switches.empty()) return;
    Extra extra;
    extra.change = ingress_edit(*one.ingress, one.switches, Stage::ingress_backend, "backend by the Service's port: the targetPort is dead behind a ClusterIP");
    extra.change.rule = std::string(kRule);
    decision_.extras.push_back(std::move(extra));
  }

  // ---- redirects (rules 6.3) ----

  bool redirects(const IngressCase& one) const {
    const std::string* asked = annotation(*one.ingress, keys::kRewriteRedirects);
    if (asked != nullptr) return *asked == "true";
    return std::any_of(one.services.begin(), one.services.end(), [this](const std::string& service) {
      const auto found = context_.membership.middleware.services.find(service);
      return found != context_.membership.middleware.services.end() && found->second.product == kNacos;
    });
  }

  // Only where the Host that the application sees is not the public one does it redirect to an inside name.
  static bool sends_inside_host(const IngressCase& one, const Wish& wish) {
    return wish.annotations.contains(keys::kUpstreamVhost) || annotation(*one.ingress, keys::kUpstreamVhost) != nullptr;
  }

  void want_redirects(const IngressCase& one, Wish& wish) {
    if (one.gateway == nullptr || !redirects(one) || !sends_inside_host(one, wish)) return;
    const ObjectKey about = one.ingress->key();
    if (one.services.size() != 1) {
      decision_.findings.push_back(finding("MG404", about, "several Services are behind it, and proxy-redirect-from names one"));
      return;
    }
    const auto& version = one.gateway->version;
    const bool strict = one.gateway->validates;
    const std::string* from_live = annotation(*one.ingress, keys::kProxyRedirectFrom);
    const std::string* to_live = annotation(*one.ingress, keys::kProxyRedirectTo);
    const bool ours = read_record(one.ingress->meta).owns("metadata.annotations[" + std::string(keys::kProxyRedirectTo) + "]");
    const bool works = from_live != nullptr && to_live != nullptr && !breaks_reload(*from_live) && !breaks_reload(*to_live) &&
                       (!strict || (is_valid_url(*from_live) && is_valid_url(*to_live)));
    if (!ours && works) return;
    if (one.gateway->low_risk_only) {
      decision_.findings.push_back(finding("MG407", about, "the controller in " + one.gateway->ns + " refuses proxy-redirect-from and -to (annotations-risk-level: Low)"));
      return;
    }
    std::string to;
    if (version && *version >= Version{1, 13, 0}) {
      to = "/";
      wish.annotations.emplace(keys::kRelativeRedirects, "true");
    } else if (!strict) {
      to = "$scheme://$http_host/";
    } else {
      const std::set<std::string> hosts = hosts_of(*one.ingress);
      if (hosts.size() != 1 || hosts.begin()->find('*') != std::string::npos) {
        decision_.findings.push_back(finding("MG404", about, "the controller takes literal URLs only, and the Ingress has " +
                                                                 (hosts.empty() ? std::string("no host") : hosts.size() == 1 ? "a wildcard host" : "several hosts")));
        return;
      }
      to = (one.ingress->tls ? "https://" : "http://") + *hosts.begin() + "/";
    }
    const std::string from = "http://" + fqdn(*one.services.begin()) + "/";
    if (!is_valid_url(from) || (strict && !is_valid_url(to))) {
      decision_.findings.push_back(finding("MG413", about, "proxy-redirect-to " + to + " would be refused by the controller"));
      return;
    }
    wish.annotations.emplace(keys::kProxyRedirectFrom, from);
    wish.annotations.emplace(keys::kProxyRedirectTo, to);
  }

  static std::set<std::string> hosts_of(const Ingress& ingress) {
    std::set<std::string> hosts;
    for (const IngressRule& rule : ingress.rules) {
      if (!rule.host.empty()) hosts.insert(rule.host);
    }
    return hosts;
  }

  const Context& context_;
  std::vector<IngressCase> cases_;
  bool any_copies_;  // of a split Ingress, in this namespace
  std::multimap<std::string, std::string> blockers_;  // upstream -> Ingress
  std::set<std::string> upstreams_;                   // of Ingresses that take the pair
  Decision decision_;
};

constexpr std::array<std::string_view, 6> kVerbs{"get", "list", "watch", "patch", "create", "delete"};
constexpr std::array<std::string_view, 2> kReads{"list", "watch"};
constexpr std::array kRbac{RbacRule{"networking.k8s.io", "ingresses", kVerbs, ""}, RbacRule{"networking.k8s.io", "ingressclasses", kReads, ""}};

}  // namespace

Decision desired_ingresses(const Context& context) {
  if (context.options.app.empty()) return {};
  return Rule(context).take();
}

std::span<const RbacRule> rbac_ingresses() { return kRbac; }

}  // namespace meshgraft
