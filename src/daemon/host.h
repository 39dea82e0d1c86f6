// HostObject: keeps this host's Host object in the store: capacity, what machines have reserved,
// the engine and why, what its cgroups cannot promise.
//
// Thread class: the loop's thread.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "daemon/runner.h"
#include "fleet/events.h"
#include "model/host.h"
#include "store/store.h"

namespace bridle::daemon {

// 2 where the unified hierarchy has controllers, else 1; 0: no cgroups.
uint32_t cgroup_version();
std::vector<std::string> cgroup_notes(uint32_t version);

class HostObject {
 public:
  struct Facts {
    fleet::HostFacts host;
    std::string engine_reason;
    std::string qemu_version;
    model::HostApiStatus api;
  };
  HostObject(Clock& clock, Random& random, store::Store& store, Runner& runner)
      : clock_(clock), random_(random), store_(store), runner_(runner) {}

  // First of all: names this start of Bridle. A shutdown that was asked for before it is over.
  Status begin(const std::string& name, std::string start);
  // Creates the object where there is none, and writes its status if it changed.
  Status refresh(const Facts& facts);
  // What the operator reserved for the host itself; zero where there is no object yet.
  model::HostAmounts reserved(const std::string& name);

 private:
  Status create(const std::string& name);
  model::HostStatus status(const Facts& facts);

  Clock& clock_;
  Random& random_;
  store::Store& store_;
  Runner& runner_;
  Status let_run(const std::string& name, const store::Entry& entry);

  std::string start_;
  std::string written_;  // the status as last written, without `seen`
};

}  // namespace bridle::daemon
