// Volumes: the hands for CreateVolume, ResizeVolume and RemoveVolume, on the worker's thread.
// Thread class: the loop's thread.
#pragma once

#include "base/layout.h"
#include "daemon/runner.h"
#include "daemon/worker.h"

namespace bridle::fleet {
class Objects;
}

namespace bridle::daemon {

// Bytes by which the files of all volumes may still grow: what guests were promised and have not
// written yet. Nothing sets them aside: volumes are thin.
uint64_t may_grow(const Layout& layout, const fleet::Objects& objects);

class Volumes {
 public:
  Volumes(const Layout& layout, Worker& worker, Runner& runner);

 private:
  void create(fleet::CreateVolume& action);
  void resize(fleet::ResizeVolume& action);
  void remove(fleet::RemoveVolume& action);

  const Layout& layout_;
  Worker& worker_;
  Runner& runner_;
};

}  // namespace bridle::daemon
