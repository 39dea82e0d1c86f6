#include "switch/switch.h"

#include "switch/switch_control.h"

namespace bridle::net {

Switch::Switch(SwitchOptions options) : control_(std::make_unique<Control>(std::move(options))) {}
Switch::~Switch() = default;

Status Switch::apply(Config config) {
  const std::lock_guard lock(control_->lock);
  return control_->apply(std::move(config));
}

uint64_t Switch::generation() const {
  const std::lock_guard lock(control_->lock);
  return control_->snapshot()->config().generation;
}

Config Switch::config() const {
  const std::lock_guard lock(control_->lock);
  return control_->snapshot()->config();
}

std::vector<Wanted> Switch::wants() const {
  const std::lock_guard lock(control_->lock);
  return control_->wants();
}

Status Switch::attach(uint32_t port, std::unique_ptr<Driver> driver) {
  const std::lock_guard lock(control_->lock);
  return control_->attach(port, std::move(driver));
}

Status Switch::detach(uint32_t port) {
  const std::lock_guard lock(control_->lock);
  return control_->detach(port);
}

void Switch::tick(Tick now) {
  const std::lock_guard lock(control_->lock);
  control_->tick(now);
}

size_t Switch::workers() const { return control_->workers.size(); }
Worker& Switch::worker(size_t index) { return *control_->workers[index]; }

SwitchReport Switch::report() const {
  const std::lock_guard lock(control_->lock);
  return control_->report();
}

Status Switch::check_conservation() const {
  const std::lock_guard lock(control_->lock);
  return control_->check_conservation();
}

Result<TraceReport> Switch::trace(uint32_t port, std::span<const uint8_t> frame) const {
  const std::lock_guard lock(control_->lock);
  return control_->trace(port, frame);
}

void Switch::capture(std::shared_ptr<CaptureTap> tap) {
  const std::lock_guard lock(control_->lock);
  control_->capture(std::move(tap));
}

void Switch::set_policy(std::shared_ptr<const PolicyProgram> program) {
  const std::lock_guard lock(control_->lock);
  control_->set_policy(std::move(program));
}

}  // namespace bridle::net
