#include "probe.h"

#include <rte_cycles.h>
#include <rte_pause.h>
#include <unistd.h>

#include <algorithm>

#include "flow.h"
#include "port.h"

namespace bridle::bench {
namespace {

uint64_t ticks(uint64_t us) { return rte_get_tsc_hz() / 1'000'000 * us; }

uint64_t ns(uint64_t passed) {
  return static_cast<uint64_t>(static_cast<double>(passed) / static_cast<double>(rte_get_tsc_hz()) *
                               1e9);
}

}  // namespace

std::vector<uint64_t> wake(Flow& flow, Port& to, uint64_t count, uint64_t pause_us) {
  std::vector<uint64_t> found;
  for (uint64_t i = 0; i < count; ++i) {
    usleep(static_cast<useconds_t>(pause_us));
    while (to.drain() > 0) continue;
    uint64_t began = rte_rdtsc(), limit = began + ticks(1'000'000), now = began;
    if (!flow.offer_one()) continue;
    uint64_t arrived = 0;
    while (arrived == 0 && now < limit) {
      arrived = to.drain();
      now = rte_rdtsc();
    }
    if (arrived > 0) found.push_back(ns(now - began));
  }
  return found;
}

Gap gap(Flow& flow, Port& from, Port& to, uint64_t interval_us, uint64_t ms) {
  Gap seen;
  uint64_t now = rte_rdtsc(), end = now + ticks(ms * 1'000), last = now, next = now, look = now;
  for (; now < end; now = rte_rdtsc()) {
    if (now >= next) {
      seen.sent += flow.offer_one() ? 1 : 0;
      next = now + ticks(interval_us);
    }
    if (uint64_t arrived = to.drain(); arrived > 0) {
      seen.received += arrived;
      seen.longest_ns = std::max(seen.longest_ns, ns(now - last));
      last = now;
    }
    if (now >= look) {  // asking for the link is what lets the driver take a new connection
      from.connected();
      to.connected();
      look = now + ticks(1'000);
    }
    rte_pause();
  }
  seen.longest_ns = std::max(seen.longest_ns, ns(now - last));
  return seen;
}

}  // namespace bridle::bench
