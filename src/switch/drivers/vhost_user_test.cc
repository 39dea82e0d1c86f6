#include "switch/drivers/vhost_user.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/file.h"
#include "base/random.h"
#include "switch/drivers/hazards.h"
#include "switch/drivers/mbuf_pool.h"
#include "switch/drivers/testing.h"
#include "switch/drivers/vhost_front_end.h"

namespace bridle::net {
namespace {

using namespace testing;

// DPDK starts once a process.
struct World {
  std::string folder;
  std::unique_ptr<VhostHub> hub;
  std::unique_ptr<MbufPool> pool;
};
World& world() {
  static World* one = [] {
    auto* made = new World;
    char name[] = "/tmp/bt-vhost-XXXXXX";
    made->folder = ::mkdtemp(name);
    EXPECT_TRUE(install_hazard_handlers().ok());
    auto hub = VhostHub::start(made->folder);
    EXPECT_TRUE(hub.ok());
    made->hub = *std::move(hub);
    auto pool = MbufPool::make("test", 2048);
    EXPECT_TRUE(pool.ok());
    made->pool = *std::move(pool);
    MbufPool::register_thread();
    return made;
  }();
  return *one;
}

struct VhostUser : ::testing::Test {
  void open(bool sealed = true) {
    static uint32_t id = 100;
    const std::string path = world().folder + "/guest";
    front = std::make_unique<FrontEnd>(path, sealed);
    auto opened = world().hub->open(path, ++id, *world().pool);
    ASSERT_TRUE(opened.ok());
    driver = *std::move(opened);
    ASSERT_TRUE(front->accept());
  }
  bool wait_until(bool up) const {
    for (int i = 0; i < 2'000 && driver->up() != up; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return driver->up() == up;
  }
  void expect_all_back() {
    driver.reset();
    EXPECT_EQ(world().pool->available(), world().pool->capacity());
  }
  void drain() {
    Frame* into[burst];
    const size_t got = driver->receive(into);
    for (size_t i = 0; i < got; ++i) {
      EXPECT_LE(into[i]->size, largest_frame);
      EXPECT_EQ(bytes_of(*into[i]).size(), into[i]->size);
      release(into[i]);
    }
  }
  std::unique_ptr<FrontEnd> front;
  std::unique_ptr<Driver> driver;
};

TEST_F(VhostUser, FramesGoBothWays) {
  open();
  ASSERT_TRUE(front->set_up());
  ASSERT_TRUE(wait_until(true));
  for (const size_t size : {60u, 1514u, 9014u}) {
    front->send_frame(pattern(size));
    EXPECT_EQ(receive_all(*driver, 1), only(pattern(size)));
  }
  for (uint16_t i = 0; i < 8; ++i) {
    front->table(0)[i] = {(3u << 20) + i * 16384u, 16384, for_device_to_write, 0};
    front->offer(0, i);
  }
  auto slabs = make_pool();
  FramePool* pools[] = {world().pool.get(), slabs.get()};  // a mbuf, and one through a shell
  for (uint16_t i = 0; i < 2; ++i) {
    EXPECT_EQ(send_one(*driver, *pools[i], pattern(3000, 5)), 1u);
    EXPECT_EQ(front->used(0)[1], i + 1);
    const uint8_t* at = front->bytes() + (3 << 20) + i * 16384 + 12;
    EXPECT_EQ(std::vector<uint8_t>(at, at + 3000), pattern(3000, 5));
  }
  EXPECT_EQ(slabs->available(), slabs->capacity());
  expect_all_back();
}

TEST_F(VhostUser, AGuestThatComesAgainIsServedAgain) {
  open();
  ASSERT_TRUE(front->set_up());
  ASSERT_TRUE(wait_until(true));
  front->hang_up();
  ASSERT_TRUE(wait_until(false));
  EXPECT_EQ(send_one(*driver, *world().pool, pattern(60)), 0u);
  ASSERT_TRUE(front->accept());
  ASSERT_TRUE(front->set_up());
  ASSERT_TRUE(wait_until(true));
  front->send_frame(pattern(60));
  EXPECT_EQ(receive_all(*driver, 1).size(), 1u);
  EXPECT_GE(driver->counters().reconnects, 2u);
  expect_all_back();
}

TEST_F(VhostUser, ARefusedMessageEndsTheConnectionOnly) {
  open();
  ASSERT_TRUE(front->set_up());
  ASSERT_TRUE(wait_until(true));
  const uint8_t grown[8] = {1, 0,    0, 0,
                            0, 0x80, 0, 0};  // queue 1: 32768 entries, under its addresses
  ASSERT_TRUE(front->say(8, grown));
  ASSERT_TRUE(wait_until(false));
  EXPECT_GE(driver->counters().malformed, 1u);
  ASSERT_TRUE(front->accept());  // after its penalty
  ASSERT_TRUE(front->set_up());
  EXPECT_TRUE(wait_until(true));
  expect_all_back();
}

TEST_F(VhostUser, MemoryThatIsTakenBackEndsTheConnectionOnly) {
  open(false);
  ASSERT_TRUE(front->set_up());
  ASSERT_TRUE(wait_until(true));
  front->send_frame(pattern(1514));
  const std::vector<uint8_t> kept(front->bytes(), front->bytes() + 0x20000);
  ASSERT_EQ(::ftruncate(front->memory(), 0x20000), 0);  // rings stay, buffers go
  drain();
  EXPECT_FALSE(driver->up());
  EXPECT_EQ(send_one(*driver, *world().pool, pattern(60)), 0u);
  ASSERT_EQ(::ftruncate(front->memory(), front_memory), 0);
  ASSERT_TRUE(front->accept());
  ASSERT_TRUE(front->set_up());
  EXPECT_TRUE(wait_until(true));
  expect_all_back();
}

TEST_F(VhostUser, ARingThatAnnouncesNothingLetsTheWorkerSleep) {
  open();
  ASSERT_TRUE(front->set_up());
  ASSERT_TRUE(wait_until(true));
  EXPECT_FALSE(driver->arm());
  front->table(1)[0] = {front_memory - 4, 100'000, has_next, 0};  // past its memory, for ever
  front->offer(1, 0);
  int awake = 0;
  for (int i = 0; i < 50; ++i) {
    drain();
    awake += driver->arm() ? 1 : 0;
  }
  EXPECT_LT(awake, 45);
  expect_all_back();
}

uint64_t hostile_number(Random& random) {
  switch (random.below(6)) {
    case 0:
      return random.u64();
    case 1:
      return front_memory - random.below(64);
    case 2:
      return UINT64_MAX - random.below(4096);
    default:
      return random.below(front_memory);
  }
}

void scribble(FrontEnd& front, Random& random) {
  const auto queue = static_cast<unsigned>(random.below(2));
  constexpr uint32_t lengths[] = {0, 1, 12, 13, 100, 2000, 65'536, 0xffffffff, 0x80000000};
  const uint64_t changes = 1 + random.below(6);
  for (uint64_t i = 0; i < changes; ++i) {
    Descriptor& one = front.table(queue)[random.below(front_queue)];
    one = {hostile_number(random), lengths[random.below(std::size(lengths))],
           static_cast<uint16_t>(random.below(8)), static_cast<uint16_t>(random.below(70))};
  }
  if (random.below(8) == 0)
    front.avail(queue)[1] = static_cast<uint16_t>(random.u64());
  else
    for (uint64_t i = random.below(4); i-- > 0;)
      front.offer(queue, static_cast<uint16_t>(random.below(66)));
  if (random.below(16) == 0) front.used(queue)[1] = static_cast<uint16_t>(random.u64());
}

// Descriptors, indices and lengths that lie: 10^4 rounds, 10^6 in a soak.
TEST_F(VhostUser, HostileRingsBreakNothing) {
  const char* soak = std::getenv("BRIDLE_SOAK");
  const int rounds = soak != nullptr && std::string_view(soak) == "1" ? 1'000'000 : 10'000;
  const char* seed = std::getenv("BRIDLE_SEED");
  SeededRandom random(seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10));
  open();
  for (int round = 0; round < rounds; ++round) {
    if (round % 500 == 0) {
      if (round > 0) {
        front->hang_up();
        ASSERT_TRUE(wait_until(false));
        ASSERT_TRUE(front->accept());
      }
      const uint64_t events = random.below(2) << 29, indirects = random.below(2) << 28;
      ASSERT_TRUE(front->set_up(FrontEnd::default_features | events | indirects));
      ASSERT_TRUE(wait_until(true)) << round;
    }
    scribble(*front, random);
    drain();
    send_one(*driver, *world().pool, pattern(1 + random.below(5000)));
    driver->arm();
    driver->disarm();
  }
  expect_all_back();
}

// Messages that lie: any bytes, any descriptors, in the middle of a conversation.
TEST_F(VhostUser, HostileMessagesBreakNothing) {
  SeededRandom random(3);
  open();
  for (int round = 0; round < 60; ++round) {
    if (random.below(2) == 0) front->set_up();
    uint8_t payload[300];
    random.fill(payload);
    for (uint64_t i = 0; i < 4; ++i)
      payload[i] = static_cast<uint8_t>(i == 0 ? random.below(4) : 0);
    const int fds[2] = {front->memory(), front->memory()};
    front->say(static_cast<uint32_t>(random.below(45)),
               {payload, random.below(3) == 0 ? random.below(300) : 8}, {fds, random.below(3)});
    drain();
    send_one(*driver, *world().pool, pattern(60));
    front->hang_up();
    driver.reset();
    front.reset();
    open();
  }
  ASSERT_TRUE(front->set_up());
  EXPECT_TRUE(wait_until(true));
  expect_all_back();
}

}  // namespace
}  // namespace bridle::net
