#include "window.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_cycles.h>

#include "flow.h"
#include "port.h"

namespace bridle::bench {
namespace {

uint64_t ticks(uint64_t us) { return rte_get_tsc_hz() / 1'000'000 * us; }

void run(const Traffic& traffic, uint64_t until, Seen& seen) {
  while (rte_rdtsc() < until) {
    for (size_t i = 0; i < traffic.flows.size(); ++i) {
      uint64_t taken = traffic.flows[i]->offer();
      seen.sent[i] += taken;
      seen.full[i] += traffic.flows[i]->waits() ? 1 : 0;
    }
    for (size_t i = 0; i < traffic.ports.size(); ++i) seen.received[i] += traffic.ports[i]->drain();
  }
}

Seen nothing(const Traffic& traffic) {
  Seen seen;
  seen.sent.resize(traffic.flows.size());
  seen.full.resize(traffic.flows.size());
  seen.received.resize(traffic.ports.size());
  return seen;
}

}  // namespace

Seen measure(const Stretch& stretch, const Traffic& traffic) {
  if (stretch.stops) stretch.process.go_on();
  Seen warm = nothing(traffic), seen = nothing(traffic);
  run(traffic, rte_rdtsc() + ticks(stretch.warm_us), warm);
  uint64_t cpu = stretch.process.cpu_ns(), own = own_cpu_ns(), began = rte_rdtsc();
  run(traffic, began + ticks(stretch.measured_us), seen);
  seen.cpu_ns = stretch.process.cpu_ns() - cpu;
  seen.own_ns = own_cpu_ns() - own;
  auto passed = static_cast<double>(rte_rdtsc() - began);
  seen.wall_ns = static_cast<uint64_t>(passed / static_cast<double>(rte_get_tsc_hz()) * 1e9);
  if (stretch.stops) stretch.process.stop();
  return seen;
}

std::string to_json(const Seen& seen) {
  return fmt::format(
      R"({{"wall_ns":{},"cpu_ns":{},"own_ns":{},"sent":[{}],"full":[{}],"received":[{}]}})",
      seen.wall_ns, seen.cpu_ns, seen.own_ns, fmt::join(seen.sent, ","), fmt::join(seen.full, ","),
      fmt::join(seen.received, ","));
}

}  // namespace bridle::bench
