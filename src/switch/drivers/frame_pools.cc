#include "switch/drivers/frame_pools.h"

#include <vector>

#include "switch/drivers/hazards.h"
#ifdef BRIDLE_VHOST_USER
#include "switch/drivers/mbuf_pool.h"
#include "switch/drivers/vhost_user.h"
#else
#include "switch/drivers/slab_pool.h"
#endif

namespace bridle::net {

#ifdef BRIDLE_VHOST_USER
class DriverFactory::Inside {
 public:
  std::vector<std::unique_ptr<MbufPool>> pools;
  std::unique_ptr<VhostHub> hub;  // ends first
};

void register_worker_thread() { MbufPool::register_thread(); }

std::string DriverFactory::trouble_of(uint32_t id) const { return inside_->hub->refusal(id); }

Result<std::unique_ptr<DriverFactory>> DriverFactory::start(const std::string& folder) {
  BRIDLE_CHECK(install_hazard_handlers());
  auto inside = std::make_unique<Inside>();
  BRIDLE_TRY(inside->hub, VhostHub::start(folder));
  return std::unique_ptr<DriverFactory>(new DriverFactory(std::move(inside)));
}

Result<FramePool*> DriverFactory::make_pool(size_t index, size_t frames) {
  BRIDLE_TRY(auto pool, MbufPool::make("worker" + std::to_string(index), frames));
  inside_->pools.push_back(std::move(pool));
  return inside_->pools.back().get();
}

Result<std::unique_ptr<Driver>> DriverFactory::open_vhost_user(const std::string& path, uint32_t id,
                                                               size_t worker) {
  return inside_->hub->open(path, id, *inside_->pools.at(worker));
}
#else
class DriverFactory::Inside {
 public:
  std::vector<std::unique_ptr<SlabPool>> pools;
};

void register_worker_thread() {}

std::string DriverFactory::trouble_of(uint32_t) const { return {}; }

Result<std::unique_ptr<DriverFactory>> DriverFactory::start(const std::string&) {
  BRIDLE_CHECK(install_hazard_handlers());
  return std::unique_ptr<DriverFactory>(new DriverFactory(std::make_unique<Inside>()));
}

Result<FramePool*> DriverFactory::make_pool(size_t, size_t frames) {
  BRIDLE_TRY(auto pool, SlabPool::make(frames));
  inside_->pools.push_back(std::move(pool));
  return inside_->pools.back().get();
}

Result<std::unique_ptr<Driver>> DriverFactory::open_vhost_user(const std::string&, uint32_t,
                                                               size_t) {
  return Error(Code::refused, "this bridle-switch is built without vhost-user ports");
}
#endif

DriverFactory::DriverFactory(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
DriverFactory::~DriverFactory() = default;

PoolUse DriverFactory::use_of(size_t index) const {
  return {inside_->pools.at(index)->available(), inside_->pools.at(index)->capacity()};
}

}  // namespace bridle::net
