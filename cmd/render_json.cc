#include "cmd/render_json.h"

#include "k8sclient/model/yaml_read.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

constexpr std::string_view kApiVersion = "meshgraft.io/v1";

Json object_json(const ObjectKey& key) {
  Json json{{"kind", key.kind == Kind::other ? std::string_view("Object") : info(key.kind).name}, {"name", key.name}};
  if (!key.ns.empty()) json["namespace"] = key.ns;
  return json;
}

std::string lower(std::string text) {
  for (char& letter : text) letter = static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter);
  return text;
}

Json findings_json(const Report& report) {
  Json list = Json::array();
  for (const Finding& finding : report.findings) {
    list.push_back({{"code", finding.code},
                    {"severity", to_string(finding.severity)},
                    {"about", object_json(finding.about)},
                    {"text", finding.text},
                    {"remedy", finding.remedy},
                    {"see", "docs/findings.md#" + lower(finding.code)}});
  }
  return list;
}

Json change_json(const Foreseen::Step& step) {
  const Change& change = step.change;
  Json adds = Json::array();
  for (const std::string& path : change.adds) {
    Json field{{"path", path}};
    if (const Json* value = field_value(change.body, path)) field["value"] = *value;
    adds.push_back(std::move(field));
  }
  Json overwrites = Json::array();
  for (const Overwrite& overwrite : change.overwrites) {
    overwrites.push_back({{"path", overwrite.path}, {"before", overwrite.before}, {"after", overwrite.after}});
  }
  Json json{{"namespace", step.ns},
            {"target", object_json(change.target)},
            {"verb", to_string(change.verb)},
            {"stage", to_string(change.stage)},
            {"round", step.round},
            {"impact", to_string(change.impact)},
            {"restarts", change.restarts},
            {"rule", change.rule},
            {"why", change.why},
            {"force", change.force},
            {"adds", std::move(adds)},
            {"overwrites", std::move(overwrites)},
            {"body", change.body}};
  if (!step.waits_for.empty()) json["waitsFor"] = step.waits_for;
  if (!change.pre.uid.empty()) json["preconditions"]["uid"] = change.pre.uid;
  if (!change.pre.resource_version.empty()) json["preconditions"]["resourceVersion"] = change.pre.resource_version;
  return json;
}

Json members_json(const Report& report) {
  Json list = Json::array();
  for (const auto& [ns, members] : report.members) {
    for (const MemberState& member : members) {
      list.push_back({{"namespace", ns},
                      {"workload", object_json(member.workload)},
                      {"service", member.service},
                      {"version", member.version},
                      {"state", to_string(member.phase)},
                      {"sidecarWanted", member.sidecar_wanted},
                      {"sidecar", member.sidecar},
                      {"governed", member.governed},
                      {"why", member.why}});
    }
  }
  return list;
}

Json namespaces_json(const Report& report) {
  Json list = Json::array();
  for (const Concern& concern : report.concerns) {
    list.push_back({{"name", concern.ns},
                    {"app", concern.app},
                    {"gateway", concern.gateway},
                    {"gatewayInMesh", concern.gateway_in_mesh},
                    {"policy", to_string(concern.policy)},
                    {"frozen", concern.frozen},
                    {"paused", concern.paused},
                    {"leaving", concern.leaving}});
  }
  return list;
}

Json list_of(const Releases& releases) {
  Json list = Json::array();
  for (const auto& [ns, states] : releases) {
    for (const ReleaseState& state : states) {
      const ReleaseProgress progress = progress_of(state);
      list.push_back({{"namespace", ns},
                      {"name", state.strategy.name},
                      {"service", state.service},
                      {"type", state.type},
                      {"principal", {{"version", state.principal}, {"deployment", state.principal_deployment}}},
                      {"gray", {{"version", state.gray}, {"deployment", state.gray_deployment}}},
                      {"state", to_string(state.phase)},
                      {"step", to_string(state.step)},
                      {"stepNumber", progress.at},
                      {"steps", progress.of},
                      {"traffic", state.traffic},
                      {"finding", state.finding},
                      {"why", state.why}});
    }
  }
  return list;
}

Json finding_totals(const Totals& totals) {
  return {{"error", totals.findings.errors}, {"warning", totals.findings.warnings}, {"info", totals.findings.infos}};
}

Json closed_json(const Totals& totals) {
  Json list = Json::array();
  for (const ClosedPorts& closed : totals.closed) {
    list.push_back({{"workload", object_json(closed.workload)}, {"ports", closed.ports}, {"pods", closed.pods}, {"secondsEach", closed.seconds}});
  }
  return list;
}

Json hosts_json(const Totals& totals) {
  Json list = Json::array();
  for (const HostChange& change : totals.hosts) {
    list.push_back({{"ingress", object_json(change.ingress)}, {"before", change.before}, {"after", change.after}});
  }
  return list;
}

}  // namespace

Json plan_json(const Report& report) {
  Json changes = Json::array();
  for (const Foreseen::Step& step : report.steps) changes.push_back(change_json(step));
  Json held = Json::array();
  for (const Held& row : report.held) {
    held.push_back({{"namespace", row.ns}, {"target", object_json(row.waiting.target)}, {"stage", to_string(row.waiting.stage)}, {"reason", row.waiting.reason}});
  }
  const Totals& totals = report.totals;
  Json objects = Json::object();
  for (const auto& [kind, number] : totals.objects) objects[std::string(info(kind).name)] = number;
  return {{"apiVersion", kApiVersion},
          {"kind", "Plan"},
          {"namespaces", namespaces_json(report)},
          {"changes", std::move(changes)},
          {"held", std::move(held)},
          {"members", members_json(report)},
          {"findings", findings_json(report)},
          {"facts", facts_to_json(report.mesh, report.platform)},
          {"totals",
           {{"requests", totals.requests},
            {"objects", std::move(objects)},
            {"created", totals.created},
            {"deleted", totals.removed},
            {"restartingPods", totals.restarts},
            {"restartingWorkloads", totals.restarting},
            {"sidecars", {{"pods", totals.sidecars}, {"cpuMillicores", totals.sidecar_cpu}, {"memoryBytes", totals.sidecar_memory}}},
            {"closedPorts", closed_json(totals)},
            {"hostHeaders", hosts_json(totals)},
            {"findings", finding_totals(totals)}}}};
}

Json check_json(const Report& report) {
  return {{"apiVersion", kApiVersion},
          {"kind", "Check"},
          {"namespaces", namespaces_json(report)},
          {"findings", findings_json(report)},
          {"totals", finding_totals(report.totals)}};
}

Json status_json(const Report& report) {
  return {{"apiVersion", kApiVersion}, {"kind", "Status"}, {"namespaces", namespaces_json(report)}, {"members", members_json(report)}, {"releases", list_of(report.releases)}};
}

Json releases_json(const Releases& releases) { return {{"apiVersion", kApiVersion}, {"kind", "Releases"}, {"releases", list_of(releases)}}; }

std::string requests_yaml(const Report& report) {
  std::string text;
  for (const Foreseen::Step& step : report.steps) {
    const Change& change = step.change;
    text += "---\n# " + std::string(to_string(change.verb)) + ' ' + to_string(change.target) + ", stage " + std::string(to_string(change.stage));
    if (change.verb == Verb::apply) text += ", field manager " + std::string(keys::kFieldManager) + (change.force ? ", forced" : "");
    if (change.verb == Verb::restore) text += ", field manager " + std::string(keys::kUndoManager);
    if (change.restarts > 0) text += ", restarts " + counted(change.restarts, "pod");
    text += '\n';
    if (!step.waits_for.empty()) text += "# waits: " + step.waits_for + '\n';
    if (change.body.is_null() || change.body.empty()) {
      text += "# no body\n";
      continue;
    }
    const std::string body = to_yaml(change.body);
    text += body;
    if (!body.ends_with('\n')) text += '\n';
  }
  return text;
}

}  // namespace meshgraft
