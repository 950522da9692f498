#pragma once
// render_text: a report as people read it. At most `terminal.width` columns; colour only where the terminal shows it.

#include <string>

#include "cmd/report.h"
#include "cmd/terminal.h"

namespace meshgraft {

// Changes by stage and object, what waits for what, what is held, findings, totals. `verbose` adds the facts and the
// fields that only we read.
void render_plan_text(const Report& report, bool verbose, const Terminal& terminal);

// "Namespace default carries neither meshgraft.io/app nor meshgraft.io/gateway", of what was looked at; "" when a
// namespace of it carries a label.
std::string no_label_text(const Report& report);

// Which namespaces that were not looked at carry a label, and how to look at them; "" when there are none, or when one
// that was looked at carries a label.
std::string elsewhere_text(const Report& report);

// Both, and what to give so that something is planned; "" when a namespace carries a label.
std::string unlabelled_text(const Report& report);

// Findings alone, and their count. `verbose` adds cause and source.
void render_check_text(const Report& report, bool verbose, const Terminal& terminal);

// What is known of mesh, platform and gateways.
void render_facts_text(const Facts& facts, const Terminal& terminal);

}  // namespace meshgraft
