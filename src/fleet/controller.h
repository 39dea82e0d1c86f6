// Controller: the brain of one host. A pure step:
//
//   Controller brain(random, options);
//   for (Event event : world) for (Action action : brain.step(event)) carry_out(action);
//
// It is level-triggered: it keeps what is wanted (spec) and seen (status, jail, monitors), compares
// and acts; an event only says that something may have changed. It reads no clock, opens no file
// and waits for nothing. Chance comes from the Random given to it (uuids are the API's; MAC
// addresses are made here).
//
// Who writes what: users (through the API) write the spec key of an object; the controller writes
// its status key, its finalizers, and removes both keys when a deletion is complete. Operation and
// Event objects: the API creates operations, the controller moves them on and drops old ones;
// events are the controller's. docs/control.md tells the whole story.
//
// Order of a start:  intent synced ┐
//                    boot durable  ├─▶ StartGuest ─▶ GuestStarted ─▶ AttachMonitor ─▶ MonitorUp
//                    Prepared      ┘
//
// Errors never leave step(): they become status, events and outcomes in the ledger. A broken
// invariant of its own aborts (base/check.h).
//
// Thread class: one thread (the owner's).
#pragma once

#include <memory>
#include <vector>

#include "base/random.h"
#include "fleet/actions.h"
#include "fleet/events.h"
#include "model/host.h"

namespace bridle::fleet {

class Objects;    // fleet/objects.h: the cache, for the API's reads and checks
struct Promised;  // fleet/guest.h

// How patient the controller is. The defaults are the product's.
struct Options {
  Duration resync = std::chrono::seconds(15);        // ask the jail what it has
  Duration sample = std::chrono::seconds(10);        // usage of every guest
  Duration boot_timeout = std::chrono::seconds(60);  // StartGuest to MonitorUp
  Duration kill_retry = std::chrono::seconds(2);
  Duration monitor_retry = std::chrono::milliseconds(200);  // doubles to 5 s
  Duration restart_first = std::chrono::seconds(1);         // back-off of restarts, doubles
  Duration restart_most = std::chrono::minutes(5);
  Duration restart_calm = std::chrono::minutes(1);  // running so long forgets earlier failures
  Duration retry = std::chrono::seconds(1);         // after a failed commit, ledger or volume
  size_t keep_operations = 200;                     // finished ones
  size_t keep_events = 1000;
};

class Controller {
 public:
  explicit Controller(Random& random, Options options = {});
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  std::vector<Action> step(const Event& event);

  // What the controller knows; valid until the next step().
  const Objects& objects() const;
  // StoreLoaded and JailGuests came: it acts.
  bool ready() const;
  // Guests that have a process, or may have.
  size_t living() const;
  // Guests whose monitor answers.
  size_t attached() const;
  // All machines together.
  const Promised& promised() const;
  // For tests: asserts that what is kept to spare walks over all machines is what a walk finds.
  void check() const;
  // What is being done with them, as the Host object says.
  model::HostGuests host_guests() const;
  // True while something is asked for and not answered, or a status waits to be written.
  bool busy() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bridle::fleet
