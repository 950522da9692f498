// Paths, content types, discovery and tables of the embedded API server, without a socket.

#include <gtest/gtest.h>

#include "tests/fakes/api_http.h"
#include "tests/fakes/selectors.h"
#include "tests/fakes/table.h"
#include "tests/fakes/world.h"

namespace meshgraft::fakes {
namespace {

class AnswerTo : public ::testing::Test {
 protected:
  AnswerTo() { seed_world(engine, Profile::kubesphere_3_3); }
  Answer ask(const char* method, const char* path, const std::string& body = "", const char* type = "application/json",
             const char* accept = "application/json") {
    Request request;
    request.method = method;
    const std::string whole = path;
    const auto mark = whole.find('?');
    request.path = whole.substr(0, mark);
    if (mark != std::string::npos) request.query = parsed_query(whole.substr(mark + 1));
    request.body = body;
    request.content_type = type;
    request.accept = accept;
    request.user_agent = "kubectl/v1.37.2 (linux/amd64)";
    return answer_to(request, engine);
  }
  Engine engine;
};

const char* const kMap = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":"b"}})";
const char* const kMapPath = "/api/v1/namespaces/default/configmaps/m";

TEST_F(AnswerTo, objects_live_their_life_by_path) {
  Answer answer = ask("POST", "/api/v1/namespaces/default/configmaps", kMap);
  ASSERT_EQ(answer.code, 201) << to_text(answer.body);
  EXPECT_EQ(answer.body["metadata"]["managedFields"][0]["manager"], "kubectl");
  EXPECT_EQ(ask("GET", kMapPath).body["data"]["a"], "b");
  EXPECT_EQ(ask("PATCH", kMapPath, R"({"data":{"c":"d"}})", "application/merge-patch+json").body["data"]["c"], "d");
  EXPECT_EQ(
      ask("PATCH", kMapPath, "apiVersion: v1\nkind: ConfigMap\ndata:\n  e: f\n", "application/apply-patch+yaml").code,
      422)
      << "apply needs a manager";
  EXPECT_EQ(ask("PATCH", (std::string(kMapPath) + "?fieldManager=x").c_str(),
                "apiVersion: v1\nkind: ConfigMap\ndata:\n  e: f\n", "application/apply-patch+yaml")
                .body["data"]["e"],
            "f");
  EXPECT_EQ(ask("DELETE", kMapPath).body["status"], "Success");
  EXPECT_EQ(ask("GET", kMapPath).code, 404);
}

TEST_F(AnswerTo, what_it_cannot_read_or_do_is_refused_with_a_status) {
  EXPECT_EQ(ask("POST", "/api/v1/namespaces/default/configmaps", "{").code, 400);
  EXPECT_EQ(ask("POST", "/api/v1/namespaces/default/configmaps", "x", "application/vnd.kubernetes.protobuf").code, 415);
  EXPECT_EQ(ask("POST", kMapPath, kMap).code, 405);
  EXPECT_EQ(ask("PATCH", kMapPath, "{}", "text/plain").code, 415);
  for (const char* path : {"/", "/api/v2", "/apis/nope.io/v1", "/apis/apps/v1/nopes",
                           "/apis/apps/v1/namespaces/x/deployments/y/logs", "/apis/apps/v1beta9/deployments"}) {
    EXPECT_EQ(ask("GET", path).code, 404) << path;
    EXPECT_EQ(ask("GET", path).body["kind"], "Status") << path;
  }
}

TEST_F(AnswerTo, a_service_written_without_its_address_keeps_it) {
  ask("POST", "/api/v1/namespaces/default/services",
      R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"s"},"spec":{"ports":[{"port":80}]}})");
  const char* const path = "/api/v1/namespaces/default/services/s";
  Json service = ask("GET", path).body;
  const Json address = service["spec"]["clusterIP"];
  service["spec"].erase("clusterIP");
  service["spec"].erase("clusterIPs");
  EXPECT_EQ(ask("PUT", path, to_text(service)).body["spec"]["clusterIP"], address);
}

TEST_F(AnswerTo, a_delete_reads_its_options_from_body_and_query) {
  ask("POST", "/api/v1/namespaces/default/configmaps", kMap);
  EXPECT_EQ(ask("DELETE", kMapPath, R"({"kind":"DeleteOptions","preconditions":{"uid":"other"}})").code, 409);
  EXPECT_EQ(ask("DELETE", (std::string(kMapPath) + "?dryRun=All").c_str()).code, 200);
  EXPECT_EQ(ask("GET", kMapPath).code, 200);
  EXPECT_EQ(ask("DELETE", "/api/v1/namespaces/default/configmaps?labelSelector=none=such").code, 200);
  EXPECT_EQ(ask("GET", kMapPath).code, 200);
}

TEST_F(AnswerTo, discovery_names_built_in_and_custom_kinds) {
  const auto kinds = [&](const char* path) {
    std::string out;
    const Answer answer = ask("GET", path);
    for (const Json& one : answer.body["resources"]) out += one["name"].get<std::string>() + " ";
    return out;
  };
  EXPECT_NE(kinds("/api/v1").find("services services/status"), std::string::npos);
  EXPECT_NE(kinds("/apis/apps/v1").find("deployments/scale"), std::string::npos);
  EXPECT_NE(kinds("/apis/servicemesh.kubesphere.io/v1alpha2").find("strategies"), std::string::npos);
  EXPECT_NE(kinds("/apis/networking.istio.io/v1alpha3").find("virtualservices"), std::string::npos);
  EXPECT_EQ(ask("GET", "/apis/apps").body["preferredVersion"]["groupVersion"], "apps/v1");
  EXPECT_EQ(ask("GET", "/version").body["minor"], "37");
  EXPECT_EQ(ask("GET", "/openapi/v3").body["paths"]["apis/apps/v1"]["serverRelativeURL"], "/openapi/v3/apis/apps/v1");
  const Answer outline = ask("GET", "/openapi/v3/apis/apps/v1");
  EXPECT_EQ(outline.body["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
                        ["x-kubernetes-group-version-kind"]["kind"],
            "Deployment");
}

TEST_F(AnswerTo, a_custom_object_is_served_in_every_version_of_its_kind) {
  ask("POST", "/apis/networking.istio.io/v1alpha3/namespaces/default/virtualservices",
      R"({"apiVersion":"networking.istio.io/v1alpha3","kind":"VirtualService","metadata":{"name":"v"},"spec":{}})");
  EXPECT_EQ(ask("GET", "/apis/networking.istio.io/v1beta1/namespaces/default/virtualservices/v").body["apiVersion"],
            "networking.istio.io/v1beta1");
  EXPECT_EQ(ask("GET", "/apis/networking.istio.io/v1alpha3/virtualservices").body["items"][0]["apiVersion"],
            "networking.istio.io/v1alpha3");
}

TEST_F(AnswerTo, tables_have_the_columns_that_kubectl_prints) {
  const Answer answer = ask("GET", "/apis/apps/v1/namespaces/istio-system/deployments", "", "application/json",
                            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  EXPECT_EQ(answer.body["kind"], "Table");
  std::string names;
  for (const Json& column : answer.body["columnDefinitions"]) names += column["name"].get<std::string>() + " ";
  EXPECT_EQ(names, "Name Ready Up-to-date Available Age Containers Images Selector ");
  ASSERT_EQ(answer.body["rows"].size(), 1u);
  EXPECT_EQ(answer.body["rows"][0]["cells"][0], "istiod-1-11-2");
  EXPECT_EQ(answer.body["rows"][0]["cells"][1], "1/1");
}

TEST_F(AnswerTo, every_kind_has_a_table) {
  for (const TypePtr& type : engine.types()) {
    for (const Object& one : engine.objects(api_version_of(type->group, type->versions[0]), type->kind)) {
      const Json table = table_of(*type, *one, "", engine.time());
      EXPECT_EQ(table["rows"][0]["cells"].size(), table["columnDefinitions"].size()) << type->kind;
    }
  }
}

TEST_F(AnswerTo, everybody_may_do_everything) {
  EXPECT_EQ(ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                R"({"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{}})")
                .body["status"]["allowed"],
            true);
}

TEST(Age, is_shown_as_kubectl_shows_it) {
  EXPECT_EQ(age_text(5), "5s");
  EXPECT_EQ(age_text(119), "119s");
  EXPECT_EQ(age_text(184), "3m4s");
  EXPECT_EQ(age_text(900), "15m");
  EXPECT_EQ(age_text(4 * 3600 + 600), "4h10m");
  EXPECT_EQ(age_text(3 * 86400), "3d");
}

}  // namespace
}  // namespace meshgraft::fakes
