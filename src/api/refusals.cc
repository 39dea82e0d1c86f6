#include "api/refusals.h"

#include <algorithm>

namespace bridle::api {

namespace {

constexpr double most_allowance = 60, allowance_a_second = 0.1;
constexpr size_t most_kinds = 256;
constexpr Duration first_pause = std::chrono::minutes(1), longest_pause = std::chrono::hours(1);

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

std::string place_of(const Refusal& refusal) {
  return (refusal.status == 0 ? "TLS" : std::to_string(refusal.status)) +
         (refusal.peer.empty() ? "" : " from " + refusal.peer);
}

std::string count_text(uint64_t calls, Duration time) {
  return std::to_string(calls) + " more refused calls in " +
         std::to_string(static_cast<int64_t>(seconds(time))) + " s";
}

}  // namespace

bool Refusals::allow(Tick now) {
  if (!begun_) filled_ = now;
  begun_ = true;
  allowance_ = std::min(most_allowance, allowance_ + seconds(now - filled_) * allowance_a_second);
  filled_ = now;
  if (allowance_ < 1) return false;
  allowance_ -= 1;
  return true;
}

std::vector<Refusals::Told> Refusals::add(const Refusal& refusal, Tick now) {
  const std::string place = place_of(refusal);
  const std::string key = refusal.actor + "\n" + place;
  if (const auto known = kinds_.find(key); known != kinds_.end()) {
    ++known->second.more;
    return {};
  }
  if (kinds_.size() >= most_kinds || !allow(now)) {
    ++others_;
    return {};
  }
  kinds_.emplace(key, Kind{refusal.actor, place, 0, now, now + first_pause});
  return {{refusal.actor, "request " + refusal.request_id + ": " + refusal.call + ": " + place}};
}

std::vector<Refusals::Told> Refusals::tick(Tick now) {
  std::vector<Told> out;
  for (auto at = kinds_.begin(); at != kinds_.end();) {
    Kind& kind = at->second;
    if (now < kind.until) {
      ++at;
      continue;
    }
    if (kind.more == 0) {  // a whole pause without one: the next is told at once again
      at = kinds_.erase(at);
      continue;
    }
    if (allow(now))
      out.push_back({kind.actor, count_text(kind.more, now - kind.since) + ": " + kind.place});
    else
      others_ += kind.more;
    kind.more = 0;
    kind.until = now + std::min(longest_pause, 2 * (kind.until - kind.since));
    kind.since = now;
    ++at;
  }
  if (others_ > 0 && allow(now)) {
    out.push_back(
        {"others", std::to_string(others_) + " refused calls of others, not told singly"});
    others_ = 0;
  }
  return out;
}

}  // namespace bridle::api
