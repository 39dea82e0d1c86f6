#include "model/selector.h"

#include <gtest/gtest.h>

namespace bridle::model {
namespace {

struct Case {
  std::string_view selector;
  bool web;   // matches {tier: web, zone: a}
  bool bare;  // matches {}
};

TEST(Selector, Terms) {
  const Labels web{{"tier", "web"}, {"zone", "a"}}, bare;
  const Case cases[] = {
      {"", true, true},
      {"tier=web", true, false},
      {"tier==web", true, false},
      {"tier = web , zone = a", true, false},
      {"tier=db", false, false},
      {"tier!=web", false, true},
      {"tier!=db", true, true},
      {"tier in (db, web)", true, false},
      {"tier in(db)", false, false},
      {"tier notin (db)", true, true},
      {"tier notin (web)", false, true},
      {"tier", true, false},
      {"!tier", false, true},
      {"tier,!zone", false, false},
      {"in=1", false, false},
      {"tier=", false, false},
  };
  for (const Case& one : cases) {
    const auto selector = Selector::parse(one.selector);
    ASSERT_TRUE(selector.ok()) << one.selector << ": " << selector.error().message();
    EXPECT_EQ(selector->matches(web), one.web) << one.selector;
    EXPECT_EQ(selector->matches(bare), one.bare) << one.selector;
  }
}

TEST(Selector, MistakesAreNamed) {
  for (const std::string_view text : {",", "a,", "=x", "a=b c", "a in b", "a in (b", "a in (b c)",
                                      "a!b", "!", "!a=b", "a=\"x\"", "a=(b)", "a in ()x"})
    EXPECT_FALSE(Selector::parse(text).ok()) << text;
  EXPECT_EQ(Selector::parse("tier in web").error().message(),
            "selector, column 9: expected \"(\", found \"web\"");
  EXPECT_FALSE(Selector::parse(std::string(5000, 'a')).ok());
  std::string many = "a";
  for (int i = 0; i < 64; ++i) many += ",a";
  EXPECT_FALSE(Selector::parse(many).ok());
}

}  // namespace
}  // namespace bridle::model
