#include "reconcilers/record.h"

#include <gtest/gtest.h>

namespace meshgraft {
namespace {

Meta with_undo(std::string uid, std::string text) {
  Meta meta;
  meta.uid = std::move(uid);
  meta.annotations["meshgraft.io/undo"] = std::move(text);
  return meta;
}

TEST(Record, what_is_written_is_read_back) {
  Record record;
  record.own = {"metadata.labels[app]", "spec.ports[80/TCP].name"};
  record.was = {{"spec.ports[80/TCP].name", "web"}};
  const std::string text = record_text(record, "u1");
  EXPECT_EQ(
      text,
      R"({"own":["metadata.labels[app]","spec.ports[80/TCP].name"],"uid":"u1","was":{"spec.ports[80/TCP].name":"web"}})");
  const Record read = read_record(with_undo("u1", text));
  EXPECT_TRUE(read.present);
  EXPECT_EQ(read.own, record.own);
  EXPECT_EQ(read.was, record.was);
}

TEST(Record, a_copy_on_another_object_is_ignored) {
  const Record read = read_record(with_undo("u2", R"({"uid":"u1","own":["metadata.labels[app]"]})"));
  EXPECT_FALSE(read.present);
  EXPECT_TRUE(read.own.empty());
  EXPECT_EQ(read.broken, "");
}

TEST(Record, what_cannot_be_read_is_said_to_be_broken) {
  for (const char* text : {"", "{", "[]", "null", "\"x\"", R"({"uid":"u1","own":"all"})", R"({"uid":"u1","own":[1]})",
                           R"({"uid":"u1","was":[]})"}) {
    const Record read = read_record(with_undo("u1", text));
    EXPECT_FALSE(read.present) << text;
    EXPECT_NE(read.broken, "") << text;
  }
}

TEST(Record, an_object_without_uid_has_a_record_without_uid) {
  EXPECT_EQ(record_text({}, ""), "{}");
  EXPECT_TRUE(read_record(with_undo("", "{}")).present);
  EXPECT_FALSE(read_record(with_undo("u1", "{}")).present);
}

TEST(Record, knows_whether_the_template_is_ours) {
  Record record;
  record.own = {"metadata.labels[app]", "spec.strategy.rollingUpdate"};
  EXPECT_FALSE(record.owns_template());
  record.own.insert("spec.template.metadata.labels[version]");
  EXPECT_TRUE(record.owns_template());
}

TEST(Record, the_cheap_look_agrees_with_reading) {
  EXPECT_TRUE(looks_recorded(with_undo("u1", R"({"uid":"u1"})")));
  EXPECT_TRUE(looks_recorded(with_undo("", "{}")));
  EXPECT_FALSE(looks_recorded(with_undo("u2", R"({"uid":"u1"})")));
  EXPECT_FALSE(looks_recorded(with_undo("u1", "{\"uid\":\"u1\"")));
  EXPECT_FALSE(looks_recorded(Meta{}));
}

}  // namespace
}  // namespace meshgraft
