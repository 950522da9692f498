#include "cmd/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace meshgraft {
namespace {

using testing::HasSubstr;

MemberState member(const std::string& name, MemberPhase phase, const std::string& why = "") {
  MemberState state;
  state.workload = {Kind::deployment, "shop", name};
  state.service = name;
  state.version = "v1";
  state.phase = phase;
  state.sidecar_wanted = true;
  state.sidecar = state.governed = phase == MemberPhase::joined;
  state.why = why;
  return state;
}

Report shop(std::vector<MemberState> members) {
  Report report;
  report.concerns.push_back({"shop", "shop", false, Policy::join, false, false});
  report.members["shop"] = std::move(members);
  return report;
}

std::string rows(const Report& report, bool interactive = false) {
  std::istringstream in;
  std::ostringstream out;
  Terminal terminal{in, out, out};
  terminal.interactive = interactive;
  return status_rows(report, terminal);
}

TEST(Status, one_row_per_member_in_columns) {
  const std::string text = rows(shop({member("cart", MemberPhase::joined), member("a-longer-name", MemberPhase::rolling)}));
  EXPECT_EQ(text,
            "NAMESPACE  WORKLOAD                  STATE    VERSION  SIDECAR  GOVERNED\n"
            "shop       Deployment/cart           joined   v1       yes      yes\n"
            "shop       Deployment/a-longer-name  rolling  v1       wanted   no\n"
            "\n"
            "shop: joined 1/2, rolling 1\n");
}

TEST(Status, a_long_reason_goes_below_its_row_on_a_terminal) {
  const std::string why = "selector lacks app.kubernetes.io/name and app.kubernetes.io/version (MG203), so KubeSphere makes no subset of it";
  std::istringstream lines(rows(shop({member("cart", MemberPhase::joined, why)}), true));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), 80) << line;
}

TEST(Status, a_member_has_one_row_where_no_terminal_reads_it_and_its_reason_begins_with_the_code) {
  const std::string why = "its selector lacks app.kubernetes.io/name and app.kubernetes.io/version, which cannot be changed in place (MG203)";
  const std::string text = rows(shop({member("cart", MemberPhase::joined, why), member("web", MemberPhase::joined)}));
  EXPECT_THAT(text, HasSubstr("GOVERNED  WHY NOT\n"));
  EXPECT_THAT(text, HasSubstr("yes       MG203: its selector lacks app.kubernetes.io/name and app.kubernetes.io/version, which cannot be changed in place\n"));
}

TEST(Status, paused_frozen_and_leaving_namespaces_are_called_so) {
  Report report = shop({member("cart", MemberPhase::joined)});
  report.concerns.front().frozen = true;
  EXPECT_THAT(rows(report), HasSubstr("shop: joined 1/1, frozen\n"));
  report.concerns.front().why_frozen = "MG109: the namespace is being deleted: nothing is changed in it any more";
  EXPECT_THAT(rows(report), HasSubstr("shop: joined 1/1, frozen, MG109: the namespace is being deleted"));
  report.concerns.front().paused = true;
  EXPECT_THAT(rows(report), HasSubstr("shop: joined 1/1, paused\n"));
  report.concerns.front() = {"shop", "", false, Policy::join, false, false, false, true};
  EXPECT_THAT(rows(report), HasSubstr("shop: on the way back, 1 workload to go\n"));
}

TEST(Status, excluded_members_count_for_nothing) {
  EXPECT_THAT(rows(shop({member("a", MemberPhase::joined), member("b", MemberPhase::excluded)})), HasSubstr("joined 1/1, excluded 1\n"));
}

TEST(Status, a_gateway_says_whether_it_is_in_the_mesh) {
  Report report;
  report.concerns.push_back({"ingress-nginx", "", true, Policy::join, false, false});
  EXPECT_EQ(rows(report), "ingress-nginx: gateway not in the mesh\n");
  report.concerns.front().gateway_in_mesh = true;
  EXPECT_EQ(rows(report), "ingress-nginx: gateway in the mesh\n");
}

TEST(Status, progress_bar_fits_and_counts) {
  EXPECT_EQ(progress_bar(shop({member("a", MemberPhase::joined), member("b", MemberPhase::rolling)}), 80),
            "[####################--------------------] 1/2 joined, 1 rolling");
  EXPECT_EQ(progress_bar(shop({}), 80), "[----------------------------------------] 0/0 joined");
  EXPECT_LE(columns(progress_bar(shop({member("a", MemberPhase::held)}), 40)), 40);
}

}  // namespace
}  // namespace meshgraft
