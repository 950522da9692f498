#include "controller/leader.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

// client-go's rules for the three, and ours for a write that began at the last moment.
static_assert(Leader::kLease > Leader::kRenewDeadline && Leader::kRenewDeadline > Leader::kRetry * 6 / 5);
static_assert(Leader::kRenewDeadline + LiveSink::kWriteDeadline < Leader::kLease);

constexpr std::int64_t seconds_of(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

// "2026-01-01T00:00:00.000000Z": metav1.MicroTime.
std::string micro_time(std::chrono::system_clock::time_point time) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(micros / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, micros % 1'000'000);
}

}  // namespace

void Leader::run(const std::function<void()>& on_led, const std::function<void()>& on_lost) {
  bool told = false;
  while (true) {
    switch (step()) {
      case Standing::waiting:
        break;
      case Standing::leading:
        if (!std::exchange(told, true)) on_led();
        break;
      case Standing::lost:
        on_lost();
        return;
    }
    const Duration pause = wait();
    const MutexLock lock(mutex_);
    const Time until = clock_.now() + pause;
    while (!stopped_ && clock_.now() < until) clock_.wait_until(mutex_, changed_, until);
    if (stopped_) return;
  }
}

Duration Leader::wait() const {
  const MutexLock lock(mutex_);
  if (leading_ || free_at_ == Time{}) return kRetry;
  return std::clamp<Duration>(free_at_ - clock_.now(), std::chrono::milliseconds(1), kRetry);
}

Leader::Standing Leader::step() {
  led_ = try_acquire_or_renew() || led_;
  if (!led_) return Standing::waiting;
  return may_write() ? Standing::leading : Standing::lost;
}

void Leader::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool Leader::may_write() const {
  const MutexLock lock(mutex_);
  return leading_ && clock_.now() < renewed_at_ + kRenewDeadline;
}

bool Leader::wait_until_leading() {
  const MutexLock lock(mutex_);
  while (!leading_ && !stopped_) changed_.wait(mutex_);
  return leading_ && !stopped_;
}

bool Leader::try_acquire_or_renew() {
  const Time begin = clock_.now();
  // Nobody but us writes it while we hold it: renewing needs no look at it first.
  if (!last_.is_null() && write(renewed(last_), false, begin)) return true;
  last_ = nullptr;
  ApiResult<Json> lease = api_.get_json(key_);
  if (!lease && lease.error().kind == ErrorClass::not_found) {
    return write({{"apiVersion", "coordination.k8s.io/v1"},
                  {"kind", "Lease"},
                  {"metadata", {{"name", key_.name}, {"namespace", key_.ns}}},
                  {"spec", Json::object()}},
                 true, begin);
  }
  if (!lease) {
    spdlog::warn("lease {}/{}: {}", key_.ns, key_.name, lease.error().message);
    return false;
  }
  observe(*lease);
  const bool held = is_held_by_other(*lease);
  {
    const MutexLock lock(mutex_);
    const std::chrono::seconds length(number(*lease, "/spec/leaseDurationSeconds", seconds_of(kLease)));
    free_at_ = held ? seen_at_ + length : Time{};
  }
  if (held) return false;
  return write(renewed(*lease), false, begin);
}

void Leader::observe(const Json& lease) {
  const std::string content = to_text(lease.value("spec", Json::object())) + text(lease, "/metadata/resourceVersion");
  const MutexLock lock(mutex_);
  if (content == seen_) return;
  seen_ = content;
  seen_at_ = clock_.now();
}

bool Leader::is_held_by_other(const Json& lease) const {
  const std::string holder = text(lease, "/spec/holderIdentity");
  if (holder.empty() || holder == identity_) return false;
  const std::chrono::seconds length(number(lease, "/spec/leaseDurationSeconds", seconds_of(kLease)));
  const MutexLock lock(mutex_);
  return clock_.now() < seen_at_ + length;
}

Json Leader::renewed(const Json& lease) const {
  Json next = lease;
  const std::string now = micro_time(clock_.utc());
  if (!next.contains("spec") || !next["spec"].is_object()) next["spec"] = Json::object();
  Json& spec = next["spec"];
  if (text(lease, "/spec/holderIdentity") != identity_) {
    const bool first = !maybe_text(lease, "/spec/holderIdentity").has_value();
    spec["leaseTransitions"] = number(lease, "/spec/leaseTransitions") + (first ? 0 : 1);
    spec["acquireTime"] = now;
    spec["holderIdentity"] = identity_;
  }
  spec["leaseDurationSeconds"] = seconds_of(kLease);
  spec["renewTime"] = now;
  return next;
}

// `begin`: before the request was made, so that the Lease is never thought longer than it is.
bool Leader::write(const Json& lease, bool create, Time begin) {
  Json body = create ? renewed(lease) : lease;
  const ApiResult<Written> written =
      create ? api_.create(key_, body, keys::kFieldManager) : api_.replace(key_, body, keys::kFieldManager);
  if (!written) {
    const ErrorClass kind = written.error().kind;
    if (kind != ErrorClass::conflict && kind != ErrorClass::exists)
      spdlog::warn("lease {}/{}: {}", key_.ns, key_.name, written.error().message);
    return false;
  }
  body["metadata"]["resourceVersion"] = written->resource_version;
  last_ = std::move(body);
  const MutexLock lock(mutex_);
  renewed_at_ = begin;
  if (!std::exchange(leading_, true)) changed_.notify_all();
  return true;
}

void Leader::release() {
  {
    const MutexLock lock(mutex_);
    if (!std::exchange(leading_, false)) return;
  }
  Json lease = std::exchange(last_, nullptr);
  for (int tries = 0; tries < 2; ++tries) {
    if (lease.is_null()) {
      ApiResult<Json> now = api_.get_json(key_);
      if (!now) return;
      lease = std::move(*now);
    }
    if (text(lease, "/spec/holderIdentity") != identity_) return;
    lease["spec"]["holderIdentity"] = "";
    lease["spec"]["leaseDurationSeconds"] = 1;
    lease["spec"]["renewTime"] = micro_time(clock_.utc());
    if (const ApiResult<Written> written = api_.replace(key_, lease, keys::kFieldManager);
        written || written.error().kind != ErrorClass::conflict)
      return;
    lease = nullptr;
  }
}

ApiResult<Outcome> GuardedSink::carry_out(const Change& change) {
  if (leader_ == nullptr || leader_->may_write()) return sink_.carry_out(change);
  ApiError error;
  error.kind = ErrorClass::cancelled;
  error.message = "the lease may be over";
  error.sent = false;
  return Unexpected<ApiError>(std::move(error));
}

}  // namespace meshgraft
