// World: a switch with a FakeDriver at every port, for tests and benchmarks.
//
//   World world(config);
//   world.at(1).push(ethernet(mac(2), mac(1)));
//   world.turn();
//   world.at(2).sent();
//
// Thread class: one thread's.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/check.h"
#include "switch/memory_pool.h"
#include "switch/switch.h"
#include "switch/testing/fake_driver.h"
#include "switch/testing/frames.h"

namespace bridle::net::testing {

// Everything that a port of a modern guest takes.
constexpr Abilities all_abilities{true, true, true, true, largest_frame};

class World {
 public:
  explicit World(Config config, size_t frames = 4096, Abilities abilities = {})
      : pool(frames), abilities_(abilities), sw(SwitchOptions{.pools = {&pool}}) {
    const Status applied = apply(std::move(config));
    if (!applied.ok()) std::fprintf(stderr, "%s\n", applied.error().message().c_str());
    BRIDLE_ASSERT(applied.ok());
  }

  Status apply(Config config) {
    BRIDLE_CHECK(sw.apply(std::move(config)));
    for (const Wanted& wanted : sw.wants()) attach(wanted.port, abilities_);
    sw.tick(now);
    settle();
    forget();  // announcements
    return {};
  }
  void attach(uint32_t port, Abilities abilities) {
    auto driver = std::make_unique<FakeDriver>(pool, abilities);
    drivers_[port] = driver.get();
    const Status attached = sw.attach(port, std::move(driver));
    BRIDLE_ASSERT(attached.ok());
  }
  FakeDriver& at(uint32_t port) { return *drivers_.at(port); }
  const std::map<uint32_t, FakeDriver*>& drivers() const { return drivers_; }

  bool turn() { return sw.worker(0).turn(now); }
  // Until there is nothing to do.
  void settle() {
    while (turn()) continue;
  }
  void pass(Duration time) {
    now = now + time;
    sw.tick(now);
  }
  // What was sent since, thrown away.
  void forget() {
    for (const auto& [port, driver] : drivers_) driver->sent();
  }

  PortTotals totals(uint32_t port) const {
    for (const PortReport& entry : sw.report().ports)
      if (entry.id == port) return entry.totals;
    return {};
  }
  uint64_t drops(uint32_t port, Drop reason) const {
    return totals(port).dropped[static_cast<size_t>(reason)];
  }

  MemoryPool pool;
  Tick now{1'000'000'000};

 private:
  std::map<uint32_t, FakeDriver*> drivers_;
  Abilities abilities_;

 public:
  Switch sw;  // goes first: its drivers give back to the pool
};

// Group 1 with guests 1 ... `guests`: port N has mac(N) and 10.9.0.N.
inline Group plain_group(uint32_t id = 1) {
  Group group;
  group.id = id;
  group.name = "lab/" + std::to_string(id);
  group.answer_arp = group.guard_sources = group.guard_dhcp = group.guard_ra = false;
  return group;
}

inline Port plain_port(uint32_t id, PortKind kind = PortKind::guest, uint32_t group = 1) {
  Port port;
  port.id = id;
  port.kind = kind;
  port.group = group;
  port.name = std::string(kind == PortKind::guest ? "guest" : "port") + std::to_string(id);
  if (kind != PortKind::guest) return port;
  port.machine.uuid.bytes[0] = static_cast<uint8_t>(id);
  port.machine.uuid.bytes[1] = 1;
  port.machine.generation = 1;
  port.macs = {mac(static_cast<uint8_t>(id))};
  return port;
}

inline Config plain_config(uint32_t guests = 3) {
  Config config;
  config.generation = 1;
  config.groups = {plain_group()};
  for (uint32_t id = 1; id <= guests; ++id) {
    config.ports.push_back(plain_port(id));
    Lease lease{mac(static_cast<uint8_t>(id)), ip(static_cast<uint8_t>(id)), {}};
    config.groups[0].registry.push_back(lease);
  }
  return config;
}

}  // namespace bridle::net::testing
