// Who is at rest, and what is set aside for all: kept with each change, so that nothing that comes
// again and again walks over all machines of a host.
#include "base/check.h"
#include "fleet/machine_loop.h"

namespace bridle::fleet {
namespace {

constexpr size_t swept_a_list = 100;  // of the jail: 10,000 machines take 25 minutes

// A start that failed comes again by itself, and keeps what was set aside for it.
bool at_rest(const Guest& guest) { return guest.state == machine::State::off && !guest.retry_at; }

Promised part_of(const Guest& guest) {
  if (guest.spec.power == model::Power::stopped) return {1, 0, 0, 0};
  return {1, 1, guest.spec.cpu.reservation, guest.spec.memory_share.reservation};
}

}  // namespace

void MachineLoop::note_rest(const Guest& guest) {
  if (at_rest(guest))
    afoot_.erase(guest.uuid);
  else
    afoot_.insert(guest.uuid);
  if (guest.blocked)
    blocked_.insert(guest.uuid);
  else
    blocked_.erase(guest.uuid);
}

// Its part of what is promised becomes what its spec says, or nothing.
void MachineLoop::count(Guest& guest, bool present) {
  const Promised now = present ? part_of(guest) : Promised{};
  const Promised before = std::exchange(guest.promised, now);
  promised_.machines += now.machines - before.machines;
  promised_.wanted += now.wanted - before.wanted;
  promised_.cpu += now.cpu - before.cpu;
  promised_.memory += now.memory - before.memory;
}

// The next few of all, in turn.
void MachineLoop::sweep() {
  for (size_t left = std::min(swept_a_list, guests_.size()); left > 0; --left) {
    auto next = guests_.upper_bound(swept_);
    if (next == guests_.end()) next = guests_.begin();
    swept_ = next->first;
    touch(next->second);
  }
}

// REQUIRES: visit takes nobody out of afoot_ (a look alone does).
void MachineLoop::each_afoot(const std::function<void(Guest&)>& visit) {
  for (const Uuid& uuid : afoot_) visit(guests_.at(uuid));
}

void MachineLoop::each_afoot(const std::function<void(const Guest&)>& visit) const {
  for (const Uuid& uuid : afoot_) visit(guests_.at(uuid));
}

size_t MachineLoop::living() const {
  size_t count = 0;
  each_afoot([&](const Guest& guest) { count += machine::may_live(guest.state) ? 1 : 0; });
  return count;
}

size_t MachineLoop::attached() const {
  size_t count = 0;
  each_afoot([&](const Guest& guest) {
    count += guest.state == State::running || guest.state == State::paused ? 1 : 0;
  });
  return count;
}

void MachineLoop::check_rest() const {
  Promised walked;
  for (const auto& [uuid, guest] : guests_) {
    BRIDLE_ASSERT(at_rest(guest) || afoot_.contains(uuid));
    BRIDLE_ASSERT(!guest.blocked || blocked_.contains(uuid));
    const Row* row = guest.stray ? nullptr : objects_.machine(uuid);
    const auto spec = row == nullptr ? Result<model::MachineSpec>(Error(Code::not_found, ""))
                                     : model::machine_spec(row->object.spec);
    if (!spec.ok()) continue;
    const bool wanted = spec->power != model::Power::stopped;
    walked.machines += 1;
    walked.wanted += wanted ? 1 : 0;
    walked.cpu += wanted ? spec->cpu.reservation : 0;
    walked.memory += wanted ? spec->memory_share.reservation : 0;
  }
  BRIDLE_ASSERT(walked == promised_);
}

}  // namespace bridle::fleet
