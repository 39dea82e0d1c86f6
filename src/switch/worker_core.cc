#include "switch/worker_core.h"

#include <algorithm>
#include <cstring>

namespace bridle::net {
namespace {

constexpr int64_t idle_part = 64;            // of a turn's cycles, for idle ports
constexpr uint64_t cycles_of_a_frame = 300;  // when nobody counts them
constexpr size_t announcements_a_turn = 32;

}  // namespace

WorkerCore::WorkerCore(Publication<Plane>& publication, size_t worker, FramePool& pool,
                       uint64_t (*counter)())
    : publication_(publication),
      turn_{.pool = &pool, .worker = worker, .cycles = counter},
      outputs_(turn_),
      receiver_(turn_, outputs_) {}

bool WorkerCore::adopt(const Plane* plane) {
  if (plane == nullptr) return false;
  turn_.plane = plane;
  if (plane->version() == version_) return true;
  version_ = plane->version();
  if (&plane->snapshot() != snapshot_) outputs_.resize(plane->snapshot().port_count());
  snapshot_ = &plane->snapshot();
  rota_.fill(*plane, turn_.worker);
  return true;
}

bool WorkerCore::turn(Tick now) {
  if (!adopt(publication_.enter(turn_.worker))) return false;
  turn_.now = now;
  wake_at_.reset();
  in_debt_ = false;
  outputs_.begin_turn();
  if (turn_.worker == 0 && !turn_.plane->parts().announcements.empty()) [[unlikely]]
    announce();
  const uint64_t began = cycles();
  bool received = serve_busy();
  if (rota_.busy() < rota_.size()) received = serve_idle(!received, began) || received;
  outputs_.empty_all();
  if (!received && in_debt_) {
    rota_.forgive(turn_.plane->snapshot());
    return true;
  }
  return received || outputs_.sent_something();
}

bool WorkerCore::serve_busy() {
  bool received = false;
  for (size_t i = 0; i < rota_.busy();) {
    Rota::Place& place = rota_.at(i);
    const PortView& port = turn_.plane->snapshot().port(place.port);
    if (!Rota::begin(*place.state, port)) {
      in_debt_ = true;
      ++i;
      continue;
    }
    const Served served = serve(place);
    received = received || served == Served::came;
    if (served == Served::held || !rota_.note(i, served == Served::came)) ++i;
  }
  return received;
}

// Idle ports are asked for a small part of what the busy ones cost; when there are no busy ones,
// all of them.
bool WorkerCore::serve_idle(bool all, uint64_t began) {
  bool received = false;
  const uint64_t now = cycles();
  idle_credit_ = std::min<int64_t>(idle_credit_ + static_cast<int64_t>(now - began) / idle_part,
                                   Rota::quantum);
  uint64_t before = now;
  for (size_t rest = rota_.size() - rota_.busy(); rest > 0 && (all || idle_credit_ >= 0); --rest) {
    const size_t i = rota_.next_idle();
    if (i >= rota_.size()) break;
    Rota::Place& place = rota_.at(i);
    Rota::begin(*place.state, turn_.plane->snapshot().port(place.port));
    const bool came = serve(place) == Served::came;
    rota_.note(i, came);
    const uint64_t after = cycles();
    // What came is no idle port's cost.
    if (!came) idle_credit_ -= std::max<int64_t>(static_cast<int64_t>(after - before), 1);
    before = after;
    received = received || came;
  }
  if (all) idle_credit_ = 0;
  return received;
}

size_t WorkerCore::allowance(Rota::Place& place, const PortView& port) {
  const Rate& rate = turn_.plane->snapshot().port_config(place.port).send;
  if (!place.state->send_rate.ready(rate, turn_.now)) {
    const Tick at = place.state->send_rate.ready_at(rate);
    wake_at_ = wake_at_ ? std::min(*wake_at_, at) : at;
    return 0;
  }
  // So few that at most one largest frame goes into debt.
  const auto each = std::max<int64_t>(place.state->largest, port.mtu);
  return static_cast<size_t>(
      std::clamp<int64_t>(place.state->send_rate.level() / each, 1, static_cast<int64_t>(burst)));
}

WorkerCore::Served WorkerCore::serve(Rota::Place& place) {
  const PortView& port = turn_.plane->snapshot().port(place.port);
  PortState& state = *place.state;
  const bool limited = port.limited_send;
  Served served = Served::nothing;
  for (int bursts = 0; bursts < Rota::most_bursts && state.credit > 0; ++bursts) {
    const size_t most = limited ? allowance(place, port) : burst;
    if (most == 0) return served == Served::came ? served : Served::held;
    const uint64_t began = cycles(), charged = turn_.charged;
    const Receiver::Came came = receiver_.receive(place.port, *place.driver, most);
    if (came.frames == 0) break;
    served = Served::came;
    if (limited) state.send_rate.spend(came.bytes);
    state.largest = std::max(state.largest, came.largest);
    const uint64_t cost = turn_.cycles == nullptr ? came.frames * cycles_of_a_frame
                                                  : cycles() - began - (turn_.charged - charged);
    state.credit -= static_cast<int64_t>(cost);
    if (turn_.cycles != nullptr) state.counters[turn_.worker].cycles.add(cost);
    if (came.frames < most) break;
  }
  return served;
}

void WorkerCore::announce() {
  size_t left = announcements_a_turn;
  for (const auto& announcements : turn_.plane->parts().announcements) {
    size_t at = announcements->next.load(std::memory_order_relaxed);
    while (left > 0 && at < announcements->list.size() &&
           send_announcement(announcements->list[at]))
      ++at, --left;
    announcements->next.store(at, std::memory_order_release);
  }
}

bool WorkerCore::send_announcement(const Announcement& announcement) {
  const Snapshot& snapshot = turn_.plane->snapshot();
  const GroupIndex group = snapshot.group_by_id(announcement.group);
  const PortIndex uplink = snapshot.port_by_id(announcement.uplink);
  if (group == no_group || uplink == no_port) return true;  // not there any more
  const auto bytes = bytes_of(announcement);
  Frame* frame = turn_.pool->take(static_cast<uint32_t>(bytes.size()));
  if (frame == nullptr) return false;
  std::memcpy(frame->data, bytes.data(), bytes.size());
  packet::parse(frame->bytes(), frame->size, frame->headers);
  frame->group = group;
  frame->vlan = snapshot.group(group).vlan;
  turn_.plane->counters(no_port, turn_.worker).made.add(1);
  outputs_.push(frame, uplink);
  return true;
}

// It is woken by time, not by what it already has.
bool WorkerCore::is_held(const Rota::Place& place) const {
  const PortView& port = turn_.plane->snapshot().port(place.port);
  return port.limited_send && place.state->send_rate.level() <= 0;
}

bool WorkerCore::arm(std::vector<int>& wake_descriptors) {
  wake_descriptors.clear();
  const Plane* plane = publication_.enter(turn_.worker);
  if (plane != nullptr && plane->version() != version_) return true;
  armed_ = true;
  for (const Rota::Place& place : rota_.all()) {
    if (is_held(place)) continue;
    if (place.driver->arm()) {
      disarm();
      return true;
    }
    if (const int descriptor = place.driver->wake_descriptor(); descriptor >= 0)
      wake_descriptors.push_back(descriptor);
  }
  publication_.leave(turn_.worker);
  return false;
}

// Drivers that are not armed (a new snapshot may have brought some) do not mind.
void WorkerCore::disarm() {
  const bool any = adopt(publication_.enter(turn_.worker));
  if (any && armed_)
    for (const Rota::Place& place : rota_.all()) place.driver->disarm();
  armed_ = false;
}

}  // namespace bridle::net
