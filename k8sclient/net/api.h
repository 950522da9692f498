#pragma once
// Api: what the program asks of an API server. RestApi speaks HTTPS; tests/fakes has one over the embedded
// engine. Called by controller and cmd; the pure layers never see it. All calls may be made from any thread.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "k8sclient/base/json.h"
#include "k8sclient/model/api_error.h"
#include "k8sclient/model/decode.h"

namespace meshgraft {

struct ListRequest {
  Kind kind = Kind::other;
  std::string ns;                 // "" for all namespaces
  int limit = 500;                // objects a page; 0 for no paging
  std::string continue_token;
  std::string resource_version;   // "" asks for the newest
  std::string label_selector, field_selector;
};

struct WatchRequest {
  Kind kind = Kind::other;
  std::string ns;
  std::string resource_version;
  std::string label_selector, field_selector;
  std::chrono::seconds timeout{290};  // the server ends the watch after it; kube-rs watcher.rs uses 290 s
  bool initial_events = false;  // WatchList: every object first, then a bookmark that says so, then what changes
};

enum class PatchType : std::uint8_t { apply, merge, json };

struct PatchRequest {
  ObjectKey target;
  PatchType type = PatchType::apply;
  Json body;
  std::string field_manager;
  bool force = false;              // apply only
  bool dry_run = false;
};

struct DeleteRequest {
  ObjectKey target;
  std::string uid, resource_version;   // preconditions, "" for none
  bool orphan = false;                 // propagationPolicy Orphan instead of Background
};

// What a write left on the server.
struct Written {
  std::string uid, resource_version;
  ObjectPtr object;   // null after a delete that finished at once
};

class Api {
 public:
  virtual ~Api() = default;

  virtual ApiResult<ListPage> list(const ListRequest& request) = 0;

  // Blocks until the watch ends. `on_bytes` gets the body as it arrives, in pieces of any size, on one other thread
  // at a time; it returns false to end the watch. A first piece without a byte says that the server accepted the watch
  // and has had nothing to say for a second. Returns Unit on a clean end by the server or by on_bytes,
  // an error otherwise. stop_watches() ends every running watch with ErrorClass::cancelled.
  virtual ApiResult<Unit> watch(const WatchRequest& request, const std::function<bool(std::string_view)>& on_bytes) = 0;

  virtual ApiResult<ObjectPtr> get(const ObjectKey& key) = 0;
  virtual ApiResult<Json> get_json(const ObjectKey& key) = 0;           // the whole object, managedFields included
  virtual ApiResult<Written> patch(const PatchRequest& request) = 0;
  virtual ApiResult<Written> create(const ObjectKey& target, const Json& body, std::string_view field_manager) = 0;
  virtual ApiResult<Written> replace(const ObjectKey& target, const Json& body, std::string_view field_manager) = 0;  // PUT; needs resourceVersion in body
  virtual ApiResult<Unit> remove(const DeleteRequest& request) = 0;

  // {"major","minor","gitVersion"} of /version.
  virtual ApiResult<Json> server_version() = 0;

  // True when watches with initial_events may be tried in place of lists.
  [[nodiscard]] virtual bool streams_lists() const { return false; }

  // Ends all running watches; calls made later still work.
  virtual void stop_watches() = 0;
};

}  // namespace meshgraft
