// FlatTable: a hash table of fixed content: built once, then only read. One flat array, open
// addressing, at most half full; no pointer is followed and nothing that comes from outside can
// grow or lengthen it: build() tries multipliers until the longest run of occupied slots (what any
// look-up can meet at most) is short.
//
//   FlatTable<uint64_t, Entry> table(std::vector<std::pair<uint64_t, Entry>>{...});
//   const Entry* entry = table.find(key);
//
// Key: a type with == and a `uint64_t table_hash(const Key&)` that mixes well enough for a
// multiplication to finish (an identity is fine). Of two equal keys the first stays.
//
// Thread class: immutable.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bridle::net {

constexpr uint64_t table_hash(uint64_t key) { return key; }

template <typename Key, typename Value>
class FlatTable {
 public:
  FlatTable() { build({}); }
  explicit FlatTable(const std::vector<std::pair<Key, Value>>& content) { build(content); }

  const Value* find(const Key& key) const {
    for (size_t at = slot_of(key);; ++at) {
      const Slot& slot = slots_[at];
      if (!slot.used) return nullptr;
      if (slot.key == key) return &slot.value;
    }
  }
  void prefetch(const Key& key) const { __builtin_prefetch(&slots_[slot_of(key)]); }
  size_t size() const { return size_; }
  size_t longest_run() const { return longest_run_; }

 private:
  struct Slot {
    Key key{};
    Value value{};
    bool used = false;
  };
  static constexpr size_t good_run = 16, tries = 24;

  size_t slot_of(const Key& key) const { return (table_hash(key) * multiplier_) >> shift_; }

  void build(const std::vector<std::pair<Key, Value>>& content) {
    uint64_t seed = 0x9e3779b97f4a7c15;
    unsigned bits = std::max(2, static_cast<int>(std::bit_width(content.size() * 2)));
    for (size_t turn = 0; turn < tries; ++turn) {
      multiplier_ = seed | 1;
      seed = seed * 0xd1342543de82ef95 + 0x2545f4914f6cdd1d;
      fill(content, bits + static_cast<unsigned>(turn / 8));
      if (longest_run_ <= good_run) return;
    }
  }

  // Slots past the last home place let every probe run on without wrapping round; the last is free.
  void fill(const std::vector<std::pair<Key, Value>>& content, unsigned bits) {
    shift_ = 64 - bits;
    size_ = longest_run_ = 0;
    slots_.assign((size_t{1} << bits) + content.size() + 1, Slot{});
    for (const auto& [key, value] : content) {
      size_t at = slot_of(key);
      while (slots_[at].used && !(slots_[at].key == key)) ++at;
      if (slots_[at].used) continue;
      slots_[at] = {key, value, true};
      ++size_;
    }
    size_t run = 0;
    for (const Slot& slot : slots_) {
      run = slot.used ? run + 1 : 0;
      longest_run_ = std::max(longest_run_, run);
    }
  }

  std::vector<Slot> slots_;
  uint64_t multiplier_ = 1;
  unsigned shift_ = 62;
  size_t size_ = 0, longest_run_ = 0;
};

}  // namespace bridle::net
