// Whose turn it is: machines start with the host by spec.autostart.order, lowest first, and are
// stopped with it highest first.
//
//   start   queue_ holds those that are wanted on and off when the loop begins, or when a drain
//   ends.
//           The lowest order starts (stage_); each of it leaves the queue when it runs, cannot
//           start or is not wanted any more. When none is left the gate closes for the longest
//           delay among them; then the next order starts.
//   stop    The Host object says drain or shutdown: a guest must stop once no guest of a higher
//   order
//           lives; each has its own stopTimeout from then on. None starts meanwhile.
//
// What people start later waits for nobody.
#include <algorithm>

#include "fleet/machine_loop.h"

namespace bridle::fleet {
namespace {

const std::string turn_owner = "~turn";

}  // namespace

void MachineLoop::look_host(const std::string& ref) {
  if (ref != model::ref(model::Kind::host, "", context_.host.name)) return;
  const Row* row = objects_.find(ref);
  model::HostGuests wanted = model::HostGuests::run;
  if (row != nullptr)
    if (auto spec = model::host_spec(row->object.spec); spec.ok()) wanted = spec->guests;
  if (wanted == host_guests_) return;
  const bool drained = host_guests_ != model::HostGuests::run;
  host_guests_ = wanted;
  highest_.reset();
  if (wanted == model::HostGuests::run && drained && ready_) queue_starts();
  for (const auto& [uuid, guest] : guests_) touch(guest);
}

void MachineLoop::queue_starts() {
  for (auto& [uuid, guest] : guests_) {
    const bool starts = wanted_on(guest, objects_.machine(uuid)) && guest.state == State::off;
    if (!starts || guest.queued) continue;
    guest.queued = guest.spec.autostart.order;
    queue_[*guest.queued].insert(uuid);
  }
  gate_.reset();
  if (!queue_.empty()) stage_ = queue_.begin()->first;
}

void MachineLoop::take_turns() {
  const bool waits = gate_ && *gate_ > context_.now;
  if (queue_.empty() || queue_.begin()->first <= stage_ || waits)
    return timers_.want(turn_owner, waits && !queue_.empty() ? gate_ : std::nullopt);
  timers_.want(turn_owner, std::nullopt);
  gate_.reset();
  stage_ = queue_.begin()->first;
  for (const Uuid& uuid : queue_.begin()->second) touch(guests_.at(uuid));
}

std::optional<Blocked> MachineLoop::wait_for_turn(const Guest& guest) {
  if (!guest.queued || *guest.queued <= stage_) return std::nullopt;
  return Blocked{"WaitsForTurn",
                 "starts after the machines of order " + std::to_string(stage_) + "; its own is " +
                     std::to_string(*guest.queued),
                 false};
}

// Out of the queue once nobody needs to wait for it.
void MachineLoop::keep_turn(Guest& guest, const Row* row) {
  if (!guest.queued) return;
  const bool runs = guest.state == State::running || guest.state == State::paused;
  if (runs) return leave_queue(guest, guest.spec.autostart.delay);
  const bool turn = *guest.queued <= stage_;
  const bool stuck = turn && (guest.blocked || guest.retry_at || machine::may_live(guest.state)) &&
                     guest.state != State::launching && guest.state != State::booting;
  if (!wanted_on(guest, row) || guest.stray || stuck) leave_queue(guest, Duration{});
}

void MachineLoop::leave_queue(Guest& guest, Duration delay) {
  auto at = queue_.find(*guest.queued);
  guest.queued.reset();
  at->second.erase(guest.uuid);
  if (delay > Duration{}) gate_ = std::max(gate_.value_or(context_.now), context_.now + delay);
  if (!at->second.empty()) return;
  queue_.erase(at);
  take_turns();
}

uint32_t MachineLoop::highest_order() const {
  if (highest_) return *highest_;
  uint32_t highest = 0;
  each_afoot([&](const Guest& guest) {
    if (machine::may_live(guest.state) && !guest.stray)
      highest = std::max(highest, guest.spec.autostart.order);
  });
  highest_ = highest;
  return highest;
}

bool MachineLoop::must_stop(const Guest& guest) const {
  if (host_guests_ == model::HostGuests::run) return false;
  return !machine::may_live(guest.state) || guest.spec.autostart.order >= highest_order();
}

// The last of its order may have been the one that others wait for.
void MachineLoop::someone_ended() {
  highest_.reset();
  if (host_guests_ == model::HostGuests::run) return;
  const uint32_t order = highest_order();
  each_afoot([&](const Guest& guest) {
    if (machine::may_live(guest.state) && guest.spec.autostart.order == order && !guest.asked_off)
      touch(guest);
  });
}

}  // namespace bridle::fleet
