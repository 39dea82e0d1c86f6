// Journal: the hand for the controller's LedgerAppend: gives its entries time, machine and code,
// and tells when they are durable. Thread class: the loop's thread.
#pragma once

#include "daemon/runner.h"
#include "daemon/scribe.h"

namespace bridle::daemon {

class Journal {
 public:
  Journal(Clock& clock, Runner& runner, Scribe& scribe);

 private:
  void append(fleet::LedgerAppend& action);

  Clock& clock_;
  Runner& runner_;
  Scribe& scribe_;
};

}  // namespace bridle::daemon
