#include "switch/worker.h"

#include "switch/worker_core.h"

namespace bridle::net {

Worker::Worker(std::unique_ptr<WorkerCore> core) : core_(std::move(core)) {}
Worker::~Worker() = default;

bool Worker::turn(Tick now) { return core_->turn(now); }
bool Worker::arm(std::vector<int>& wake_descriptors) { return core_->arm(wake_descriptors); }
void Worker::disarm() { core_->disarm(); }
std::optional<Tick> Worker::wake_at() const { return core_->wake_at(); }

}  // namespace bridle::net
