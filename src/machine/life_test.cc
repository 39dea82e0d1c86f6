#include "machine/life.h"

#include <gtest/gtest.h>

#include <string>

namespace bridle::machine {
namespace {

// Letters of the states: Unseen Off Preparing Launching Booting Running paused(Z) Stopping Killing
// Ended releasing(X); '!' an illegal act. Written from the story in life.h, not from the table.
constexpr std::string_view letters = "UOPLBRZSKEX";

struct Case {
  Signal signal;
  std::string_view becomes;
};
constexpr Case cases[] = {
    {Signal::seen_absent, "OOPOEEEEEEO"},     {Signal::seen_running, "BBBBBRZSKEX"},
    {Signal::seen_exited, "EEEEEEEEEEX"},     {Signal::abandoned, "UOOLBRZSKEX"},
    {Signal::launched, "UBBBBRZSKEX"},        {Signal::launch_failed, "UOPOBRZSKEX"},
    {Signal::monitor_running, "UOPLRRRSKEX"}, {Signal::monitor_paused, "UOPLZZZSKEX"},
    {Signal::exited, "UOPEEEEEEEX"},          {Signal::released, "UOPLBRZSKOO"},
    {Signal::sent_prepare, "!P!!!!!!!!!"},    {Signal::sent_launch, "!!L!!!!!!!!"},
    {Signal::sent_powerdown, "!!!!!SSS!!!"},  {Signal::sent_kill, "!!!!KKKKK!!"},
    {Signal::sent_release, "!!!!!!!!!XX"},
};

TEST(Life, EverySignalInEveryState) {
  ASSERT_EQ(std::size(cases), static_cast<size_t>(signal_count));
  for (const Case& each : cases)
    for (int i = 0; i < state_count; ++i) {
      auto state = static_cast<State>(i);
      std::optional<State> to = next(state, each.signal);
      char letter = to ? letters[static_cast<size_t>(*to)] : '!';
      EXPECT_EQ(letter, each.becomes[static_cast<size_t>(i)])
          << name(each.signal) << " while " << name(state);
    }
}

TEST(Life, FactsAreLegalEverywhereAndActsAreNot) {
  for (int s = 0; s < signal_count; ++s) {
    int illegal = 0;
    for (int i = 0; i < state_count; ++i)
      illegal += !next(static_cast<State>(i), static_cast<Signal>(s)).has_value();
    EXPECT_EQ(illegal > 0, is_act(static_cast<Signal>(s))) << name(static_cast<Signal>(s));
  }
}

TEST(LifeDeathTest, AnIllegalActAborts) {
  EXPECT_DEATH(step(State::running, Signal::sent_launch), "assertion failed");
}

// Whatever is decided is legal, in every state and for every wish.
TEST(Life, DecisionsAreLegal) {
  const std::pair<Act, Signal> sends[] = {{Act::prepare, Signal::sent_prepare},
                                          {Act::launch, Signal::sent_launch},
                                          {Act::powerdown, Signal::sent_powerdown},
                                          {Act::kill, Signal::sent_kill},
                                          {Act::release, Signal::sent_release}};
  for (int i = 0; i < state_count; ++i)
    for (int w = 0; w < wish_count; ++w) {
      auto state = static_cast<State>(i);
      Act act = decide(state, static_cast<Wish>(w));
      for (const auto& [decided, signal] : sends) {
        bool legal = decided != act || next(state, signal).has_value();
        EXPECT_TRUE(legal) << name(act) << " while " << name(state);
      }
      EXPECT_TRUE(act != Act::pause || state == State::running);
      EXPECT_TRUE(act != Act::resume || state == State::paused);
    }
}

// With a world that does what it is asked, every state comes to where the wish is.
State obliging(State state, Act act) {
  switch (act) {
    case Act::prepare:
      return step(state, Signal::sent_prepare);
    case Act::abandon:
      return step(state, Signal::abandoned);
    case Act::launch:
      return step(step(state, Signal::sent_launch), Signal::launched);
    case Act::pause:
      return step(state, Signal::monitor_paused);
    case Act::resume:
      return step(state, Signal::monitor_running);
    case Act::powerdown:
      return step(step(state, Signal::sent_powerdown), Signal::exited);
    case Act::kill:
      return step(step(state, Signal::sent_kill), Signal::exited);
    case Act::release:
      return step(step(state, Signal::sent_release), Signal::released);
    case Act::none:
      break;
  }
  if (state == State::launching) return step(state, Signal::launched);
  if (state == State::booting) return step(state, Signal::monitor_running);
  if (state == State::stopping || state == State::killing) return step(state, Signal::exited);
  if (state == State::releasing) return step(state, Signal::released);
  return state == State::unseen ? step(state, Signal::seen_absent) : state;
}

TEST(Life, EveryWishIsReachedFromEveryState) {
  const State ends[] = {State::off, State::off, State::running, State::paused};
  for (int i = 0; i < state_count; ++i)
    for (int w = 0; w < wish_count; ++w) {
      auto state = static_cast<State>(i);
      for (int n = 0; n < 12; ++n) state = obliging(state, decide(state, static_cast<Wish>(w)));
      EXPECT_EQ(state, ends[w]) << "from " << name(static_cast<State>(i)) << " to "
                                << name(static_cast<Wish>(w));
    }
}

TEST(Life, PhasesThatPeopleSee) {
  using model::Phase;
  EXPECT_EQ(phase(State::off, false), Phase::defined);
  EXPECT_EQ(phase(State::off, true), Phase::failed);
  EXPECT_EQ(phase(State::launching, true), Phase::starting);
  EXPECT_EQ(phase(State::running, true), Phase::running);
  EXPECT_EQ(phase(State::killing, false), Phase::stopping);
  EXPECT_EQ(phase(State::releasing, true), Phase::failed);
}

}  // namespace
}  // namespace bridle::machine
