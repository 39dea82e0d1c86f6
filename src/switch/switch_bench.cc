// What a frame costs between receive() and send(), in cycles of the time stamp counter: the whole
// pipeline with every module, without drivers (theirs here copy 64 bytes and are measured alone and
// taken off). Run: build/release/src/switch_bench
#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include <cstring>
#include <ctime>

#include "switch/cases/forward_cases.h"

namespace bridle::net::testing {
namespace {

uint64_t read_cycles() { return __rdtsc(); }

// Nanoseconds that this thread ran: a busy machine takes whole slices away from it.
double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

double cycles_per_ns() {
  static const double rate = [] {
    timespec from{}, to{};
    clock_gettime(CLOCK_MONOTONIC, &from);
    const uint64_t began = read_cycles();
    timespec rest{0, 50'000'000};
    nanosleep(&rest, nullptr);
    const uint64_t ended = read_cycles();
    clock_gettime(CLOCK_MONOTONIC, &to);
    return static_cast<double>(ended - began) /
           (static_cast<double>(to.tv_sec - from.tv_sec) * 1e9 +
            static_cast<double>(to.tv_nsec - from.tv_nsec));
  }();
  return rate;
}

// Gives the same frame for ever (or nothing), and takes everything.
class Pump final : public Driver {
 public:
  Pump(FramePool& pool, Bytes frame) : pool_(pool), frame_(std::move(frame)) {}
  size_t receive(std::span<Frame*> into) override {
    if (frame_.empty()) return 0;
    for (size_t i = 0; i < into.size(); ++i) {
      into[i] = pool_.take(static_cast<uint32_t>(frame_.size()));
      // Its headers only: bytes behind them cost the same with any switch.
      std::memcpy(into[i]->data, frame_.data(), std::min<size_t>(frame_.size(), 64));
    }
    return into.size();
  }
  size_t send(std::span<Frame* const> frames) override {
    pool_.give_all(frames);
    sent += frames.size();
    return frames.size();
  }
  bool up() const override { return true; }
  Abilities abilities() const override { return all_abilities; }
  int wake_descriptor() const override { return -1; }
  bool arm() override { return true; }
  void disarm() override {}
  DriverCounters counters() const override { return {}; }
  std::string_view name() const override { return "pump"; }

  uint64_t sent = 0;

 private:
  FramePool& pool_;
  Bytes frame_;
};

// Pairs of guests; `busy` of them send to their neighbours, the others are silent.
struct Pairs {
  Pairs(uint32_t pairs, uint32_t busy, size_t size, Config config)
      : pool(8192), sw(SwitchOptions{.pools = {&pool}, .cycles = read_cycles}) {
    const Status applied = sw.apply(std::move(config));
    BRIDLE_ASSERT(applied.ok());
    for (uint32_t id = 1; id <= pairs * 2; ++id) {
      const auto self = static_cast<uint8_t>(id),
                 other = static_cast<uint8_t>(id % 2 ? id + 1 : id - 1);
      const Bytes frame = udp({mac(other), mac(self), ip(other), ip(self), 9, 9, size});
      auto pump = std::make_unique<Pump>(pool, id <= busy * 2 ? frame : Bytes{});
      pumps.push_back(pump.get());
      const Status attached = sw.attach(id, std::move(pump));
      BRIDLE_ASSERT(attached.ok());
    }
    sw.tick(now);
  }
  uint64_t sent() const {
    uint64_t sum = 0;
    for (const Pump* pump : pumps) sum += pump->sent;
    return sum;
  }
  MemoryPool pool;
  std::vector<Pump*> pumps;
  Tick now{1};
  Switch sw;
};

// Cycles that the pumps alone need for a frame.
double pump_cycles(size_t size) {
  MemoryPool pool(8192);
  Pump pump(pool, udp({mac(1), mac(2), ip(1), ip(2), 9, 9, size}));
  std::array<Frame*, burst> frames;
  constexpr int bursts = 20'000;
  const double began = cpu_ns();
  for (int i = 0; i < bursts; ++i) {
    pump.receive(frames);
    pump.send(frames);
  }
  return (cpu_ns() - began) * cycles_per_ns() / (bursts * burst);
}

void run(benchmark::State& state, uint32_t pairs, uint32_t busy, size_t size, Config config) {
  Pairs world(pairs, busy, size, std::move(config));
  for (int i = 0; i < 1000; ++i) world.sw.worker(0).turn(world.now);
  const double alone = pump_cycles(size);
  const uint64_t before = world.sent();
  const double began = cpu_ns();
  for (auto _ : state) world.sw.worker(0).turn(world.now);
  const auto frames = static_cast<double>(world.sent() - before);
  const double cycles = (cpu_ns() - began) * cycles_per_ns() / frames;
  state.counters["cycles/frame"] = cycles - alone;
  state.counters["pump"] = alone;
}

Config all_on(uint32_t guests) {
  return with(plain_config(guests), [](Config& config) {
    Group& group = config.groups[0];
    group.guard_sources = group.guard_dhcp = group.guard_ra = group.answer_arp = group.dns = true;
  });
}

void pairs(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  run(state, count, count, static_cast<size_t>(state.range(1)), all_on(count * 2));
}
BENCHMARK(pairs)
    ->ArgNames({"pairs", "bytes"})
    ->Args({1, 64})
    ->Args({1, 1500})
    ->Args({4, 64})
    ->Args({32, 64});

void idle_ports(benchmark::State& state) {
  const auto idle = static_cast<uint32_t>(state.range(0));
  run(state, 1 + idle / 2, 1, 64, all_on(2 + idle));
}
BENCHMARK(idle_ports)->ArgName("idle")->Arg(0)->Arg(30);

void limited(benchmark::State& state) {
  run(state, 1, 1, 64, with(all_on(2), [](Config& config) {
        for (Port& port : config.ports) port.receive.bits_per_second = uint64_t{1} << 50;
      }));
}
BENCHMARK(limited);

// Every case of the tables, again and again.
void cases(benchmark::State& state) {
  const auto table = forward_cases();
  const PacketCase& it = table[static_cast<size_t>(state.range(0))];
  World world(it.config);
  state.SetLabel(it.name);
  for (auto _ : state) {
    for (int i = 0; i < 32; ++i) world.at(it.from).push(it.frame, it.offload);
    world.settle();
    world.forget();
  }
  state.SetItemsProcessed(state.iterations() * 32);
}
BENCHMARK(cases)->DenseRange(0, static_cast<int>(forward_cases().size()) - 1);

}  // namespace
}  // namespace bridle::net::testing
