#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cmd/render_json.h"
#include "k8sclient/model/json_read.h"
#include "tests/cmd/call.h"
#include "tests/cmd/schema_check.h"

namespace meshgraft {
namespace {

Json schema(const std::string& name) {
  std::ifstream in(std::string(MESHGRAFT_SOURCE_DIR) + "/docs/schema/" + name);
  std::ostringstream text;
  text << in.rdbuf();
  const Result<Json> read = read_json(text.str());
  EXPECT_TRUE(read) << name;
  return read ? *read : Json();
}

const std::string kShop = test::deployment_yaml("web") + test::service_yaml("web") + test::deployment_yaml("cart", "meshgraft.io/exclude: \"true\"") + test::service_yaml("cart");

Json output(const std::string& command) {
  const test::Called got = test::call({command, "-f", "-", "-n", "shop", "--app", "shop", "-o", "json"}, {kShop});
  const Result<Json> read = read_json(got.out);
  EXPECT_TRUE(read) << got.out << got.err;
  return read ? *read : Json();
}

TEST(Schema, plan_holds_to_its_own) { EXPECT_THAT(test::violations(output("plan"), schema("plan.json")), testing::IsEmpty()); }

TEST(Schema, check_holds_to_its_own) { EXPECT_THAT(test::violations(output("check"), schema("check.json")), testing::IsEmpty()); }

TEST(Schema, status_holds_to_its_own) {
  Report report;
  report.concerns.push_back({"shop", "shop", false, Policy::join, false, false});
  MemberState member;
  member.workload = {Kind::deployment, "shop", "web"};
  report.members["shop"] = {member};
  ReleaseState release;
  release.strategy = {Kind::strategy, "shop", "canary"};
  report.releases["shop"] = {release};
  EXPECT_THAT(test::violations(status_json(report), schema("status.json")), testing::IsEmpty());
}

TEST(Schema, releases_hold_to_their_own) {
  ReleaseState release;
  release.strategy = {Kind::strategy, "shop", "canary"};
  std::vector<ReleaseState> all;
  for (const ReleaseStep step : {ReleaseStep::none, ReleaseStep::recording, ReleaseStep::to_gray, ReleaseStep::updating, ReleaseStep::restoring,
                                 ReleaseStep::to_principal, ReleaseStep::removing_gray, ReleaseStep::closing}) {
    release.phase = step == ReleaseStep::restoring ? ReleasePhase::held : ReleasePhase::promoting;
    release.step = step;
    all.push_back(release);
  }
  EXPECT_THAT(test::violations(releases_json({{"shop", all}}), schema("releases.json")), testing::IsEmpty());
}

TEST(Schema, a_document_that_breaks_it_is_found) {
  Json plan = output("plan");
  plan["changes"][0].erase("verb");
  plan["totals"]["requests"] = "many";
  plan["surprise"] = 1;
  EXPECT_EQ(test::violations(plan, schema("plan.json")).size(), 3U);
}

}  // namespace
}  // namespace meshgraft
