// Refusals: what the ledger says of calls that authorization or a limit refused, however many they
// are. The first of a kind is told at once, the rest are counted and told as a number; and all of
// them together have an allowance, so that no flood of refused calls can fill the disk.
//
//   kind        who, from where, with which status
//   told        the first of a kind; then "N more" after a minute, 2, 4, ... at most an hour
//   allowance   60 entries at once, then one each 10 s: less than 9,000 a day, about 4 MB
//   beyond it, and beyond 256 kinds at once: one common count, told when there is allowance again
//
// Thread class: a value; whoever holds it brings the time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"

namespace bridle::api {

struct Refusal {
  std::string actor;       // who(): whoever has shown nothing good is "stranger"
  std::string peer;        // address; empty: local
  std::string call;        // "GET /api/v1/projects/lab/machines", cut
  std::string request_id;  // as in the answer
  int status = 0;          // HTTP's; 0: it came no further than TLS
};

class Refusals {
 public:
  struct Told {
    std::string actor, detail;  // of a ledger entry
  };
  // What to write now.
  std::vector<Told> add(const Refusal& refusal, Tick now);
  std::vector<Told> tick(Tick now);

 private:
  struct Kind {
    std::string actor, place;
    uint64_t more = 0;  // since it was told last
    Tick since, until;
  };

  bool allow(Tick now);

  std::map<std::string, Kind> kinds_;
  double allowance_ = 60;
  Tick filled_;
  uint64_t others_ = 0;
  bool begun_ = false;
};

}  // namespace bridle::api
