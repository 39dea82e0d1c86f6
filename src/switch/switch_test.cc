// The switch as a whole: configuration under traffic, fairness, rates, captures, announcements.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "switch/announcements.h"
#include "switch/cases/security_cases.h"
#include "switch/cases/team_cases.h"
#include "switch/cases/vlan_cases.h"
#include "switch/modules/policy.h"

namespace bridle::net::testing {
namespace {

using std::chrono::milliseconds;

const Bytes one_to_two = ethernet(mac(2), mac(1));

void expect_books(const World& world) {
  const Status books = world.sw.check_conservation();
  EXPECT_TRUE(books.ok()) << books.error().message();
  EXPECT_EQ(world.pool.free(), world.pool.size());
}

TEST(Switch, WantsDriversAndKeepsThem) {
  World world(plain_config());
  EXPECT_TRUE(world.sw.wants().empty());
  auto config = plain_config();
  config.ports[0].place = "elsewhere";
  config.ports.erase(config.ports.begin() + 2);
  ASSERT_TRUE(world.sw.apply(config).ok());
  const auto wants = world.sw.wants();
  ASSERT_EQ(wants.size(), 1U);
  EXPECT_EQ(wants[0].port, 1U);
  EXPECT_EQ(wants[0].place, "elsewhere");
  EXPECT_EQ(world.sw.attach(3, nullptr).error().code(), Code::not_found);
  EXPECT_EQ(world.sw.attach(2, nullptr).error().code(), Code::conflict);
  EXPECT_EQ(world.sw.detach(1).error().code(), Code::not_found);
  EXPECT_TRUE(world.sw.detach(2).ok());
  EXPECT_EQ(world.sw.wants().size(), 2U);
}

TEST(Switch, RefusedConfigurationChangesNothing) {
  World world(plain_config());
  auto config = plain_config();
  config.generation = 2;
  config.ports[1].group = 9;
  EXPECT_EQ(world.sw.apply(config).error().code(), Code::invalid);
  EXPECT_EQ(world.sw.generation(), 1U);
  world.at(1).push(one_to_two);
  world.settle();
  EXPECT_EQ(world.at(2).sent().size(), 1U);
}

TEST(Switch, PortsKeepCountersAndLearnedAddressesAcrossSnapshots) {
  World world(secured({}, 2));
  send(world, 1, ethernet(mac(2), mac(77)));
  auto config = secured({}, 2);
  std::swap(config.ports[0], config.ports[2]);
  ASSERT_TRUE(world.apply(config).ok());
  EXPECT_EQ(world.totals(1).received, 1U);
  world.at(2).push(ethernet(mac(77), mac(2)));
  world.settle();
  EXPECT_EQ(world.at(1).sent().size(), 1U);
  expect_books(world);
}

TEST(Switch, BooksStayClosedWhenPortsGo) {
  World world(plain_config());
  for (int i = 0; i < 5; ++i) send(world, 1, one_to_two);
  auto config = plain_config();
  config.ports.erase(config.ports.begin());
  ASSERT_TRUE(world.sw.apply(config).ok());
  expect_books(world);
  world.turn();
  world.sw.tick(world.now);
  expect_books(world);
  EXPECT_EQ(world.sw.report().nobody.received, 5U);
}

// The graph with one module replaced, in a running switch: counters of kinds stop, traffic does
// not.
TEST(Switch, ReplacesModulesUnderTraffic) {
  World world(plain_config());
  send(world, 1, one_to_two);
  auto config = plain_config();
  const auto usual = default_modules();
  for (const std::string_view module : usual)
    if (module != "count") config.modules.emplace_back(module);
  ASSERT_TRUE(world.apply(config).ok());
  send(world, 1, one_to_two);
  EXPECT_EQ(world.totals(1).unicast_in, 1U);
  EXPECT_EQ(world.totals(2).sent, 2U);
  expect_books(world);
}

class Deny final : public PolicyProgram {
 public:
  explicit Deny(Stage stage) : stage_(stage) {}
  void judge(Batch& batch, Context& context) const override {
    if (context.stage == stage_) batch.drop_all(Drop::policy_denied);
  }

 private:
  Stage stage_;
};

TEST(Switch, PolicyHasItsPlaceOnBothSides) {
  World world(plain_config());
  for (const Stage stage : {Stage::ingress, Stage::egress}) {
    world.sw.set_policy(std::make_shared<Deny>(stage));
    world.at(1).push(one_to_two);
    world.settle();
    EXPECT_TRUE(world.at(2).sent().empty());
  }
  EXPECT_EQ(world.drops(1, Drop::policy_denied), 2U);
  EXPECT_EQ(world.totals(2).refused[static_cast<size_t>(Drop::policy_denied)], 1U);
  world.sw.set_policy(nullptr);
  world.at(1).push(one_to_two);
  world.settle();
  EXPECT_EQ(world.at(2).sent().size(), 1U);
  expect_books(world);
}

TEST(Switch, AnnouncesAfterFailOver) {
  World world(teamed(Teaming::active_standby));
  world.at(10).set_up(false);
  world.pass(milliseconds(10));
  world.settle();
  const auto sent = world.at(11).sent();
  EXPECT_TRUE(world.at(10).sent().empty());
  // Three guests, each with RARP and an announced IPv4 address.
  ASSERT_EQ(sent.size(), 6U);
  const auto expected = bytes_of(Announcement{1, 11, mac(1), {}});
  EXPECT_THAT(sent[0].bytes, ::testing::ElementsAreArray(expected));
  world.pass(milliseconds(10));
  world.settle();
  EXPECT_TRUE(world.at(11).sent().empty());
  EXPECT_EQ(world.sw.report().nobody.delivered, 12U);  // six at the beginning
  expect_books(world);
}

TEST(Switch, AnnouncesAGuestThatArrives) {
  World world(with_uplink());
  world.at(1).set_up(false);
  world.pass(milliseconds(10));
  world.settle();
  EXPECT_TRUE(world.at(10).sent().empty());
  world.at(1).set_up(true);
  world.pass(milliseconds(10));
  world.settle();
  EXPECT_EQ(world.at(10).sent().size(), 2U);
}

// A slow receiver: what does not fit is the flooder's.
TEST(Fairness, TheFlooderLosesNotTheOther) {
  World world(plain_config());
  const Bytes flood = ethernet(mac(3), mac(1)), modest = ethernet(mac(3), mac(2));
  uint64_t arrived = 0, asked = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 128; ++i) world.at(1).push(flood);
    for (int i = 0; i < 8; ++i, ++asked) world.at(2).push(modest);
    world.at(3).set_room(32);
    world.turn();
    for (const auto& sent : world.at(3).sent()) arrived += sent.bytes == modest ? 1 : 0;
  }
  // The first round does not know yet that the receiver is slow.
  EXPECT_GE(arrived, asked - 8);
  EXPECT_GT(world.drops(1, Drop::output_full), 0U);
  EXPECT_LE(world.drops(2, Drop::output_full), 8U);
  expect_books(world);
}

// Both want more than a turn has: by shares.
TEST(Fairness, SharesDivideTheTurn) {
  auto config = plain_config(4);
  config.ports[0].shares = 3000;
  World world(config);
  for (int i = 0; i < 40'000; ++i) world.at(1).push(ethernet(mac(3), mac(1)));
  for (int i = 0; i < 40'000; ++i) world.at(2).push(ethernet(mac(4), mac(2)));
  for (int i = 0; i < 200; ++i) world.turn(), world.forget();
  const auto one = static_cast<double>(world.totals(1).received);
  const auto two = static_cast<double>(world.totals(2).received);
  EXPECT_NEAR(one / two, 3.0, 1.0);
  EXPECT_GT(two, 5000);
}

TEST(Rate, WhatAPortSendsWaits) {
  auto config = plain_config();
  config.ports[0].send = {8'000'000, 3000};  // a byte each microsecond
  World world(config);
  const Bytes frame = ethernet(mac(2), mac(1), experimental, 1000);
  for (int i = 0; i < 400; ++i) world.at(1).push(frame);
  size_t arrived = 0;
  for (int ms = 0; ms < 100; ++ms) {
    for (int i = 0; i < 20; ++i) world.turn();
    ASSERT_TRUE(world.sw.worker(0).wake_at().has_value());
    EXPECT_GT(*world.sw.worker(0).wake_at(), world.now);
    world.pass(milliseconds(1));
    arrived += world.at(2).sent().size();
  }
  EXPECT_NEAR(static_cast<double>(arrived), 103, 2);
  EXPECT_EQ(world.totals(1).all_dropped(), 0U);
}

TEST(Rate, WhatAPortGetsIsDropped) {
  auto config = plain_config();
  config.ports[1].receive = {8'000'000, 3000};
  World world(config);
  const Bytes frame = ethernet(mac(2), mac(1), experimental, 1000);
  for (int ms = 0; ms < 100; ++ms) {
    for (int i = 0; i < 10; ++i) world.at(1).push(frame);
    world.turn();
    world.pass(milliseconds(1));
  }
  EXPECT_NEAR(static_cast<double>(world.at(2).sent().size()), 102, 2);
  EXPECT_EQ(world.drops(1, Drop::rate_receive) + world.totals(2).sent, 1000U);
  EXPECT_EQ(world.totals(2).refused[static_cast<size_t>(Drop::rate_receive)],
            world.drops(1, Drop::rate_receive));
  expect_books(world);
}

TEST(Capture, ShowsWhatCameWentAndWasDropped) {
  World world(plain_config());
  auto tap = std::make_shared<CaptureTap>(CaptureFilter{.snap = 20}, 65'536, 1);
  world.sw.capture(tap);
  send(world, 1, one_to_two);
  send(world, 1, ethernet(mac(2), mac(77)));
  std::vector<CapturedFrame> seen;
  tap->drain([&](const CapturedFrame& frame) { seen.push_back(frame); });
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen[0].event, CaptureEvent::received);
  EXPECT_EQ(seen[0].port, 1U);
  EXPECT_EQ(seen[0].size, 60U);
  EXPECT_EQ(seen[0].bytes, Bytes(one_to_two.begin(), one_to_two.begin() + 20));
  EXPECT_EQ(seen[1].event, CaptureEvent::sent);
  EXPECT_EQ(seen[1].port, 2U);
  EXPECT_EQ(seen[3].event, CaptureEvent::dropped);
  EXPECT_EQ(seen[3].reason, Drop::forged_source);
  EXPECT_EQ(tap->missed(), 0U);
}

TEST(Capture, IsBoundedAndFiltered) {
  World world(plain_config());
  auto tap = std::make_shared<CaptureTap>(CaptureFilter{.ports = {2}, .received = false}, 1000, 1);
  world.sw.capture(tap);
  for (int i = 0; i < 100; ++i) send(world, 1, one_to_two);
  size_t seen = 0;
  for (int i = 0; i < 3; ++i)
    seen += tap->drain([](const CapturedFrame& frame) { EXPECT_EQ(frame.port, 2U); });
  EXPECT_GT(seen, 5U);
  EXPECT_EQ(seen + tap->missed(), 100U);
}

TEST(Mirror, ASlowReceiverCostsNobody) {
  World world(mirrored({.ports = {1}}));
  world.at(40).set_room(0);
  for (int i = 0; i < 100; ++i) world.at(1).push(one_to_two);
  world.settle();
  EXPECT_EQ(world.at(2).sent().size(), 100U);
  EXPECT_EQ(world.drops(1, Drop::mirror_full), 100U);
  EXPECT_EQ(world.totals(1).mirrored, 100U);
  expect_books(world);
}

TEST(Switch, AnEmptyPoolIsCounted) {
  World world(plain_config(20), 40);
  for (int i = 0; i < 32; ++i) world.at(1).push(ethernet(MacAddress::broadcast(), mac(1)));
  world.settle();
  expect_books(world);
  uint64_t arrived = 0;
  for (const auto& [port, driver] : world.drivers()) arrived += driver->sent().size();
  EXPECT_EQ(arrived + world.drops(1, Drop::no_frames), 32U * 19U);
}

TEST(Switch, TracesStepByStep) {
  World world(vlans());
  const auto report = world.sw.trace(1, one_to_two);
  ASSERT_TRUE(report.ok());
  std::vector<std::string> steps;
  for (const TraceStep& step : report->steps)
    steps.push_back(step.port + (step.egress ? " < " : " > ") + step.module + ": " + step.verdict);
  EXPECT_THAT(steps, ::testing::Contains("guest1 > vlan: keep"));
  EXPECT_THAT(steps, ::testing::Contains("guest1 > forward: to guest2"));
  EXPECT_THAT(steps.back(), "guest2 < send: sent, 60 bytes");
  EXPECT_EQ(world.totals(1).received, 0U);
  EXPECT_EQ(world.sw.trace(99, one_to_two).error().code(), Code::not_found);
  EXPECT_EQ(world.sw.trace(1, {}).error().code(), Code::invalid);
}

TEST(Switch, SleepsOnlyWhenThereIsNothing) {
  World world(plain_config());
  std::vector<int> descriptors;
  EXPECT_FALSE(world.sw.worker(0).arm(descriptors));
  world.sw.worker(0).disarm();
  world.at(1).push(one_to_two);
  EXPECT_TRUE(world.sw.worker(0).arm(descriptors));
  world.settle();
  ASSERT_TRUE(world.sw.apply(plain_config(2)).ok());
  EXPECT_TRUE(world.sw.worker(0).arm(descriptors));  // something new to see
}

}  // namespace
}  // namespace bridle::net::testing
