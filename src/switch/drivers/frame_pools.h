// Which kind of pool a worker of bridle-switch has: mbufs where vhost-user is built in, slabs where
// it is not; and how ports are opened, so that the process knows no driver.
//
// Thread class: control; register_worker_thread: the worker's own thread.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "switch/driver.h"

namespace bridle::net {

// Before its first turn.
void register_worker_thread();

struct PoolUse {
  size_t available = 0, capacity = 0;
};

class DriverFactory {
 public:
  // `folder`: the process's own, writable.
  static Result<std::unique_ptr<DriverFactory>> start(const std::string& folder);
  ~DriverFactory();

  // Worker `index`'s pool; the factory owns it.
  Result<FramePool*> make_pool(size_t index, size_t frames);
  PoolUse use_of(size_t index) const;
  // Code::refused: built without vhost-user.
  Result<std::unique_ptr<Driver>> open_vhost_user(const std::string& path, uint32_t id,
                                                  size_t worker);
  // Why the last connection of a vhost-user port was refused; empty: none was.
  std::string trouble_of(uint32_t id) const;

 private:
  class Inside;
  explicit DriverFactory(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace bridle::net
