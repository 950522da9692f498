#pragma once
// FaultyApi: what one controller process sees of the API server in a simulation: the embedded server, with the faults
// that the run's Weather lets through. A process that crashed or is cut off gets no answer and does nothing any more.
// Simulation makes one for every process. Decides by the run's Chance alone.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "tests/fakes/fake_api.h"
#include "tests/sim/chance.h"

namespace meshgraft::sim {

// What can go wrong. to_string gives the name that the replay command takes.
enum class FaultKind : std::uint8_t {
  crash,           // the process ends in the middle of a write: before it is carried out, or before its answer
  lost_answer,     // a write is carried out, its answer never comes
  timeout,         // the request never comes through
  conflict,        // 409
  expired,         // 410 on a watch or a page
  throttled,       // 429 with Retry-After
  server_error,    // 500
  stale_reads,     // a kind's watch is quiet while the world goes on
  dropped_events,  // a watch breaks and the server forgets what happened meanwhile
  reordered_kinds, // kinds are heard of in any order, some much later than others
  leader_loss,     // a leader is cut off from the server; a standby takes over
};
constexpr int kFaultKinds = 11;
std::string_view to_string(FaultKind kind);
std::optional<FaultKind> fault_named(std::string_view name);

// The faults of one run: which, and how many are still to come.
struct Weather {
  std::set<FaultKind> kinds;
  int left = 0;  // faults still to come; at 0 the sky is clear
  [[nodiscard]] bool has(FaultKind kind) const { return left > 0 && kinds.contains(kind); }
};

// The end of a process at a write of its own, counted from 1 over all processes of the run.
struct CrashPoint {
  std::uint64_t write = 0;      // 0: none
  bool carried_out = false;     // whether the server does the write
};

class FaultyApi final : public Api {
 public:
  // Called after every write of a plan that was carried out.
  using OnWrite = std::function<void(const ObjectKey&)>;

  FaultyApi(fakes::FakeApi& server, fakes::Engine& engine, Weather& weather, Chance& chance, CrashPoint& crash_point,
            std::uint64_t& writes, OnWrite on_write)
      : server_(server), engine_(engine), weather_(weather), chance_(chance), crash_point_(crash_point),
        writes_(writes), on_write_(std::move(on_write)) {}

  [[nodiscard]] bool crashed() const { return crashed_; }
  // What was quiet is heard of from now on.
  void listen() { quiet_.clear(); }
  // While cut off, every call fails.
  void cut_off(bool is) { cut_off_ = is; }
  [[nodiscard]] bool is_cut_off() const { return cut_off_; }

  ApiResult<ListPage> list(const ListRequest& request) override;
  ApiResult<Unit> watch(const WatchRequest& request, const std::function<bool(std::string_view)>& on_bytes) override;
  ApiResult<ObjectPtr> get(const ObjectKey& key) override;
  ApiResult<Json> get_json(const ObjectKey& key) override;
  ApiResult<Written> patch(const PatchRequest& request) override;
  ApiResult<Written> create(const ObjectKey& target, const Json& body, std::string_view field_manager) override;
  ApiResult<Written> replace(const ObjectKey& target, const Json& body, std::string_view field_manager) override;
  ApiResult<Unit> remove(const DeleteRequest& request) override;
  ApiResult<Json> server_version() override;
  void stop_watches() override {}

 private:
  [[nodiscard]] bool is_silent() const { return crashed_ || cut_off_; }
  // One fault of `kind`, if the weather has it and chance wants it in `percent` of the cases.
  bool strikes(FaultKind kind, int percent);
  std::optional<ApiError> fault_of_a_read();
  template <typename T, typename F>
  ApiResult<T> write(const ObjectKey& key, F send);

  fakes::FakeApi& server_;
  fakes::Engine& engine_;
  Weather& weather_;
  Chance& chance_;
  CrashPoint& crash_point_;
  std::uint64_t& writes_;
  const OnWrite on_write_;
  bool crashed_ = false, cut_off_ = false;
  std::map<Kind, int> quiet_;  // watches of the kind that still bring nothing
};

}  // namespace meshgraft::sim
