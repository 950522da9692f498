#include "reconcilers/wish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8sclient/model/json_read.h"
#include "tests/reconcilers/given.h"

namespace meshgraft {
namespace {

using testing::IsEmpty;

constexpr std::string_view kDeployment = R"(
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  uid: u1
  labels: {app: web, tier: front}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: true
      containers:
      - {name: c, image: "web:1", ports: [{containerPort: 80, hostPort: 80}]}
)";
constexpr std::string_view kService = R"(
apiVersion: v1
kind: Service
metadata: {name: web, uid: u2}
spec:
  selector: {app: web}
  ports: [{port: 80, name: web}, {port: 53, protocol: UDP, name: dns}]
)";

ObjectPtr one(std::string_view yaml) { return given::objects(yaml).front(); }

Record record_in(const Change& change, const ObjectPtr& object) {
  Meta meta = object->meta;
  meta.annotations["meshgraft.io/undo"] = change.body["metadata"]["annotations"]["meshgraft.io/undo"];
  return read_record(meta);
}

TEST(Wish, is_satisfied_only_when_every_field_holds) {
  const ObjectPtr web = one(kDeployment);
  Wish wish;
  EXPECT_TRUE(satisfied(wish, *web));
  wish.labels = {{"app", "web"}};
  wish.pod_labels = {{"app", "web"}};
  wish.host_network = true;
  wish.host_ports = {{"c", 80, "TCP", 80}};
  EXPECT_TRUE(satisfied(wish, *web));
  const auto lacks = [&](auto change) {
    Wish other = wish;
    change(other);
    return !satisfied(other, *web);
  };
  EXPECT_TRUE(lacks([](Wish& w) { w.labels["app"] = "other"; }));
  EXPECT_TRUE(lacks([](Wish& w) { w.annotations["a"] = "b"; }));
  EXPECT_TRUE(lacks([](Wish& w) { w.pod_annotations["a"] = "b"; }));
  EXPECT_TRUE(lacks([](Wish& w) { w.host_network = false; }));
  EXPECT_TRUE(lacks([](Wish& w) { w.dns_policy = "ClusterFirst"; }));
  EXPECT_TRUE(lacks([](Wish& w) { w.host_ports[0].host_port = 81; }));
  EXPECT_TRUE(lacks([](Wish& w) { w.rolling_update = RollingUpdate{1, 0}; })) << "unset means 25%";
  EXPECT_TRUE(lacks([](Wish& w) { w.ports = {{80, "TCP", "http", std::nullopt}}; })) << "no Service";
  EXPECT_TRUE(lacks([](Wish& w) { w.data = {{"a", "b"}}; })) << "no ConfigMap";
}

TEST(Wish, satisfied_and_compare_agree_field_by_field) {
  const ObjectPtr service = one(kService);
  for (const char* name : {"web", "http"}) {
    Wish wish;
    wish.ports = {{80, "TCP", name, std::nullopt}};
    const std::vector<FieldState> fields = compare(wish, *service);
    ASSERT_EQ(fields.size(), 1U);
    EXPECT_EQ(fields[0].path, "spec.ports[80/TCP].name");
    EXPECT_EQ(satisfied(wish, *service), fields[0].live == fields[0].wanted);
  }
  Wish missing;
  missing.ports = {{81, "TCP", "http", std::nullopt}};
  EXPECT_FALSE(satisfied(missing, *service));
}

TEST(Wish, merging_keeps_the_first_value_of_a_field) {
  Wish base;
  base.labels = {{"a", "1"}};
  base.ports = {{80, "TCP", "http", std::nullopt}};
  Wish over;
  over.labels = {{"a", "2"}, {"b", "2"}};
  over.ports = {{80, "TCP", "x", "tcp"}, {80, "UDP", "y", std::nullopt}};
  const Wish both = merged(base, over);
  EXPECT_EQ(both.labels, (Labels{{"a", "1"}, {"b", "2"}}));
  ASSERT_EQ(both.ports.size(), 2U);
  EXPECT_EQ(both.ports[0].name, "http");
  EXPECT_EQ(both.ports[0].app_protocol, "tcp");
}

TEST(Apply, takes_only_what_does_not_hold_yet_and_records_what_it_overwrites) {
  const ObjectPtr web = one(kDeployment);
  Wish wish;
  wish.labels = {{"app", "web"}, {"tier", "back"}, {"version", "v1"}};
  const Change change = apply_of(wish, *web, {});
  EXPECT_EQ(change.body["metadata"]["labels"], (Json{{"tier", "back"}, {"version", "v1"}}));
  EXPECT_EQ(change.body["metadata"]["uid"], "u1");
  EXPECT_EQ(
      change.body["metadata"]["annotations"]["meshgraft.io/undo"],
      R"({"own":["metadata.labels[tier]","metadata.labels[version]"],"uid":"u1","was":{"metadata.labels[tier]":"front"}})");
  EXPECT_TRUE(change.force);
  ASSERT_EQ(change.overwrites.size(), 1U);
  EXPECT_EQ(change.overwrites[0].before, "front");
  EXPECT_EQ(change.adds, std::vector<std::string>{"metadata.labels[version]"});
}

TEST(Apply, does_not_force_when_it_only_adds) {
  Wish wish;
  wish.labels = {{"version", "v1"}};
  EXPECT_FALSE(apply_of(wish, *one(kDeployment), {}).force);
}

// `kubectl rollout undo` copies a former record back, which is then kubectl's for the API server: it would refuse every
// write from then on.
TEST(Apply, forces_where_it_rewrites_a_record_and_only_onto_the_version_it_saw) {
  std::string yaml(kDeployment);
  yaml.replace(yaml.find("uid: u1"), 7, R"(uid: u1
  resourceVersion: "7"
  annotations: {meshgraft.io/undo: '{"own":["metadata.labels[app]"],"uid":"u1"}'})");
  const ObjectPtr web = one(yaml);
  const Record record = read_record(web->meta);
  Wish wish;
  wish.labels = {{"version", "v1"}};
  const Change change = apply_of(wish, *web, record);
  EXPECT_THAT(change.overwrites, IsEmpty());
  EXPECT_TRUE(change.force);
  EXPECT_EQ(change.pre.resource_version, "7");

  Record held = record;
  held.held = "because";
  EXPECT_TRUE(apply_of_record(held, *web, true).force);
  EXPECT_FALSE(apply_of_record(record, *web, true).force) << "the same text conflicts with nobody";
  EXPECT_FALSE(apply_of_record(record, *web, false).force) << "a record that is left out is nobody's to take";
}

TEST(Apply, keeps_everything_that_is_ours_whether_still_wished_or_not) {
  const ObjectPtr web = one(kDeployment);
  Record record;
  record.present = true;
  record.own = {"metadata.labels[tier]", "metadata.labels[gone]", "spec.template.spec.hostNetwork",
                "spec.template.spec.containers[c].ports[80/TCP].hostPort"};
  record.was = {{"metadata.labels[tier]", "before us"}};
  Wish wish;
  wish.annotations = {{"a", "b"}};
  const Change change = apply_of(wish, *web, record);
  EXPECT_EQ(change.body["metadata"]["labels"], (Json{{"tier", "front"}})) << "a path that the object lost is left out";
  EXPECT_EQ(change.body["spec"]["template"]["spec"]["hostNetwork"], true);
  EXPECT_EQ(
      change.body["spec"]["template"]["spec"]["containers"],
      (Json::array({{{"name", "c"},
                     {"ports", Json::array({{{"containerPort", 80}, {"protocol", "TCP"}, {"hostPort", 80}}})}}})));
  const Record after = record_in(change, web);
  EXPECT_TRUE(after.owns("metadata.labels[tier]"));
  EXPECT_FALSE(after.owns("metadata.labels[gone]"));
  EXPECT_EQ(after.was.at("metadata.labels[tier]"), "before us") << "the first value, not ours";
}

TEST(Apply, announces_the_values_that_the_template_will_overwrite) {
  const ObjectPtr web = one(kDeployment);
  Wish metadata;
  metadata.labels = {{"version", "v1"}};
  Wish pod;
  pod.pod_labels = {{"app", "shop"}, {"version", "v1"}};
  const Record after = record_in(apply_of(metadata, *web, {}, &pod), web);
  EXPECT_EQ(after.was.at("spec.template.metadata.labels[app]"), "web");
  EXPECT_FALSE(after.owns("spec.template.metadata.labels[app]")) << "not ours before it is written";
}

TEST(Apply, every_port_carries_both_keys_of_its_list) {
  Wish wish;
  wish.ports = {{80, "TCP", "http-web", std::nullopt}, {53, "UDP", std::nullopt, "udp"}};
  const Change change = apply_of(wish, *one(kService), {});
  EXPECT_EQ(change.body["spec"]["ports"], (Json::array({{{"port", 80}, {"protocol", "TCP"}, {"name", "http-web"}},
                                                        {{"port", 53}, {"protocol", "UDP"}, {"appProtocol", "udp"}}})));
  EXPECT_EQ(record_in(change, one(kService)).was.at("spec.ports[80/TCP].name"), "web");
}

TEST(Apply, ports_stay_in_their_order) {
  Record record;
  record.own = {"spec.ports[53/UDP].appProtocol", "spec.ports[80/TCP].name"};
  const ObjectPtr web = one(kService);
  Json ports = Json::array({{{"port", 80}, {"protocol", "TCP"}, {"name", "web"}}, {{"port", 53}, {"protocol", "UDP"}, {"appProtocol", "udp"}}});
  Wish wish;
  wish.ports = {{53, "UDP", std::nullopt, "udp"}, {80, "TCP", "web", std::nullopt}};
  EXPECT_EQ(apply_of(wish, *web, record).body["spec"]["ports"], ports);
}

TEST(Apply, leaves_the_record_of_edited_leaves_alone) {
  Record record;
  record.own = {"spec.rules[0].http.paths[0].backend.service.port"};
  record.was = {{"spec.rules[0].http.paths[0].backend.service.port", {{"number", 8080}}}};
  Wish wish;
  wish.labels = {{"version", "v1"}};
  const ObjectPtr web = one(kDeployment);
  const Record after = record_in(apply_of(wish, *web, record), web);
  EXPECT_TRUE(after.owns("spec.rules[0].http.paths[0].backend.service.port"));
  EXPECT_EQ(after.was.size(), 1U);
}

TEST(Apply, an_object_without_uid_is_applied_without_uid) {
  const ObjectPtr web = one("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nginx}\ndata: {a: b}\n");
  Wish wish;
  wish.data = {{"a", "c"}, {"enable-real-ip", "true"}};
  const Change change = apply_of(wish, *web, {});
  EXPECT_FALSE(change.body["metadata"].contains("uid"));
  EXPECT_EQ(change.body["data"], (Json{{"a", "c"}, {"enable-real-ip", "true"}}));
}

TEST(Apply, a_rolling_update_is_written_with_its_type) {
  Wish wish;
  wish.rolling_update = RollingUpdate{1, 0};
  const Change change = apply_of(wish, *one(kDeployment), {});
  EXPECT_EQ(change.body["spec"]["strategy"],
            (Json{{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", 1}, {"maxSurge", 0}}}}));
  Record record;
  record.own = {"spec.strategy.rollingUpdate"};
  const std::string yaml = std::string(kDeployment) + "  strategy: {rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}\n";
  EXPECT_EQ(latched(record, *one(yaml)).rolling_update, (RollingUpdate{1, 0})) << "maxSurge 0 is a value";
}

}  // namespace
}  // namespace meshgraft
