// Simulation: one run of the whole world from one seed. docs/simulator.md tells what is in it.
//
//   Outcome outcome = simulate({.seed = 7});
//   if (!outcome.ok) print(outcome.failure, replay_command(...));
//
// Two phases: `steps` things that people do or that break, at random times; then nothing breaks,
// nobody acts, and after `calm` of virtual time everything must be where it is wanted.
//
// Thread class: pure; the same parameters give the same outcome, byte for byte.
#pragma once

#include <cstdint>
#include <string>

#include "sim/plant.h"

namespace bridle::sim {

struct Parameters {
  uint64_t seed = 1;
  unsigned steps = 120;
  unsigned hosts = 1;
  Plant plant = Plant::none;
  bool trace = false;
};

struct Outcome {
  bool ok = true;
  std::string failure;  // the first broken invariant
  std::string trace;    // only if asked for
  uint64_t happenings = 0;
};

Outcome simulate(const Parameters& parameters);
// The command line that shows the same run again.
std::string replay_command(const Parameters& parameters);

}  // namespace bridle::sim
