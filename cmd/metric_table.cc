#include "cmd/metric_table.h"

#include <array>

namespace meshgraft {
namespace {

constexpr std::array kTable{
    MetricInfo{"meshgraft_namespaces", "gauge", "policy", "Labelled namespaces."},
    MetricInfo{"meshgraft_namespace_info", "gauge", "namespace, policy", "Always 1: the policy of a labelled namespace."},
    MetricInfo{"meshgraft_members", "gauge", "namespace, state", "Members by state: joined, rolling, waiting, held, blocked, excluded."},
    MetricInfo{"meshgraft_findings", "gauge", "namespace, code, severity", "Findings as they stand."},
    MetricInfo{"meshgraft_changes_total", "counter", "kind, verb, result", "Writes."},
    MetricInfo{"meshgraft_rollouts_total", "counter", "result", "Rollouts that meshgraft began, and how they ended."},
    MetricInfo{"meshgraft_replacements_total", "counter", "result", "Deployments re-created with a fuller selector."},
    MetricInfo{"meshgraft_releases", "gauge", "namespace, state", "Releases (Strategies) by state: sharing, promoting, aborting, held, refused."},
    MetricInfo{"meshgraft_release_seconds", "histogram", "result", "From the annotation on a Strategy to its end, by how it ended: promoted, aborted."},
    MetricInfo{"meshgraft_reconcile_seconds", "histogram", "", "Planning a namespace and carrying out what may be done at once."},
    MetricInfo{"meshgraft_event_to_write_seconds", "histogram", "", "From an event of the API server to the write that it led to."},
    MetricInfo{"meshgraft_join_seconds", "histogram", "", "From the label seen to the namespace fully joined."},
    MetricInfo{"meshgraft_watch_restarts_total", "counter", "kind, reason", "Watches begun again."},
    MetricInfo{"meshgraft_cache_objects", "gauge", "kind", "Objects held in memory."},
    MetricInfo{"meshgraft_watch_buffered_bytes", "gauge", "", "Bytes of watches that were read and wait to be decoded, over all kinds."},
    MetricInfo{"meshgraft_watch_buffer_cap_bytes", "gauge", "", "The most of them for one watch; beyond it the server is made to wait."},
    MetricInfo{"meshgraft_contested_fields", "gauge", "", "Fields given up because another manager keeps changing them back."},
    MetricInfo{"meshgraft_build_info", "gauge", "version, commit", "Always 1."},
    MetricInfo{"leader_election_master_status", "gauge", "name", "1 on the replica that writes."},
    MetricInfo{"workqueue_adds_total", "counter", "name", "Namespaces put into the queue."},
    MetricInfo{"workqueue_depth", "gauge", "name", "Namespaces waiting."},
    MetricInfo{"workqueue_retries_total", "counter", "name", "Namespaces put back after a failure."},
    MetricInfo{"workqueue_queue_duration_seconds", "histogram", "name", "Waiting in the queue."},
    MetricInfo{"workqueue_work_duration_seconds", "histogram", "name", "Working on a namespace."},
    MetricInfo{"workqueue_unfinished_work_seconds", "gauge", "name", "Seconds that namespaces under work have been worked on so far."},
    MetricInfo{"workqueue_longest_running_processor_seconds", "gauge", "name", "The longest of them."},
    MetricInfo{"rest_client_requests_total", "counter", "code, method", "Requests to the API server."},
    MetricInfo{"rest_client_request_duration_seconds", "histogram", "verb", "Their duration."},
    MetricInfo{"process_cpu_seconds_total", "counter", "", "CPU time, user and system."},
    MetricInfo{"process_resident_memory_bytes", "gauge", "", "Resident memory."},
    MetricInfo{"process_virtual_memory_bytes", "gauge", "", "Virtual memory."},
    MetricInfo{"process_start_time_seconds", "gauge", "", "Start of the process, Unix time."},
    MetricInfo{"process_open_fds", "gauge", "", "Open file descriptors."},
    MetricInfo{"process_max_fds", "gauge", "", "The most that may be open."},
};

}  // namespace

std::span<const MetricInfo> metric_table() { return kTable; }

}  // namespace meshgraft
