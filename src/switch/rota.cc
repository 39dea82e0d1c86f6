#include "switch/rota.h"

#include <algorithm>
#include <utility>

namespace bridle::net {

void Rota::fill(const Plane& plane, size_t worker) {
  places_.clear();
  busy_ = idle_ = 0;
  for (size_t i = 0; i < plane.snapshot().port_count(); ++i) {
    const auto port = static_cast<PortIndex>(i);
    if (plane.driver(port) == nullptr || plane.owner(port) != worker) continue;
    places_.push_back({port, plane.driver(port), &plane.port(port)});
  }
  const auto idle = std::stable_partition(places_.begin(), places_.end(), [](const Place& place) {
    return place.state->quiet < patience;
  });
  busy_ = static_cast<size_t>(idle - places_.begin());
}

bool Rota::note(size_t i, bool had_frames) {
  PortState& state = *places_[i].state;
  if (had_frames) {
    state.quiet = 0;
    if (i < busy_) return false;
    std::swap(places_[i], places_[busy_++]);
    return false;
  }
  if (state.quiet < patience) ++state.quiet;
  if (i >= busy_ || state.quiet < patience) return false;
  std::swap(places_[i], places_[--busy_]);
  return true;
}

bool Rota::begin(PortState& state, const PortView& port) {
  const int64_t each = quantum_of(port);
  state.credit = std::min(state.credit + each, each);
  return state.credit > 0;
}

void Rota::forgive(const Snapshot& snapshot) {
  int64_t turns = INT64_MAX;
  for (size_t i = 0; i < busy_; ++i) {
    const int64_t each = quantum_of(snapshot.port(places_[i].port));
    if (places_[i].state->credit > -each) return;
    turns = std::min(turns, -places_[i].state->credit / each);
  }
  for (size_t i = 0; i < busy_; ++i)
    places_[i].state->credit += turns * quantum_of(snapshot.port(places_[i].port));
}

size_t Rota::next_idle() {
  const size_t idle = size() - busy_;
  if (idle_ >= idle) idle_ = 0;
  return busy_ + idle_++;
}

}  // namespace bridle::net
