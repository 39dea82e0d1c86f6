#include "image/packages.h"

#include <gtest/gtest.h>

#include "image/progress.h"

namespace bridle::image {
namespace {

const std::string digest(64, '0');

TEST(PrintUris, AreDecoded) {
  const auto list = parse_print_uris(
      "Reading package lists...\n"
      "'http://m/pool/b/busybox-static_1%3a1.35.0-4%2bb1_amd64.deb' "
      "busybox-static_1%3a1.35.0-4+b1_amd64.deb 928188 SHA256:" +
      digest + "\n");
  ASSERT_TRUE(list.ok()) << list.error().message();
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ((*list)[0].name, "busybox-static");
  EXPECT_EQ((*list)[0].version, "1:1.35.0-4+b1");
  EXPECT_EQ((*list)[0].size, 928188u);
}

TEST(PrintUris, RefuseWhatWouldBeDangerousAsPathOrArgument) {
  for (const std::string& line :
       {std::string("'u' ../x_1_amd64.deb 5 SHA256:") + digest,
        std::string("'u' a/b_1_amd64.deb 5 SHA256:") + digest,
        std::string("'u' -o_1_amd64.deb 5 SHA256:") + digest,
        std::string("'u' a_1_amd64.deb 0 SHA256:") + digest,
        std::string("'u' a_1_amd64.deb 5x SHA256:") + digest,
        std::string("'u' a_1_amd64.deb 5 MD5Sum:") + digest,
        std::string("'u' a_1_amd64.deb 5 SHA256:abc"),
        std::string("'u' a_1%2f_amd64.deb 5 SHA256:") + digest,
        std::string("'u' a_amd64.deb 5 SHA256:") + digest, std::string("'u'")})
    EXPECT_FALSE(parse_print_uris(line + "\n").ok()) << line;
}

TEST(PackageSet, SurvivesItsText) {
  PackageSet set;
  set.request = digest;
  set.boot.push_back({"a", "1:2", "a_1%3a2_amd64.deb", 7, digest});
  set.tree.push_back({"b", "3", "b_3_all.deb", 8, digest});
  const auto again = decode_package_set(encode_package_set(set));
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(again->boot, set.boot);
  EXPECT_EQ(again->tree, set.tree);
}

TEST(PackageSet, RefusesHostileText) {
  EXPECT_FALSE(decode_package_set("").ok());
  EXPECT_FALSE(decode_package_set("[]").ok());
  EXPECT_FALSE(decode_package_set(R"({"format":2})").ok());
  EXPECT_FALSE(decode_package_set(R"({"format":1,"request":")" + digest +
                                  R"(","boot":[{"name":"a"}],"tree":[]})")
                   .ok());
}

TEST(DebianSources, TakeOnlyDebiansOwnSuites) {
  const auto out = debian_sources(
      {{"x.list",
        "deb http://m/debian bookworm main contrib\n"
        "deb [signed-by=/k arch=amd64] http://m/debian bookworm-backports main\n"
        "deb https://vendor/apt cloud-sdk-bookworm main\n"
        "deb-src http://m/debian bookworm main\n"
        "# deb http://m/debian bookworm-updates main\n"},
       {"y.sources",
        "Types: deb deb-src\n# comment\nURIs: http://m/debian\nSuites: bookworm "
        "bookworm-updates bookworm-backports\nComponents: main\n\n"
        "Types: deb\nURIs: https://v\nSuites: nodistro\nComponents: main\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://z\nSuites: bookworm\nComponents: main\n"},
       {"readme.txt", "deb http://evil bookworm main\n"}},
      "bookworm");
  ASSERT_TRUE(out.ok());
  ASSERT_EQ(out->size(), 2u);
  EXPECT_EQ((*out)[0].text, "deb http://m/debian bookworm main contrib\n");
  EXPECT_EQ((*out)[1].text,
            "Types: deb\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\n"
            "Components: main\n\n");
}

TEST(DebianSources, SayWhatToDoWhenThereAreNone) {
  EXPECT_EQ(debian_sources({}, "bookworm").error().code(), Code::not_found);
}

TEST(AcquireSettings, KeepProxiesAndDropHooksAndLaxness) {
  EXPECT_EQ(acquire_settings("APT \"\";\nAcquire::http::Proxy \"http://p:1\";\n"
                             "Acquire::IndexTargets::deb::X \"1\";\n"
                             "Acquire::AllowInsecureRepositories \"1\";\n"
                             "DPkg::Post-Invoke:: \"rm\";\n"),
            "Acquire::http::Proxy \"http://p:1\";\n");
}

TEST(HelperLine, IsParsedAndCleaned) {
  const auto line = parse_helper_line("progress 37 fetching 12/80 lib\x1b[31mc6");
  ASSERT_TRUE(line && line->percent);
  EXPECT_EQ(*line->percent, 37);
  EXPECT_EQ(line->text, "fetching 12/80 lib [31mc6");
  const auto error = parse_helper_line("error unreachable no mirror");
  ASSERT_TRUE(error && error->error);
  EXPECT_EQ(error->error->code(), Code::unreachable);
  EXPECT_EQ(error->error->message(), "no mirror");
  for (const char* other : {"", "progress", "progress x", "progress 101 a", "progress -1 a",
                            "error", "error nonsense x", "Get:1 http://x"})
    EXPECT_FALSE(parse_helper_line(other)) << other;
  EXPECT_EQ(progress_line(200, "a\nb"), "progress 100 a b\n");
}

}  // namespace
}  // namespace bridle::image
