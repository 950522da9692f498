#pragma once
// write_time: how the time of a write is shared between reaching the server and the server's own work. Used by the
// transport for requests that tell the server its limit. Reads no clock.

#include <algorithm>
#include <chrono>
#include <string>

#include "k8sclient/base/clock.h"

namespace meshgraft {

// How far a server's work may outlast the deadline of a write: the last second of a Lease (controller/leader.h).
constexpr std::chrono::seconds kConnectAllowance{1};

struct WriteTime {
  Time body_until;                   // the request's body is begun by then or never
  std::chrono::milliseconds server;  // told to it, counted from the request's arrival; at least 1
};

// The limit is written down before the connection is made and begins to count after it, so both together never pass
// `deadline` by more than kConnectAllowance. The first try, over a connection that is there as a rule, gives the server
// all that is left; the second (`again`) gives connecting one half, for servers that are far away.
inline WriteTime write_time(Time deadline, Time now, bool again) {
  const Duration half = (deadline + kConnectAllowance - now) / 2;
  const Duration left = again ? std::min(half, deadline - now) : deadline - now;
  return {std::min(deadline, now + (again ? half : Duration(kConnectAllowance))),
          std::max(std::chrono::floor<std::chrono::milliseconds>(left), std::chrono::milliseconds(1))};
}

// The target with `timeout=`, a Go duration; the API server has read it since 1.0 for every write.
inline std::string with_timeout(const std::string& target, std::chrono::milliseconds limit) {
  return target + (target.find('?') == std::string::npos ? "?" : "&") + "timeout=" + std::to_string(limit.count()) + "ms";
}

}  // namespace meshgraft
