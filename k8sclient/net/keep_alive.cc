#include "k8sclient/net/keep_alive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace meshgraft {
namespace {

constexpr int kIdleSeconds = 30, kIntervalSeconds = 10,
              kProbes = 3;  // dead after a minute; a watch idles longer than that
constexpr int kUserTimeoutMs =
    30'000;  // of data nobody acknowledges; Linux alone would try for 15 minutes (tcp_retries2)

void set(int descriptor, int level, int name, int value) {
  (void)setsockopt(descriptor, level, name, &value, sizeof value);
}

}  // namespace

void keep_alive(int descriptor) {
  set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
  set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, kIntervalSeconds);
  set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

}  // namespace meshgraft
