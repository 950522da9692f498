#include "reconcilers/undo.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/gateway_facts.h"
#include "reconcilers/ingress_split.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_table.h"
#include "reconcilers/replace.h"
#include "reconcilers/rollout.h"
#include "reconcilers/selection.h"
#include "reconcilers/undo_created.h"
#include "reconcilers/undo_fields.h"
#include "reconcilers/undo_services.h"

namespace meshgraft {
namespace {

bool has_record(const Meta& meta) { return meta.annotations.contains(keys::kUndo); }

template <typename List>
bool any_record(const List& list) {
  return std::any_of(list.begin(), list.end(), [](const auto& object) { return has_record(object->meta); });
}

constexpr std::string_view kPodLabel = "spec.template.metadata.labels[";

// What makes a Deployment a subset: without one of these it is none, whatever else it keeps.
bool makes_a_subset(std::string_view path) {
  return path.starts_with("metadata.labels[") || path == "metadata.annotations[" + std::string(keys::kGoverned) + "]" ||
         path.starts_with(kPodLabel);
}

// Of an ingress-nginx that is a member and a gateway: what it has as a member alone.
bool is_of_the_member(std::string_view path) {
  return makes_a_subset(path) && path != std::string(kPodLabel) + std::string(keys::kSidecarInject) + "]";
}

// Whether the record holds what only gateways are given: ports of the node, the room for them, listeners left out.
bool was_gateway(const Record& record) {
  return std::any_of(record.own.begin(), record.own.end(), [](const std::string& path) {
    return path.starts_with("spec.template.spec.") || path.starts_with("spec.strategy") || path.starts_with("spec.updateStrategy") ||
           path == "spec.template.metadata.annotations[" + std::string(keys::kExcludeInboundPorts) + "]";
  });
}

bool leaves_as(const std::optional<IngressController>& controller, const Context& context, const Workload& workload) {
  if (is_excluded(workload.meta)) return true;
  const Labels& labels = context.view.ns->meta.labels;
  if (!controller || controller->kubesphere) return !labels.contains(keys::kApp);
  if (labels.contains(keys::kGateway)) return false;
  // An ingress-nginx in a namespace that joins an app is a member like any other; it was more while it was a gateway.
  return !labels.contains(keys::kApp) || was_gateway(read_record(workload.meta));
}

// Works on one namespace; lives for one call.
class WayBack {
 public:
  explicit WayBack(const Context& context)
      : context_(context), view_(context.view), app_gone_(!view_.ns->meta.labels.contains(keys::kApp)),
        gateway_gone_(!view_.ns->meta.labels.contains(keys::kGateway)) {}

  Decision take() {
    find_leaving();
    if (leaving_.empty()) {
      take_back_created(context_, app_gone_, gateway_gone_, decision_);
      return std::move(decision_);
    }
    release_services();
    for (const auto& ingress : view_.ingresses) ingress_back(ingress);
    for (const auto& workload : view_.workloads) workload_back(workload);
    for (const auto& config : view_.config_maps) {
      whole(config, Stage::back_gateway_config, Impact::traffic, "the ConfigMap as before");
    }
    for (const auto& service : view_.services) service_back(service);
    for (const auto& application : view_.applications) {
      if (created_by_us(*application)) continue;
      whole(application, Stage::back_application, Impact::none, "the Application as before");
    }
    for (const auto& gateway : view_.gateways) whole(gateway, Stage::back_gateway_config, Impact::restart, "the Gateway as before");
    take_back_created(context_, app_gone_, gateway_gone_, decision_);
    return std::move(decision_);
  }

 private:
  struct Leaving {
    Record record;
    bool gateway = false;    // an ingress-nginx controller
    bool stays = false;      // as a gateway: only what it has as a member goes back
  };

  void find_leaving() {
    for (const auto& workload : view_.workloads) {
      const std::optional<IngressController> controller = read_ingress_controller(*workload);
      // The cheapest question first: nearly every workload is a member that stays.
      const bool may_leave = app_gone_ || (gateway_gone_ && controller) || is_excluded(workload->meta);
      if (!may_leave || !has_record(workload->meta)) continue;
      const bool gateway = controller && !controller->kubesphere;
      const bool stays = gateway && app_gone_ && !gateway_gone_ && !is_excluded(workload->meta);
      consider(*workload, stays || leaves_as(controller, context_, *workload), gateway, stays);
    }
    for (const auto& service : view_.services) consider(*service, app_gone_ && !serves_as_nacos(*service), false);
    for (const auto& ingress : view_.ingresses) consider(*ingress, app_gone_, false);
    for (const auto& config : view_.config_maps) consider(*config, gateway_gone_, true);
    for (const auto& application : view_.applications) consider(*application, app_gone_, false);
    for (const auto& gateway : view_.gateways) consider(*gateway, is_unwanted(*gateway), true);
  }

  void consider(const Object& object, bool label_gone, bool gateway, bool stays = false) {
    if (object.meta.deleting || !(label_gone || is_excluded(object.meta)) || !has_record(object.meta)) return;
    Leaving one;
    one.record = read_record(object.meta);
    one.gateway = gateway;
    if (!one.record.broken.empty()) {
      decision_.findings.push_back(finding("MG107", object.key(), std::string(keys::kUndo) + ": " + one.record.broken));
      return;
    }
    if (!one.record.present) return;  // a copy of another object's
    one.stays = stays;
    // One that was re-created selects its pods by a member's labels: it keeps them until it is no gateway either.
    if (stays && (!one.record.replaced.is_null() || std::none_of(one.record.own.begin(), one.record.own.end(), is_of_the_member))) return;
    leaving_.emplace(&object, std::move(one));
  }

  // A Nacos of a namespace that the chart lists keeps its ports while any namespace is labelled.
  [[nodiscard]] bool serves_as_nacos(const Service& service) const {
    if (!context_.settings.nacos_namespaces.contains(view_.name) || context_.facts.app_namespaces.empty()) return false;
    if (!has_record(service.meta) || is_excluded(service.meta)) return false;
    const Record record = read_record(service.meta);
    return std::all_of(record.own.begin(), record.own.end(), is_port_path);
  }

  // The switch of a KubeSphere gateway follows labels of other namespaces: the facts know.
  [[nodiscard]] bool is_unwanted(const Gateway& gateway) const {
    for (const GatewayFacts& facts : context_.facts.gateways) {
      if (facts.kubesphere && facts.ns == view_.name && facts.name == gateway.meta.name) return !facts.wanted && facts.hold.empty();
    }
    return false;
  }

  const Leaving* leaving(const Object& object) const {
    const auto found = leaving_.find(&object);
    return found == leaving_.end() ? nullptr : &found->second;
  }

  // ---- Services first: nothing of a Deployment goes while KubeSphere routes to it as a subset ----

  void release_services() {
    const Selection selection(view_);
    for (const auto& service : view_.services) {
      const Leaving* own = leaving(*service);
      std::vector<const Workload*> behind;
      Loss loss;
      for (const std::uint32_t index : selection.indexes_of(service->selector)) {
        const Workload& workload = *view_.workloads[index];
        const Leaving* leaver = workload.kind == Kind::deployment ? leaving(workload) : nullptr;
        if (leaver == nullptr) continue;
        behind.push_back(&workload);
        for (const std::string& path : leaver->record.own) {
          loss.subset = loss.subset || makes_a_subset(path);
          if (path.starts_with(kPodLabel)) loss.pod_labels.insert(path.substr(kPodLabel.size(), path.size() - kPodLabel.size() - 1));
        }
      }
      if (own == nullptr && !loss.subset) continue;
      const Record record = own != nullptr ? own->record : read_record(service->meta);
      const Release release = release_service(context_, *service, record, loss, decision_);
      if (release.done) {
        for (const Workload* workload : behind) may_wait_[workload] = release.may_wait;
        continue;
      }
      blocked_[service.get()] = release;
      for (const Workload* workload : behind) blocked_[workload] = release;
    }
  }

  // ---- one object after another ----

  // Adds the next step for `part`; true when something is left to do.
  bool step(const Object& object, const Leaving& leaver, const Part& part, bool last, Stage stage, Impact impact, std::string_view why,
            const std::string& hold = "", bool passing = false) {
    const std::optional<Footprint> footprint = footprint_of(context_, object.key(), decision_);
    if (!footprint) return true;
    FieldsBack back = take_back(object, leaver.record, *footprint, part, last);
    std::move(back.findings.begin(), back.findings.end(), std::back_inserter(decision_.findings));
    if (!back.change) return false;
    Extra extra;
    extra.change = *std::move(back.change);
    extra.change.stage = stage;
    extra.change.impact = impact;
    extra.change.rule = std::string(kUndoRule);
    extra.change.why = std::string(why);
    extra.hold = hold;
    extra.passing = passing;
    decision_.extras.push_back(std::move(extra));
    return true;
  }

  static bool everything(std::string_view) { return true; }
  static Part part_of(const Leaving& leaver) { return leaver.stays ? Part(is_of_the_member) : Part(everything); }
  static Part template_of(const Leaving& leaver) {
    return [part = part_of(leaver)](std::string_view path) { return is_template_path(path) && part(path); };
  }

  template <typename T>
  void whole(const std::shared_ptr<const T>& object, Stage stage, Impact impact, std::string_view why) {
    if (const Leaving* leaver = leaving(*object)) step(*object, *leaver, everything, true, stage, impact, why);
  }

  // An Ingress that was split has its paths again, and the copies are gone, before the rest of it goes back: true while
  // there is something left to do. Its own Host goes first: it names one Service.
  bool unsplit(const Ingress& ingress, const Leaving& leaver) {
    std::vector<Change> changes = unsplit_step(view_, ingress, Stage::back_ingress_backend);
    if (changes.empty()) return false;
    const auto annotations = [](std::string_view path) { return path.starts_with("metadata.annotations["); };
    if (step(ingress, leaver, annotations, false, Stage::back_ingress, Impact::traffic, "the Ingress as before")) return true;
    for (Change& change : changes) {
      change.rule = std::string(kUndoRule);
      Extra extra;
      extra.change = std::move(change);
      decision_.extras.push_back(std::move(extra));
    }
    return true;
  }

  void ingress_back(const std::shared_ptr<const Ingress>& ingress) {
    if (is_split_copy(*ingress)) return;  // it goes with the Ingress that it was split from
    const Leaving* leaver = leaving(*ingress);
    if (leaver == nullptr || unsplit(*ingress, *leaver)) return;
    const auto not_backend = [](std::string_view path) { return !is_backend_path(path); };
    const bool edited = std::any_of(leaver->record.own.begin(), leaver->record.own.end(), is_backend_path);
    if (!edited) {
      step(*ingress, *leaver, everything, true, Stage::back_ingress, Impact::traffic, "the Ingress as before");
      return;
    }
    // Its backends name ports by number until the ports have their former names.
    if (step(*ingress, *leaver, not_backend, false, Stage::back_ingress, Impact::traffic, "the Ingress as before")) return;
    step(*ingress, *leaver, everything, true, Stage::back_ingress_backend, Impact::traffic, "backends of the Ingress as before");
  }

  void service_back(const std::shared_ptr<const Service>& service) {
    const Leaving* leaver = leaving(*service);
    if (leaver == nullptr) return;
    const auto found = blocked_.find(service.get());
    const Release release = found == blocked_.end() ? Release{true, "", false} : found->second;
    const bool middleware = context_.membership.middleware.services.contains(service->meta.name);
    const Stage ports = middleware ? Stage::back_middleware_ports : Stage::back_service_ports;
    std::string hold = release.hold;
    bool passing = release.passing;
    if (hold.empty() && service->headless()) hold = gateway_needs_ports(*service);
    const bool has_ports = std::any_of(leaver->record.own.begin(), leaver->record.own.end(), is_port_path);
    if (has_ports && step(*service, *leaver, is_port_path, false, ports, Impact::traffic, "ports of the Service as before", hold, passing)) return;
    const Stage rest = has_ports && middleware ? Stage::back_middleware_ports : Stage::back_metadata;
    step(*service, *leaver, everything, true, rest, Impact::none, "labels of the Service as before", hold, passing);
  }

  // On Istio to 1.11 a gateway in the mesh answers 404 for a headless backend whose port declares no protocol (ED 2).
  std::string gateway_needs_ports(const Service& service) {
    const MeshFacts& mesh = context_.facts.mesh;
    if (mesh.version && *mesh.version >= Version{1, 12, 0}) return "";
    for (const IngressUse& use : context_.facts.ingress_uses) {
      if (use.ingress.ns != view_.name || use.service != service.meta.name) continue;
      for (const GatewayFacts& gateway : context_.facts.gateways) {
        if (!gateway.in_mesh || !serves(gateway, use.ingress.ns, use.class_name)) continue;
        decision_.findings.push_back(finding("MG114", service.key(), "Ingress " + use.ingress.name + " leads to it through the gateway of namespace " + gateway.ns +
                                                                         ", whose sidecar would answer 404 for a port without a protocol"));
        return "the gateway of namespace " + gateway.ns + " needs its ports (MG114)";
      }
    }
    return "";
  }

  void workload_back(const std::shared_ptr<const Workload>& workload) {
    const Leaving* leaver = leaving(*workload);
    if (leaver == nullptr) return;
    MemberState row = leaving_row(context_, workload);
    row.why = "on the way back";
    const Release release = blocked_.contains(workload.get()) ? blocked_.at(workload.get()) : Release{true, "", false};
    const std::optional<Footprint> footprint = footprint_of(context_, workload->key(), decision_);
    if (footprint) {
      std::string hold = release.hold;
      bool passing = release.passing;
      std::string stuck;
      if (!leaver->record.replaced.is_null()) {
        say_if_switched_off(*workload);
        if (hold.empty()) stuck = begin_return(context_, workload, leaver->record, decision_);
        if (hold.empty()) hold = "it is created again with its former selector";
        passing = true;
      }
      if (template_goes_back(*workload, leaver->record, *footprint, template_of(*leaver))) {
        if (hold.empty()) hold = restart_hold(*workload, leaver->gateway);
        row.why = "its pods restart with their former template";
        template_back(*workload, *leaver, *footprint, hold, passing);
      } else {
        rest_back(workload, *leaver, hold, passing);
        if (!rollout_is_over(*workload)) row.phase = MemberPhase::rolling;
      }
      if (!hold.empty()) row.why = hold;
      if (!hold.empty() && !passing) row.phase = MemberPhase::held;
      if (!stuck.empty()) {
        row.why = stuck;
        row.phase = MemberPhase::held;
      }
      const auto wait = may_wait_.find(workload.get());
      const bool begun = row.phase != MemberPhase::waiting && row.phase != MemberPhase::joined;
      if (wait != may_wait_.end() && !wait->second.empty() && !begun && rollout_is_over(*workload)) row.why = wait->second + "; then " + row.why;
    }
    if (decision_.waits_for.empty() && row.phase == MemberPhase::held) decision_.waits_for = row.why;
    decision_.leaving.push_back(std::move(row));
  }

  // From the first step of the way back on: who reads it may still switch it on in time.
  void say_if_switched_off(const Workload& workload) {
    if (context_.settings.replace_enabled) return;
    decision_.findings.push_back(finding("MG120", workload.key(), "it was created again with another selector, and goes back only by being created again, which is switched off"));
  }

  void template_back(const Workload& workload, const Leaving& leaver, const Footprint& footprint, const std::string& hold, bool passing) {
    FieldsBack back = take_back(workload, leaver.record, footprint, template_of(leaver), false);
    std::move(back.findings.begin(), back.findings.end(), std::back_inserter(decision_.findings));
    if (!back.change) return;
    Extra extra;
    extra.change = *std::move(back.change);
    extra.change.stage = leaver.gateway ? Stage::back_gateway_template : Stage::back_template;
    extra.change.rule = std::string(kUndoRule);
    extra.change.why = "the pod template as before";
    extra.change.restarts = static_cast<int>(workload.replicas);
    extra.change.impact = extra.change.restarts > 0 ? Impact::restart : Impact::none;
    // What rolls already takes no further place: the former template replaces the one that comes.
    extra.change.at_once = !rollout_is_over(workload);
    extra.hold = hold;
    extra.passing = passing;
    decision_.extras.push_back(std::move(extra));
  }

  // Metadata goes when every pod has the former template.
  void rest_back(const std::shared_ptr<const Workload>& workload, const Leaving& leaver, std::string hold, bool passing) {
    const Stage stage = Stage::back_metadata;
    if (hold.empty() && !rollout_is_over(*workload)) {
      hold = "its rollout is under way: " + progress_text(*workload);
      passing = true;
      decision_.going_back.push_back(workload);
      // The stage of the restart is not over.
      Extra extra;
      extra.change.target = workload->key();
      extra.change.stage = leaver.gateway ? Stage::back_gateway_template : Stage::back_template;
      extra.change.rule = std::string(kUndoRule);
      extra.hold = hold;
      extra.passing = true;
      decision_.extras.push_back(std::move(extra));
    }
    step(*workload, leaver, part_of(leaver), !leaver.stays, stage, Impact::none, "labels and annotations as before", hold, passing);
  }

  // Why its pods may not be restarted now: as on the way in (MG209, MG502, MG223).
  std::string restart_hold(const Workload& workload, bool gateway) {
    if (workload.paused) {
      decision_.findings.push_back(finding("MG223", workload.key(), "spec.paused is true: its former template would not roll out",
                                           "kubectl rollout resume deployment " + workload.meta.name + " -n " + workload.meta.ns));
      return "spec.paused is true";
    }
    const auto own = workload.meta.annotations.find(keys::kAcceptOutage);
    const bool accepted = own != workload.meta.annotations.end() ? own->second == "true" : context_.options.accept_outage;
    const bool serves = workload.status.known ? workload.status.available > 0 : workload.replicas > 0;
    if (!serves || accepted || !restart_leaves_a_gap(workload)) return "";
    const std::string code = gateway ? "MG502" : "MG209";
    decision_.findings.push_back(finding(code, workload.key(), "its former template would bring a gap: its last pod stops before a new one is ready"));
    return "its restart would leave a gap (" + code + ")";
  }

  const Context& context_;
  const NamespaceView& view_;
  const bool app_gone_, gateway_gone_;
  std::map<const Object*, Leaving> leaving_;
  std::map<const Object*, Release> blocked_;
  std::map<const Object*, std::string> may_wait_;  // what a forecast cannot time
  Decision decision_;
};

constexpr std::array<std::string_view, 4> kPatch{"get", "list", "watch", "patch"};
constexpr std::array<std::string_view, 4> kDelete{"get", "list", "watch", "delete"};
constexpr std::array<std::string_view, 5> kPatchDelete{"get", "list", "watch", "patch", "delete"};
constexpr std::array kRbac{
    RbacRule{"networking.istio.io", "virtualservices", kDelete, ""}, RbacRule{"networking.istio.io", "destinationrules", kDelete, ""},
    RbacRule{"networking.istio.io", "envoyfilters", kDelete, ""},    RbacRule{"app.k8s.io", "applications", kPatchDelete, ""},
    RbacRule{"", "services", kPatch, ""},                            RbacRule{"networking.k8s.io", "ingresses", kPatch, ""},
    RbacRule{"apps", "deployments", kPatch, ""},                     RbacRule{"apps", "statefulsets", kPatch, ""},
    RbacRule{"apps", "daemonsets", kPatch, ""},                      RbacRule{"", "configmaps", kPatch, ""}};

}  // namespace

bool leaves(const Context& context, const Workload& workload) {
  return leaves_as(read_ingress_controller(workload), context, workload);
}

bool holds_ours(const NamespaceView& view) {
  return any_record(view.workloads) || any_record(view.services) || any_record(view.ingresses) || any_record(view.config_maps) ||
         any_record(view.applications) || any_record(view.gateways) || holds_created(view);
}

std::optional<Footprint> footprint_of(const Context& context, const ObjectKey& key, Decision& decision) {
  const auto found = context.view.live.find(key);
  if (found != context.view.live.end()) return Footprint(found->second.get());
  if (std::find(decision.wants_live.begin(), decision.wants_live.end(), key) == decision.wants_live.end()) decision.wants_live.push_back(key);
  return std::nullopt;
}

Decision desired_way_back(const Context& context) {
  if (!holds_ours(context.view)) return {};
  return WayBack(context).take();
}

std::span<const RbacRule> rbac_way_back() { return kRbac; }

}  // namespace meshgraft
