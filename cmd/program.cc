#include "cmd/program.h"

#include <ostream>

#include "cmd/completion.h"
#include "cmd/plan.h"
#include "cmd/reference.h"
#include "cmd/release.h"
#include "cmd/status.h"
#include "cmd/undo.h"
#include "cmd/version.h"

namespace meshgraft {

int program(const std::vector<std::string>& arguments, const Terminal& terminal, int (*start)(const Options&, const Terminal&)) {
  const Parsed parsed = parse_options(arguments);
  if (!parsed.options) {
    (parsed.status == 0 ? terminal.out : terminal.err) << parsed.text;
    return parsed.status;
  }
  const Options& options = *parsed.options;
  switch (options.command) {
    case Command::run: return start(options, terminal);
    case Command::plan: return print_plan(options, terminal);
    case Command::check: return print_check(options, terminal);
    case Command::status: return print_status(options, terminal);
    case Command::undo: return print_undo(options, terminal);
    case Command::release: return print_release(options, terminal);
    case Command::reference: return print_reference(options, terminal);
    case Command::completion: terminal.out << completion_script(options.topic); return 0;
    case Command::version: return print_version(options, terminal);
  }
  return 1;
}

}  // namespace meshgraft
