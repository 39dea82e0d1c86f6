// Entry: what the ledger says about one act, and its canonical JSON (docs/ledger.md).
//
// An act is an intent (synced before it is done) and an outcome (after) that names the intent; what
// merely happened is a note. The JSON is one line of printable ASCII with keys in a fixed order and
// without blanks; what is empty is left out. So there is exactly one spelling of an entry, and no
// byte in it that a terminal would obey.
//
// Thread class: values and free functions. No I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"

namespace bridle::ledger {

enum class Phase { intent, outcome, note };

std::string_view phase_name(Phase phase);

constexpr size_t max_actor = 256;  // bytes of UTF-8 each
constexpr size_t max_verb = 64;
constexpr size_t max_object = 1024;
constexpr size_t max_code = 32;
constexpr size_t max_detail = 2048;
constexpr size_t max_line = 32768;  // of the file, its "\n" not counted

struct Entry {
  Phase phase = Phase::note;
  WallTime at;         // written with milliseconds; the rest is dropped
  std::string actor;   // who: "uid:1000", "bridled"
  std::string verb;    // what: "machine.start"; lower case letters, digits, '.', '_', '-'
  std::string object;  // to what: "/machine/lab/web"; may be empty
  std::optional<MachineId> machine;
  uint64_t of = 0;     // outcome: seq of its intent; else 0
  std::string code;    // outcome: "ok", "recovered" or the code_name() of an error; else empty
  std::string detail;  // for people; may be empty. Never a Secret
  bool operator==(const Entry&) const = default;
};

// The entry of one line, with what chains it.
struct Record {
  uint64_t seq = 0;  // from 1, without gaps
  Entry entry;
  Sha256 prev{};  // SHA-256 of the line before (without "\n"); zeros for the first
  bool operator==(const Record&) const = default;
};

// Makes an entry recordable: a detail that is too long is cut, bytes in it that are not UTF-8
// become U+FFFD. Everything else that breaks a rule above is Code::invalid.
Result<Entry> normalized(Entry entry);

// REQUIRES: record.entry is normalized.
std::string encode(const Record& record);
// Accepts exactly what encode() makes. Code::corrupt, with what is wrong.
Result<Record> decode(std::string_view json);

}  // namespace bridle::ledger
