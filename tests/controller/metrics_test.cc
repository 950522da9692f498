#include "controller/metrics.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "cmd/metric_table.h"

namespace meshgraft {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Metrics_, every_counter_is_there_at_zero_from_the_start) {
  const Metrics metrics("1.0", "abc");
  const std::string text = metrics.text();
  for (const char* line :
       {"meshgraft_changes_total{kind=\"Deployment\",result=\"ok\",verb=\"apply\"} 0",
        "meshgraft_rollouts_total{result=\"failed\"} 0", "meshgraft_rollouts_total{result=\"rolled_back\"} 0", "meshgraft_replacements_total{result=\"completed\"} 0",
        "meshgraft_watch_restarts_total{kind=\"Ingress\",reason=\"gone\"} 0",
        "rest_client_requests_total{code=\"409\",method=\"PATCH\"} 0", "workqueue_retries_total{name=\"namespace\"} 0",
        "meshgraft_namespaces{policy=\"join\"} 0", "leader_election_master_status{name=\"meshgraft\"} 0"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Metrics_, what_is_counted_is_shown) {
  Metrics metrics("1.0", "abc");
  metrics.on_change(Kind::service, Verb::apply, ChangeResult::ok);
  metrics.on_call({"LIST", 200, 0.01});
  metrics.on_call({"PATCH", 0, 4});
  metrics.on_watch_restart(Kind::ingress, ErrorClass::gone);
  metrics.on_added(3);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("meshgraft_changes_total{kind=\"Service\",result=\"ok\",verb=\"apply\"} 1"));
  EXPECT_THAT(text, HasSubstr("rest_client_requests_total{code=\"200\",method=\"GET\"} 1"));
  EXPECT_THAT(text, HasSubstr("rest_client_requests_total{code=\"<error>\",method=\"PATCH\"} 1"));
  EXPECT_THAT(text, HasSubstr("meshgraft_watch_restarts_total{kind=\"Ingress\",reason=\"gone\"} 1"));
  EXPECT_THAT(text, HasSubstr("workqueue_depth{name=\"namespace\"} 3"));
  EXPECT_THAT(text, HasSubstr("meshgraft_build_info{commit=\"abc\",version=\"1.0\"} 1"));
}

TEST(Metrics_, the_tables_names_are_served) {
  Metrics metrics("1.0", "abc");
  metrics.set_namespace("shop", Policy::join, {},
                        {{"MG203", Severity::warning, {Kind::deployment, "shop", "web"}, "", ""}});
  const std::string text = metrics.text();
  for (const MetricInfo& row : metric_table()) {
    if (row.name == "meshgraft_releases") continue;  // no series before the first release
    EXPECT_THAT(text, HasSubstr("# TYPE " + std::string(row.name) + " " + std::string(row.type))) << row.name;
  }
}

TEST(Metrics_, no_name_of_an_object_and_a_bounded_number_of_series_at_1000_namespaces) {
  Metrics metrics("1.0", "abc");
  const std::size_t before = lines_of(metrics.text()).size();
  for (int i = 0; i < 1000; ++i) {
    const std::string ns = "ns-" + std::to_string(i);
    std::vector<MemberState> members(20);
    std::vector<Finding> findings;
    for (int f = 0; f < 40; ++f)
      findings.push_back({f % 2 == 0 ? "MG203" : "MG204",
                          Severity::warning,
                          {Kind::deployment, ns, "secret-name-" + std::to_string(f)},
                          "",
                          ""});
    metrics.set_namespace(ns, Policy::join, members, findings);
  }
  const std::string text = metrics.text();
  EXPECT_THAT(text, Not(HasSubstr("secret-name")));
  EXPECT_LE(lines_of(text).size() - before, 1000U * (1 + 6 + 2)) << "the policy, six states and one series a code";
  EXPECT_THAT(text, HasSubstr("meshgraft_namespace_info{namespace=\"ns-7\",policy=\"join\"} 1"));
  EXPECT_THAT(text, HasSubstr("meshgraft_findings{namespace=\"ns-7\",code=\"MG203\",severity=\"warning\"} 20"));
}

TEST(Metrics_, a_namespace_that_is_forgotten_leaves_no_series) {
  Metrics metrics("1.0", "abc");
  metrics.set_namespace("shop", Policy::observe, {}, {});
  EXPECT_THAT(metrics.text(), HasSubstr("namespace=\"shop\""));
  metrics.forget_namespace("shop");
  EXPECT_THAT(metrics.text(), Not(HasSubstr("namespace=\"shop\"")));
}

TEST(Metrics_, the_process_is_measured) {
  const Metrics metrics("1.0", "abc");
  double resident = 0;
  for (const std::string& line : lines_of(metrics.text())) {
    if (line.starts_with("process_resident_memory_bytes ")) resident = std::stod(line.substr(30));
  }
  EXPECT_GT(resident, 1e6);
}

}  // namespace
}  // namespace meshgraft
