#pragma once
// ReleaseParts: what a release copies from one Deployment's pod template into another's: the images of its containers
// and, with promote=template, their env and resources. Compared, and written as a JSON Patch that touches nothing else.
// Called by the rule for releases. Pure.
//
//   {"containers":{"app":{"image":"shop/web:2","env":[…],"resources":{…}}},"initContainers":{…}}
//
// env and resources are there only where the whole Deployment was read; null then says that the container has none.

#include <vector>

#include "k8sclient/base/json.h"
#include "k8sclient/model/objects.h"
#include "reconcilers/types.h"

namespace meshgraft {

// Of `workload` as it is; `whole`: the Deployment as the server or a file has it, null for images alone.
Json release_parts(const Workload& workload, const Json* whole);

// Whether a document has the form above: what people can write into an annotation may have any.
bool are_parts(const Json& document);

// Whether `present` has every value of `parts`. Values that `parts` does not name count for nothing.
bool holds_parts(const Json& present, const Json& parts);

// `parts` with the values of `present` for containers and fields that it does not name.
Json completed_parts(Json parts, const Json& present);

// Whether they name env or resources.
bool names_env(const Json& parts);

// The JSON Patch that makes `workload`, which has `present`, hold `parts`: with a test of each container's name and
// image before. Containers that it has not are left out.
Json parts_patch(const Workload& workload, const Json& present, const Json& parts);

// What that patch changes, for people: each image, variable and resource by itself, as in
// "spec.template.spec.containers[app].env[COLOR]"; "" before or after for none.
std::vector<Overwrite> part_changes(const Json& present, const Json& parts);

// "app: shop/web:1 -> shop/web:2", for people; "" when no image differs.
std::string images_text(const Json& present, const Json& parts);

// Whether a container gets another image from `want` than it has in `was`; init containers do not count, because a pod
// does not say which of their images it runs.
bool renews_containers(const Json& was, const Json& want);

}  // namespace meshgraft
