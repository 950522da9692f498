#include "cmd/status.h"

#include <algorithm>
#include <array>
#include <ostream>
#include <vector>

#include "cmd/following.h"
#include "cmd/plan.h"
#include "cmd/render_json.h"
#include "cmd/render_text.h"
#include "k8sclient/model/yaml_read.h"

namespace meshgraft {
namespace {

struct Row {
  std::array<std::string, 6> cells;
  std::string why;
  MemberPhase phase = MemberPhase::waiting;
};

Colour colour_of(MemberPhase phase) {
  switch (phase) {
    case MemberPhase::joined: return Colour::green;
    case MemberPhase::rolling:
    case MemberPhase::waiting: return Colour::cyan;
    case MemberPhase::held:
    case MemberPhase::blocked: return Colour::red;
    case MemberPhase::excluded: return Colour::faint;
  }
  return Colour::none;
}

std::string sidecar(const MemberState& member) {
  if (member.sidecar) return "yes";
  return member.sidecar_wanted ? "wanted" : "no";
}

// Every reason that has a finding begins with its code: "MG203: the selector lacks …", not "… (MG203)".
std::string code_first(const std::string& why) {
  constexpr std::size_t kCode = 8;  // " (MG203)"
  if (why.size() <= kCode || !why.ends_with(')') || why.compare(why.size() - kCode, 4, " (MG") != 0) return why;
  return why.substr(why.size() - kCode + 2, 5) + ": " + why.substr(0, why.size() - kCode);
}

std::vector<Row> rows_of(const Report& report) {
  std::vector<Row> rows;
  for (const auto& [ns, members] : report.members) {
    for (const MemberState& member : members) {
      Row row;
      row.cells = {ns, std::string(info(member.workload.kind).name) + '/' + member.workload.name, std::string(to_string(member.phase)),
                   member.version, sidecar(member), member.governed ? "yes" : "no"};
      row.why = code_first(member.why);
      row.phase = member.phase;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::map<MemberPhase, int> phases(const std::vector<MemberState>& members) {
  std::map<MemberPhase, int> count;
  for (const MemberState& member : members) ++count[member.phase];
  return count;
}

std::string count_line(const Concern& concern, const std::vector<MemberState>& members) {
  std::map<MemberPhase, int> count = phases(members);
  const int all = static_cast<int>(members.size()) - count[MemberPhase::excluded];
  std::string text = concern.ns + ": ";
  if (concern.leaving) text += "on the way back, " + counted(static_cast<int>(members.size()), "workload") + " to go";
  if (concern.gateway) text += concern.gateway_in_mesh ? "gateway in the mesh" : "gateway not in the mesh";
  if (concern.gateway && !concern.app.empty()) text += ", ";
  if (!concern.leaving && (!concern.app.empty() || !concern.gateway)) text += "joined " + std::to_string(count[MemberPhase::joined]) + '/' + std::to_string(all);
  for (const MemberPhase phase : {MemberPhase::rolling, MemberPhase::waiting, MemberPhase::held, MemberPhase::blocked, MemberPhase::excluded}) {
    if (count[phase] > 0) text += ", " + std::string(to_string(phase)) + ' ' + std::to_string(count[phase]);
  }
  if (concern.paused) {
    text += ", paused";
  } else if (concern.frozen) {
    text += concern.why_frozen.empty() ? ", frozen" : ", frozen, " + concern.why_frozen;
  }
  return text;
}

// Findings that say something is wrong; status shows how many and points at check.
std::string finding_line(const FindingCounts& counts) {
  if (counts.errors + counts.warnings == 0) return "";
  return counted(counts.errors, "error") + " and " + counted(counts.warnings, "warning") + ": see check";
}

int print_facts(const Options& options, const Terminal& terminal) {
  Result<Source, ReadError> source = load(options, terminal);
  if (!source) return print_error(source.error().text, terminal);
  const Facts facts = derive_facts(source->world, source->settings);
  if (options.output == "json" || options.output == "yaml") {
    const Json json = facts_to_json(facts.mesh, facts.platform);
    terminal.out << (options.output == "json" ? to_text(json, 2) + '\n' : to_yaml(json));
    return 0;
  }
  render_facts_text(facts, terminal);
  return 0;
}

struct Seen {
  Report report;
  Facts facts;
};

Result<Seen, ReadError> look(const Options& options, const Terminal& terminal) {
  Result<Source, ReadError> source = load(options, terminal);
  if (!source) return Unexpected<ReadError>(source.error());
  for (const std::string& note : source->notes) terminal.err << "warning: " << note << '\n';
  return Seen{make_report(foresee(source->world, source->settings), *source), derive_facts(source->world, source->settings)};
}

// The report in the form asked for; "" for text.
std::string document(const Options& options, const Report& report) {
  if (options.output == "json") return to_text(status_json(report), 2) + '\n';
  return options.output == "yaml" ? to_yaml(status_json(report)) : "";
}

void show(const Options& options, const Seen& seen, const Terminal& terminal) {
  if (const std::string text = document(options, seen.report); !text.empty()) {
    terminal.out << text;
  } else {
    if (options.verbose) {
      render_facts_text(seen.facts, terminal);
      terminal.out << '\n';
    }
    terminal.out << status_rows(seen.report, terminal);
  }
}

// Until interrupted, or until the output is gone; with --settled until nothing is to be done. Prints again only what changed; text on a terminal in place, JSON and
// YAML one document after the other. A server that does not answer after a first look is said once and asked again; any
// other error ends it.
int follow(const Options& options, const Terminal& terminal) {
  std::string last, wrong;
  while (true) {
    Result<Seen, ReadError> seen = look(options, terminal);
    if (!seen) {
      if (last.empty() || !seen.error().passes) return print_error(seen.error().text, terminal);
      if (seen.error().text != wrong) print_error(seen.error().text, terminal);
      wrong = seen.error().text;
      pause_between_looks(terminal);
      continue;
    }
    wrong.clear();
    const std::string whole = document(options, seen->report);
    const std::string text = whole.empty() ? progress_bar(seen->report, terminal.width) + '\n' + status_rows(seen->report, terminal) : whole;
    if (text != last) {
      if (whole.empty() && terminal.interactive) terminal.out << "\033[H\033[J";  // ECMA-48: cursor home, erase below
      if (options.output == "yaml") terminal.out << "---\n";
      terminal.out << text << (!whole.empty() || terminal.interactive ? "" : "\n") << std::flush;
      last = text;
    }
    if (!terminal.out || (options.settled && seen->report.settled)) return 0;
    pause_between_looks(terminal);
  }
}

}  // namespace

std::string progress_bar(const Report& report, int width) {
  std::map<MemberPhase, int> count;
  int all = 0;
  for (const auto& [ns, members] : report.members) {
    for (const auto& [phase, number] : phases(members)) {
      count[phase] += number;
      if (phase != MemberPhase::excluded) all += number;
    }
  }
  const int joined = count[MemberPhase::joined];
  std::string tail = "] " + std::to_string(joined) + '/' + std::to_string(all) + " joined";
  for (const MemberPhase phase : {MemberPhase::rolling, MemberPhase::held, MemberPhase::blocked}) {
    if (count[phase] > 0) tail += ", " + std::to_string(count[phase]) + ' ' + std::string(to_string(phase));
  }
  const int room = std::clamp(width - columns(tail) - 1, 4, 40);
  const int full = all == 0 ? 0 : joined * room / all;
  return '[' + std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(room - full), '-') + tail;
}

std::string status_rows(const Report& report, const Terminal& terminal) {
  constexpr std::array<std::string_view, 6> kHeads{"NAMESPACE", "WORKLOAD", "STATE", "VERSION", "SIDECAR", "GOVERNED"};
  const std::vector<Row> rows = rows_of(report);
  if (report.concerns.empty()) {
    const std::string elsewhere = elsewhere_text(report);
    return no_label_text(report) + ".\n" + (elsewhere.empty() ? "" : elsewhere + '\n');
  }
  std::string text;
  std::array<int, 6> widths{};
  for (std::size_t i = 0; i < kHeads.size(); ++i) {
    widths[i] = columns(kHeads[i]);
    for (const Row& row : rows) widths[i] = std::max(widths[i], columns(row.cells[i]));
  }
  std::string head;
  for (std::size_t i = 0; i < kHeads.size(); ++i) head += padded(kHeads[i], widths[i] + 2);
  const bool reasons = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return !row.why.empty(); });
  if (reasons) {
    head += "WHY NOT";
  } else {
    while (head.ends_with(' ')) head.pop_back();
  }
  if (!rows.empty()) text += paint(terminal, Colour::bold, head) + '\n';
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const std::string cell = padded(row.cells[i], widths[i] + 2);
      line += i == 2 ? paint(terminal, colour_of(row.phase), cell) : cell;
    }
    int used = 0;
    for (const int width : widths) used += width + 2;
    if (row.why.empty()) {
      while (line.ends_with(' ')) line.pop_back();
      text += line + '\n';
    } else if (!terminal.interactive || used + columns(row.why) <= terminal.width) {  // a search must find the whole row
      text += line + row.why + '\n';
    } else {
      while (line.ends_with(' ')) line.pop_back();
      text += line + '\n' + wrapped(row.why, "    ", "    ", terminal.width);
    }
  }
  if (!rows.empty()) text += '\n';
  if (const std::string releases = release_rows(report.releases, terminal); !releases.empty()) text += releases + '\n';
  for (const Concern& concern : report.concerns) {
    const auto members = report.members.find(concern.ns);
    text += wrapped(count_line(concern, members == report.members.end() ? std::vector<MemberState>{} : members->second), "", "  ", terminal.width);
  }
  const std::string findings = finding_line(report.totals.listed);
  return findings.empty() ? text : text + findings + '\n';
}

int print_status(const Options& options, const Terminal& terminal) {
  if (options.facts) return print_facts(options, terminal);
  if (options.watch) return follow(options, terminal);
  Result<Seen, ReadError> seen = look(options, terminal);
  if (!seen) return print_error(seen.error().text, terminal);
  show(options, *seen, terminal);
  return options.settled && !seen->report.settled ? 2 : 0;
}

}  // namespace meshgraft
