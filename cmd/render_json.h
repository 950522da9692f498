#pragma once
// render_json: a report for programs. The forms are stable and described in docs/schema/plan.json, check.json, status.json and
// releases.json: members may be added, never renamed or removed. requests_yaml prints the requests themselves.

#include <string>

#include "cmd/report.h"

namespace meshgraft {

Json plan_json(const Report& report);
Json check_json(const Report& report);
Json status_json(const Report& report);
Json releases_json(const Releases& releases);  // of the command release

// Every request body as one YAML document, those of later stages too, each under comments that say verb, stage and
// what it waits for. Ends with a newline; "" when there is nothing to change.
std::string requests_yaml(const Report& report);

}  // namespace meshgraft
