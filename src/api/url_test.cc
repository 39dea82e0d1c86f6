#include "api/url.h"

#include <gtest/gtest.h>

namespace bridle::api {
namespace {

TEST(Url, DecodesAndEncodes) {
  EXPECT_EQ(*percent_decode("a%20b%2Fc"), "a b/c");
  EXPECT_EQ(percent_encode("a b/c~"), "a%20b%2Fc~");
  for (const char* bad : {"%", "%2", "%zz", "a%", "%00", "%ff", "\xc3"})
    EXPECT_FALSE(percent_decode(bad).ok());
  for (int byte = 1; byte < 128; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    EXPECT_EQ(*percent_decode(percent_encode(one)), one);
  }
}

TEST(Url, SplitsPaths) {
  EXPECT_EQ(*split_path("/a/b%20c"), (std::vector<std::string>{"a", "b c"}));
  for (const char* bad : {"", "a", "/", "//a", "/a/", "/a/../b", "/./a", "/a%2Fb", "/%2e%2e/a"})
    EXPECT_FALSE(split_path(bad).ok()) << bad;
}

TEST(Url, ParsesQueries) {
  EXPECT_EQ(*parse_query("a=1&b=x+y%21&c"), (Query{{"a", "1"}, {"b", "x y!"}, {"c", ""}}));
  EXPECT_TRUE(parse_query("")->empty());
  EXPECT_FALSE(parse_query("a=1&a=2").ok());
  EXPECT_FALSE(parse_query("a=%").ok());
  std::string many;
  for (size_t i = 0; i <= max_query_parameters; ++i) many += "&k" + std::to_string(i) + "=1";
  EXPECT_FALSE(parse_query(many).ok());
}

}  // namespace
}  // namespace bridle::api
