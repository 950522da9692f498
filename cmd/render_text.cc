#include "cmd/render_text.h"

#include <algorithm>
#include <array>
#include <ostream>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/quantity.h"

namespace meshgraft {
namespace {

// What a stage does, for its heading.
std::string_view meaning(Stage stage) {
  switch (stage) {
    case Stage::rollback: return "a failed restart taken back";
    case Stage::back_service_annotation: return "governance of Services taken back";
    case Stage::back_virtual_service: return "VirtualServices of KubeSphere";
    case Stage::back_destination_rule: return "DestinationRules of KubeSphere";
    case Stage::back_ingress: return "Ingresses as before";
    case Stage::back_gateway_template: return "pod template of the gateway as before";
    case Stage::back_envoy_filter: return "our EnvoyFilters";
    case Stage::back_gateway_config: return "ConfigMap of the gateway as before";
    case Stage::back_service_ports: return "Service ports as before";
    case Stage::back_ingress_backend: return "Ingress backends as before";
    case Stage::back_template: return "pod templates as before";
    case Stage::back_metadata: return "labels and annotations as before";
    case Stage::back_application: return "Application";
    case Stage::back_middleware_ports: return "ports of middleware as before";
    case Stage::middleware_ports: return "protocols of middleware ports";
    case Stage::member_metadata: return "labels and annotations of members";
    case Stage::member_replace: return "Deployments created again with a fuller selector";
    case Stage::member_template: return "pod templates of members, one rollout after the other";
    case Stage::service_ports: return "port names and protocols of Services";
    case Stage::service_annotation: return "governance of Services";
    case Stage::application: return "the app itself";
    case Stage::ingress_backend: return "port numbers of Ingress backends";
    case Stage::ingress: return "Ingresses send through the mesh";
    case Stage::gateway_config: return "configuration of the gateway";
    case Stage::envoy_filter: return "client addresses";
    case Stage::gateway_metadata: return "labels and annotations of the gateway";
    case Stage::gateway_template: return "pod template of the gateway";
    case Stage::release: return "of a Strategy: traffic handed over and back";
    case Stage::namespace_status: return "status of the namespace";
  }
  return "";
}

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::error: return "error";
    case Severity::warning: return "warning";
    case Severity::info: return "info";
  }
  return "";
}

Colour colour_of(Severity severity) {
  return severity == Severity::error ? Colour::red : severity == Severity::warning ? Colour::yellow : Colour::cyan;
}

// A field for people: "pod label app" and the heading under which several of its kind stand in one line.
struct FieldName {
  std::string group;  // "pod labels", "" when the field stands alone
  std::string name;
};
FieldName field_name(std::string_view path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kGroups{{{"metadata.labels[", "labels"},
                                                                                  {"metadata.annotations[", "annotations"},
                                                                                  {"spec.template.metadata.labels[", "pod labels"},
                                                                                  {"spec.template.metadata.annotations[", "pod annotations"},
                                                                                  {"data[", "data"}}};
  for (const auto& [prefix, group] : kGroups) {
    if (path.starts_with(prefix) && path.ends_with(']')) {
      return {std::string(group), std::string(path.substr(prefix.size(), path.size() - prefix.size() - 1))};
    }
  }
  return {"", std::string(path)};
}

std::string one_line(const Json* value) {
  if (value == nullptr) return "";
  return value->is_string() ? value->get<std::string>() : to_text(*value);
}

// The fields that a change adds, those of one kind in one line.
void render_adds(const Change& change, bool verbose, const Terminal& terminal) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const std::string& path : change.adds) {
    const FieldName field = field_name(path);
    if ((field.name == keys::kUndo || field.name == keys::kTouchedAt) && !verbose) continue;
    const std::string value = one_line(field_value(change.body, path));
    const std::string text = value.empty() ? field.name : field.name + '=' + value;
    if (!field.group.empty() && !lines.empty() && lines.back().first == field.group) {
      lines.back().second += ", " + text;
    } else {
      lines.emplace_back(field.group, text);
    }
  }
  for (const auto& [group, text] : lines) {
    terminal.out << wrapped(group.empty() ? text : group + ' ' + text, "    + ", "        ", terminal.width);
  }
}

// "member-metadata" of "stage member-metadata comes first"; "" for every other reason.
std::string_view awaited_stage(std::string_view reason) {
  constexpr std::string_view kBefore = "stage ";
  constexpr std::string_view kAfter = " comes first";
  if (!reason.starts_with(kBefore) || !reason.ends_with(kAfter)) return {};
  return reason.substr(kBefore.size(), reason.size() - kBefore.size() - kAfter.size());
}

void render_step(const Foreseen::Step& step, bool verbose, const Terminal& terminal) {
  const Change& change = step.change;
  std::string head = to_string(change.target);
  std::string mark;
  if (change.verb == Verb::create) mark = "create";
  if (change.verb == Verb::remove || change.verb == Verb::orphan) mark = "delete";
  if (change.verb == Verb::scale) mark = "scale to " + one_line(field_value(change.body, "spec.replicas"));
  if (change.impact == Impact::restart) mark = "restarts " + counted(change.restarts, "pod");
  if (change.impact == Impact::traffic) mark = mark.empty() ? "changes traffic" : mark + ", changes traffic";
  const Colour colour = change.impact == Impact::restart || change.verb == Verb::remove ? Colour::yellow : Colour::green;
  if (mark.empty()) {
    terminal.out << wrapped(head, "  ", "      ", terminal.width);
  } else if (columns(head) + columns(mark) + 4 <= terminal.width) {
    terminal.out << "  " << padded(head, terminal.width - 4 - columns(mark)) << "  " << paint(terminal, colour, mark) << '\n';
  } else {
    terminal.out << wrapped(head, "  ", "      ", terminal.width) << "      " << paint(terminal, colour, mark) << '\n';
  }
  if (!change.why.empty()) terminal.out << wrapped(change.why, "    ", "    ", terminal.width);
  render_adds(change, verbose, terminal);
  for (const Overwrite& overwrite : change.overwrites) {
    const FieldName field = field_name(overwrite.path);
    if (field.name == keys::kTouchedAt && !verbose) continue;
    const std::string name = field.group.empty() ? field.name : field.group + ' ' + field.name;
    const std::string before = overwrite.before.empty() ? "\"\"" : overwrite.before;
    const std::string now = overwrite.after.empty() ? "(removed)" : overwrite.after;
    terminal.out << wrapped(name + ": " + before + " -> " + now, "    ~ ", "        ", terminal.width);
  }
  // Each step of a replace waits for the one before it.
  if (change.stage == Stage::member_replace && step.waits_for == "the changes before it") return;
  if (!step.waits_for.empty() && awaited_stage(step.waits_for).empty()) terminal.out << wrapped("waits: " + step.waits_for, "    ", "      ", terminal.width);
}

// The heading of a stage: its name, what it does, and the stage that it waits for.
void render_heading(const Report& report, Stage stage, const Terminal& terminal) {
  std::string text(meaning(stage));
  for (const Foreseen::Step& step : report.steps) {
    const std::string_view awaited = awaited_stage(step.waits_for);
    if (step.change.stage != stage || awaited.empty()) continue;
    text.append("; after ").append(awaited);
    break;
  }
  const std::string name(to_string(stage));
  const std::string lines = wrapped(text, name + ": ", "  ", terminal.width);
  terminal.out << '\n' << paint(terminal, Colour::bold, name) << lines.substr(name.size());
}

// What, where, what to do: three paragraphs, of one line each where the width allows it. `where`: the objects.
void render_finding(const Finding& finding, const std::string& where, bool verbose, const Terminal& terminal) {
  const std::string_view severity = name_of(finding.severity);
  const std::string head = padded(severity, 8) + finding.code + "  ";
  const std::string text = wrapped(finding.text, head, "        ", terminal.width);
  // Painted after wrapping: the codes of colours take no columns.
  terminal.out << paint(terminal, colour_of(finding.severity), severity) << text.substr(severity.size());
  terminal.out << wrapped(where, "        at  ", "            ", terminal.width);
  if (!finding.remedy.empty()) terminal.out << wrapped(finding.remedy, "        do  ", "            ", terminal.width);
  const FindingInfo* info = verbose ? finding_info(finding.code) : nullptr;
  if (info == nullptr) return;
  if (!info->cause.empty()) terminal.out << wrapped(info->cause, "        why ", "            ", terminal.width);
  if (!info->source.empty()) terminal.out << wrapped(info->source, "        see ", "            ", terminal.width);
  if (!info->istioctl.empty()) terminal.out << wrapped(info->istioctl, "        istioctl analyze: ", "            ", terminal.width);
}

std::string concern_line(const Concern& concern) {
  std::string text = "Namespace " + concern.ns + ": ";
  if (!concern.app.empty()) text += "app " + concern.app;
  if (concern.gateway) text += concern.app.empty() ? "gateway" : ", gateway";
  if (concern.leaving) {
    text += "on the way back";
  } else {
    if (concern.app.empty() && !concern.gateway) text += "labelled";
    text += ", policy " + std::string(to_string(concern.policy));
  }
  return concern.paused ? text + ", paused" : concern.frozen ? text + ", frozen" : text;
}

std::string finding_counts(const FindingCounts& counts) {
  if (counts.errors + counts.warnings + counts.infos == 0) return "no findings";
  return "findings: " + counted(counts.errors, "error") + ", " + counted(counts.warnings, "warning") + ", " + std::to_string(counts.infos) + " info";
}

// "ports 80 and 443 of 2 nodes close one after the other, each for up to 300 s and the start of its pod"
std::string closed_text(const ClosedPorts& closed) {
  std::string text = closed.ports.size() == 1 ? "port " : "ports ";
  std::size_t at = 0;
  for (const int port : closed.ports) {
    if (at > 0) text += at + 1 == closed.ports.size() ? " and " : ", ";
    text += std::to_string(port);
    ++at;
  }
  const bool one = closed.pods == 1;
  text += " of " + counted(closed.pods, "node") + (closed.ports.size() == 1 ? " closes" : " close");
  text += one ? "" : " one after the other, each";
  return text + " for up to " + std::to_string(closed.seconds) + " s and the start of " + (one ? "the" : "its") + " pod";
}

std::string total_line(const Totals& totals) {
  if (totals.requests == 0) return "Total: nothing to change; " + finding_counts(totals.listed) + '.';
  int objects = 0;
  std::string kinds;
  for (const auto& [kind, number] : totals.objects) {
    objects += number;
    if (!kinds.empty()) kinds += ", ";
    kinds += counted(number, info(kind).name);
  }
  std::string text = "Total: " + counted(totals.requests, "request") + " to " + counted(objects, "object") + " (" + kinds + ")";
  if (totals.created > 0) text += ", " + std::to_string(totals.created) + " created";
  if (totals.removed > 0) text += ", " + std::to_string(totals.removed) + " deleted";
  text += totals.restarting == 0 ? "; no pod restarts" : "; " + counted(totals.restarts, "pod") + " of " + counted(totals.restarting, "workload") + (totals.restarts == 1 ? " restarts" : " restart");
  if (totals.sidecars > 0) {
    text += "; " + counted(totals.sidecars, "sidecar") + (totals.sidecars == 1 ? " asks" : " ask") + " for " + cpu_text(totals.sidecar_cpu) + " CPU and " +
            memory_text(totals.sidecar_memory) + " of memory";
  }
  for (const ClosedPorts& closed : totals.closed) text += "; " + closed_text(closed);
  if (!totals.hosts.empty()) text += "; the Host header changes behind " + counted(static_cast<int>(totals.hosts.size()), "Ingress");
  return text + "; " + finding_counts(totals.listed) + '.';
}

// What, where, what to do, each in one line however long it is, so that a finding has at most three and a search for
// its code finds all of it. A terminal folds them; `where` names as many objects as anyone reads.
void render_in_three_lines(const Finding& finding, const std::vector<ObjectKey>& where, const Terminal& terminal) {
  constexpr std::size_t kNamed = 8;
  const auto line = [](std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  };
  const std::string_view severity = name_of(finding.severity);
  terminal.out << paint(terminal, colour_of(finding.severity), severity) << padded("", 8 - static_cast<int>(severity.size())) << finding.code << "  " << line(finding.text) << '\n';
  std::string places;
  for (std::size_t i = 0; i < where.size() && i < kNamed; ++i) places += (places.empty() ? "" : ", ") + to_string(where[i]);
  if (where.size() > kNamed) places += " and " + std::to_string(where.size() - kNamed) + " more; -v names them";
  terminal.out << "        at  " << line(places) << '\n';
  if (!finding.remedy.empty()) terminal.out << "        do  " << line(finding.remedy) << '\n';
}

enum class Shape : std::uint8_t { wrapped, three_lines };

void render_findings(const Report& report, Shape shape, bool verbose, const Terminal& terminal) {
  // Findings that say the same of several objects are told once.
  const std::vector<Finding>& all = report.findings;
  std::vector<bool> told(all.size(), false);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (told[i]) continue;
    std::vector<ObjectKey> where;
    for (std::size_t j = i; j < all.size() && all[j].code == all[i].code; ++j) {
      if (told[j] || all[j].text != all[i].text || all[j].remedy != all[i].remedy) continue;
      told[j] = true;
      where.push_back(all[j].about);
    }
    if (shape == Shape::three_lines) {
      render_in_three_lines(all[i], where, terminal);
      continue;
    }
    std::string places;
    for (const ObjectKey& one : where) places += (places.empty() ? "" : ", ") + to_string(one);
    render_finding(all[i], places, verbose, terminal);
  }
}

std::string yes_no(bool value) { return value ? "yes" : "no"; }

}  // namespace

namespace {

std::string text_of(const LabelSelector& selector) {
  std::string text;
  const auto add = [&text](const std::string& clause) { text += (text.empty() ? "" : " and ") + clause; };
  for (const auto& [key, value] : selector.match_labels) add(key + "=" + value);
  for (const Requirement& one : selector.expressions) {
    std::string values;
    for (const std::string& value : one.values) values += (values.empty() ? "" : "|") + value;
    add(one.op == "DoesNotExist" ? "no " + one.key : one.op == "Exists" ? one.key : one.key + (one.op == "NotIn" ? "!=" : "=") + values);
  }
  return text;
}

// Which namespaces and pods an injector's webhook is asked about: " (namespace: istio.io/rev=1-11-2; pod: …)".
std::string selectors_of(const Webhook& hook) {
  const std::string of_namespace = text_of(hook.namespace_selector);
  const std::string of_pod = text_of(hook.object_selector);
  if (of_namespace.empty() && of_pod.empty()) return "";
  return " (namespace: " + (of_namespace.empty() ? "any" : of_namespace) + "; pod: " + (of_pod.empty() ? "any" : of_pod) + ")";
}

}  // namespace

void render_facts_text(const Facts& facts, const Terminal& terminal) {
  const auto row = [&terminal](std::string_view name, const std::string& value) {
    terminal.out << wrapped(value.empty() ? "none" : value, "  " + padded(name, 18), std::string(20, ' '), terminal.width);
  };
  const MeshFacts& mesh = facts.mesh;
  terminal.out << paint(terminal, Colour::bold, "Mesh") << '\n';
  row("istio", !mesh.present ? "none" : mesh.version ? to_string(*mesh.version) : "version unknown");
  if (mesh.present) {
    row("ready", yes_no(mesh.ready));
    row("revision", mesh.revision);
    row("root namespace", mesh.root_namespace);
    row("injector policy", mesh.policy_enabled ? "enabled: pods that say nothing are injected" : "disabled: pods must ask");
    row("native sidecars", yes_no(mesh.native_sidecars));
    row("Istio CNI", yes_no(mesh.cni));
    std::string istiods;
    for (const IstiodFacts& one : mesh.istiods) {
      istiods += (istiods.empty() ? "" : ", ") + one.ns + "/" + one.name + " (" + (one.version ? to_string(*one.version) : std::string("version unknown")) +
                 ", revision " + one.revision + (one.ready ? ", ready)" : ", not ready)");
    }
    row("istiods", istiods);
    std::string tags;
    for (const auto& [tag, revision] : mesh.tags) tags += (tags.empty() ? "" : ", ") + tag + " -> " + revision;
    row("revision tags", tags);
    std::string policies;
    for (const auto& policy : facts.peer_authentications) {
      policies += (policies.empty() ? "" : ", ") + policy->meta.ns + "/" + policy->meta.name + " " + (policy->mode.empty() ? "UNSET" : policy->mode);
    }
    row("mTLS policies", policies);
    std::string hooks;
    for (const Webhook& hook : mesh.injectors) hooks += (hooks.empty() ? "" : ", ") + hook.name + selectors_of(hook);
    row("injector webhooks", hooks);
  }
  terminal.out << paint(terminal, Colour::bold, "Platform") << '\n';
  row("name", facts.platform.name);
  row("mesh switched on", facts.platform.mesh_on ? "yes" : "no: " + facts.platform.mesh_why);
  row("cluster domain", facts.platform.cluster_domain);
  std::string served;
  for (const Kind kind : facts.platform.served) served += (served.empty() ? "" : ", ") + std::string(info(kind).name);
  row("CRDs served", served);
  for (const GatewayFacts& gateway : facts.gateways) {
    terminal.out << paint(terminal, Colour::bold, "Gateway in " + gateway.ns) << '\n';
    row("controller", (gateway.kubesphere ? "KubeSphere gateway, " : "ingress-nginx ") + (gateway.version ? to_string(*gateway.version) : "of unknown version"));
    row("opted in", yes_no(gateway.opted_in));
    row("in the mesh", yes_no(gateway.in_mesh));
    std::string classes;
    for (const std::string& name : gateway.classes) classes += (classes.empty() ? "" : ", ") + name;
    if (gateway.serves_default) classes += classes.empty() ? "Ingresses without a class" : " and Ingresses without a class";
    row("serves", classes);
    row("watches", gateway.watched_namespace.empty() ? "all namespaces" : gateway.watched_namespace);
  }
}

std::string no_label_text(const Report& report) {
  if (!report.concerns.empty()) return "";
  const std::string app(keys::kApp), gateway(keys::kGateway);
  return report.scope.empty() ? "No namespace carries the label " + app + " or " + gateway : "Namespace " + report.scope + " carries neither " + app + " nor " + gateway;
}

std::string elsewhere_text(const Report& report) {
  constexpr std::size_t kNamed = 3;
  const std::vector<std::string>& others = report.elsewhere;
  if (!report.concerns.empty() || others.empty()) return "";
  std::string text;
  for (std::size_t i = 0; i < others.size() && i < kNamed; ++i) text += (text.empty() ? "" : ", ") + others[i];
  if (others.size() > kNamed) text += " and " + std::to_string(others.size() - kNamed) + " more";
  return "Labelled: " + text + " (-n NAMESPACE looks at one, -A at all).";
}

std::string unlabelled_text(const Report& report) {
  if (!report.concerns.empty()) return "";
  const std::string elsewhere = elsewhere_text(report);
  return no_label_text(report) + ", so nothing is planned. " + elsewhere + (elsewhere.empty() ? "" : " ") + "To see what a label would do: --app NAME, --gateway ingress-nginx.";
}

void render_plan_text(const Report& report, bool verbose, const Terminal& terminal) {
  std::ostream& out = terminal.out;
  for (const Concern& concern : report.concerns) {
    const std::string line = wrapped(concern_line(concern), "", "  ", terminal.width);
    out << paint(terminal, Colour::bold, std::string_view(line).substr(0, line.size() - 1)) << '\n';
  }
  if (report.concerns.empty()) out << wrapped(unlabelled_text(report), "", "", terminal.width);
  std::optional<Stage> stage;
  for (const Foreseen::Step& step : report.steps) {
    if (stage != step.change.stage) {
      stage = step.change.stage;
      render_heading(report, *stage, terminal);
    }
    render_step(step, verbose, terminal);
  }
  if (!report.held.empty()) {
    out << '\n' << paint(terminal, Colour::bold, "held") << ": not done until its reason is gone\n";
    for (const Held& held : report.held) {
      out << wrapped(to_string(held.waiting.target) + ", " + std::string(to_string(held.waiting.stage)) + ": " + held.waiting.reason, "  ", "      ", terminal.width);
    }
  }
  if (!report.findings.empty()) {
    out << '\n' << paint(terminal, Colour::bold, "findings") << '\n';
    render_findings(report, Shape::wrapped, verbose, terminal);
  }
  out << '\n' << wrapped(total_line(report.totals), "", "  ", terminal.width);
}

void render_check_text(const Report& report, bool verbose, const Terminal& terminal) {
  render_findings(report, verbose ? Shape::wrapped : Shape::three_lines, verbose, terminal);
  if (!report.findings.empty()) terminal.out << '\n';
  const std::string counts = finding_counts(report.totals.listed);
  terminal.out << (report.findings.empty() ? "No findings" : "F" + counts.substr(1)) << ".\n";
}

}  // namespace meshgraft
