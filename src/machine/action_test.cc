#include "machine/action.h"

#include <gtest/gtest.h>

namespace bridle::machine {
namespace {

using model::Phase;

// Columns: defined starting running paused stopping failed. The table of action.h, once more by
// hand.
struct Case {
  Action action;
  const char* legal;
};
constexpr Case cases[] = {
    {Action::define, "......"}, {Action::start, "xxxxxx"},  {Action::stop, "xxxxxx"},
    {Action::pause, ".xxx.."},  {Action::resume, ".xxx.."}, {Action::reset, "..xx.."},
    {Action::remove, "xxxxxx"},
};

TEST(Action, EveryActionInEveryPhase) {
  ASSERT_EQ(std::size(cases), all_actions().size());
  for (const Case& each : cases)
    for (int i = 0; i < 6; ++i) {
      auto phase = static_cast<Phase>(i);
      EXPECT_EQ(legal(each.action, phase), each.legal[i] == 'x')
          << info(each.action).name << " while " << model::name(phase);
      Status status = check(each.action, phase);
      EXPECT_EQ(status.ok(), each.legal[i] == 'x');
      if (!status.ok()) {
        EXPECT_EQ(status.error().code(), Code::conflict);
      }
    }
}

TEST(Action, RefusalSaysWhatToDo) {
  EXPECT_EQ(check(Action::pause, Phase::defined).error().message(),
            "a machine that is defined cannot be paused; start it first");
}

TEST(Action, FoundByName) {
  for (const ActionInfo& each : all_actions()) EXPECT_EQ(find_action(each.name), &each);
  EXPECT_EQ(find_action("explode"), nullptr);
  EXPECT_TRUE(info(Action::reset).is_operation);
  EXPECT_EQ(info(Action::stop).power, model::Power::stopped);
}

}  // namespace
}  // namespace bridle::machine
