// LiveAddresses: the two things about addresses that change while frames pass, both opt-in.
//
//   learned  a port that may (Learning, Security::mac_changes) uses addresses beside its own. Only
//            what it sends itself counts, only addresses that nobody of its group has, at most as
//            many as it may: nobody can learn for another or fill another's part.
//   shared   an address that several guests of a group list (VRRP's virtual router): the one that
//            last sent from it has it. Nobody who does not list it can claim it.
//
// A full port gives up the address that it has not used for longest, if that is 300 s or more
// (mac_changes alone: at once, but once a second at most: the address that it changed to before).
//
// One flat array, at most half full, sized at build by what all ports may learn together. A slot is
// one word (address and port), so that a reader never sees half of one; a reader that meets a
// removal may miss an address that moves at that moment: once, for one frame.
//
// Thread class: find, holder, claim: any worker. learn: any worker (a lock). Built by control, from
// what the snapshot before it knew.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "switch/snapshot.h"
#include "switch/spin_lock.h"

namespace bridle::net {

class LiveAddresses {
 public:
  explicit LiveAddresses(const Snapshot& snapshot);
  // Takes over what still holds of `before`, which belongs to `old`.
  void inherit(const LiveAddresses& before, const Snapshot& old);

  // Who learned it; no_port: nobody.
  PortIndex find(GroupIndex group, uint64_t mac) const;
  enum class Learned : uint8_t { yes, full, another };
  // `port` sent from `mac`. REQUIRES: it may learn.
  Learned learn(PortIndex port, uint64_t mac, Tick now);
  // What learn() would say, without learning (and without giving up another).
  Learned foresee(PortIndex port, uint64_t mac) const;
  uint32_t count(PortIndex port) const { return books_[port].count.load(); }

  // Who has a shared address now: the first that lists it until somebody claims it.
  PortIndex holder(uint16_t place) const { return holders_[place].load(std::memory_order_relaxed); }
  void claim(uint16_t place, PortIndex port) {
    if (holder(place) != port) holders_[place].store(port, std::memory_order_relaxed);
  }

 private:
  struct Book {  // of one port
    std::atomic<uint32_t> count{0};
    Tick changed{INT64_MIN / 2};  // when it last gave up one, or could not
  };
  static constexpr uint64_t empty = 0;
  static uint64_t word(uint64_t mac, PortIndex port) { return mac << 16 | port; }
  static uint64_t mac_in(uint64_t word) { return word >> 16; }
  static PortIndex port_in(uint64_t word) { return static_cast<PortIndex>(word); }
  size_t home(uint64_t mac) const { return mac * 0x9e3779b97f4a7c15 >> shift_; }
  size_t next(size_t at) const { return (at + 1) & mask_; }
  size_t slot_of(GroupIndex group, uint64_t mac) const;  // size: not there
  void insert(uint64_t mac, PortIndex port, Tick now);
  void remove(size_t at);
  bool make_room(PortIndex port, Tick now);
  uint32_t most(const PortView& port) const { return port.learning + (port.mac_changes ? 1 : 0); }

  const Snapshot& snapshot_;
  SpinLock learning_;
  size_t mask_ = 0;
  unsigned shift_ = 64;
  std::vector<std::atomic<uint64_t>> slots_;
  std::vector<std::atomic<uint32_t>> used_;  // seconds, of the slot beside it
  std::vector<Book> books_;
  std::vector<std::atomic<PortIndex>> holders_;
};

}  // namespace bridle::net
