#include "image/recipe.h"

#include <gtest/gtest.h>

#include <set>

#include "image/build.h"
#include "image/cpio.h"
#include "image/fetch.h"

namespace bridle::image {
namespace {

TEST(Recipe, IsFoundByName) {
  ASSERT_TRUE(find_recipe("tiny").ok());
  EXPECT_FALSE((*find_recipe("tiny"))->has_disk());
  EXPECT_EQ((*find_recipe("debian"))->disk_size, uint64_t{2} << 30);
  const auto none = find_recipe("../x");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().message(), "no recipe is called \"../x\"; there are: tiny, debian");
}

TEST(Recipe, InputsDigestSeesEveryPart) {
  const Recipe tiny = **find_recipe("tiny");
  GuestFiles files;
  for (const RecipeFile& file : tiny.initrd_files) files[file.guest_file] = "bytes";
  PackageSet set;
  set.boot.push_back({"busybox-static", "1", "b_1_amd64.deb", 1, std::string(64, 'a')});
  std::set<std::string> seen = {inputs_digest(tiny, set, files)};
  EXPECT_EQ(inputs_digest(tiny, set, files), *seen.begin());
  Recipe other = tiny;
  other.modules.pop_back();
  seen.insert(inputs_digest(other, set, files));
  other = tiny;
  other.kernel_arguments += " x";
  seen.insert(inputs_digest(other, set, files));
  other = tiny;
  other.initrd_files[0].mode = 0700;
  seen.insert(inputs_digest(other, set, files));
  GuestFiles changed = files;
  changed["agent"] = "other bytes";
  seen.insert(inputs_digest(tiny, set, changed));
  set.boot[0].sha256 = std::string(64, 'b');
  seen.insert(inputs_digest(tiny, set, files));
  EXPECT_EQ(seen.size(), 6u);
}

TEST(Cpio, WritesTheKernelsFormat) {
  CpioArchive archive;
  archive.file("sbin/init", "abc", 0755);
  archive.device("dev/console", 0600, 5, 1);
  archive.link("bin/sh", "busybox");
  archive.file("sbin/init", "a second one is left out");
  const std::string bytes = archive.finish();
  EXPECT_EQ(bytes.size() % 512, 0u);
  EXPECT_TRUE(
      bytes.starts_with("070701"
                        "00000001"
                        "000041ed"));  // the folder sbin
  const size_t init = bytes.find("sbin/init");
  ASSERT_NE(init, std::string::npos);
  EXPECT_EQ(init % 4, 110 % 4);
  EXPECT_EQ(bytes.substr(init - 110, 22), "07070100000002000081ed");
  EXPECT_EQ(bytes.substr((init + 10 + 3) / 4 * 4, 3), "abc");
  EXPECT_EQ(bytes.find("a second one"), std::string::npos);
  EXPECT_NE(bytes.find("TRAILER!!!"), std::string::npos);
}

TEST(Cpio, IsDeterministic) {
  const auto make = [] {
    CpioArchive archive;
    archive.file("a/b/c", "x");
    return archive.finish();
  };
  EXPECT_EQ(make(), make());
}

}  // namespace
}  // namespace bridle::image
