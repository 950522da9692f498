#pragma once
// IngressSplit: one Ingress for each Service, for people who ask for it with meshgraft.io/split-ingress (rules 6.2),
// and the same taken back. The rule for Ingresses asks for the way there, and for the return when its owner no longer
// wants it; the way back (undo.h) asks for the return too. Pure.
//
// ingress-nginx refuses the same host and path in two Ingresses, unless one of them carries the canary annotation; of
// two that it admitted, the older serves (recorded: ingress-nginx, section 5). So nothing is ever without an owner:
//   there  | create the copies with canary: "false" | shrink the original | take the annotation off the copies
//   back   | put canary: "false" on the copies      | grow the original   | remove the copies
// One step a plan, each decided from what is seen; all of them in one stage.

#include <optional>
#include <string>
#include <vector>

#include "reconcilers/ingress_judgement.h"
#include "reconcilers/reconciler.h"

namespace meshgraft {

// Whether the owner of `ingress` asks for it.
bool asks_for_split(const Ingress& ingress);
// Whether it has been shrunk by us: its record holds the rules as they were.
bool is_split(const Ingress& ingress);
// Whether `ingress` is a copy that we made.
bool is_split_copy(const Ingress& ingress);

// Why it cannot be split; "" when it can, or is.
std::string split_obstacle(const NamespaceView& view, const Ingress& original);

struct SplitStep {
  std::vector<Change> changes;     // of one plan; empty when nothing is left to do
  std::vector<Finding> findings;   // MG414: why it cannot be split
};

// The next step there. Precondition: asks_for_split.
SplitStep split_step(const Context& context, const IngressCase& one);

// The next step back for an Ingress that is_split, or was until it grew; empty when it has grown and no copy is left.
std::vector<Change> unsplit_step(const NamespaceView& view, const Ingress& original, Stage stage);

}  // namespace meshgraft
