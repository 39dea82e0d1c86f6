// Meter: the host's own figures for /metrics: how late the loop is, how long the controller's steps
// take, what store and ledger hold.
//
// The loop's lag is measured by a probe a second: from asking the loop to call back until it did.
//
// Thread class: the loop's thread.
#pragma once

#include <memory>

#include "api/metrics.h"
#include "base/clock.h"
#include "base/layout.h"
#include "daemon/loop.h"
#include "daemon/runner.h"
#include "daemon/scribe.h"
#include "store/store.h"

namespace bridle::daemon {

class Meter {
 public:
  Meter(Loop& loop, Clock& clock, const Layout& layout, store::Store& store, Scribe& scribe,
        Runner& runner);

  void write(api::MetricText& out, const fleet::HostFacts& facts);

 private:
  void probe();
  void write_objects(api::MetricText& out);
  void write_files(api::MetricText& out);

  Loop& loop_;
  Clock& clock_;
  const Layout& layout_;
  store::Store& store_;
  Scribe& scribe_;
  Runner& runner_;
  api::Histogram lag_;
  std::unique_ptr<Handle> timer_;
};

}  // namespace bridle::daemon
