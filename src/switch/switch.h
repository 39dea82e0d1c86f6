// Switch: a virtual layer-2 switch of one trust zone, as a library. It forwards frames between
// ports by what its configuration says, never by what it saw; it opens nothing, reads no clock and
// knows no driver. Theory of operation, a picture and the semantics: docs/switch.md.
//
//   SwitchOptions options{.pools = {&pool}, .cycles = read_tsc, .cycles_per_second = hz};
//   Switch sw(options);
//   sw.apply(config);                                  // builds a snapshot, publishes it
//   for (Wanted& w : sw.wants()) sw.attach(w.port, open_driver(w, pool));
//   while (running) {
//     if (sw.worker(0).turn(now())) continue;          // received and sent something
//     ... after a while of nothing: worker.arm(descriptors), epoll on these, worker.disarm()
//     sw.tick(now());                                  // every 10 ms or so, and when woken
//   }
//
// A port whose id, attachment and place stay the same keeps driver, counters, rates and learned
// addresses through apply(). One that goes, or whose attachment changes, loses its driver: it is
// closed once no worker uses it any more (tick()). Uplinks that go down or come up are seen by
// tick(): teams choose again, and announce what is behind them.
//
// Publication: workers load one pointer at the start of each turn and say which they saw; what was
// replaced is freed when all have said something newer or sleep (quiescent state based
// reclamation). Workers never wait for control, control never for a turn.
//
// Thread class: all but worker(): control, any thread (one lock). worker(i): its own thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "switch/capture.h"
#include "switch/config.h"
#include "switch/counters.h"
#include "switch/driver.h"
#include "switch/trace.h"
#include "switch/worker.h"

namespace bridle::net {

struct SwitchOptions {
  std::vector<FramePool*> pools;   // one a worker; outlive the switch
  uint64_t (*cycles)() = nullptr;  // a free-running counter; null: costs are not accounted
  uint64_t cycles_per_second = 1000000000;
};

// A port of the configuration that has no driver.
struct Wanted {
  uint32_t port = 0;
  Attachment attachment = Attachment::memory;
  std::string place;
  uint32_t worker = 0;  // whose pool its driver takes frames from
};

struct PortReport {
  uint32_t id = 0;
  std::string name;
  bool attached = false, up = false;
  std::string driver;  // its name; empty: none
  DriverCounters driver_counters;
  PortTotals totals;
  uint32_t learned = 0;  // addresses that it uses beside its own
};

struct SwitchReport {
  uint64_t generation = 0;
  std::vector<PortReport> ports;  // in the order of Config
  PortTotals nobody;              // what the switch made by itself, and what gone ports left
};

class Switch {
 public:
  explicit Switch(SwitchOptions options);
  ~Switch();  // REQUIRES: no worker is in turn()

  // All of it or nothing. Workers see it at their next turn.
  Status apply(Config config);
  uint64_t generation() const;
  Config config() const;

  std::vector<Wanted> wants() const;
  // The driver is the switch's from now on. not_found: no such port; conflict: it has one.
  Status attach(uint32_t port, std::unique_ptr<Driver> driver);
  // It is closed once no worker uses it.
  Status detach(uint32_t port);

  // Link changes, teams, announcements; frees what nobody uses any more.
  void tick(Tick now);

  size_t workers() const;
  Worker& worker(size_t index);

  SwitchReport report() const;
  // The books of every port and of the switch are closed. REQUIRES: no worker is in turn().
  Status check_conservation() const;

  // What would happen to this frame from that port now; nothing is sent, nothing changes.
  Result<TraceReport> trace(uint32_t port, std::span<const uint8_t> frame) const;

  // Frames are copied into `tap` until the next call (null: off).
  void capture(std::shared_ptr<CaptureTap> tap);
  // What the modules `policy` ask (switch/modules/policy.h). Null: nothing.
  void set_policy(std::shared_ptr<const class PolicyProgram> program);

 private:
  class Control;
  std::unique_ptr<Control> control_;
};

}  // namespace bridle::net
