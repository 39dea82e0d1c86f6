#include "switch/drivers/ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <array>
#include <thread>

#include "base/random.h"
#include "switch/drivers/testing.h"

namespace bridle::net {
namespace {

using namespace testing;

constexpr size_t memory_bytes = 2 * (ring_control_size + (256 << 10));

struct Sides {
  Fd memory, events[2];

  Sides() {
    memory = Fd(::memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(::ftruncate(memory.get(), memory_bytes), 0);
    EXPECT_EQ(::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    for (Fd& event : events) event = Fd(::eventfd(0, EFD_CLOEXEC));
  }
  std::unique_ptr<Driver> open(unsigned side, FramePool& pool) {
    auto driver = open_ring(
        {*memory.duplicate(), *events[side].duplicate(), *events[1 - side].duplicate(), side},
        pool);
    EXPECT_TRUE(driver.ok());
    return *std::move(driver);
  }
};

TEST(Ring, FramesCrossWholeWithTheirOffloads) {
  Sides sides;
  auto pool = make_pool();
  auto a = sides.open(0, *pool), b = sides.open(1, *pool);
  for (int turn = 0; turn < 200; ++turn) {
    const auto bytes = pattern(1 + turn * 331 % largest_frame, static_cast<uint8_t>(turn));
    Frame* frame = make_frame(*pool, bytes);
    frame->offload.segmentation = Offload::tcp4;
    frame->offload.segment_size = 1400;
    ASSERT_EQ(a->send({&frame, 1}), 1u);
    Frame* into[burst];
    ASSERT_EQ(b->receive(into), 1u);
    EXPECT_EQ(bytes_of(*into[0]), bytes);
    EXPECT_EQ(into[0]->offload.segmentation, Offload::tcp4);
    EXPECT_EQ(into[0]->offload.segment_size, 1400);
    release(into[0]);
  }
  EXPECT_EQ(pool->available(), pool->capacity());
  EXPECT_EQ(b->counters().malformed, 0u);
}

TEST(Ring, AFullRingTakesThePrefixAndANewProcessGoesOn) {
  Sides sides;
  auto pool = make_pool();
  auto a = sides.open(0, *pool);
  size_t sent = 0;
  while (send_one(*a, *pool, pattern(1000, static_cast<uint8_t>(sent))) == 1) ++sent;
  EXPECT_GT(sent, 200u);
  auto b = sides.open(1, *pool);
  EXPECT_EQ(receive_all(*b, 10).size() >= 10, true);
  a.reset();
  b.reset();
  a = sides.open(0, *pool);
  b = sides.open(1, *pool);
  const size_t rest = receive_all(*b, sent).size();
  EXPECT_LT(rest, sent);
  EXPECT_EQ(send_one(*a, *pool, pattern(70, 9)), 1u);
  EXPECT_EQ(receive_all(*b, 1), only(pattern(70, 9)));
}

TEST(Ring, ASleeperIsWoken) {
  Sides sides;
  auto pool = make_pool();
  auto a = sides.open(0, *pool), b = sides.open(1, *pool);
  EXPECT_FALSE(b->arm());
  EXPECT_EQ(send_one(*a, *pool, pattern(60)), 1u);
  eventfd_t woken = 0;
  EXPECT_EQ(::eventfd_read(b->wake_descriptor(), &woken), 0);
  EXPECT_EQ(woken, 1u);
  EXPECT_TRUE(b->arm());
  b->disarm();
}

TEST(Ring, MemoryThatCanShrinkIsRefused) {
  auto pool = make_pool();
  Fd memory(::memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(memory.get(), memory_bytes), 0);
  Fd event(::eventfd(0, EFD_CLOEXEC));
  const auto open = [&] {
    return open_ring({*memory.duplicate(), *event.duplicate(), *event.duplicate(), 0}, *pool);
  };
  EXPECT_FALSE(open().ok());
  ASSERT_EQ(::ftruncate(memory.get(), 8192), 0);
  ASSERT_EQ(::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_FALSE(open().ok());  // too small
}

// The other side writes what it likes, everywhere, all the time.
TEST(Ring, AHostileSideBreaksNothing) {
  Sides sides;
  auto pool = make_pool();
  auto b = sides.open(1, *pool);
  auto* bytes = static_cast<uint8_t*>(
      ::mmap(nullptr, memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, sides.memory.get(), 0));
  ASSERT_NE(bytes, MAP_FAILED);
  SeededRandom random(7);
  uint64_t taken = 0;
  for (int turn = 0; turn < 20'000; ++turn) {
    for (int i = 0; i < 4; ++i) {
      const uint64_t spots[] = {0,
                                64,
                                memory_bytes / 2,
                                memory_bytes / 2 + 64,
                                ring_control_size + random.below(4096) * 8,
                                random.below(memory_bytes / 8) * 8};
      const uint64_t at = spots[random.below(6)];
      const auto value =
          static_cast<uint32_t>(random.below(3) == 0 ? random.u64() : random.below(4096));
      std::memcpy(bytes + at, &value, sizeof value);
    }
    Frame* into[burst];
    const size_t got = b->receive(into);
    for (size_t i = 0; i < got; ++i) {
      EXPECT_LE(into[i]->size, largest_frame);
      EXPECT_EQ(bytes_of(*into[i]).size(), into[i]->size);
      release(into[i]);
    }
    taken += got;
    send_one(*b, *pool, pattern(random.below(3000) + 1));
  }
  ::munmap(bytes, memory_bytes);
  EXPECT_GT(b->counters().malformed, 0u);
  EXPECT_EQ(pool->available(), pool->capacity());
  EXPECT_GT(taken, 0u);
}

}  // namespace
}  // namespace bridle::net
