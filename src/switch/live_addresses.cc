#include "switch/live_addresses.h"

#include <algorithm>
#include <bit>
#include <mutex>

namespace bridle::net {
namespace {

constexpr uint32_t old_seconds = 300;
constexpr Duration between_changes = std::chrono::seconds(1);

uint32_t seconds(Tick now) { return static_cast<uint32_t>(now.ns / 1'000'000'000); }

}  // namespace

LiveAddresses::LiveAddresses(const Snapshot& snapshot)
    : snapshot_(snapshot), books_(snapshot.port_count()), holders_(snapshot.shared_count()) {
  size_t all = 0;
  for (size_t i = 0; i < snapshot.port_count(); ++i)
    all += most(snapshot.port(static_cast<PortIndex>(i)));
  const size_t size = std::bit_ceil(std::max<size_t>(all * 2, 2));
  mask_ = size - 1;
  shift_ = 64 - static_cast<unsigned>(std::bit_width(mask_));
  slots_ = std::vector<std::atomic<uint64_t>>(size);
  used_ = std::vector<std::atomic<uint32_t>>(size);
  for (size_t i = 0; i < holders_.size(); ++i)
    holders_[i] = snapshot.sharers(static_cast<uint16_t>(i)).front();
}

void LiveAddresses::inherit(const LiveAddresses& before, const Snapshot& old) {
  const auto now_of = [&](PortIndex port) { return snapshot_.port_by_id(old.port(port).id); };
  for (size_t i = 0; i < before.slots_.size(); ++i) {
    const uint64_t slot = before.slots_[i].load();
    if (slot == empty) continue;
    const PortIndex port = now_of(port_in(slot));
    if (port == no_port || books_[port].count >= most(snapshot_.port(port))) continue;
    const uint64_t key = uint64_t{snapshot_.port(port).group} << 48 | mac_in(slot);
    if (snapshot_.to().find(key) != nullptr) continue;  // has become somebody's own
    insert(mac_in(slot), port, Tick{int64_t{before.used_[i].load()} * 1'000'000'000});
  }
  for (size_t i = 0; i < before.holders_.size(); ++i) {
    const uint64_t key = old.shared_key(static_cast<uint16_t>(i));
    const GroupIndex group =
        snapshot_.group_by_id(old.group(static_cast<GroupIndex>(key >> 48)).id);
    const uint64_t mac = key & 0xffff'ffff'ffff;
    const Destination* there =
        group == no_group ? nullptr : snapshot_.to().find(uint64_t{group} << 48 | mac);
    if (there == nullptr || there->kind != Destination::shared) continue;
    const PortIndex port = now_of(before.holder(static_cast<uint16_t>(i)));
    const auto sharers = snapshot_.sharers(there->value);
    if (std::find(sharers.begin(), sharers.end(), port) != sharers.end())
      holders_[there->value] = port;
  }
}

size_t LiveAddresses::slot_of(GroupIndex group, uint64_t mac) const {
  for (size_t at = home(mac);; at = next(at)) {
    const uint64_t slot = slots_[at].load(std::memory_order_relaxed);
    if (slot == empty) return slots_.size();
    if (mac_in(slot) == mac && snapshot_.port(port_in(slot)).group == group) return at;
  }
}

PortIndex LiveAddresses::find(GroupIndex group, uint64_t mac) const {
  for (size_t at = home(mac);; at = next(at)) {
    const uint64_t slot = slots_[at].load(std::memory_order_relaxed);
    if (slot == empty) return no_port;
    if (mac_in(slot) == mac && snapshot_.port(port_in(slot)).group == group) return port_in(slot);
  }
}

LiveAddresses::Learned LiveAddresses::learn(PortIndex port, uint64_t mac, Tick now) {
  const GroupIndex group = snapshot_.port(port).group;
  const std::lock_guard lock(learning_);
  if (const size_t at = slot_of(group, mac); at != slots_.size()) {
    if (port_in(slots_[at].load(std::memory_order_relaxed)) != port) return Learned::another;
    used_[at].store(seconds(now), std::memory_order_relaxed);
    return Learned::yes;
  }
  if (snapshot_.to().find(uint64_t{group} << 48 | mac) != nullptr) return Learned::another;
  if (count(port) >= most(snapshot_.port(port)) && !make_room(port, now)) return Learned::full;
  insert(mac, port, now);
  return Learned::yes;
}

LiveAddresses::Learned LiveAddresses::foresee(PortIndex port, uint64_t mac) const {
  const GroupIndex group = snapshot_.port(port).group;
  const PortIndex holds = find(group, mac);
  if (holds == port) return Learned::yes;
  if (holds != no_port || snapshot_.to().find(uint64_t{group} << 48 | mac) != nullptr)
    return Learned::another;
  return count(port) < most(snapshot_.port(port)) ? Learned::yes : Learned::full;
}

void LiveAddresses::insert(uint64_t mac, PortIndex port, Tick now) {
  size_t at = home(mac);
  while (slots_[at].load(std::memory_order_relaxed) != empty) at = next(at);
  used_[at].store(seconds(now), std::memory_order_relaxed);
  slots_[at].store(word(mac, port), std::memory_order_relaxed);
  books_[port].count.fetch_add(1);
}

// Looks through all slots, so not more than once a second for a port.
bool LiveAddresses::make_room(PortIndex port, Tick now) {
  if (now - books_[port].changed < between_changes) return false;
  books_[port].changed = now;
  size_t oldest = slots_.size();
  for (size_t at = 0; at < slots_.size(); ++at) {
    const uint64_t slot = slots_[at].load(std::memory_order_relaxed);
    if (slot == empty || port_in(slot) != port) continue;
    if (oldest == slots_.size() || used_[at].load() < used_[oldest].load()) oldest = at;
  }
  if (oldest == slots_.size()) return false;
  const bool at_once = snapshot_.port(port).learning == 0;
  if (!at_once && seconds(now) - used_[oldest].load() < old_seconds) return false;
  remove(oldest);
  books_[port].count.fetch_sub(1);
  return true;
}

// Closes the gap: what stands behind it and would be found from before it moves up.
void LiveAddresses::remove(size_t at) {
  for (size_t other = next(at);; other = next(other)) {
    const uint64_t slot = slots_[other].load(std::memory_order_relaxed);
    if (slot == empty) break;
    const size_t wanted = home(mac_in(slot));
    const bool stays = ((other - wanted) & mask_) < ((other - at) & mask_);
    if (stays) continue;
    used_[at].store(used_[other].load(std::memory_order_relaxed), std::memory_order_relaxed);
    slots_[at].store(slot, std::memory_order_relaxed);
    at = other;
  }
  slots_[at].store(empty, std::memory_order_relaxed);
}

}  // namespace bridle::net
