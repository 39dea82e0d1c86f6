// Pcapng: frames as Wireshark reads them (draft-ietf-opsawg-pcapng): one section, one interface a
// port (if_name is the port's name), enhanced packet blocks with their direction; a dropped frame
// says why in a comment.
//
// Thread class: a value; pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "switch/capture.h"

namespace bridle::net {

class Pcapng {
 public:
  // names: of the ports that may be seen, by id. wall_offset_ns: what makes of a Tick a time of
  // day.
  Pcapng(const std::map<uint32_t, std::string>& names, uint32_t snap, int64_t wall_offset_ns);

  const std::string& header() const { return header_; }
  std::string block(const CapturedFrame& frame) const;

 private:
  std::string header_;
  std::map<uint32_t, uint32_t> interfaces_;  // port id to its place
  int64_t wall_offset_ns_;
};

}  // namespace bridle::net
