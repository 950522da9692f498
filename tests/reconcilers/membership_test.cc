#include "reconcilers/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/reconcilers/given.h"

namespace meshgraft {
namespace {

NamespaceOptions joined() {
  NamespaceOptions options;
  options.app = "shop";
  return options;
}

// A Deployment with pod labels that are also its selector, unless `selector` says otherwise.
std::string deployment(const std::string& name, const std::string& labels, const std::string& extra = "",
                       std::string selector = "") {
  if (selector.empty()) selector = labels;
  return "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + extra +
         "}\nspec:\n  selector: {matchLabels: {" + selector + "}}\n  template:\n    metadata: {labels: {" + labels +
         "}}\n    spec: {containers: [{name: c, image: \"x:1\"}]}\n";
}
std::string service(const std::string& name, const std::string& selector, const std::string& extra = "") {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec:\n  selector: {" + selector +
         "}\n  ports: [{port: 80}]\n" + extra;
}

std::string codes(const Membership& membership) {
  std::string list;
  for (const Finding& one : membership.findings) list += (list.empty() ? "" : " ") + one.code;
  return list;
}

struct Case {
  const char* sentence;
  std::string yaml;
  const char* member;  // "service version app app-name", "blocked MG201", "excluded" or "none"
  const char* findings;
};

std::string describe(const Membership& membership) {
  if (membership.members.empty()) return "none";
  const Member& member = membership.members.front();
  if (member.excluded) return "excluded";
  if (!member.blocked.empty()) return "blocked " + member.blocked;
  return member.service->meta.name + " " + member.version + " " + member.app_label + " " + member.app_name;
}

TEST(Membership, a_workload_belongs_to_the_service_that_selects_it) {
  const std::string ingress =
      "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec:\n  rules: [{http: {paths: "
      "[{path: /, pathType: Prefix, "
      "backend: {service: {name: b, port: {number: 80}}}}]}}]\n";
  const Case cases[] = {
      {"one Service", deployment("web", "part: one") + service("web", "part: one"), "web v1 web shop", ""},
      {"no Service", deployment("web", "part: one") + service("web", "part: two"), "none", "MG219"},
      {"only a headless Service", deployment("web", "part: one") + service("web", "part: one", "  clusterIP: None\n"),
       "none", "MG219"},
      {"a Service without a selector selects nothing",
       deployment("web", "part: one") +
           "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n",
       "none", "MG219 MG310"},
      {"two Services, and nothing tells",
       deployment("web", "part: one") + service("a", "part: one") + service("b", "part: one"), "blocked MG201",
       "MG201"},
      {"the annotation tells",
       deployment("web", "part: one", ", annotations: {meshgraft.io/service: b}") + service("a", "part: one") +
           service("b", "part: one"),
       "b v1 b shop", ""},
      {"the annotation names a Service that does not select it",
       deployment("web", "part: one", ", annotations: {meshgraft.io/service: c}") + service("a", "part: one"),
       "blocked MG201", "MG201"},
      {"the label app tells",
       deployment("web", "part: one, app: b") + service("a", "part: one") + service("b", "part: one"), "b v1 b shop",
       ""},
      {"the workload's name tells",
       deployment("b", "part: one") + service("a", "part: one") + service("b", "part: one"), "b v1 b shop", ""},
      {"the name without its version tells",
       deployment("b-v1", "part: one") + service("a", "part: one") + service("b", "part: one"), "b v1 b shop", ""},
      {"an Ingress tells",
       deployment("web", "part: one") + service("a", "part: one") + service("b", "part: one") + ingress, "b v1 b shop",
       ""},
      {"excluded",
       deployment("web", "part: one", ", annotations: {meshgraft.io/exclude: \"true\"}") + service("web", "part: one"),
       "excluded", ""},
      {"an empty template",
       "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {selector: {matchLabels: {part: "
       "one}}, template: {}}\n",
       "blocked MG226", "MG226"},
      {"a key with a bad value",
       deployment("web", "part: one", ", annotations: {meshgraft.io/inject: sometimes}") + service("web", "part: one"),
       "blocked MG111", "MG111"},
      {"a record that cannot be read",
       deployment("web", "part: one", ", annotations: {meshgraft.io/undo: \"{broken\"}") + service("web", "part: one"),
       "blocked MG107", "MG107"},
  };
  for (const Case& one : cases) {
    const Membership membership = find_members(given::view(one.yaml), joined(), {});
    EXPECT_EQ(describe(membership), one.member) << one.sentence;
    std::string found = codes(membership);
    EXPECT_EQ(found == "MG310 MG219" ? "MG219 MG310" : found, one.findings) << one.sentence;
  }
}

TEST(Membership, a_label_that_some_selector_uses_keeps_its_value) {
  const Case cases[] = {
      {"app that the Service selects by stays", deployment("web", "app: frontend") + service("web", "app: frontend"),
       "web v1 frontend shop", "MG207"},
      {"app that only the Deployment selects by stays",
       deployment("web", "app: frontend, part: one") + service("web", "part: one"), "web v1 frontend shop", "MG207"},
      {"app that another Service selects by stays",
       deployment("web", "app: old, part: one", "", "part: one") + service("web", "part: one") +
           service("zz", "app: old", "  clusterIP: None\n"),
       "web v1 old shop", "MG207"},
      {"app that nobody selects by becomes the Service's name",
       deployment("web", "app: old, part: one", "", "part: one") + service("web", "part: one"), "web v1 web shop", ""},
      {"app.kubernetes.io/name of Helm's charts stays",
       deployment("web", "app.kubernetes.io/name: foo") + service("web", "app.kubernetes.io/name: foo"),
       "web v1 web foo", "MG210"},
      {"a version that the pattern allows stays",
       deployment("web", "part: one, version: v7", "", "part: one") + service("web", "part: one"), "web v7 web shop",
       ""},
      {"a version that it does not allow is replaced",
       deployment("web", "part: one, version: \"1.0\"", "", "part: one") + service("web", "part: one"),
       "web v1 web shop", ""},
      {"unless a selector uses it", deployment("web", "part: one, version: \"1.0\"") + service("web", "part: one"),
       "web 1.0 web shop", ""},
      {"the workload's own annotation gives the version",
       deployment("web", "part: one", ", annotations: {meshgraft.io/version: v3}") + service("web", "part: one"),
       "web v3 web shop", ""},
      {"labels that would bring another Service's requests are refused",
       deployment("web", "part: one") + service("web", "part: one") + service("other", "app: web"), "blocked MG220",
       "MG220"},
  };
  for (const Case& one : cases) {
    const Membership membership = find_members(given::view(one.yaml), joined(), {});
    EXPECT_EQ(describe(membership), one.member) << one.sentence;
    EXPECT_EQ(codes(membership), one.findings) << one.sentence;
  }
}

TEST(Membership, a_selector_that_forbids_a_label_blocks) {
  const std::string yaml =
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {part: one}, "
      "matchExpressions: [{key: version, operator: "
      "DoesNotExist}]}\n  template:\n    metadata: {labels: {part: one}}\n    spec: {containers: [{name: c, image: "
      "\"x:1\"}]}\n" +
      service("web", "part: one");
  EXPECT_EQ(describe(find_members(given::view(yaml), joined(), {})), "blocked MG218");
}

TEST(Membership, two_deployments_of_one_version_behind_one_service_are_blocked_both) {
  const Membership membership =
      find_members(given::view(deployment("a", "part: one, nr: a") + deployment("b", "part: one, nr: b") +
                               service("web", "part: one")),
                   joined(), {});
  ASSERT_EQ(codes(membership), "MG202 MG202");
  EXPECT_TRUE(membership.services.empty());
  EXPECT_THAT(membership.members[0].why, testing::HasSubstr("Deployments a, b are all version v1 behind Service web"));
}

TEST(Membership, the_one_that_joined_before_its_twin_came_stays) {
  const std::string record = R"(, annotations: {meshgraft.io/undo: '{"own":["spec.template.metadata.labels[app]"]}'})";
  const Membership membership =
      find_members(given::view(deployment("a", "part: one, nr: a", record) + deployment("b", "part: one, nr: b") +
                               service("web", "part: one")),
                   joined(), {});
  EXPECT_EQ(membership.members[0].blocked, "");
  EXPECT_EQ(membership.members[1].blocked, "MG202");
}

TEST(Membership, several_versions_are_several_members_of_one_service) {
  const Membership membership =
      find_members(given::view(deployment("r1", "app: r, version: v1") + deployment("r2", "app: r, version: v2") +
                               service("r", "app: r")),
                   joined(), {});
  EXPECT_EQ(codes(membership), "");
  ASSERT_EQ(membership.services.size(), 1U);
  EXPECT_EQ(membership.members_of(0).size(), 2U);
  EXPECT_TRUE(membership.is_member("r"));
  EXPECT_FALSE(membership.is_member("q"));
  EXPECT_EQ(membership.member_of(*membership.members[1].workload)->version, "v2");
}

TEST(Membership, who_gets_a_sidecar) {
  struct Row {
    const char* sentence;
    std::string workload;
    bool inject_all, wanted;
  };
  const std::string set =
      "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db%}\nspec:\n  serviceName: web\n  selector: "
      "{matchLabels: {part: one}}\n  template:\n    metadata: "
      "{labels: {part: one}}\n    spec: {containers: [{name: c, image: \"x:1\"}]}\n";
  const auto with = [&set](const std::string& extra) { return std::string(set).replace(set.find('%'), 1, extra); };
  const Row rows[] = {
      {"every Deployment", deployment("web", "part: one"), true, true},
      {"but under listed only those that say so", deployment("web", "part: one"), false, false},
      {"by annotation", deployment("web", "part: one", ", annotations: {meshgraft.io/inject: \"true\"}"), false, true},
      {"or in their template", deployment("web", "part: one, sidecar.istio.io/inject: \"true\"", "", "part: one"),
       false, true},
      {"a Deployment that declines", deployment("web", "part: one", ", annotations: {meshgraft.io/inject: \"false\"}"),
       true, false},
      {"a template that declines", deployment("web", "part: one, sidecar.istio.io/inject: \"false\"", "", "part: one"),
       true, false},
      {"no StatefulSet", with(""), true, false},
      {"unless it asks", with(", annotations: {meshgraft.io/inject: \"true\"}"), true, true},
  };
  for (const Row& row : rows) {
    NamespaceOptions options = joined();
    options.inject_all = row.inject_all;
    const Membership membership = find_members(given::view(row.workload + service("web", "part: one")), options, {});
    ASSERT_EQ(membership.members.size(), 1U) << row.sentence;
    EXPECT_EQ(membership.members[0].sidecar, row.wanted) << row.sentence;
  }
}

TEST(Membership, an_application_that_exists_says_which_version_its_members_name) {
  const std::string app =
      "---\napiVersion: app.k8s.io/v1beta1\nkind: Application\nmetadata: {name: shop}\nspec: {selector: {matchLabels: "
      "{app.kubernetes.io/name: shop, app.kubernetes.io/version: v9}}}\n";
  const Membership membership =
      find_members(given::view(deployment("web", "part: one") + service("web", "part: one") + app), joined(), {});
  EXPECT_EQ(membership.app_version, "v9");
  EXPECT_EQ(member_labels(membership.members[0]).at("app.kubernetes.io/version"), "v9");
}

}  // namespace
}  // namespace meshgraft
