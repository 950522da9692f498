#pragma once
// ProcessUsage: what this process uses, from /proc, under the names that every Prometheus client gives it. Metrics asks
// when a page is made; on a system without /proc everything is 0.

namespace meshgraft {

struct ProcessUsage {
  double cpu_seconds = 0;  // user and system
  double resident_bytes = 0, virtual_bytes = 0;
  double start_seconds = 0;  // Unix time
  double open_fds = 0, max_fds = 0;
};

ProcessUsage read_process_usage();

}  // namespace meshgraft
