// Recovery: what a ledger's owner makes of the file it finds at start. A pure step over bytes.
//
// Entries up to the synced head are on disk for certain: if one of them is missing or wrong, this
// is damage or fraud, not a crash, and nobody may write on: Code::corrupt. What stands after them
// may be cut by a crash: whole entries that fit the chain are kept, the rest is torn off and kept
// aside as evidence. Without a synced head (its file is written without a sync, and may be lost)
// only a last line without its end is taken for torn.
//
// Thread class: one thread.
#pragma once

#include <optional>
#include <vector>

#include "ledger/chain.h"
#include "ledger/line_cutter.h"

namespace bridle::ledger {

class Recovery {
 public:
  // Every this many entries the index has the offset of one: entry 1, 65, 129 ...
  static constexpr uint64_t index_step = 64;

  struct Found {
    Chain chain;
    uint64_t good_size = 0;       // bytes of whole, good lines
    bool torn = false;            // there is more after them, to be cut
    std::vector<uint64_t> index;  // offsets, see index_step
  };

  explicit Recovery(std::optional<Head> synced) : synced_(synced) {}

  void feed(std::string_view bytes);
  // Code::corrupt: says which entry is wrong, how, and what to do. `where`: the file, for messages.
  Result<Found> finish(const std::string& where);

  // The note that records a cut. evidence: the file that keeps what was cut.
  static Entry note(WallTime at, uint64_t bytes, const std::string& evidence);

 private:
  bool take(std::string_view line);

  std::optional<Head> synced_;
  bool synced_found_ = false;
  LineCutter cutter_;
  Found found_;
  std::string reason_;  // why the first bad line is bad
};

}  // namespace bridle::ledger
