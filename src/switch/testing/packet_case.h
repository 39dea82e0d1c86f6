// PacketCase: a frame, where it comes in, and exactly what must become of it. Tables of them, one
// file for each feature (switch/cases), are the tests of the switch and its benchmark at once.
//
// Thread class: values.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "switch/testing/world.h"

namespace bridle::net::testing {

struct PacketCase {
  struct Output {
    uint32_t port;
    Bytes bytes;
  };
  std::string name;
  Config config;
  uint32_t from = 1;  // port id
  Bytes frame;
  std::vector<Output> outputs;
  std::optional<Drop> drop;  // of the frame itself; none: it went to the outputs
  Offload offload = {};
  Abilities abilities = {};
  // Something that happens before (another frame, a link that fails).
  std::function<void(World&)> before = {};
};

// A configuration changed in some way.
inline Config with(Config config, const std::function<void(Config&)>& change) {
  change(config);
  return config;
}

}  // namespace bridle::net::testing
