#pragma once
// Metrics: everything that /metrics shows. Workers, watchers, the client and the queue report here from any thread; the
// probe server asks for the text. No metric carries an object's name; every label value of a counter is there at 0 from
// the start. Sole user of the metrics library.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controller/cache.h"
#include "controller/dirty_queue.h"
#include "k8sclient/net/rest_api.h"
#include "reconcilers/types.h"

namespace meshgraft {

enum class ChangeResult : std::uint8_t { ok, conflict, refused, failed };
// failed: not available in time, or stuck; rolled_back: and its former template was put back.
enum class RolloutResult : std::uint8_t { started, completed, failed, rolled_back };

std::string_view to_string(ChangeResult result);
std::string_view to_string(RolloutResult result);

class Metrics final : public QueueListener {
 public:
  Metrics(std::string_view version, std::string_view commit);
  ~Metrics() override;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Asked whenever the text is made. Before the first text().
  void set_sources(std::function<std::vector<KindState>()> kinds, std::function<DirtyQueue::Running()> running);

  // Bytes of watches that were read and wait for their consumers, and the most that one watch may have. Before the first
  // text().
  void set_watch_buffer(std::function<std::size_t()> bytes, std::size_t cap);

  // The whole page, text format 0.0.4.
  [[nodiscard]] std::string text() const;

  void on_added(std::size_t depth) override;
  void on_taken(std::size_t depth, Duration waited) override;
  void on_done(Duration worked) override;
  void on_retried() override;

  void on_call(const CallReport& report);
  void on_watch_restart(Kind kind, ErrorClass reason);
  void on_change(Kind kind, Verb verb, ChangeResult result);
  void on_rollout(RolloutResult result);
  void on_replacement(const std::string& result);  // one of Change::outcome
  void on_release(const std::string& result, double seconds);  // the same of Stage::release: how one ended, and how long it took
  void on_reconcile(double seconds);
  void on_event_written(double seconds);
  void on_joined(double seconds);
  void set_leader(bool leader);

  // How a labelled namespace stands; replaces what was said before.
  void set_namespace(const std::string& ns, Policy policy, const std::vector<MemberState>& members,
                     const std::vector<Finding>& findings, const std::vector<ReleaseState>& releases = {});
  void forget_namespace(const std::string& ns);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace meshgraft
