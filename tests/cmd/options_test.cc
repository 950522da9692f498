#include <gtest/gtest.h>

#include "cmd/option_values.h"
#include "cmd/options.h"
#include "reconcilers/keys.h"
#include "tests/cmd/call.h"

namespace meshgraft {
namespace {

Parsed parsed(std::vector<std::string> words) {
  words.insert(words.begin(), "meshgraft");
  return parse_options(words);
}

TEST(Options, plan_takes_files_and_what_to_assume) {
  const Parsed got = parsed({"plan", "-f", "a.yaml", "-f", "-", "--app", "bookinfo", "--gateway", "ingress-nginx=ingress-nginx", "--set",
                             "policy=observe", "--set", "shop=meshgraft.io/version=v2", "--istio-version", "1.11.2", "-n", "shop", "-o", "json"});
  ASSERT_TRUE(got.options) << got.text;
  EXPECT_EQ(got.options->files, (std::vector<std::string>{"a.yaml", "-"}));
  EXPECT_EQ(got.options->ns, "shop");
  EXPECT_EQ(got.options->output, "json");
  EXPECT_EQ(got.options->istio_version, (Version{1, 11, 2}));
  const std::vector<Assumption>& assumed = got.options->assumptions;
  ASSERT_EQ(assumed.size(), 4U);
  EXPECT_EQ(assumed[0].key, keys::kApp);
  EXPECT_EQ(assumed[0].value, "bookinfo");
  EXPECT_EQ(assumed[0].ns, "");
  EXPECT_TRUE(assumed[0].label);
  EXPECT_EQ(assumed[1].key, keys::kGateway);
  EXPECT_EQ(assumed[1].ns, "ingress-nginx");
  EXPECT_EQ(assumed[2].key, keys::kPolicy);
  EXPECT_FALSE(assumed[2].label);
  EXPECT_EQ(assumed[3].ns, "shop");
  EXPECT_EQ(assumed[3].key, keys::kVersion);
  EXPECT_EQ(assumed[3].value, "v2");
}

TEST(Options, a_value_is_no_second_file) {
  const Parsed got = parsed({"plan", "-f", "a.yaml", "b.yaml"});
  EXPECT_FALSE(got.options);
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(got.text, "error: unexpected argument: b.yaml\nRun 'meshgraft plan --help' for usage.\n");
}

TEST(Options, settings_of_the_chart_reach_the_plan) {
  const Parsed got = parsed({"check", "-A", "--default-policy", "observe", "--max-rollouts", "7", "--client-ip-mode", "meshWide", "--trusted-proxies",
                             "10.0.0.0/8,fd00::/8", "--gateway-namespaces", "a,b", "--namespace-selector", "team in (x,y),!legacy,tier=web",
                             "--mesh-revision", "1-11-2", "--mesh-root-namespace", "mesh-root", "--mesh-cluster-domain", "k8s.corp"});
  ASSERT_TRUE(got.options) << got.text;
  const Settings& settings = got.options->settings;
  EXPECT_EQ(settings.default_policy, Policy::observe);
  EXPECT_EQ(settings.max_rollouts, 7);
  EXPECT_EQ(settings.client_ip, ClientIpMode::mesh_wide);
  EXPECT_EQ(settings.trusted_proxies, (std::vector<std::string>{"10.0.0.0/8", "fd00::/8"}));
  EXPECT_EQ(settings.gateway_namespaces, (std::set<std::string>{"a", "b"}));
  EXPECT_EQ(settings.mesh.revision, "1-11-2");
  EXPECT_EQ(settings.mesh.root_namespace, "mesh-root");
  EXPECT_EQ(settings.mesh.cluster_domain, "k8s.corp");
  EXPECT_TRUE(settings.namespace_selector.matches({{"team", "y"}, {"tier", "web"}}));
  EXPECT_FALSE(settings.namespace_selector.matches({{"team", "z"}, {"tier", "web"}}));
  EXPECT_FALSE(settings.namespace_selector.matches({{"team", "x"}, {"tier", "web"}, {"legacy", ""}}));
}

TEST(Options, release_takes_its_name_before_and_after_what_is_asked) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"release", "web", "--promote", "-n", "shop"}, {"release", "--promote", "web", "-n", "shop"}}) {
    const Parsed got = parsed(words);
    ASSERT_TRUE(got.options) << got.text;
    EXPECT_EQ(got.options->release, "web");
    EXPECT_EQ(got.options->promote, "true");
    EXPECT_EQ(got.options->ns, "shop");
  }
  EXPECT_EQ(parsed({"release", "web", "--promote=template"}).options->promote, "template");
  EXPECT_TRUE(parsed({"release", "web", "--abort"}).options->abort);
  EXPECT_EQ(parsed({"release", "-A"}).options->promote, "");
}

TEST(Options, run_takes_what_a_controller_needs) {
  const Parsed got = parsed({"run", "--metrics-address", ":0", "--workers", "2", "--leader-elect", "--log-format", "json", "--kubeconfig", "k"});
  ASSERT_TRUE(got.options) << got.text;
  EXPECT_EQ(got.options->command, Command::run);
  EXPECT_EQ(got.options->metrics_address, ":0");
  EXPECT_EQ(got.options->workers, 2);
  EXPECT_TRUE(got.options->leader_elect);
  EXPECT_EQ(got.options->log_format, "json");
}

struct Refusal {
  std::vector<std::string> words;
  std::string message;
};
class Refused : public testing::TestWithParam<Refusal> {};
TEST_P(Refused, with_a_message_that_names_the_flag) {
  const Parsed got = parsed(GetParam().words);
  EXPECT_FALSE(got.options);
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(got.text.substr(0, got.text.find('\n')), "error: " + GetParam().message);
}
INSTANTIATE_TEST_SUITE_P(
    Options, Refused,
    testing::Values(
        Refusal{{"plam"}, "unknown command \"plam\" for \"meshgraft\""}, Refusal{{"unite"}, "unknown command \"unite\" for \"meshgraft\""},
        Refusal{{"plan", "--nope"}, "unknown flag: --nope"}, Refusal{{"plan", "-x"}, "unknown shorthand flag: -x"},
        Refusal{{"plan", "-f"}, "flag needs one argument: --filename"},
        Refusal{{"plan", "-o", "xml"}, "invalid argument \"xml\" for \"--output\": must be one of text, json, yaml, manifests"},
        Refusal{{"plan", "-o", "manifests"}, "-o manifests writes the documents of -f as they will be: name some with -f"},
        Refusal{{"plan", "-f", "a", "--output-dir", "b"}, "--output-dir goes with -o manifests"},
        Refusal{{"plan", "-f", "a", "-o", "manifests", "--force"}, "--force goes with --output-dir"},
        Refusal{{"plan", "--policy", "maybe"}, "invalid argument \"maybe\" for \"--policy\": must be one of observe, join, replace"},
        Refusal{{"plan", "--app", "Book_Info"},
                "invalid argument \"Book_Info\" for \"--app\": meshgraft.io/app must be a DNS label (a-z, 0-9 and -, at most 63 characters, no - at either end)"},
        Refusal{{"plan", "--app", "shop="},
                "invalid argument \"shop=\" for \"--app\": meshgraft.io/app must be a DNS label (a-z, 0-9 and -, at most 63 characters, no - at either end)"},
        Refusal{{"check", "--gateway", "nginx"}, "invalid argument \"nginx\" for \"--gateway\": meshgraft.io/gateway must be ingress-nginx"},
        Refusal{{"plan", "--set", "policy=everything"},
                "invalid argument \"policy=everything\" for \"--set\": meshgraft.io/policy must be observe, join, replace"},
        Refusal{{"plan", "--set", "shop=max-rollouts=0"},
                "invalid argument \"shop=max-rollouts=0\" for \"--set\": meshgraft.io/max-rollouts must be a whole number from 1 to 100"},
        Refusal{{"plan", "--set", "paused=yes"}, "invalid argument \"paused=yes\" for \"--set\": meshgraft.io/paused must be true, false"},
        Refusal{{"plan", "-f", "x", "-A"}, "-A goes with a cluster; with -f all namespaces of the files are looked at"},
        Refusal{{"plan", "--profile", "istio"}, "--profile says what to assume with -f; a cluster is asked itself"},
        Refusal{{"plan", "-f", "x", "--profile", "rancher"},
                "invalid argument \"rancher\" for \"--profile\": must be one of kubesphere-3.3, kubesphere-3.4, kubesphere-4, istio"},
        Refusal{{"plan", "-f", "x", "--istio-version", "latest"}, "invalid argument \"latest\" for \"--istio-version\": must be a version such as 1.11.2"},
        Refusal{{"plan", "--max-rollouts", "0"}, "invalid argument \"0\" for \"--max-rollouts\": must be a number from 1 to 1000"},
        Refusal{{"plan", "--trusted-proxies", "10.0.0.0/40"}, "invalid argument \"10.0.0.0/40\" for \"--trusted-proxies\": must be a network such as 10.0.0.0/8"},
        Refusal{{"plan", "--mesh-revision", "1.11.2"},
                "invalid argument \"1.11.2\" for \"--mesh-revision\": must be a name of a-z, 0-9 and -, at most 63 characters"},
        Refusal{{"plan", "--mesh-root-namespace", "Istio"},
                "invalid argument \"Istio\" for \"--mesh-root-namespace\": must be a name of a-z, 0-9 and -, at most 63 characters"},
        Refusal{{"plan", "--mesh-cluster-domain", "cluster.local."},
                "invalid argument \"cluster.local.\" for \"--mesh-cluster-domain\": must be a domain such as cluster.local"},
        Refusal{{"check", "--fail-on", "never"}, "invalid argument \"never\" for \"--fail-on\": must be one of error, warning, info"},
        Refusal{{"completion", "tcsh"}, "invalid argument \"tcsh\" for \"SHELL\": must be one of bash, zsh, fish"},
        Refusal{{"release", "web", "--promote", "--abort"}, "--promote and --abort exclude each other"},
        Refusal{{"release", "web", "--promote=all"}, "invalid argument \"all\" for \"--promote\": must be one of true, template"},
        Refusal{{"release", "--promote"}, "--promote needs the NAME of the release"}, Refusal{{"release", "--abort"}, "--abort needs the NAME of the release"},
        Refusal{{"release", "--watch"}, "--watch needs the NAME of the release"}, Refusal{{"release", "web", "cart"}, "unexpected argument: cart"},
        Refusal{{"release", "web", "-A"}, "NAME is of one namespace: name that with -n instead of -A"},
        Refusal{{"completion"}, "SHELL is missing: one of bash, zsh, fish"}, Refusal{{"reference", "docs"}, "reference docs needs the directory to write to"}));

TEST(Options, an_unknown_key_is_answered_with_the_known_ones) {
  const Result<Assumption> got = read_assumption("colour=blue");
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().text.find("meshgraft.io/policy"), std::string::npos) << got.error().text;
}

TEST(Options, called_as_a_plugin_it_speaks_of_kubectl) {
  const Parsed got = parse_options({"/usr/local/bin/kubectl-meshgraft", "plan", "--nope"});
  EXPECT_EQ(got.text, "error: unknown flag: --nope\nRun 'kubectl meshgraft plan --help' for usage.\n");
}

TEST(Options, without_a_command_it_prints_help) {
  const Parsed got = parsed({});
  EXPECT_EQ(got.status, 0);
  EXPECT_NE(got.text.find("plan"), std::string::npos);
  const Parsed help = parsed({"plan", "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.text.find("--profile"), std::string::npos);
}

TEST(Options, every_command_shows_in_every_completion) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const test::Called got = test::call({"completion", shell});
    EXPECT_EQ(got.status, 0);
    for (const CommandInfo& command : command_table()) EXPECT_NE(got.out.find(command.name), std::string::npos) << shell << ' ' << command.name;
    EXPECT_NE(got.out.find("profile"), std::string::npos);
  }
}

TEST(Version, names_itself_its_commit_and_its_libraries) {
  const test::Called got = test::call({"version"});
  EXPECT_EQ(got.status, 0);
  for (const char* name : {"meshgraft 0.1.0", "commit", "compiler", "cpprestsdk", "simdjson", "OpenSSL", "yaml-cpp"}) {
    EXPECT_NE(got.out.find(name), std::string::npos) << name << '\n' << got.out;
  }
  EXPECT_EQ(got.out.find(" \n"), std::string::npos) << "a library without its version: " << got.out;
  EXPECT_EQ(test::call({"version", "-o", "json"}).out.front(), '{');
  EXPECT_EQ(test::call({"--version"}).out, got.out);
}

TEST(Options, policy_replace_acts_as_if_the_chart_allowed_it_and_knows_that_it_does) {
  EXPECT_TRUE(parsed({"plan", "--policy", "replace"}).options->settings.replace_enabled);
  EXPECT_TRUE(parsed({"plan", "--policy", "replace"}).options->replace_assumed);
  EXPECT_FALSE(parsed({"plan", "--policy", "replace", "--replace-enabled"}).options->replace_assumed);
  EXPECT_FALSE(parsed({"plan", "--policy", "join"}).options->replace_assumed);
}

}  // namespace
}  // namespace meshgraft
