#pragma once
// FakeApi: the program's Api over an Engine in the same process, for controller tests. Synchronous and
// deterministic; records every call and fails those that a test asks it to fail. Never sleeps, never opens a socket.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "k8sclient/base/mutex.h"
#include "k8sclient/net/api.h"
#include "tests/fakes/engine.h"

namespace meshgraft::fakes {

enum class CallVerb : std::uint8_t { list, watch, get, patch, create, replace, remove, version };

// One request as it arrived.
struct Call {
  CallVerb verb = CallVerb::get;
  ObjectKey key;  // name "" for list and watch
  Json body;      // of patch, create and replace
  PatchType patch = PatchType::apply;
  std::string manager, uid, resource_version;
  bool force = false, dry_run = false, orphan = false;
  [[nodiscard]] bool is_write() const { return verb >= CallVerb::patch && verb <= CallVerb::remove && !dry_run; }
};

// How a call goes wrong.
struct Fault {
  ApiError error;
  bool took_effect = false;  // writes only: the server did it, the answer was lost
};

class FakeApi final : public Api {
 public:
  // How watch() behaves once everything known is sent.
  enum class WatchMode {
    follow,  // waits for more until stop_watches(), drop_watches() or the request's timeout
    drain,   // sends a bookmark and ends cleanly: for tests with one thread
  };

  // `engine` outlives this.
  explicit FakeApi(Engine& engine, WatchMode mode = WatchMode::follow) : engine_(engine), mode_(mode) {}

  // The `nth` write from now on (1 is the next) fails.
  void fail_write(std::uint64_t nth, Fault fault);
  // Asked before every call; a value fails it. Replaces an earlier one; empty for none.
  void set_fault(std::function<std::optional<Fault>(const Call&)> fault);
  // Ends every running watch with a transport error, as a broken connection does.
  void drop_watches();
  // While held, watches send nothing; what they missed comes when released.
  void hold_watches(bool hold);
  // The answer bytes of watches come in pieces of at most this size; 0 for whole lines.
  void set_piece_size(std::size_t bytes);

  [[nodiscard]] std::vector<Call> calls() const;
  // Calls that changed or tried to change something, dry runs left out.
  [[nodiscard]] std::vector<Call> writes() const;
  void forget_calls();
  // How many watches are running.
  [[nodiscard]] std::size_t running_watches() const;

  ApiResult<ListPage> list(const ListRequest& request) override;
  ApiResult<Unit> watch(const WatchRequest& request, const std::function<bool(std::string_view)>& on_bytes) override;
  ApiResult<ObjectPtr> get(const ObjectKey& key) override;
  ApiResult<Json> get_json(const ObjectKey& key) override;
  ApiResult<Written> patch(const PatchRequest& request) override;
  ApiResult<Written> create(const ObjectKey& target, const Json& body, std::string_view field_manager) override;
  ApiResult<Written> replace(const ObjectKey& target, const Json& body, std::string_view field_manager) override;
  ApiResult<Unit> remove(const DeleteRequest& request) override;
  ApiResult<Json> server_version() override;
  void stop_watches() override;

 private:
  // The fault that `call` meets, if any; records the call.
  std::optional<Fault> admitted(Call call);
  ApiResult<Written> write(Call call, const std::function<Answer(const Target&)>& action);
  ApiResult<Target> target_of(const ObjectKey& key) const;
  ApiResult<ObjectPtr> decoded(const Json& object);

  Engine& engine_;
  const WatchMode mode_;
  mutable Mutex mutex_;
  Decoder decoder_ GUARDED_BY(mutex_);
  std::vector<Call> calls_ GUARDED_BY(mutex_);
  std::uint64_t writes_ GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, Fault> write_faults_ GUARDED_BY(mutex_);
  std::function<std::optional<Fault>(const Call&)> fault_ GUARDED_BY(mutex_);
  std::uint64_t stops_ GUARDED_BY(mutex_) = 0, drops_ GUARDED_BY(mutex_) = 0;
  std::size_t watches_ GUARDED_BY(mutex_) = 0, piece_size_ GUARDED_BY(mutex_) = 0;
  bool held_ GUARDED_BY(mutex_) = false;
};

// The faults that a server or a network makes.
Fault conflict_fault();  // 409 Conflict
Fault gone_fault();      // 410 Expired
Fault throttled_fault(int seconds);
Fault server_fault();       // 500
Fault lost_answer_fault();  // done, but the connection broke before the answer
Fault refused_fault();      // the connection was refused: surely not done

}  // namespace meshgraft::fakes
