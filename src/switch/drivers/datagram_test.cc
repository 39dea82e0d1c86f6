#include "switch/drivers/datagram.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "switch/drivers/testing.h"
#include "wire/socket.h"

namespace bridle::net {
namespace {

using namespace testing;

struct DatagramTest : ::testing::Test {
  void SetUp() override {
    auto pair = wire::socket_pair(SOCK_DGRAM);
    ASSERT_TRUE(pair.ok());
    guest = std::move(pair->second);
    auto opened = open_datagram(std::move(pair->first), *pool, 1518);
    ASSERT_TRUE(opened.ok());
    driver = *std::move(opened);
  }
  std::unique_ptr<SlabPool> pool = make_pool();
  Fd guest;
  std::unique_ptr<Driver> driver;
};

TEST_F(DatagramTest, FramesOfEverySizeComeIn) {
  for (const size_t size : {1u, 60u, 1514u, 2048u, 2049u, 9014u, largest_frame}) {
    const auto sent = pattern(size);
    ASSERT_EQ(::send(guest.get(), sent.data(), size, 0), static_cast<ssize_t>(size));
    EXPECT_EQ(receive_all(*driver, 1), only(sent)) << size;
  }
  EXPECT_EQ(pool->available(), pool->capacity());
}

TEST_F(DatagramTest, FramesGoOutInOrder) {
  std::vector<Frame*> frames;
  for (uint8_t i = 0; i < 40; ++i) frames.push_back(make_frame(*pool, pattern(60u + i * 100u, i)));
  EXPECT_EQ(driver->send(frames), 40u);
  for (uint8_t i = 0; i < 40; ++i) {
    std::vector<uint8_t> bytes(largest_frame);
    const ssize_t got = ::recv(guest.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    EXPECT_EQ(bytes, pattern(60u + i * 100u, i));
  }
  EXPECT_EQ(pool->available(), pool->capacity());
}

TEST_F(DatagramTest, WhatIsTooLargeOrEmptyIsCountedAndDropped) {
  const auto large = pattern(largest_frame + 1);
  ASSERT_GT(::send(guest.get(), large.data(), large.size(), 0), 0);
  ASSERT_EQ(::send(guest.get(), large.data(), 0, 0), 0);
  ASSERT_EQ(::send(guest.get(), large.data(), 60, 0), 60);
  EXPECT_EQ(receive_all(*driver, 1).size(), 1u);
  EXPECT_EQ(driver->counters().malformed, 2u);
}

TEST_F(DatagramTest, AFullReceiverTakesThePrefix) {
  size_t sent = 0;
  while (sent < 20'000 && send_one(*driver, *pool, pattern(1500)) == 1) ++sent;
  EXPECT_LT(sent, 20'000u);
  EXPECT_GT(sent, 0u);
  EXPECT_TRUE(driver->up());
  EXPECT_EQ(pool->available(), pool->capacity());
}

TEST_F(DatagramTest, AGuestThatEndedIsDown) {
  guest.reset();
  EXPECT_EQ(send_one(*driver, *pool, pattern(60)), 0u);
  EXPECT_FALSE(driver->up());
  EXPECT_EQ(driver->wake_descriptor(), -1);
}

TEST_F(DatagramTest, AnEmptyPoolLeavesFramesWhereTheyAre) {
  const auto bytes = pattern(100);
  ASSERT_EQ(::send(guest.get(), bytes.data(), bytes.size(), 0), 100);
  std::vector<Frame*> all;
  while (Frame* frame = pool->take(1)) all.push_back(frame);
  Frame* into[burst];
  EXPECT_EQ(driver->receive(into), 0u);
  EXPECT_GT(driver->counters().starved, 0u);
  for (Frame* frame : all) release(frame);
  EXPECT_EQ(receive_all(*driver, 1), only(bytes));
}

TEST(Datagram, OtherDescriptorsAreRefused) {
  auto pool = make_pool();
  auto pair = wire::socket_pair(SOCK_STREAM);
  ASSERT_TRUE(pair.ok());
  EXPECT_FALSE(open_datagram(std::move(pair->first), *pool, 1518).ok());
}

}  // namespace
}  // namespace bridle::net
