#include "reconcilers/sidecar_size.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "reconcilers/quantity.h"

namespace meshgraft {
namespace {

TEST(Quantity, is_read_as_the_api_server_reads_it) {
  const std::vector<std::pair<const char*, std::int64_t>> table{
      {"0", 0},        {"1", 1000},          {"100m", 100},           {"1.5", 1500},  {"+2", 2000},           {"128Mi", 134217728000},
      {"1Gi", 1073741824000}, {"128M", 128000000000}, {"1k", 1000000}, {"2e3", 2000000}, {"0.1m", 1},
      {"1u", 1},       {"-1", -1000},        {".5", 500},             {"3Ki", 3072000}, {"0.1", 100}};
  for (const auto& [text, thousandths] : table) {
    EXPECT_EQ(parse_quantity(text), thousandths) << text;
  }
}

TEST(Quantity, what_is_none_is_not_guessed) {
  for (const char* text : {"", "m", "Mi", "1x", "1 Gi", "1GiB", "nan", "inf", "0x10", "--1", "1E", "9e99", "1.2.3"}) {
    EXPECT_EQ(parse_quantity(text), std::nullopt) << text;
  }
}

TEST(Quantity, is_written_for_people) {
  EXPECT_EQ(cpu_text(500), "500m");
  EXPECT_EQ(cpu_text(2000), "2");
  EXPECT_EQ(cpu_text(1500), "1.5");
  EXPECT_EQ(cpu_text(1250), "1250m");
  EXPECT_EQ(cpu_text(0), "0");
  EXPECT_EQ(memory_text(std::int64_t{640} << 20), "640Mi");
  EXPECT_EQ(memory_text(std::int64_t{1536} << 20), "1.5Gi");
  EXPECT_EQ(memory_text(100), "100");
}

TEST(SidecarSize, is_what_the_injectors_values_say_and_else_the_charts) {
  const SidecarSize chart;
  EXPECT_EQ(sidecar_size_of_values(""), chart);
  EXPECT_EQ(sidecar_size_of_values("{not json"), chart);
  const SidecarSize own = sidecar_size_of_values(R"({"global":{"proxy":{"resources":{"requests":{"cpu":"10m","memory":"40Mi"},"limits":{"cpu":1}}}}})");
  EXPECT_EQ(own, (SidecarSize{10, 1000, std::int64_t{40} << 20, chart.memory_limit}));
}

TEST(SidecarSize, a_pod_that_names_an_amount_takes_none_of_the_defaults) {
  MeshFacts mesh;
  EXPECT_EQ(sidecar_size(mesh, {}), mesh.sidecar);
  EXPECT_EQ(sidecar_size(mesh, {{"sidecar.istio.io/proxyMemory", "64Mi"}}), (SidecarSize{0, 0, std::int64_t{64} << 20, 0}));
}

TEST(SidecarSize, comes_back_from_the_facts_unchanged) {
  for (const SidecarSize& size : {SidecarSize{}, SidecarSize{1250, 1500, 130 << 20, 1000000}, SidecarSize{0, 0, 0, 0}}) {
    const Result<SidecarSize> again = sidecar_size_from_json(sidecar_size_to_json(size));
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(*again, size) << to_text(sidecar_size_to_json(size));
  }
  EXPECT_FALSE(sidecar_size_from_json(Json{{"cpu", "much"}}));
}

}  // namespace
}  // namespace meshgraft
