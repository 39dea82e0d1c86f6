#include "model/object.h"

#include <gtest/gtest.h>

#include "model/schema.h"

namespace bridle::model {
namespace {

Object example() {
  Object object;
  object.kind = Kind::machine;
  object.metadata.name = "web";
  object.metadata.project = "lab";
  object.metadata.owner = "ann";
  object.metadata.uid = *Uuid::parse("6f3c1d52-0d0f-4a8e-9c56-1f2e3d4c5b6a");
  object.metadata.labels = {{"tier", "web"}, {"example.com/a", ""}};
  object.metadata.generation = 3;
  object.metadata.revision = 42;
  object.metadata.created = *WallTime::parse("2026-01-02T03:04:05.678Z");
  object.metadata.finalizers = {"machine"};
  object.spec = *normal_spec(Kind::machine, {{"image", "tiny"}});
  object.status = {{"phase", "running"}};
  return object;
}

TEST(Object, KindsAreFoundByAnyOfTheirWords) {
  for (const std::string_view word : {"Machine", "machine", "MACHINES", "m"})
    EXPECT_EQ(find_kind(word)->kind, Kind::machine) << word;
  EXPECT_EQ(find_kind(""), nullptr);
  EXPECT_EQ(find_kind("machin"), nullptr);
  for (const KindInfo& kind : all_kinds()) EXPECT_EQ(&info(kind.kind), &kind);
}

TEST(Object, KeysRoundTrip) {
  EXPECT_EQ(spec_key(Kind::machine, "lab", "web"), "/spec/machine/lab/web");
  EXPECT_EQ(status_key(Kind::host, "", "alpha"), "/status/host/-/alpha");
  const auto parts = parse_key("/status/host/-/alpha");
  ASSERT_TRUE(parts);
  EXPECT_TRUE(parts->is_status);
  EXPECT_EQ(parts->kind, Kind::host);
  EXPECT_EQ(parts->project, "");
  EXPECT_EQ(parts->name, "alpha");
}

TEST(Object, BadKeysAreNotParsed) {
  for (const std::string_view key :
       {"", "/", "spec/machine/lab/web", "/spec/machine/lab", "/spec/machine/lab/web/x",
        "/spec/machines/lab/web", "/spec/machine/-/web", "/spec/host/lab/alpha", "/other/host/-/a",
        "/spec/machine/lab/", "/spec/machine/lab/Web"})
    EXPECT_FALSE(parse_key(key)) << key;
}

TEST(Object, NamesHaveBounds) {
  EXPECT_TRUE(check_name("name", "a"));
  EXPECT_TRUE(check_name("name", std::string(63, 'a')));
  for (const std::string& name :
       {std::string(), std::string(64, 'a'), std::string("-a"), std::string("a-"), std::string("A"),
        std::string("a.b"), std::string("a\0b", 3), std::string("../a")})
    EXPECT_FALSE(check_name("name", name)) << name;
}

TEST(Object, JsonRoundTripKeepsEverything) {
  const Object object = example();
  const auto again = from_json(to_json(object));
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(to_json(*again), to_json(object));
  EXPECT_EQ(json::serialize(to_json(*again)), json::serialize(to_json(object)));
  EXPECT_EQ(again->metadata.revision, 42u);
  EXPECT_EQ(again->metadata.labels, object.metadata.labels);
}

TEST(Object, StoredFormKeepsMetadataAndSpecButNotTheRevision) {
  const Object object = example();
  const auto stored = decode_spec(Kind::machine, encode_spec(object));
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->spec, object.spec);
  EXPECT_EQ(stored->metadata.uid, object.metadata.uid);
  EXPECT_EQ(stored->metadata.revision, 0u);
  EXPECT_TRUE(stored->status.empty());
  EXPECT_EQ(*decode_status(encode_status(object)), object.status);
}

TEST(Object, DamagedStoredFormIsCorrupt) {
  for (const std::string_view value : {"", "{", "[]", "{}", R"({"metadata":{},"spec":1})",
                                       R"({"metadata":{"uid":"x"},"spec":{}})"}) {
    const auto stored = decode_spec(Kind::machine, value);
    ASSERT_FALSE(stored.ok()) << value;
    EXPECT_EQ(stored.error().code(), Code::corrupt);
  }
  EXPECT_EQ(decode_status("[]").error().code(), Code::corrupt);
}

}  // namespace
}  // namespace bridle::model
