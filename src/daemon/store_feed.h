// StoreFeed: the controller's side of the store: commits what it asks for and tells it what
// changed, whoever changed it.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <vector>

#include "daemon/loop.h"
#include "daemon/runner.h"
#include "store/store.h"

namespace bridle::daemon {

class StoreFeed {
 public:
  StoreFeed(Loop& loop, Runner& runner, store::Store& store);

  // Tells StoreLoaded; changes follow. Once, after the Runner's Begin.
  Status begin();
  // Also rung after each commit, after the controller has been told.
  void also_ring(std::function<void(Revision)> doorbell) { also_ = std::move(doorbell); }

 private:
  void commit(fleet::Commit& action);
  void tell_changes();
  Status load();

  Loop& loop_;
  Runner& runner_;
  store::Store& store_;
  Revision told_ = 0;
  bool begun_ = false;
  bool scheduled_ = false;
  std::function<void(Revision)> also_;
};

}  // namespace bridle::daemon
