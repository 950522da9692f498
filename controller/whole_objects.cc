#include "controller/whole_objects.h"

#include <utility>

namespace meshgraft {

void WholeObjects::fill(const Cache& cache, NamespaceView& view) {
  for (auto kept = kept_.begin(); kept != kept_.end();) {
    const ObjectPtr now = cache.get(kept->first);
    if (now == nullptr || now->meta.resource_version != kept->second.resource_version) {
      kept = kept_.erase(kept);
    } else {
      view.live.insert_or_assign(kept->first, kept->second.object);
      ++kept;
    }
  }
}

ApiResult<Unit> WholeObjects::look_up(Api& api, const Cache& cache, const std::vector<ObjectKey>& keys,
                                      NamespaceView& view) {
  for (const ObjectKey& key : keys) {
    const ObjectPtr now = cache.get(key);
    ApiResult<Json> found = api.get_json(key);
    if (!found && found.error().kind != ErrorClass::not_found) return Unexpected<ApiError>(found.error());
    Kept kept;
    if (now != nullptr) kept.resource_version = now->meta.resource_version;
    if (found) kept.object = std::make_shared<const Json>(*std::move(found));
    view.live.insert_or_assign(key, kept.object);
    kept_.insert_or_assign(key, std::move(kept));
  }
  return Unit{};
}

}  // namespace meshgraft
