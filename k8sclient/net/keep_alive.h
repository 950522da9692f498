#pragma once
// keep_alive: lets the kernel notice that the other end of a TCP connection is gone. Used by the transport on each new
// socket, before it connects.

namespace meshgraft {

// Turns on keep-alive probes and a limit for unacknowledged data on the open socket `descriptor`. Failures are ignored:
// the program's own time limits find a dead connection too, only later.
void keep_alive(int descriptor);

}  // namespace meshgraft
