#include "model/diff.h"

#include <gtest/gtest.h>

#include "model/path.h"

namespace bridle::model {
namespace {

namespace json = boost::json;

std::string shown(const char* before, const char* after) {
  return render(diff(json::parse(before), json::parse(after)));
}

TEST(Diff, NamesEachPlace) {
  EXPECT_EQ(shown(R"({"a":1,"b":{"c":"x"},"l":[1,2]})", R"({"b":{"c":"z"},"l":[1,3,4],"n":true})"),
            "- b.c: x\n+ b.c: z\n- l[1]: 2\n+ l[1]: 3\n+ l[2]: 4\n+ n: true\n- a: 1\n");
  EXPECT_EQ(shown("[1,2]", "[1]"), "- [1]: 2\n");
  EXPECT_EQ(shown("1", "2"), "- 1\n+ 2\n");
}

TEST(Diff, EqualValuesHaveNone) {
  EXPECT_EQ(shown(R"({"a":1,"b":2})", R"({"b":2,"a":1.0})"), "");
  EXPECT_TRUE(diff(json::value(uint64_t{7}), json::value(int64_t{7})).empty());
  EXPECT_FALSE(diff(json::value(uint64_t{1} << 62), json::value((uint64_t{1} << 62) + 1)).empty());
}

TEST(Diff, SubtreesAreShownAsYaml) {
  EXPECT_EQ(shown("{}", R"({"d":[{"name":"root","x":{}}]})"),
            "+ d:\n+   - name: root\n+     x: {}\n");
  EXPECT_EQ(shown(R"({"d":{"a":1}})", R"({"d":3})"), "- d:\n-   a: 1\n+ d: 3\n");
}

TEST(Diff, Colour) {
  EXPECT_EQ(render(diff(json::value(1), json::value(2)), true),
            "\033[31m- 1\n\033[0m\033[32m+ 2\n\033[0m");
}

TEST(Path, StepsAndParents) {
  EXPECT_EQ(path_to_key("", "spec"), "spec");
  EXPECT_EQ(path_to_key("spec", "a.b\"c"), "spec[\"a.b\\\"c\"]");
  EXPECT_EQ(path_to_index("spec.disks", 1), "spec.disks[1]");
  EXPECT_EQ(path_parent("spec.disks[1].volume"), "spec.disks[1]");
  EXPECT_EQ(path_parent("spec.disks[1]"), "spec.disks");
  EXPECT_EQ(path_parent("metadata.labels[\"a.b[0]\"]"), "metadata.labels");
  EXPECT_EQ(path_parent("spec"), "");
}

TEST(Path, NearestWord) {
  const std::vector<std::string_view> words{"memory", "image", "disks", "cpus"};
  EXPECT_EQ(nearest("memry", words), "memory");
  EXPECT_EQ(nearest("Memory", words), "memory");
  EXPECT_EQ(nearest("mmeory", words), "memory");
  EXPECT_EQ(nearest("disk", words), "disks");
  EXPECT_EQ(nearest("volume", words), "");
  EXPECT_EQ(nearest("x", words), "");
  EXPECT_EQ(edit_distance("ab", "ba"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
}

}  // namespace
}  // namespace bridle::model
