#pragma once
// Planner: one plan in the making; lives for one call of plan(). The rules' wishes are asked for and sorted
// (planner.cc), the present stage is filled and the gate opened (plan_stages.cc), what is frozen stays as it is
// (plan_frozen.cc), and what waits is told (plan_report.cc). Called by plan() alone. Pure.

#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "reconcilers/gate.h"
#include "reconcilers/limits.h"
#include "reconcilers/plan.h"
#include "reconcilers/reconciler.h"

namespace meshgraft {

constexpr Stage kFirstGatewayStage = Stage::gateway_config;

// Whether changes of this stage restart pods.
bool restarts(Stage stage);

// The stage of metadata that goes before a stage of templates: the undo record is written there first (rules 2).
Stage metadata_before(Stage stage);

class Planner {
 public:
  Planner(const NamespaceView& view, const Facts& facts, const Settings& settings, Gating gating);
  Planner(const Planner&) = delete;
  Planner& operator=(const Planner&) = delete;

  Plan take();

 private:
  // The wishes of one object that are not fulfilled yet, by intent.
  struct Work {
    ObjectPtr object;
    std::vector<std::size_t> pending;  // indexes into intents_
    std::optional<Record> record;
    bool needs_record = false;  // the record has to be written before the template changes
  };

  // planner.cc: what is wanted
  void add(std::vector<Finding> findings);
  void ask_rules();
  void take_in(Decision decision);
  void sort_intents();
  void count_releasing();
  void refuse_broken(Work& work);
  void give_up_contested();
  [[nodiscard]] std::string remedy_of_release(const ObjectKey& written) const;
  void leave_refused();

  // plan_frozen.cc: what must not change
  void refuse_new_identity();
  [[nodiscard]] std::string former_app_of_replaced() const;
  void end_replaces();
  void obey_policy();
  void release_records();
  [[nodiscard]] bool is_held(const Waiting& one) const;
  Plan finish_frozen();
  [[nodiscard]] std::vector<MemberState> members_of_frozen() const;

  // plan_stages.cc: what may be sent now
  [[nodiscard]] std::optional<Stage> current_stage() const;
  [[nodiscard]] bool is_rolling(const Object& object) const;
  [[nodiscard]] const Workload* unseen_of(Stage stage) const;
  void fill_now(Stage stage);
  void open_gate(Stage stage, std::vector<std::size_t> gated);
  void open_gate_back(Stage stage);
  void say_of_release(const ObjectKey& written, const std::string& why);
  void fill_releases();
  [[nodiscard]] std::vector<const Workload*> to_be_replaced() const;
  LimitsVerdict look_at_limits(const std::vector<const Workload*>& restarting, Room& room, bool beside);
  std::optional<Change> change_of(const Work& work, Stage stage);

  // plan_report.cc: what waits, and how the namespace stands
  void report_stuck();
  void look_at_finished(const ObjectKey& key);
  void wait(ObjectKey target, Stage stage, std::string reason);
  void fill_waiting(std::optional<Stage> now);
  void settle();
  void look_at_strangers_again();
  Plan finish();
  void sort_findings();

  const NamespaceView& view_;
  const Facts& facts_;
  const Settings& settings_;
  const Gating gating_;
  NamespaceOptions options_;
  const Membership membership_;
  const Context context_;

  std::vector<Intent> intents_;
  std::vector<Extra> extras_;
  std::vector<Replacing> replacing_;
  std::vector<std::size_t> held_;  // indexes into intents_
  std::vector<Work> works_;
  Rolling rolling_;
  std::vector<std::shared_ptr<const Workload>> going_back_;  // their former template is not rolled out yet
  std::vector<std::shared_ptr<const Workload>> held_back_;   // rolled back: they stop the queue
  std::vector<std::shared_ptr<const Workload>> releasing_;   // restarting because of a release
  std::vector<MemberState> leaving_;                         // workloads on the way back
  std::string leaving_waits_for_;                            // what holds that up for long
  std::set<std::tuple<ObjectKey, Stage>> waits_;
  bool renamed_ = false;  // MG108: the app or version is not the one that members joined as
  Plan plan_;
};

}  // namespace meshgraft
