#include "base/utf8.h"

#include <gtest/gtest.h>

namespace bridle {
namespace {

TEST(Utf8, TakesCodePointsOfEveryLength) {
  std::string_view text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb4";
  EXPECT_EQ(take_utf8(text), U'a');
  EXPECT_EQ(take_utf8(text), U'é');
  EXPECT_EQ(take_utf8(text), U'€');
  EXPECT_EQ(take_utf8(text), char32_t{0x1f434});
  EXPECT_EQ(take_utf8(text), std::nullopt);
  EXPECT_TRUE(text.empty());
}

TEST(Utf8, RefusesWhatIsNotStrict) {
  const std::string_view bad[] = {"\x80",
                                  "\xc3",
                                  "\xc0\x80",
                                  "\xe0\x80\x80",
                                  "\xed\xa0\x80",
                                  "\xe2\x82",
                                  "\xf0\x80\x80\x80",
                                  "\xf4\x90\x80\x80",
                                  "\xff",
                                  "\xc3\x28",
                                  "ok\xfe"};
  for (const auto text : bad) EXPECT_FALSE(valid_utf8(text));
  EXPECT_TRUE(valid_utf8(""));
  EXPECT_TRUE(valid_utf8("\xf4\x8f\xbf\xbf"));
}

}  // namespace
}  // namespace bridle
