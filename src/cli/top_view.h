// Top: what every guest uses, and what Bridle itself costs, from two readings of the API's
// counters. Pure: readings in, screen out.
//
//   bridle top   lab   3 guests: 2 running   CPU 1.12 cores   memory 412MiB   10:22:31
//
//   NAME     PHASE    CPU                   QEMU   BRIDLE  MEMORY   READ     WRITE
//   web      running  101% [#####-----] ▁▃█   2.1%    0.1%  212MiB   -        1.2MiB/s
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/documents.h"
#include "cli/style.h"

namespace bridle::cli {

struct GuestRates {
  std::string project, name, phase;
  double cpus = 1;                            // virtual CPUs
  double vcpu = 0, emulator = 0, bridle = 0;  // cores
  double memory = 0;                          // bytes
  double memory_size = 0;                     // bytes the guest was given
  double read = 0, write = 0;                 // bytes a second
  std::vector<double> history;                // of vcpu, oldest first
};

struct ProcessRates {
  std::string name;
  uint64_t pid = 0;
  double cpu = 0;     // cores
  double memory = 0;  // bytes
};

struct TopScreen {
  std::vector<GuestRates> guests;
  std::vector<ProcessRates> processes;
  bool has_rates = false;  // false: only one reading so far
};

enum class TopOrder { cpu, memory, io, name };

// Readings become rates. Keeps the last reading and a history of each guest.
class TopModel {
 public:
  static constexpr size_t history = 60;
  // usage: GET /api/v1/usage; machines: their objects; now: when they were read.
  TopScreen step(const json::value& usage, const std::vector<json::value>& machines, Tick now);

 private:
  using Counters = std::map<std::string, double>;  // "key/vcpuNs" -> value
  double rate(const std::string& key, double value, double seconds);

  Counters last_, current_;
  std::map<std::string, std::deque<double>> histories_;
  Tick last_at_;
  bool first_ = true;
};

struct TopLook {
  size_t width = 80, height = 24;  // height 0: all rows (off a terminal)
  TopOrder order = TopOrder::cpu;
  bool with_project = false;
  std::string title;  // "project lab"
  std::string time;   // "10:22:31"
  bool live = false;  // bars, sparklines and the line of keys
};

std::string render_top(TopScreen screen, const TopLook& look, const Style& style);

}  // namespace bridle::cli
