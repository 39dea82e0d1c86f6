#include "sim/simulation.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "sim/host.h"
#include "sim/trace.h"

namespace bridle::sim {
namespace {

// Of virtual time.
constexpr Duration calm = std::chrono::minutes(4);           // after the last fault
constexpr Duration shutdown_time = std::chrono::minutes(2);  // grace of three orders; restart_calm

// Everything until then, or until an invariant breaks.
uint64_t run(Timeline& time, const Checks& checks, Tick until) {
  uint64_t happenings = 0;
  while (checks.ok() && time.step(until)) ++happenings;
  time.rest(until);
  return happenings;
}

// Until nothing is under way: a status may be on its way at the end (usage, every ten seconds).
uint64_t settle(Timeline& time, const Checks& checks,
                const std::vector<std::unique_ptr<Host>>& hosts, Duration enough) {
  uint64_t happenings = run(time, checks, time.now() + enough);
  Tick last = time.now() + std::chrono::seconds(5);
  auto busy = [](const auto& host) { return !host->quiet(); };
  while (checks.ok() && std::any_of(hosts.begin(), hosts.end(), busy) && time.step(last)) continue;
  return happenings;
}

}  // namespace

Outcome simulate(const Parameters& parameters) {
  Timeline time;
  Checks checks(parameters.trace);
  Dice dice(parameters.seed);
  std::vector<std::unique_ptr<Host>> hosts;
  for (unsigned i = 0; i < parameters.hosts; ++i)
    hosts.push_back(std::make_unique<Host>("host" + std::to_string(i), time, checks,
                                           dice.below(UINT64_MAX), parameters.plant));
  for (auto& host : hosts) host->begin();
  Outcome outcome;
  // Runs differ in how much breaks: some are quiet, some are wild.
  unsigned fault_percent = static_cast<unsigned>(dice.below(50));
  for (unsigned i = 0; i < parameters.steps && checks.ok(); ++i) {
    Duration pause = dice.one_in(3) ? dice.between(Duration(0), std::chrono::milliseconds(20))
                                    : dice.between(Duration(0), std::chrono::seconds(3));
    outcome.happenings += run(time, checks, time.now() + pause);
    Host& host = *hosts[dice.below(hosts.size())];
    if (dice.percent(fault_percent))
      host.fault_step();
    else
      host.user_step();
  }
  auto each = [&](void (Host::*what)()) {
    for (auto& host : hosts)
      if (checks.ok()) (host.get()->*what)();
  };
  each(&Host::end_faults);
  outcome.happenings += settle(time, checks, hosts, calm);
  each(&Host::check_settled);
  each(&Host::shut_down);
  outcome.happenings += settle(time, checks, hosts, shutdown_time);
  each(&Host::check_shut_down);
  each(&Host::come_back);
  outcome.happenings += settle(time, checks, hosts, shutdown_time);
  each(&Host::check_order);
  each(&Host::check_settled);
  outcome.ok = checks.ok();
  outcome.failure = checks.failure();
  outcome.trace = checks.trace();
  return outcome;
}

std::string replay_command(const Parameters& parameters) {
  constexpr std::array<std::string_view, 5> plants = {"none", "lost-write", "double-start",
                                                      "missed-event", "leaked-resource"};
  std::string command = "bridle-sim --seed " + std::to_string(parameters.seed) + " --steps " +
                        std::to_string(parameters.steps) + " --hosts " +
                        std::to_string(parameters.hosts);
  if (parameters.plant != Plant::none)
    command += " --plant " + std::string(plants[static_cast<size_t>(parameters.plant)]);
  return command + " --trace";
}

}  // namespace bridle::sim
