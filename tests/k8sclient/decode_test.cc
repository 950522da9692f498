#include "k8sclient/model/decode.h"

#include <gtest/gtest.h>

namespace meshgraft {
namespace {

// A Deployment as kubectl get --raw prints it, cut to one of each part.
constexpr std::string_view kDeployment =
    R"({"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"web","namespace":"shop",
"uid":"0f1e","resourceVersion":"4711","generation":3,"creationTimestamp":"2024-05-06T07:08:09Z","labels":{"app":"web","tier":"front"},
"annotations":{"deployment.kubernetes.io/revision":"2","kubectl.kubernetes.io/last-applied-configuration":"{\"apiVersion\":\"apps/v1\"}\n"},
"ownerReferences":[{"apiVersion":"app.k8s.io/v1beta1","kind":"Application","name":"shop","uid":"aa","controller":true,"blockOwnerDeletion":true}],
"finalizers":["example.org/keep"],
"managedFields":[{"manager":"kubectl-client-side-apply","operation":"Update","apiVersion":"apps/v1","time":"2024-05-06T07:08:09Z",
"fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{".":{},"f:x":{}}},"f:spec":{"f:template":{"k:{\"name\":\"web\"}":{".":{}}}}}}]},
"spec":{"replicas":2},"status":{"replicas":2}})";

Result<ObjectPtr> read(std::string_view bytes) {
  Decoder decoder;
  return decoder.object(bytes);
}

std::string error_of(std::string_view bytes) {
  const Result<ObjectPtr> object = read(bytes);
  return object ? "(no error)" : object.error().text;
}

TEST(Decode, an_autoscaler_keeps_the_last_applied_configuration) {
  const Result<ObjectPtr> object = read(R"({"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"web",
"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"a\":1}"}}})");
  ASSERT_TRUE(object) << object.error().text;
  EXPECT_TRUE((*object)->meta.applied);
  EXPECT_EQ((*object)->meta.annotations, (Labels{{"kubectl.kubernetes.io/last-applied-configuration", R"({"a":1})"}}));
}

TEST(Decode, metadata_is_read_whole_but_for_managed_fields_and_the_last_applied_configuration) {
  const Result<ObjectPtr> object = read(kDeployment);
  ASSERT_TRUE(object) << object.error().text;
  const Meta& meta = (*object)->meta;
  EXPECT_EQ((*object)->key(), (ObjectKey{Kind::deployment, "shop", "web"}));
  EXPECT_EQ(meta.uid, "0f1e");
  EXPECT_EQ(meta.resource_version, "4711");
  EXPECT_EQ(meta.generation, 3);
  EXPECT_EQ(meta.created, "2024-05-06T07:08:09Z");
  EXPECT_EQ(meta.labels, (Labels{{"app", "web"}, {"tier", "front"}}));
  EXPECT_EQ(meta.annotations, (Labels{{"deployment.kubernetes.io/revision", "2"}}));
  EXPECT_TRUE(meta.applied);
  EXPECT_FALSE(meta.finalizers.empty());
  EXPECT_FALSE(meta.deleting);
  ASSERT_EQ(meta.owners.size(), 1u);
  EXPECT_EQ(meta.owners[0].kind, "Application");
  EXPECT_TRUE(meta.owners[0].controller);
}

TEST(Decode, null_is_the_same_as_absent_everywhere) {
  const Result<ObjectPtr> object =
      read(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop","labels":null,
      "annotations":null,"ownerReferences":null,"finalizers":null,"managedFields":null,"creationTimestamp":null,"deletionTimestamp":null,
      "generation":null},"spec":{"ports":null,"selector":null,"type":null,"clusterIP":null},"status":null})");
  ASSERT_TRUE(object) << object.error().text;
  const Service& service = *as<Service>(object->get());
  EXPECT_TRUE(service.ports.empty());
  EXPECT_EQ(service.type, "ClusterIP");
  EXPECT_FALSE(service.meta.deleting);
  EXPECT_TRUE(service.meta.finalizers.empty());
}

TEST(Decode, a_null_section_or_item_is_an_empty_one) {
  EXPECT_TRUE(read(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":null})"));
  const Result<ObjectPtr> object =
      read(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"ports":[null]}})");
  ASSERT_TRUE(object);
  EXPECT_EQ(as<Service>(object->get())->ports.size(), 1u);
}

TEST(Decode, unknown_kinds_keep_their_name_and_metadata) {
  const Result<ObjectPtr> object = read(
      R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"once","namespace":"shop"},"spec":{"template":[1,{"a":"]"}]}})");
  ASSERT_TRUE(object);
  const Unknown* unknown = as<Unknown>(object->get());
  ASSERT_NE(unknown, nullptr);
  EXPECT_EQ(unknown->api_version, "batch/v1");
  EXPECT_EQ(unknown->kind_name, "Job");
  EXPECT_EQ(unknown->meta.ns, "shop");
}

TEST(Decode, the_order_of_fields_does_not_matter) {
  const Result<ObjectPtr> object =
      read(R"({"spec":{"clusterIP":"None"},"metadata":{"name":"web"},"kind":"Service","apiVersion":"v1"})");
  ASSERT_TRUE(object);
  EXPECT_TRUE(as<Service>(object->get())->headless());
}

TEST(Decode, keys_and_values_with_escapes_are_read_as_what_they_mean) {
  const Result<ObjectPtr> object = read(
      R"({"apiVersion":"v1","\u006bind":"Namespace","metadata":{"na\u006De":"shop","labels":{"a\/b":"\u00e9\n","\"q\"":"\\"}}})");
  ASSERT_TRUE(object) << object.error().text;
  EXPECT_EQ((*object)->meta.labels, (Labels{{"a/b", "\xc3\xa9\n"}, {"\"q\"", "\\"}}));
}

TEST(Decode, a_cluster_scoped_object_has_no_namespace) {
  const Result<ObjectPtr> object =
      read(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","namespace":"odd"}})");
  ASSERT_TRUE(object);
  EXPECT_EQ((*object)->meta.ns, "");
}

struct WrongCase {
  const char* name;
  const char* bytes;
  const char* error;
};

TEST(Decode, a_field_of_the_wrong_type_is_named_by_its_path) {
  const WrongCase cases[] = {
      {"text expected",
       R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web","labels":{"app.kubernetes.io/version":1.5}}})",
       R"(metadata.labels["app.kubernetes.io/version"]: expected text, found 1.5)"},
      {"a boolean label, the classic of YAML",
       R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web","labels":{"canary":true}}})",
       "metadata.labels.canary: expected text, found true"},
      {"number expected",
       R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"ports":[{"port":80},{"port":"http"}]}})",
       "spec.ports[1].port: expected a whole number, found \"http\""},
      {"whole number expected",
       R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"ports":[{"port":8.5}]}})",
       "spec.ports[0].port: expected a whole number, found 8.5"},
      {"a number beyond its field",
       R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"ports":[{"port":99999999999}]}})",
       "spec.ports[0].port: expected a whole number of 32 bits, found 99999999999"},
      {"more replicas than the API can count",
       R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":9223372036854775807}})",
       "spec.replicas: expected a whole number of 32 bits, found 9223372036854775807"},
      {"object expected",
       R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"template":[]}})",
       "spec.template: expected an object, found a list"},
      {"list expected",
       R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"template":{"spec":{"containers":{"name":"a"}}}}})",
       "spec.template.spec.containers: expected a list, found an object"},
      {"boolean expected",
       R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"paused":"yes"}})",
       "spec.paused: expected true or false, found \"yes\""},
      {"a port that is neither",
       R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"ports":[{"targetPort":true}]}})",
       "spec.ports[0].targetPort: expected a whole number or text, found true"},
      {"metadata of the wrong type", R"({"apiVersion":"v1","kind":"Service","metadata":"web"})",
       "metadata: expected an object, found \"web\""},
      {"kind of the wrong type", R"({"apiVersion":"v1","kind":7,"metadata":{"name":"web"}})",
       "kind: expected text, found 7"},
  };
  for (const WrongCase& each : cases) EXPECT_EQ(error_of(each.bytes), each.error) << each.name;
}

TEST(Decode, what_makes_no_object_is_an_error_that_says_why) {
  const WrongCase cases[] = {
      {"no kind", R"({"apiVersion":"v1","metadata":{"name":"a"}})", "the document has no kind"},
      {"no apiVersion", R"({"kind":"Service","metadata":{"name":"a"}})", "the document has no apiVersion"},
      {"no name", R"({"apiVersion":"v1","kind":"Service","metadata":{}})", "the object has no metadata.name"},
      {"no metadata", R"({"apiVersion":"v1","kind":"Service"})", "the object has no metadata.name"},
      {"a list", "[1,2]", "expected a JSON object"},
      {"a number", "7", "expected a JSON object"},
      {"text after the end", R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}} {"more":{}})",
       "not JSON: text after the end of the document"},
  };
  for (const WrongCase& each : cases) EXPECT_EQ(error_of(each.bytes), each.error) << each.name;
}

TEST(Decode, what_is_no_json_is_an_error_and_the_decoder_goes_on_afterwards) {
  Decoder decoder;
  const std::string_view bad[] = {"",
                                  " ",
                                  "<html><body>502</body></html>",
                                  "{",
                                  "{\"kind\":\"Service\"",
                                  "{\"kind\" \"Service\"}",
                                  "{\"kind\":\"Serv\xff\xfe\"}",
                                  "{\"kind\":\"Ser\x01vice\"}",
                                  "{'kind':'Service'}",
                                  "{\"kind\":nul}",
                                  "}{"};
  for (const std::string_view bytes : bad) {
    const Result<ObjectPtr> object = decoder.object(bytes);
    EXPECT_FALSE(object) << bytes;
    EXPECT_TRUE(decoder.object(kDeployment)) << bytes;
  }
}

TEST(Decode, every_truncation_is_an_error_and_never_a_half_read_object) {
  Decoder decoder;
  for (std::size_t size = 0; size < kDeployment.size(); ++size) {
    EXPECT_FALSE(decoder.object(kDeployment.substr(0, size))) << size;
  }
  EXPECT_TRUE(decoder.object(kDeployment));
}

TEST(DecodeList, items_without_kind_are_of_the_kind_that_was_asked_for) {
  Decoder decoder;
  const Result<ListPage> page = decoder.list(
      Kind::service, R"({"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"100","continue":"abc",
      "remainingItemCount":7},"items":[{"metadata":{"name":"a","namespace":"shop","uid":"1","resourceVersion":"5"},"spec":{"clusterIP":"None"}},
      {"metadata":{"name":"b","namespace":"shop","uid":"2","resourceVersion":"6"}}]})");
  ASSERT_TRUE(page) << page.error().text;
  EXPECT_EQ(page->resource_version, "100");
  EXPECT_EQ(page->continue_token, "abc");
  ASSERT_EQ(page->items.size(), 2u);
  EXPECT_TRUE(as<Service>(page->items[0].get())->headless());
  EXPECT_EQ(page->items[1]->key(), (ObjectKey{Kind::service, "shop", "b"}));
}

TEST(DecodeList, null_items_are_an_empty_list) {
  Decoder decoder;
  const Result<ListPage> page = decoder.list(
      Kind::service, R"({"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":null})");
  ASSERT_TRUE(page) << page.error().text;
  EXPECT_TRUE(page->items.empty());
  EXPECT_EQ(page->continue_token, "");
}

TEST(DecodeList, metadata_only_items_are_taken) {
  Decoder decoder;
  const Result<ListPage> page = decoder.list(
      Kind::crd,
      R"({"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"1"},
      "items":[{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"applications.app.k8s.io","uid":"1"}}]})");
  ASSERT_TRUE(page) << page.error().text;
  EXPECT_EQ(page->items.at(0)->key(), (ObjectKey{Kind::crd, "", "applications.app.k8s.io"}));
}

TEST(DecodeList, one_bad_item_fails_the_page_and_is_named) {
  Decoder decoder;
  const Result<ListPage> page =
      decoder.list(Kind::service, R"({"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a"}},
      {"metadata":{"name":"b"},"spec":{"ports":[{"port":"x"}]}}]})");
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().text, "list of services: items[1].spec.ports[0].port: expected a whole number, found \"x\"");
}

TEST(DecodeList, what_is_no_list_is_an_error) {
  Decoder decoder;
  const Result<ListPage> status = decoder.list(Kind::service, R"({"kind":"Status","apiVersion":"v1","code":500})");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().text, "expected a list of services, found a Status");
  // client-go: IsUnsupportedTableObject
  const Result<ListPage> table =
      decoder.list(Kind::service, R"({"kind":"Table","apiVersion":"meta.k8s.io/v1","items":[],"rows":[]})");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().text, "expected a list of services, found a Table");
  const Result<ListPage> empty = decoder.list(Kind::service, "{}");
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().text, "expected a list of services, found something else");
  const Result<ListPage> html = decoder.list(Kind::service, "<html></html>");
  ASSERT_FALSE(html);
  EXPECT_EQ(html.error().text.substr(0, 17), "list of services:");
}

TEST(DecodeList, items_of_another_kind_are_refused) {
  Decoder decoder;
  const Result<ListPage> page = decoder.list(
      Kind::service,
      R"({"kind":"List","metadata":{"resourceVersion":"1"},"items":[{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}]})");
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().text, "list of services: items[0]: expected a Service, found a Pod");
}

TEST(DecodeEvent, changes_carry_object_and_version) {
  Decoder decoder;
  const std::pair<const char*, EventType> types[] = {
      {"ADDED", EventType::added}, {"MODIFIED", EventType::modified}, {"DELETED", EventType::deleted}};
  for (const auto& [name, type] : types) {
    const Result<WatchEvent> event = decoder.event(
        Kind::deployment, "{\"type\":\"" + std::string(name) + "\",\"object\":" + std::string(kDeployment) + "}");
    ASSERT_TRUE(event) << event.error().text;
    EXPECT_EQ(event->type, type);
    ASSERT_NE(as<Workload>(event->object.get()), nullptr);
    EXPECT_EQ(event->resource_version, "4711");
  }
}

TEST(DecodeEvent, a_bookmark_has_a_version_and_no_object) {
  Decoder decoder;
  const Result<WatchEvent> event =
      decoder.event(Kind::service, R"({"type":"BOOKMARK","object":{"kind":"Service","apiVersion":"v1","metadata":
      {"resourceVersion":"12746","creationTimestamp":null},"spec":{},"status":{"loadBalancer":{}}}})");
  ASSERT_TRUE(event) << event.error().text;
  EXPECT_EQ(event->type, EventType::bookmark);
  EXPECT_EQ(event->object, nullptr);
  EXPECT_EQ(event->resource_version, "12746");
  EXPECT_FALSE(event->initial_events_end);
}

TEST(DecodeEvent, the_bookmark_that_ends_the_initial_events_says_so) {
  Decoder decoder;
  const Result<WatchEvent> event = decoder.event(
      Kind::service,
      R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7","annotations":{"k8s.io/initial-events-end":"true"}}}})");
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->initial_events_end);
}

TEST(DecodeEvent, an_error_carries_the_status) {
  Decoder decoder;
  const Result<WatchEvent> event = decoder.event(
      Kind::service, R"({"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
      "message":"too old resource version: 1 [2]","reason":"Expired","details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"x"}],
      "retryAfterSeconds":4},"code":410}})");
  ASSERT_TRUE(event) << event.error().text;
  EXPECT_EQ(event->type, EventType::error);
  EXPECT_EQ(event->status_code, 410);
  EXPECT_EQ(event->status_reason, "Expired");
  EXPECT_EQ(event->status_message, "too old resource version: 1 [2]");
  EXPECT_EQ(event->retry_after, 4);
  EXPECT_TRUE(event->too_large_rv);
}

TEST(DecodeEvent, an_error_without_a_status_is_still_an_error_event) {
  Decoder decoder;
  const Result<WatchEvent> event = decoder.event(Kind::service, R"({"type":"ERROR","object":{}})");
  ASSERT_TRUE(event) << event.error().text;
  EXPECT_EQ(event->type, EventType::error);
  EXPECT_EQ(event->status_code, 0);
}

TEST(DecodeEvent, a_type_that_does_not_exist_yet_is_unknown) {  // kopf: unknown event ignored
  Decoder decoder;
  const Result<WatchEvent> event = decoder.event(Kind::service, R"({"type":"PAUSED","object":{"what":"ever"}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->type, EventType::unknown);
}

TEST(DecodeEvent, the_object_may_come_before_the_type) {
  Decoder decoder;
  const Result<WatchEvent> event = decoder.event(
      Kind::service, R"({"object":{"metadata":{"name":"a","uid":"1","resourceVersion":"9"}},"type":"ADDED"})");
  ASSERT_TRUE(event) << event.error().text;
  EXPECT_EQ(event->type, EventType::added);
  EXPECT_EQ(event->resource_version, "9");
}

TEST(DecodeEvent, errors_name_the_kind_and_the_field) {
  Decoder decoder;
  const WrongCase cases[] = {
      {"a bad field", R"({"type":"ADDED","object":{"metadata":{"name":"a"},"spec":{"ports":7}}})",
       "Service event: object.spec.ports: expected a list, found 7"},
      {"no type", R"({"object":{}})", "Service event: no type"},
      {"no object", R"({"type":"ADDED"})", "Service event: no object"},
      {"a null object", R"({"type":"ADDED","object":null})", "Service event: object: the object has no metadata.name"},
      {"another kind", R"({"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a"}}})",
       "Service event: object: expected a Service, found a Pod"},
      {"type of the wrong type", R"({"type":1,"object":{}})", "Service event: type: expected text, found 1"},
  };
  for (const WrongCase& each : cases) {
    const Result<WatchEvent> event = decoder.event(Kind::service, each.bytes);
    ASSERT_FALSE(event) << each.name;
    EXPECT_EQ(event.error().text, each.error) << each.name;
  }
}

TEST(Decode, strings_and_lists_hold_no_slack) {
  const Result<ObjectPtr> object =
      read(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a-name-longer-than-fifteen"},
      "spec":{"ports":[{"port":1},{"port":2},{"port":3},{"port":4},{"port":5}]}})");
  ASSERT_TRUE(object);
  const Service& service = *as<Service>(object->get());
  EXPECT_EQ(service.meta.name.capacity(), service.meta.name.size());
  EXPECT_EQ(service.ports.capacity(), service.ports.size());
}

}  // namespace
}  // namespace meshgraft
