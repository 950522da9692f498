// What each call puts on the wire and makes of a good answer.

#include "tests/wire/wire_world.h"

namespace meshgraft::test {
namespace {

using testing::HasSubstr;

using RestCalls = WireTest;

TEST_F(RestCalls, a_list_is_read_page_by_page) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    const bool second = request.target.find("continue=") != std::string::npos;
    client.answer_json(
        std::string(R"({"kind":"DeploymentList","apiVersion":"apps/v1","metadata":{"resourceVersion":"90")") +
        (second ? "" : R"(,"continue":"a+b/c=")") + R"(},"items":[)" + deployment_json(second ? "two" : "one", "7") +
        "]}");
  });
  const auto api = client(*server);
  ListRequest request;
  request.kind = Kind::deployment;
  request.limit = 1;
  request.resource_version = "5";
  request.label_selector = "app=a,tier!=b";
  const ApiResult<ListPage> first = api->list(request);
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_EQ(first->items.size(), 1U);
  EXPECT_EQ(first->items[0]->meta.name, "one");
  EXPECT_EQ(first->resource_version, "90");
  request.continue_token = first->continue_token;
  const ApiResult<ListPage> second = api->list(request);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->items[0]->meta.name, "two");
  EXPECT_EQ(second->continue_token, "");
  const auto seen = server->requests();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(
      seen[0].target,
      "/apis/apps/v1/"
      "deployments?labelSelector=app%3Da%2Ctier%21%3Db&limit=1&resourceVersion=5&resourceVersionMatch=NotOlderThan");
  EXPECT_EQ(seen[1].target,
            "/apis/apps/v1/deployments?labelSelector=app%3Da%2Ctier%21%3Db&limit=1&continue=a%2Bb%2Fc%3D");
}

TEST_F(RestCalls, every_request_says_who_asks_and_asks_for_plain_json) {
  const auto server =
      serve([](const SeenRequest&, Conversation& client) { client.answer_json(R"({"major":"1","minor":"37"})"); });
  RestOptions options;
  options.version = "1.2.3";
  const auto api = client(*server, options);
  const ApiResult<Json> version = api->server_version();
  ASSERT_TRUE(version) << version.error().message;
  EXPECT_EQ((*version)["minor"], "37");
  const auto seen = server->requests();
  ASSERT_EQ(seen.size(), 1U);
  auto headers = seen[0].headers;
  EXPECT_EQ(seen[0].method, "GET");
  EXPECT_EQ(seen[0].target, "/version");
  EXPECT_THAT(headers["user-agent"], testing::MatchesRegex("meshgraft/1\\.2\\.3 \\(linux/(amd64|arm64)\\)"));
  EXPECT_EQ(headers["authorization"], "Bearer " + std::string(kToken));
  EXPECT_EQ(headers["accept"], "application/json");
  EXPECT_EQ(headers.count("accept-encoding"), 0U);
  options.program = "deployment-counter";
  (void)client(*server, options)->server_version();
  EXPECT_THAT(server->requests()[1].headers["user-agent"], testing::StartsWith("deployment-counter/1.2.3 "));
}

TEST_F(RestCalls, a_get_gives_the_typed_object_or_the_whole_document) {
  const auto server =
      serve([](const SeenRequest&, Conversation& client) { client.answer_json(deployment_json("web", "12")); });
  const auto api = client(*server);
  const ApiResult<ObjectPtr> object = api->get(deployment_key("web"));
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ((*object)->key(), deployment_key("web"));
  EXPECT_EQ((*object)->meta.resource_version, "12");
  const ApiResult<Json> whole = api->get_json(deployment_key("web"));
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ((*whole)["spec"]["replicas"], 1);
  EXPECT_EQ(server->requests()[0].target, "/apis/apps/v1/namespaces/shop/deployments/web");
}

TEST_F(RestCalls, each_kind_of_patch_has_its_content_type_and_query) {
  const auto server =
      serve([](const SeenRequest&, Conversation& client) { client.answer_json(deployment_json("web", "13")); });
  const auto api = client(*server);
  PatchRequest request{
      deployment_key("web"), PatchType::apply, {{"metadata", {{"labels", {{"a", "b"}}}}}}, "meshgraft", true, false};
  const ApiResult<Written> written = api->patch(request);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->uid, "uid-web");
  EXPECT_EQ(written->resource_version, "13");
  ASSERT_NE(written->object, nullptr);
  request.force = false;
  request.dry_run = true;
  ASSERT_TRUE(api->patch(request));
  request.type = PatchType::merge;
  request.dry_run = false;
  ASSERT_TRUE(api->patch(request));
  request.type = PatchType::json;
  ASSERT_TRUE(api->patch(request));
  auto seen = server->requests();
  ASSERT_EQ(seen.size(), 4U);
  const std::string path = "/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=meshgraft";
  EXPECT_EQ(seen[0].method, "PATCH");
  EXPECT_EQ(seen[0].target, path + "&force=true");
  EXPECT_EQ(seen[0].headers["content-type"], "application/apply-patch+yaml");
  EXPECT_EQ(seen[0].body, R"({"metadata":{"labels":{"a":"b"}}})");
  EXPECT_EQ(seen[1].target, path + "&force=false&dryRun=All");
  EXPECT_EQ(seen[2].target, path);
  EXPECT_EQ(seen[2].headers["content-type"], "application/merge-patch+json");
  EXPECT_EQ(seen[3].headers["content-type"], "application/json-patch+json");
}

TEST_F(RestCalls, create_posts_to_the_collection_and_replace_puts_the_object) {
  const auto server = serve([](const SeenRequest&, Conversation& client) {
    client.answer(201, "application/json", deployment_json("web", "14"));
  });
  const auto api = client(*server);
  ASSERT_TRUE(api->create(deployment_key("web"), {{"kind", "Deployment"}}, "meshgraft"));
  ASSERT_TRUE(api->replace(deployment_key("web"), {{"kind", "Deployment"}}, "meshgraft"));
  const auto seen = server->requests();
  EXPECT_EQ(seen[0].method + " " + seen[0].target,
            "POST /apis/apps/v1/namespaces/shop/deployments?fieldManager=meshgraft");
  EXPECT_EQ(seen[1].method + " " + seen[1].target,
            "PUT /apis/apps/v1/namespaces/shop/deployments/web?fieldManager=meshgraft");
}

TEST_F(RestCalls, a_delete_carries_its_preconditions_and_says_what_becomes_of_dependents) {
  const auto server = serve(
      [](const SeenRequest&, Conversation& client) { client.answer_json(R"({"kind":"Status","status":"Success"})"); });
  const auto api = client(*server);
  ASSERT_TRUE(api->remove({deployment_key("web"), "uid-web", "15", true}));
  ASSERT_TRUE(api->remove({deployment_key("web"), "", "", false}));
  const auto seen = server->requests();
  EXPECT_EQ(seen[0].method, "DELETE");
  EXPECT_EQ(Json::parse(seen[0].body), (Json{{"kind", "DeleteOptions"},
                                             {"apiVersion", "v1"},
                                             {"propagationPolicy", "Orphan"},
                                             {"preconditions", {{"uid", "uid-web"}, {"resourceVersion", "15"}}}}));
  EXPECT_EQ(Json::parse(seen[1].body),
            (Json{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", "Background"}}));
}

TEST_F(RestCalls, a_name_with_odd_letters_stays_one_segment_of_the_path) {
  const auto server =
      serve([](const SeenRequest&, Conversation& client) { client.answer_json(deployment_json("web", "1")); });
  ASSERT_TRUE(client(*server)->get({Kind::deployment, "sh op", "../a?b#c%20"}));
  EXPECT_EQ(server->requests()[0].target, "/apis/apps/v1/namespaces/sh%20op/deployments/..%2Fa%3Fb%23c%2520");
}

TEST_F(RestCalls, the_observer_hears_of_every_request_with_its_code) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    if (request.method == "GET") client.answer(404, "application/json", status_json(404, "NotFound", "no"));
    if (request.method != "GET") client.close();
  });
  std::vector<std::pair<std::string, int>> heard;
  RestOptions options;
  options.observer = [&heard](const CallReport& report) { heard.emplace_back(report.verb, report.code); };
  const auto api = client(*server, options);
  EXPECT_FALSE(api->get(deployment_key("web")));
  EXPECT_FALSE(api->create(deployment_key("web"), {{"kind", "Deployment"}}, "meshgraft"));
  EXPECT_THAT(heard, testing::ElementsAre(testing::Pair("GET", 404), testing::Pair("POST", 0)));
}

TEST_F(RestCalls, plain_http_works_below_a_path_prefix_but_never_carries_a_token) {
  const auto server = serve_plain([](const SeenRequest&, Conversation& client) { client.answer_json("{}"); });
  ClientConfig config = config_for(*server);
  config.server += "/k8s/clusters/c-1";
  const auto api = client(config);
  ASSERT_TRUE(api->server_version());
  EXPECT_EQ(server->requests()[0].target, "/k8s/clusters/c-1/version");
  config.token = kToken;
  const Result<std::unique_ptr<Api>> refused = make_rest_api(config);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("a token is not sent to http://127.0.0.1"));
  EXPECT_THAT(refused.error().text, testing::Not(HasSubstr(std::string(kToken))));
}

}  // namespace
}  // namespace meshgraft::test
