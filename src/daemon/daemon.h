// Daemon: bridled. Opens store and ledger, wires the controller, the API, the jail and the guests
// to one loop, and runs until it is told to end. It decides nothing itself.
//
// Order of life: layout -> ledger (recovers) -> store -> parts -> Begin(facts, open intents) ->
// StoreLoaded -> the jail answers -> JailGuests -> the controller adopts what runs.
//
// Thread class: constructed and run on one thread.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace bridle::daemon {

struct DaemonOptions {
  std::string root;
  // Memory kept for the host and Bridle when the Host object reserves none.
  uint64_t memory_reserved = 256 << 20;
};

class Daemon {
 public:
  static Result<std::unique_ptr<Daemon>> open(const DaemonOptions& options);
  ~Daemon();

  // Until SIGTERM or SIGINT. Guests run on.
  Status run();

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace bridle::daemon
