#include "cmd/plan.h"

#include <algorithm>
#include <ostream>

#include "cmd/render_json.h"
#include "cmd/render_manifests.h"
#include "cmd/render_text.h"
#include "cmd/source.h"
#include "reconcilers/foresee.h"

namespace meshgraft {

int print_error(const std::string& text, const Terminal& terminal) {
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    terminal.err << "error: " << text.substr(start, end - start) << '\n';
    start = end + 1;
  }
  return 1;
}

Result<Report> foretell(const Options& options, const Terminal& terminal) {
  Result<Source, ReadError> source = load(options, terminal);
  if (!source) return fail(source.error().text);
  for (const std::string& note : source->notes) terminal.err << "warning: " << note << '\n';
  if (!source->unread.empty()) terminal.err << "note: " << source->unread << '\n';
  return make_report(foresee(source->world, source->settings), *source);
}

namespace {

// Where the form of output has no room for it.
void note_unlabelled(const Report& report, const Terminal& terminal) {
  if (const std::string text = unlabelled_text(report); !text.empty()) terminal.err << "note: " << text << '\n';
}

}  // namespace

int print_plan(const Options& options, const Terminal& terminal) {
  if (options.output == "manifests") return print_manifests(options, terminal);
  Result<Report> report = foretell(options, terminal);
  if (!report) return print_error(report.error().text, terminal);
  if (options.output == "json" || options.output == "yaml") note_unlabelled(*report, terminal);
  if (options.output == "json") {
    terminal.out << to_text(plan_json(*report), 2) << '\n';
  } else if (options.output == "yaml") {
    terminal.out << requests_yaml(*report);
  } else {
    render_plan_text(*report, options.verbose, terminal);
  }
  return report->steps.empty() ? 0 : 2;
}

int print_check(const Options& options, const Terminal& terminal) {
  Result<Report> report = foretell(options, terminal);
  if (!report) return print_error(report.error().text, terminal);
  note_unlabelled(*report, terminal);
  if (options.output == "json") {
    terminal.out << to_text(check_json(*report), 2) << '\n';
  } else {
    render_check_text(*report, options.verbose, terminal);
  }
  const bool counts = std::any_of(report->findings.begin(), report->findings.end(),
                                  [&options](const Finding& finding) { return finding.severity >= options.fail_on; });
  return counts ? 2 : 0;
}

}  // namespace meshgraft
