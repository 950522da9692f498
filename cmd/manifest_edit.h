#pragma once
// manifest_edit: carries one change out on a document of a manifest, as an API server would on the object, but for
// what a file has no use for: uids, versions and our undo record, which only a dump of a live object has and keeps.
// Called by render_manifests; touches nothing that the change does not name.

#include "k8sclient/base/json.h"
#include "reconcilers/types.h"

namespace meshgraft {

// `document`: the object as it stands in the file. Null afterwards: the object goes. For Verb::create `document` is
// null before. A change that does not fit the document (a JSON Patch whose path is not there) leaves it as it is and
// returns false.
bool edit_document(const Change& change, OrderedJson& document);

}  // namespace meshgraft
