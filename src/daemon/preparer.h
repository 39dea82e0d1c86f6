// Preparer: the hands for Prepare and DropPrepared: on the worker's thread, opens and checks the
// parts of images that a start needs and writes its seed disk; keeps what it opened for the
// StartGuest that follows.
//
// Thread class: the loop's thread; jobs run on the worker's.
#pragma once

#include <map>

#include "base/layout.h"
#include "blob/part_store.h"
#include "daemon/guests.h"
#include "daemon/prepared.h"
#include "daemon/runner.h"
#include "daemon/worker.h"

namespace bridle::daemon {

class Preparer {
 public:
  Preparer(const Layout& layout, const Uuid& boot_id, Worker& worker, Runner& runner,
           Guests& guests);

 private:
  void prepare(fleet::Prepare& action);
  void drop(const fleet::DropPrepared& action);
  // On the worker's thread.
  Result<Prepared> make_ready(const fleet::Launch& launch);
  Status open_part(const std::string& digest, const fleet::Launch& launch, Prepared& out);
  Status write_seed(const fleet::Launch& launch);

  const Layout& layout_;
  Worker& worker_;
  Runner& runner_;
  Guests& guests_;
  std::map<Uuid, uint64_t> under_way_;  // boot that is being prepared
  blob::PartStore parts_;               // the worker's
};

}  // namespace bridle::daemon
