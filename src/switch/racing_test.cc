// Long runs: a guest that rewrites its buffers while frames pass, exact conservation over random
// traffic, and control that changes everything under several workers.
//
// BRIDLE_SOAK=1: 10^8 frames each; otherwise 10^6.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>
#include <thread>

#include "base/random.h"
#include "switch/cases/security_cases.h"
#include "switch/cases/team_cases.h"
#include "switch/cases/vlan_cases.h"

namespace bridle::net::testing {
namespace {

uint64_t frames_to_pass() {
  const char* soak = ::getenv("BRIDLE_SOAK");
  return soak != nullptr && std::string_view(soak) == "1" ? 100'000'000 : 1'000'000;
}

// Gives what stands in memory that somebody else writes to; takes frames and looks at them.
class SharedMemory final : public Driver {
 public:
  SharedMemory(FramePool& pool, const volatile uint8_t* bytes, size_t size)
      : pool_(pool), bytes_(bytes), size_(size) {}

  size_t receive(std::span<Frame*> into) override {
    if (bytes_ == nullptr) return 0;
    for (Frame*& frame : into) {
      frame = pool_.take(static_cast<uint32_t>(size_));
      for (size_t i = 0; i < size_; ++i) frame->data[i] = bytes_[i];
    }
    return into.size();
  }
  size_t send(std::span<Frame* const> frames) override {
    for (Frame* frame : frames) {
      packet::Headers again;
      // The headers that were judged are the headers that arrive.
      const bool same = packet::parse(frame->bytes(), frame->size, again) == packet::Parse::ok &&
                        again.destination == frame->headers.destination &&
                        again.source == frame->headers.source &&
                        again.ether_type == frame->headers.ether_type;
      wrong += same && again.destination == mine && again.source == allowed ? 0 : 1;
      ++arrived;
      release(frame);
    }
    return frames.size();
  }
  bool up() const override { return true; }
  Abilities abilities() const override { return {}; }
  int wake_descriptor() const override { return -1; }
  bool arm() override { return true; }
  void disarm() override {}
  DriverCounters counters() const override { return {}; }
  std::string_view name() const override { return "memory"; }

  MacAddress mine, allowed;
  uint64_t arrived = 0, wrong = 0;

 private:
  FramePool& pool_;
  const volatile uint8_t* bytes_;
  size_t size_;
};

// Two headers that take turns in one buffer, byte by byte, as fast as can be.
class Racer {
 public:
  explicit Racer(volatile uint8_t* bytes) : thread_([this, bytes] { run(bytes); }) {}
  ~Racer() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run(volatile uint8_t* bytes) {
    const Bytes one = ethernet(mac(2), mac(1)), other = ethernet(mac(3), mac(1)),
                lie = ethernet(mac(2), mac(3), 0x86dd);
    const Bytes* turns[] = {&one, &other, &lie, &other, &one};
    while (!stop_)
      for (const Bytes* turn : turns)
        for (size_t i = 0; i < 14; ++i) bytes[i] = (*turn)[i];
  }
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST(Racing, AGuestThatRewritesItsBuffersChangesNoDecision) {
  MemoryPool pool(256);
  auto shared = std::make_unique<uint8_t[]>(64);
  const Bytes frame = ethernet(mac(2), mac(1));
  std::copy(frame.begin(), frame.end(), shared.get());
  Switch sw(SwitchOptions{.pools = {&pool}});
  ASSERT_TRUE(sw.apply(plain_config()).ok());
  SharedMemory* receivers[2] = {};
  for (uint32_t id = 1; id <= 3; ++id) {
    auto driver = std::make_unique<SharedMemory>(pool, id == 1 ? shared.get() : nullptr, 60);
    driver->mine = mac(static_cast<uint8_t>(id));
    driver->allowed = mac(1);
    if (id > 1) receivers[id - 2] = driver.get();
    ASSERT_TRUE(sw.attach(id, std::move(driver)).ok());
  }
  const uint64_t wanted = frames_to_pass();
  uint64_t received = 0;
  {
    const Racer racer(shared.get());
    for (Tick now{1}; received < wanted; now.ns += 1000) {
      for (int i = 0; i < 100; ++i) sw.worker(0).turn(now);
      received = sw.report().ports[0].totals.received;
    }
  }
  EXPECT_EQ(receivers[0]->wrong + receivers[1]->wrong, 0U);
  EXPECT_GT(receivers[0]->arrived, 0U);
  EXPECT_GT(receivers[1]->arrived, 0U);
  const auto report = sw.report();
  EXPECT_GT(report.ports[0].totals.all_dropped(), 0U);
  const Status books = sw.check_conservation();
  EXPECT_TRUE(books.ok()) << books.error().message();
}

// Sends random frames of a set, takes some of what it gets.
class RandomPort final : public Driver {
 public:
  RandomPort(FramePool& pool, const std::vector<Bytes>& frames, uint64_t seed)
      : pool_(pool), frames_(frames), random_(seed) {}

  size_t receive(std::span<Frame*> into) override {
    size_t count = std::min<size_t>(random_.below(burst + 8), into.size());
    for (size_t i = 0; i < count; ++i) {
      into[i] = frame_of(frames_[random_.below(frames_.size())], pool_);
      if (into[i] == nullptr) return i;
      if (random_.below(64) == 0) into[i]->offload.needs_checksum = true;
      if (random_.below(64) == 0) into[i]->offload.segmentation = Offload::tcp4;
    }
    return count;
  }
  size_t send(std::span<Frame* const> frames) override {
    const size_t room = random_.below(8) == 0 ? random_.below(burst) : burst;
    for (Frame* frame : frames) release(frame);
    return std::min(frames.size(), room);
  }
  bool up() const override { return up_; }
  Abilities abilities() const override { return {}; }
  int wake_descriptor() const override { return -1; }
  bool arm() override { return true; }
  void disarm() override {}
  DriverCounters counters() const override { return {}; }
  std::string_view name() const override { return "memory"; }
  void set_up(bool up) { up_ = up; }

 private:
  FramePool& pool_;
  const std::vector<Bytes>& frames_;
  SeededRandom random_;
  std::atomic<bool> up_{true};
};

std::vector<Bytes> all_kinds() {
  std::vector<Bytes> frames;
  const MacAddress macs[] = {mac(1),       mac(2),   mac(3),
                             mac(4),       mac(5),   mac(6),
                             group_mac(7), outsider, MacAddress::broadcast()};
  for (const MacAddress& to : macs)
    for (const MacAddress& from : macs) {
      frames.push_back(ethernet(to, from));
      frames.push_back(tagged(frames.back(), 5));
      frames.push_back(tagged(frames[frames.size() - 2], 6));
      frames.push_back(tagged(frames.back(), 5));
      frames.push_back(udp({to, from, ip(1), ip(2), 9, 9, 1400}));
    }
  frames.emplace_back(13);
  frames.push_back(ethernet(mac(2), mac(1), packet::ether_type::ipv4));
  return frames;
}

Config busy_config() {
  return with(vlans(), [](Config& config) {
    config.ports[0].learning.most = 3;
    config.ports[1].security = Security{true, true, true};
    config.ports[2].receive = {100'000'000, 0};
    config.ports[4].send = {100'000'000, 0};
    config.ports.push_back(plain_port(second_uplink_id, PortKind::uplink, 0));
    config.ports.push_back(plain_port(40, PortKind::mirror));
    config.mirrors = {{1, {}, {1, 2}, 40, 30}};
  });
}

uint64_t received(const Switch& sw) {
  uint64_t sum = 0;
  for (const PortReport& port : sw.report().ports) sum += port.totals.received;
  return sum;
}

TEST(Racing, ConservationIsExactOverRandomTraffic) {
  MemoryPool pool(600);
  const auto frames = all_kinds();
  Switch sw(SwitchOptions{.pools = {&pool}});
  ASSERT_TRUE(sw.apply(busy_config()).ok());
  for (const Wanted& wanted : sw.wants())
    ASSERT_TRUE(
        sw.attach(wanted.port, std::make_unique<RandomPort>(pool, frames, wanted.port)).ok());
  const uint64_t wanted = frames_to_pass();
  for (Tick now{1}; received(sw) < wanted; now.ns += 100'000) {
    for (int i = 0; i < 200; ++i) sw.worker(0).turn(now);
    sw.tick(now);
    const Status books = sw.check_conservation();
    ASSERT_TRUE(books.ok()) << books.error().message();
    ASSERT_EQ(pool.free(), pool.size());
  }
}

// Three workers, and a control plane that changes ports, modules, drivers and taps all the time.
TEST(Racing, ControlNeverDisturbsWorkers) {
  constexpr size_t workers = 3;
  std::vector<std::unique_ptr<MemoryPool>> pools;
  SwitchOptions options;
  for (size_t i = 0; i < workers; ++i)
    options.pools.push_back(pools.emplace_back(std::make_unique<MemoryPool>(600)).get());
  const auto frames = all_kinds();
  Switch sw(options);
  const auto attach_all = [&] {
    for (const Wanted& wanted : sw.wants()) {
      auto driver = std::make_unique<RandomPort>(*pools[wanted.worker], frames, wanted.port);
      ASSERT_TRUE(sw.attach(wanted.port, std::move(driver)).ok());
    }
  };
  ASSERT_TRUE(sw.apply(busy_config()).ok());
  attach_all();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < workers; ++i)
    threads.emplace_back([&, i] {
      std::vector<int> descriptors;
      for (Tick now{1}; !stop; now.ns += 10'000) {
        sw.worker(i).turn(now);
        if (now.ns % 640'000 == 1 && !sw.worker(i).arm(descriptors)) sw.worker(i).disarm();
      }
    });
  SeededRandom random(7);
  for (int round = 0; round < 300; ++round) {
    auto config = busy_config();
    if (random.below(2) == 0) config.ports.erase(config.ports.begin() + 1);
    if (random.below(2) == 0) std::swap(config.ports[0], config.ports[3]);
    if (random.below(3) == 0) config.ports[2].place = std::to_string(random.below(3));
    ASSERT_TRUE(sw.apply(config).ok());
    attach_all();
    sw.capture(random.below(2) == 0 ? nullptr
                                    : std::make_shared<CaptureTap>(CaptureFilter{}, 4096, workers));
    sw.tick(Tick{round * 1'000'000});
    static_cast<void>(sw.trace(1, frames[0]));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const Status books = sw.check_conservation();
  EXPECT_TRUE(books.ok()) << books.error().message();
  for (const auto& pool : pools) EXPECT_EQ(pool->free(), pool->size());
  EXPECT_GT(received(sw), 1000U);
}

}  // namespace
}  // namespace bridle::net::testing
