#include "tests/sim/faulty_api.h"

#include <array>
#include <utility>

namespace meshgraft::sim {
namespace {

constexpr std::array<std::string_view, kFaultKinds> kNames = {
    "crash",       "lost-answer", "timeout",        "conflict",        "expired",    "throttled", "server-error",
    "stale-reads", "dropped-events", "reordered-kinds", "leader-loss"};

// Of a hundred writes, or reads, how many a kind of fault may hit.
constexpr int kOfWrites = 12;
constexpr int kOfReads = 3;

ApiError silence() { return fakes::refused_fault().error; }

ApiError no_answer() {
  ApiError error = fakes::lost_answer_fault().error;
  error.message = "no answer within the deadline";
  return error;
}

}  // namespace

std::string_view to_string(FaultKind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

std::optional<FaultKind> fault_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<FaultKind>(i);
  }
  return std::nullopt;
}

bool FaultyApi::strikes(FaultKind kind, int percent) {
  if (!weather_.has(kind) || !chance_.hits(percent)) return false;
  --weather_.left;
  return true;
}

std::optional<ApiError> FaultyApi::fault_of_a_read() {
  if (strikes(FaultKind::timeout, kOfReads)) return no_answer();
  if (strikes(FaultKind::throttled, kOfReads)) return fakes::throttled_fault(1).error;
  if (strikes(FaultKind::server_error, kOfReads)) return fakes::server_fault().error;
  return std::nullopt;
}

ApiResult<ListPage> FaultyApi::list(const ListRequest& request) {
  if (is_silent()) return Unexpected<ApiError>(silence());
  if (std::optional<ApiError> fault = fault_of_a_read()) return Unexpected<ApiError>(*std::move(fault));
  if (!request.continue_token.empty() && strikes(FaultKind::expired, kOfWrites))
    return Unexpected<ApiError>(fakes::gone_fault().error);
  return server_.list(request);
}

ApiResult<Unit> FaultyApi::watch(const WatchRequest& request, const std::function<bool(std::string_view)>& on_bytes) {
  if (is_silent()) return Unexpected<ApiError>(silence());
  if (std::optional<ApiError> fault = fault_of_a_read()) return Unexpected<ApiError>(*std::move(fault));
  if (strikes(FaultKind::expired, kOfReads)) return Unexpected<ApiError>(fakes::gone_fault().error);
  if (strikes(FaultKind::dropped_events, kOfReads)) {
    engine_.compact();  // whoever asks from an older version gets 410 and must list
    return Unexpected<ApiError>(no_answer());
  }
  if (strikes(FaultKind::stale_reads, kOfReads)) quiet_[request.kind] = 1 + static_cast<int>(chance_.below(12));
  if (strikes(FaultKind::reordered_kinds, kOfReads)) {
    // All kinds but this one fall behind, each by as much as it happens.
    for (const KindInfo& row : kinds()) quiet_[row.kind] = row.kind == request.kind ? 0 : static_cast<int>(chance_.below(6));
  }
  if (const auto quiet = quiet_.find(request.kind); quiet != quiet_.end() && quiet->second > 0) {
    --quiet->second;
    return Unit{};
  }
  return server_.watch(request, on_bytes);
}

ApiResult<ObjectPtr> FaultyApi::get(const ObjectKey& key) {
  if (is_silent()) return Unexpected<ApiError>(silence());
  if (std::optional<ApiError> fault = fault_of_a_read()) return Unexpected<ApiError>(*std::move(fault));
  return server_.get(key);
}

ApiResult<Json> FaultyApi::get_json(const ObjectKey& key) {
  if (is_silent()) return Unexpected<ApiError>(silence());
  if (std::optional<ApiError> fault = fault_of_a_read()) return Unexpected<ApiError>(*std::move(fault));
  return server_.get_json(key);
}

ApiResult<Json> FaultyApi::server_version() {
  if (is_silent()) return Unexpected<ApiError>(silence());
  return server_.server_version();
}

// Events and the Lease are no writes of a plan: they meet faults, but no crash point and no invariant.
template <typename T, typename F>
ApiResult<T> FaultyApi::write(const ObjectKey& key, F send) {
  if (is_silent()) return Unexpected<ApiError>(silence());
  const bool counts = key.kind != Kind::event && key.kind != Kind::lease;
  const bool at_the_point = counts && ++writes_ == crash_point_.write;
  if (at_the_point && !crash_point_.carried_out) crashed_ = true;
  if (counts && !crashed_ && strikes(FaultKind::crash, kOfWrites)) {
    crashed_ = true;
    if (chance_.hits(50)) return Unexpected<ApiError>(silence());
  } else if (crashed_) {
    return Unexpected<ApiError>(silence());
  }
  if (strikes(FaultKind::timeout, kOfWrites)) return Unexpected<ApiError>(no_answer());
  if (strikes(FaultKind::conflict, kOfWrites)) return Unexpected<ApiError>(fakes::conflict_fault().error);
  if (strikes(FaultKind::throttled, kOfWrites)) return Unexpected<ApiError>(fakes::throttled_fault(1).error);
  if (strikes(FaultKind::server_error, kOfWrites)) return Unexpected<ApiError>(fakes::server_fault().error);
  const bool lost = strikes(FaultKind::lost_answer, kOfWrites);
  ApiResult<T> answer = send();
  if (counts && answer) on_write_(key);
  if (at_the_point) crashed_ = true;
  if (crashed_ || lost) return Unexpected<ApiError>(no_answer());
  return answer;
}

ApiResult<Written> FaultyApi::patch(const PatchRequest& request) {
  return write<Written>(request.target, [this, &request] { return server_.patch(request); });
}

ApiResult<Written> FaultyApi::create(const ObjectKey& target, const Json& body, std::string_view field_manager) {
  return write<Written>(target, [this, &target, &body, field_manager] { return server_.create(target, body, field_manager); });
}

ApiResult<Written> FaultyApi::replace(const ObjectKey& target, const Json& body, std::string_view field_manager) {
  return write<Written>(target, [this, &target, &body, field_manager] { return server_.replace(target, body, field_manager); });
}

ApiResult<Unit> FaultyApi::remove(const DeleteRequest& request) {
  return write<Unit>(request.target, [this, &request] { return server_.remove(request); });
}

}  // namespace meshgraft::sim
