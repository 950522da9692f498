// What meshgraft-sandbox says to its arguments: the words and exit codes of meshgraft.

#include "tests/fakes/sandbox_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshgraft::fakes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(SandboxArguments, a_command_takes_the_kubeconfig_of_the_environment_and_a_flag_goes_before_it) {
  const SandboxParsed label = parse_sandbox({"label", "shop", "meshgraft.io/app=shop", "team-"}, "/env/config");
  ASSERT_TRUE(label.command) << label.text;
  EXPECT_EQ(label.command->verb, SandboxVerb::label);
  EXPECT_EQ(label.command->kubeconfig, "/env/config");
  EXPECT_EQ(label.command->ns, "shop");
  EXPECT_THAT(label.command->words, ElementsAre("meshgraft.io/app=shop", "team-"));
  const SandboxParsed show = parse_sandbox({"show", "--kubeconfig", "/mine", "virtualservices"}, "/env/config");
  ASSERT_TRUE(show.command) << show.text;
  EXPECT_EQ(show.command->kubeconfig, "/mine");
  EXPECT_THAT(show.command->words, ElementsAre("virtualservices"));
}

TEST(SandboxArguments, serving_takes_what_it_is_given) {
  const SandboxParsed got = parse_sandbox({"-f", "a", "-f", "b", "--profile", "istio", "--port", "8001", "--speed", "2.5", "--http", "--kubeconfig-out", "k"}, "");
  ASSERT_TRUE(got.command) << got.text;
  EXPECT_EQ(got.command->verb, SandboxVerb::serve);
  EXPECT_THAT(got.command->options.files, ElementsAre("a", "b"));
  EXPECT_EQ(got.command->options.profile, Profile::istio);
  EXPECT_EQ(got.command->options.port, 8001);
  EXPECT_EQ(got.command->options.speed, 2.5);
  EXPECT_FALSE(got.command->options.tls);
  EXPECT_EQ(got.command->kubeconfig_out, "k");
}

TEST(SandboxArguments, help_of_a_command_is_no_error) {
  const SandboxParsed got = parse_sandbox({"label", "--help"}, "");
  EXPECT_EQ(got.status, 0);
  EXPECT_THAT(got.text, HasSubstr("KEY=VALUE"));
}

struct Refusal {
  std::vector<std::string> arguments;
  std::string message, of;  // of: the command named in the hint
};
class SandboxRefuses : public testing::TestWithParam<Refusal> {};
TEST_P(SandboxRefuses, with_one_line_a_hint_and_status_1) {
  const SandboxParsed got = parse_sandbox(GetParam().arguments, "");
  EXPECT_FALSE(got.command);
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(got.text, "error: " + GetParam().message + "\nRun 'meshgraft-sandbox" + GetParam().of + " --help' for usage.\n");
}
INSTANTIATE_TEST_SUITE_P(
    SandboxArguments, SandboxRefuses,
    testing::Values(Refusal{{"show", "virtualservices"}, "no API server to act on: KUBECONFIG is not set; give --kubeconfig FILE", " show"},
                    Refusal{{"models"}, "no API server to act on: KUBECONFIG is not set; give --kubeconfig FILE", " models"},
                    Refusal{{"label", "shop"}, "label needs a NAMESPACE and at least one KEY=VALUE or KEY-", " label"},
                    Refusal{{"show"}, "show needs plural names, such as virtualservices", " show"},
                    Refusal{{"models", "more"}, "unexpected argument: more", " models"}, Refusal{{"lable", "shop", "a=b"}, "unknown command \"lable\" for \"meshgraft-sandbox\"", ""},
                    Refusal{{"--nope"}, "unknown flag: --nope", ""}, Refusal{{"show", "--nope", "pods"}, "unknown flag: --nope", " show"},
                    Refusal{{"-f"}, "flag needs one argument: --filename", ""},
                    Refusal{{"--profile", "rancher"}, "invalid argument \"rancher\" for \"--profile\": must be one of kubesphere-3.3, kubesphere-3.4, kubesphere-4, istio", ""},
                    Refusal{{"--port", "70000"}, "invalid argument \"70000\" for \"--port\": must be a number from 0 to 65535", ""},
                    Refusal{{"--nodes", "0"}, "invalid argument \"0\" for \"--nodes\": must be a number from 1 to 1000", ""},
                    Refusal{{"--speed", "fast"}, "invalid argument \"fast\" for \"--speed\": must be a number above 0", ""}));

}  // namespace
}  // namespace meshgraft::fakes
