#include "cli/contexts.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"

namespace bridle::cli {
namespace {

Contexts two() {
  Contexts out;
  out.current = "alpha";
  out.all = {{"alpha", {"alpha.example", 7443}, "lab", "PEM", "bridle.ci.00", "", ""},
             {"beta", {"::1", 1}, "", "PEM", "", "CERT", "KEY"}};
  return out;
}

TEST(Contexts, AreReadAsTheyWereWritten) {
  const auto read = parse_contexts(contexts_text(two()));
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(*read, two());
  EXPECT_EQ(*parse_contexts(contexts_text({})), Contexts{});
  for (const char* bad :
       {"", "[]", "{}", R"({"version":2,"contexts":[]})", R"({"version":1})",
        R"({"version":1,"contexts":[1]})", R"({"version":1,"contexts":[{"name":"a"}]})",
        R"({"version":1,"contexts":[{"name":"A","server":"a:1"}]})",
        R"({"version":1,"contexts":[{"name":"a","server":"a:1","token":"a\r\nb"}]})",
        R"({"version":1,"contexts":[{"name":"a","server":"a:1"},{"name":"a","server":"a:1"}]})"})
    EXPECT_FALSE(parse_contexts(bad).ok()) << bad;
}

TEST(Contexts, ArePutFoundAndRemoved) {
  Contexts contexts = two();
  contexts.put({"alpha", {"other", 2}, "", "", "", "", ""});
  EXPECT_EQ(contexts.all.size(), 2u);
  EXPECT_EQ(contexts.find("alpha")->server.host, "other");
  EXPECT_TRUE(contexts.remove("alpha"));
  EXPECT_FALSE(contexts.remove("alpha"));
  EXPECT_EQ(contexts.find("alpha"), nullptr);
}

TEST(Contexts, AreKeptFromOthers) {
  char folder[] = "/tmp/bt-contexts-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const auto file = contexts_file(folder, "/home/none");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(*load_contexts(*file), Contexts{});
  ASSERT_TRUE(save_contexts(*file, two()).ok());
  struct stat info {};
  ASSERT_EQ(::stat(file->c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(*load_contexts(*file), two());
  ASSERT_EQ(::chmod(file->c_str(), 0640), 0);
  const auto refused = load_contexts(*file);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::refused);
  EXPECT_FALSE(contexts_file("", "").ok());
  EXPECT_EQ(*contexts_file("", "/home/ann"), "/home/ann/.config/bridle/contexts.json");
  EXPECT_TRUE(remove_tree(folder).ok());
}

}  // namespace
}  // namespace bridle::cli
