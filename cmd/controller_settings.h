#pragma once
// controller_settings: what the chart's values are on a cluster, read off the Deployment of the controller there, so
// that plan, check, status and undo foretell what that controller does. Called by source and undo; never asks a cluster.

#include "cmd/options.h"
#include "reconcilers/facts.h"

namespace meshgraft {

// The settings of `options`, with those that the command line does not give taken from the controller that the world
// shows; as the command line and the defaults say where there is none to be seen. `paused` is never taken: a plan says
// what a controller would do that is not.
Settings settings_beside(const Options& options, const World& world);

}  // namespace meshgraft
