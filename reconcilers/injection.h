#pragma once
// The injection simulator: will a pod get a sidecar? Both layers, the API server's webhook selectors and istiod's
// own decision, as recorded from real istiods (tests/data/injection). Used before any template is touched. Pure.

#include <string>

#include "reconcilers/types.h"

namespace meshgraft {

struct InjectionVerdict {
  bool injected = false;
  std::string why;   // which layer said no and by what; "" when injected
  std::string remedy = "";  // what would change that, where one thing would; "" otherwise
};

// `pod_annotations` and `pod_labels` are the template's, as they would be at the pod's creation.
InjectionVerdict injection(const MeshFacts& mesh, std::string_view ns, const Labels& namespace_labels, const Labels& pod_labels,
                           const Labels& pod_annotations, bool host_network);

}  // namespace meshgraft
