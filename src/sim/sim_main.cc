// bridle-sim: runs seeds through the simulator (sim/simulation.h).
//
//   bridle-sim --seed 7 --trace          one seed, with everything that happened
//   bridle-sim --seeds 1..1000           many; the last line says "1000 passed, 0 failed"
//   bridle-sim --seeds 1..200 --plant lost-write    a planted bug: must fail
//
// Exit codes: 0 all passed, 1 a seed failed, 2 wrong use.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>

#include "base/log.h"
#include "sim/simulation.h"

namespace {

using bridle::sim::Parameters;

struct Wanted {
  Parameters parameters;
  uint64_t first = 1, last = 1;
};

constexpr const char* usage =
    "bridle-sim: the controller of Bridle in virtual time, with faults\n"
    "  --seed N          run one seed\n"
    "  --seeds N..M      run many\n"
    "  --steps K         things that people do or that break (120)\n"
    "  --hosts H         hosts, each with its own store (1)\n"
    "  --trace           print everything that happens\n"
    "  --plant BUG       lost-write, double-start, missed-event or leaked-resource\n";

// An assertion of the product ends the process: say which seed it was.
char replay[256];
void on_abort(int) {
  ssize_t ignored = write(STDOUT_FILENO, replay, std::strlen(replay));
  static_cast<void>(ignored);
  _exit(1);
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool take(std::string_view option, std::string_view value, Wanted& wanted) {
  if (option == "--plant") {
    auto plant = bridle::sim::find_plant(value);
    if (plant) wanted.parameters.plant = *plant;
    return plant.has_value();
  }
  if (option == "--seeds") {
    size_t dots = value.find("..");
    if (dots == std::string_view::npos) return false;
    auto first = number(value.substr(0, dots)), last = number(value.substr(dots + 2));
    if (!first || !last || *last < *first) return false;
    wanted.first = *first;
    wanted.last = *last;
    return true;
  }
  auto amount = number(value);
  if (!amount) return false;
  if (option == "--seed")
    wanted.first = wanted.last = *amount;
  else if (option == "--steps")
    wanted.parameters.steps = static_cast<unsigned>(*amount);
  else if (option == "--hosts" && *amount > 0)
    wanted.parameters.hosts = static_cast<unsigned>(*amount);
  else
    return false;
  return true;
}

std::optional<Wanted> parse(int argc, char** argv) {
  Wanted wanted;
  for (int i = 1; i < argc; ++i) {
    std::string_view option = argv[i];
    if (option == "--trace") {
      wanted.parameters.trace = true;
      continue;
    }
    if (i + 1 >= argc || !take(option, argv[i + 1], wanted)) return std::nullopt;
    ++i;
  }
  return wanted;
}

}  // namespace

int main(int argc, char** argv) {
  std::optional<Wanted> wanted = parse(argc, argv);
  if (!wanted) {
    std::fputs(usage, stderr);
    return 2;
  }
  bridle::log::set_up("bridle-sim", bridle::log::Level::error);
  std::signal(SIGABRT, on_abort);
  uint64_t passed = 0, failed = 0;
  for (uint64_t seed = wanted->first; seed <= wanted->last; ++seed) {
    Parameters parameters = wanted->parameters;
    parameters.seed = seed;
    std::string command = bridle::sim::replay_command(parameters);
    std::snprintf(replay, sizeof replay, "seed %llu: assertion failed\n  again: %s\n",
                  static_cast<unsigned long long>(seed), command.c_str());
    bridle::sim::Outcome outcome = bridle::sim::simulate(parameters);
    if (parameters.trace) std::fputs(outcome.trace.c_str(), stdout);
    if (outcome.ok) {
      ++passed;
      continue;
    }
    ++failed;
    std::printf("seed %llu: %s\n  again: %s\n", static_cast<unsigned long long>(seed),
                outcome.failure.c_str(), command.c_str());
  }
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(passed),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}
