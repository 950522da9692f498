#pragma once
// The steps of a release (rules 13), decided from what is seen alone: what the principal's pods are made of, who gets the
// requests by the VirtualService, which subsets there are, and what the record says. A stop between any two requests
// therefore resumes, and at every step callers reach a version that serves. The rule for releases makes ReleaseSeen from a
// namespace's view and turns the answer into a request. Pure, reads no clock.
//
//   promote   record → governor gray → seen, 12 s → gray's images into the principal → rolled out, its subset there →
//             governor principal → seen, 12 s → gray's Deployment away → its subset gone → the Strategy away
//   abort     record → (the principal's former images again, while gray serves →) governor principal → the same end

#include <cstdint>
#include <string>

#include "reconcilers/rollout.h"
#include "reconcilers/types.h"

namespace meshgraft {

struct ReleaseSeen {
  enum class Version : std::uint8_t { nobody, principal, gray, both };
  bool promote = false;       // else it is taken back
  bool recorded = false;      // the record is there, and says what is asked for now
  bool held = false;          // …and that the principal did not become ready with gray's images
  // What the principal is made of.
  bool wanted = false;        // what a promotion gives it
  bool former = false;        // what it was before; both when these are the same
  bool written = false;       // what a promotion gave it before gray changed
  Rollout rollout = Rollout::complete;
  std::int64_t ready = 0;     // pods of the principal
  std::string failed;         // why its rollout will not end, "" while it may
  std::string progress;       // of its rollout, for people
  // Gray.
  bool gray_there = false, gray_leaving = false;
  std::int64_t gray_ready = 0, gray_replicas = 0;
  Rollout gray_rollout = Rollout::complete;  // its pods may still be those of another image
  std::string gray_progress;   // of its rollout, for people
  // Where requests go.
  Version governor = Version::nobody;   // by the Strategy
  Version routes = Version::nobody;     // by the VirtualService; both: some to each, or to something else
  std::int64_t routed_for = 0;          // milliseconds that it has said so
  bool principal_subset = false, gray_subset = false;
};

struct ReleaseAct {
  enum class Kind : std::uint8_t {
    wait,          // nothing to send; `why` says for what
    stop,          // nothing to send until somebody does something; `finding` says why
    record,        // write the record
    to_gray,       // governor := gray
    update,        // the principal gets what is wanted
    hold,          // write into the record that it failed
    restore,       // the principal gets what it had before
    to_principal,  // governor := principal
    remove_gray,   // delete gray's Deployment
    close,         // delete the Strategy
  };
  Kind kind = Kind::wait;
  ReleaseStep step = ReleaseStep::none;
  std::string why;
  std::string finding;         // code
  std::int64_t wake = 0;       // milliseconds: look again by then although nothing may happen; 0 for never
};

// Between a change of a VirtualService and what depends on its having reached every proxy.
constexpr std::int64_t kRouteSettles = 12'000;  // milliseconds; istiod's PILOT_DEBOUNCE_MAX is 10 s (rules 14)

ReleaseAct next_release_step(const ReleaseSeen& seen);

}  // namespace meshgraft
