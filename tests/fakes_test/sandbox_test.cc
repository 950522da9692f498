// The whole sandbox over TLS on loopback, spoken to by the program's own client.

#include "tests/fakes/sandbox.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "k8sclient/net/rest_api.h"
#include "k8sclient/net/transport.h"
#include "tests/fakes/raw_client.h"
#include "tests/fakes/sandbox_commands.h"
#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

class SandboxTest : public ::testing::Test {
 protected:
  static SandboxOptions options() {
    SandboxOptions out;
    out.files = {std::string(MESHGRAFT_SOURCE_DIR) + "/deploy/sample"};
    out.pod_ready_seconds = 0;
    return out;
  }
  SandboxTest() {
    init_transport();
    auto opened = Sandbox::open(options());
    EXPECT_TRUE(opened) << opened.error().text;
    sandbox = std::move(*opened);
    kubeconfig = std::filesystem::temp_directory_path() / ("sandbox-test-" + std::to_string(sandbox->server().port()));
    std::ofstream(kubeconfig) << sandbox->server().kubeconfig();
    player = std::thread([this] { sandbox->run(stop); });
  }
  ~SandboxTest() override {
    stop = true;
    sandbox->engine().wake();
    player.join();
    std::filesystem::remove(kubeconfig);
  }
  // Until `done`, at most two minutes.
  bool eventually(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      sandbox->engine().wait_beyond(sandbox->engine().version(), sandbox->engine().wake_ticket(),
                                    std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
    }
    return true;
  }
  std::unique_ptr<Sandbox> sandbox;
  std::filesystem::path kubeconfig;
  std::atomic<bool> stop{false};
  std::thread player;
};

TEST_F(SandboxTest, the_sample_is_running_when_it_starts) {
  for (const char* name : {"storefront", "catalog", "orders", "ratings"}) {
    const Object found = sandbox->engine().object("apps/v1", "Deployment", "shop", name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(number_at(*found, {"status", "readyReplicas"}), number_at(*found, {"spec", "replicas"})) << name;
    EXPECT_TRUE(annotations_of(*found).contains("kubectl.kubernetes.io/last-applied-configuration"));
  }
  EXPECT_EQ(
      number_at(*sandbox->engine().object("apps/v1", "StatefulSet", "shop", "nacos"), {"status", "readyReplicas"}), 1);
  EXPECT_EQ(number_at(*sandbox->engine().object("apps/v1", "Deployment", "ingress-nginx", "ingress-nginx-controller"),
                      {"status", "readyReplicas"}),
            2);
}

TEST_F(SandboxTest, the_programs_client_lists_patches_and_watches_over_tls) {
  Result<ClientConfig> config = read_kubeconfig(kubeconfig.string(), "");
  ASSERT_TRUE(config) << config.error().text;
  Result<std::unique_ptr<Api>> api = make_rest_api(*config);
  ASSERT_TRUE(api) << api.error().text;
  ListRequest list;
  list.kind = Kind::deployment;
  list.limit = 2;
  const ApiResult<ListPage> page = (*api)->list(list);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->items.size(), 2u);
  EXPECT_FALSE(page->continue_token.empty());

  PatchRequest patch;
  patch.target = {Kind::deployment, "shop", "ratings"};
  patch.field_manager = "meshgraft";
  patch.body = Json::parse(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"ratings"},"spec":{"template":{"metadata":{"annotations":{"sidecar.istio.io/inject":"true"}}}}})");
  ASSERT_TRUE((*api)->patch(patch));
  WatchRequest watch;
  watch.kind = Kind::pod;
  watch.ns = "shop";
  watch.resource_version = page->resource_version;
  std::string bytes;
  EXPECT_TRUE((*api)->watch(watch, [&bytes](std::string_view piece) {
    bytes += piece;
    return bytes.find("istio-proxy") == std::string::npos;
  }));
  EXPECT_NE(bytes.find("sidecar.istio.io/status"), std::string::npos);
}

TEST_F(SandboxTest, nobody_comes_in_without_the_token) {
  const std::string text = sandbox->server().kubeconfig();
  const std::filesystem::path stranger = kubeconfig.string() + "-stranger";
  std::ofstream(stranger) << text.substr(0, text.find("    token:")) + "    token: wrong\n";
  auto client = RawClient::open(stranger.string());
  ASSERT_TRUE(client) << client.error().text;
  Result<Answer> answer = (*client)->call("GET", "/api/v1/namespaces");
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->code, 401);
  std::filesystem::remove(stranger);
}

TEST_F(SandboxTest, a_governed_member_gets_its_virtual_service) {
  auto client = RawClient::open(kubeconfig.string());
  ASSERT_TRUE(client) << client.error().text;
  const auto send = [&](const char* method, const std::string& path, const char* body, const char* type) {
    Result<Answer> answer = (*client)->call(method, path, Json::parse(body), type);
    ASSERT_TRUE(answer) << answer.error().text;
    ASSERT_TRUE(answer->ok()) << to_text(answer->body);
  };
  const char* const labels =
      R"({"app":"web","version":"v1","app.kubernetes.io/name":"shop","app.kubernetes.io/version":"v1"})";
  const std::string metadata = std::string(R"("metadata":{"name":"web","labels":)") + labels +
                               R"(,"annotations":{"servicemesh.kubesphere.io/enabled":"true"}})";
  send("POST", "/apis/apps/v1/namespaces/shop/deployments",
       (R"({"apiVersion":"apps/v1","kind":"Deployment",)" + metadata + R"(,"spec":{"selector":{"matchLabels":)" +
        labels + R"(},"template":{"metadata":{"labels":)" + labels +
        R"(},"spec":{"containers":[{"name":"c","image":"i:1"}]}}}})")
           .c_str(),
       "application/json");
  send("POST", "/api/v1/namespaces/shop/services",
       (R"({"apiVersion":"v1","kind":"Service",)" + metadata +
        R"(,"spec":{"selector":{"app":"web"},"ports":[{"name":"http","port":80}]}})")
           .c_str(),
       "application/json");
  EXPECT_TRUE(eventually([&] {
    return sandbox->engine().object("networking.istio.io/v1alpha3", "VirtualService", "shop", "web") != nullptr;
  }));
  EXPECT_EQ(show(kubeconfig.string(), {"virtualservices", "destinationrules"}), 0);
}

TEST_F(SandboxTest, label_sets_and_removes_a_namespaces_labels) {
  EXPECT_EQ(label_namespace(kubeconfig.string(), "shop", {"meshgraft.io/app=shop"}), 0);
  EXPECT_EQ(text_at(labels_of(*sandbox->engine().object("v1", "Namespace", "", "shop")), {"meshgraft.io/app"}), "shop");
  EXPECT_EQ(label_namespace(kubeconfig.string(), "shop", {"meshgraft.io/app-"}), 0);
  EXPECT_FALSE(labels_of(*sandbox->engine().object("v1", "Namespace", "", "shop")).contains("meshgraft.io/app"));
  EXPECT_EQ(label_namespace(kubeconfig.string(), "absent", {"a=b"}), 1);
  EXPECT_EQ(label_namespace(kubeconfig.string(), "shop", {"nonsense"}), 1);
}

TEST(WriteKubeconfig, stands_under_its_name_whole_and_for_its_owner_alone) {
  namespace fs = std::filesystem;
  const fs::path file = fs::temp_directory_path() / ("write-kubeconfig-test-" + std::to_string(getpid()));
  std::ofstream(file) << "of an earlier sandbox";
  // Who has the old file open sees the old text, and not a part of the new one.
  std::ifstream before(file);
  ASSERT_TRUE(write_kubeconfig(file.string(), "token: t\n"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(before), {}), "of an earlier sandbox");
  std::ifstream after(file);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(after), {}), "token: t\n");
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(file.string() + ".new"));
  fs::remove(file);
  EXPECT_TRUE(write_kubeconfig("/dev/null", "x")) << "as it is: it stays a device";
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_FALSE(write_kubeconfig("/no/such/folder/kubeconfig", "x"));
}

TEST(LoadManifests, says_which_file_and_document_it_could_not_load) {
  Engine engine;
  const std::filesystem::path file = std::filesystem::temp_directory_path() / ("load-manifests-test-" + std::to_string(getpid()) + ".yaml");
  std::ofstream(file) << "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: x.io/v1\nkind: "
                         "Thing\nmetadata: {name: b}\n";
  const Result<int> loaded = load_manifests(engine, {file.string()});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().text, file.string() + ", document 2: no matches for kind \"Thing\" in version \"x.io/v1\"");
  std::filesystem::remove(file);
  EXPECT_FALSE(load_manifests(engine, {"/no/such/file"}));
}

}  // namespace
}  // namespace meshgraft::fakes
