#pragma once
// WholeObjects: objects as the server has them, with managedFields, for the way back. Asked for one by one when a plan
// wants them, and kept as long as the cache shows the same version: on a page of the namespace book, so no lock.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controller/cache.h"
#include "k8sclient/net/api.h"

namespace meshgraft {

class WholeObjects {
 public:
  // What is kept and still true, into view.live; the rest is forgotten.
  void fill(const Cache& cache, NamespaceView& view);

  // Asks the server for each of `keys`, into view.live. One that is gone is null there. The first error that is no
  // 404 ends it.
  ApiResult<Unit> look_up(Api& api, const Cache& cache, const std::vector<ObjectKey>& keys, NamespaceView& view);

 private:
  struct Kept {
    std::string resource_version;
    std::shared_ptr<const Json> object;
  };
  std::map<ObjectKey, Kept> kept_;
};

}  // namespace meshgraft
