// bridle-switch-generator EAL-OPTION...: guests of a switch, as one process on one core, for
// `bridle bench switch`. It reads commands, one a line, and answers each with one JSON object:
//
//   open path=P mac=M address=N [connects=1] [size=256]   a port (virtio-user)    {"port":0}
//   up port=N.. ms=5000                  until these ports have their other side  {"up":2}
//   tsc                                    ticks of the clock a second            {"hz":..}
//   version                                the packet library's                   {"dpdk":".."}
//   window flow=FROM,TO,SIZE.. [pid=] [stops=1] [warm=us] [us=]                   see window.h
//   wake from= to= count= pause=us                                       {"ns":[..]} see probe.h
//   gap from= to= interval=us ms=                                                 see probe.h
//
// An error is {"error":"…"}. The end of the input ends it. Errors of the library go to stderr.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_version.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <tuple>

#include "flow.h"
#include "port.h"
#include "probe.h"
#include "window.h"
#include "words.h"

namespace bridle::bench {
namespace {

constexpr unsigned received_frames = 32'768;  // enough for the rings of 130 ports

Result<std::vector<uint64_t>> numbers_of(const Words& words, std::string_view name) {
  std::vector<uint64_t> found;
  for (const auto& text : words.all(name)) {
    BRIDLE_TRY(auto some, numbers(text));
    found.insert(found.end(), some.begin(), some.end());
  }
  return found;
}

class Generator {
 public:
  explicit Generator(rte_mempool* pool) : pool_(pool) {}
  Result<std::string> open(const Words& words);
  Result<std::string> up(const Words& words);
  Result<std::string> tsc(const Words& words);
  Result<std::string> version(const Words& words);
  Result<std::string> window(const Words& words);
  Result<std::string> wake_up(const Words& words);
  Result<std::string> find_gap(const Words& words);

 private:
  Result<Port*> port(uint64_t number);
  Result<Flow*> flow(uint64_t from, uint64_t to, uint64_t size);
  Result<Traffic> traffic(const Words& words);

  rte_mempool* pool_;
  std::deque<Port> ports_;
  std::map<std::tuple<uint64_t, uint64_t, uint64_t>, std::unique_ptr<Flow>> flows_;
};

Result<Port*> Generator::port(uint64_t number) {
  if (number >= ports_.size()) return Error(Code::not_found, fmt::format("no port {}", number));
  return &ports_[number];
}

Result<Flow*> Generator::flow(uint64_t from, uint64_t to, uint64_t size) {
  auto& found = flows_[{from, to, size}];
  if (found == nullptr) {
    BRIDLE_TRY(auto* source, port(from));
    BRIDLE_TRY(auto* target, port(to));
    BRIDLE_TRY(found, Flow::make(*source, *target, static_cast<uint16_t>(size)));
  }
  return found.get();
}

Result<std::string> Generator::open(const Words& words) {
  PortWish wish;
  BRIDLE_TRY(wish.path, words.text("path"));
  BRIDLE_TRY(auto mac, words.text("mac"));
  BRIDLE_TRY(wish.mac, mac_address(mac));
  BRIDLE_TRY(auto address, words.number("address"));
  wish.address = static_cast<uint32_t>(address);
  wish.listens = words.number_or("connects", 0) == 0;
  wish.descriptors = static_cast<uint16_t>(words.number_or("size", wish.descriptors));
  BRIDLE_TRY(auto made, Port::open(wish, pool_));
  ports_.push_back(std::move(made));
  return fmt::format(R"({{"port":{}}})", ports_.size() - 1);
}

Result<std::string> Generator::up(const Words& words) {
  BRIDLE_TRY(auto ms, words.number("ms"));
  BRIDLE_TRY(auto wanted, numbers_of(words, "port"));
  for (uint64_t number : wanted)
    if (number >= ports_.size()) return Error(Code::not_found, fmt::format("no port {}", number));
  auto connected = [&](uint64_t number) { return ports_[number].connected(); };
  for (uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * ms; rte_rdtsc() < end; usleep(1'000))
    if (std::all_of(wanted.begin(), wanted.end(), connected))
      return fmt::format(R"({{"up":{}}})", wanted.size());
  return Error(Code::unreachable, "not all ports have their other side");
}

Result<std::string> Generator::tsc(const Words&) {
  return fmt::format(R"({{"hz":{}}})", rte_get_tsc_hz());
}

Result<std::string> Generator::version(const Words&) {
  return fmt::format(R"({{"dpdk":"{}"}})", rte_version());
}

Result<Traffic> Generator::traffic(const Words& words) {
  Traffic traffic;
  std::set<uint64_t> targets;
  for (const auto& text : words.all("flow")) {
    BRIDLE_TRY(auto parts, numbers(text));
    if (parts.size() != 3) return Error(Code::invalid, "a flow is FROM,TO,SIZE");
    BRIDLE_TRY(auto* made, flow(parts[0], parts[1], parts[2]));
    traffic.flows.push_back(made);
    if (targets.insert(parts[1]).second) traffic.ports.push_back(&ports_[parts[1]]);
  }
  return traffic;
}

Result<std::string> Generator::window(const Words& words) {
  BRIDLE_TRY(auto offered, traffic(words));
  Stretch stretch;
  stretch.process = Process(static_cast<pid_t>(words.number_or("pid", 0)));
  stretch.stops = words.number_or("stops", 1) != 0;
  stretch.warm_us = words.number_or("warm", stretch.warm_us);
  stretch.measured_us = words.number_or("us", stretch.measured_us);
  return to_json(measure(stretch, offered));
}

Result<std::string> Generator::wake_up(const Words& words) {
  BRIDLE_TRY(auto from, words.number("from"));
  BRIDLE_TRY(auto to, words.number("to"));
  BRIDLE_TRY(auto* one, flow(from, to, 64));
  BRIDLE_TRY(auto count, words.number("count"));
  BRIDLE_TRY(auto pause, words.number("pause"));
  return fmt::format(R"({{"ns":[{}]}})", fmt::join(wake(*one, ports_[to], count, pause), ","));
}

Result<std::string> Generator::find_gap(const Words& words) {
  BRIDLE_TRY(auto from, words.number("from"));
  BRIDLE_TRY(auto to, words.number("to"));
  BRIDLE_TRY(auto* one, flow(from, to, 64));
  BRIDLE_TRY(auto interval, words.number("interval"));
  BRIDLE_TRY(auto ms, words.number("ms"));
  Gap seen = gap(*one, ports_[from], ports_[to], interval, ms);
  return fmt::format(R"({{"sent":{},"received":{},"longest_ns":{}}})", seen.sent, seen.received,
                     seen.longest_ns);
}

std::string answer(Generator& generator, const Words& words) {
  static const std::map<std::string, Result<std::string> (Generator::*)(const Words&)> verbs = {
      {"open", &Generator::open},     {"up", &Generator::up},
      {"tsc", &Generator::tsc},       {"version", &Generator::version},
      {"window", &Generator::window}, {"wake", &Generator::wake_up},
      {"gap", &Generator::find_gap},
  };
  auto found = verbs.find(words.verb);
  if (found == verbs.end()) return R"({"error":"no such command"})";
  auto result = (generator.*found->second)(words);
  // Messages hold paths and numbers of ours, nothing that JSON would want escaped.
  return result ? *result : fmt::format(R"({{"error":"{}"}})", result.error().message());
}

int serve() {
  auto* pool = rte_pktmbuf_pool_create("received", received_frames, 256, 0,
                                       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == nullptr) {
    std::cerr << "bridle-switch-generator: no memory for frames\n";
    return 1;
  }
  Generator generator(pool);
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(generator, Words::parse(line)) << std::endl;
  return 0;
}

}  // namespace
}  // namespace bridle::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a switch that was killed
  if (rte_eal_init(argc, argv) < 0) {
    std::cerr << "bridle-switch-generator: the packet library does not start (see above)\n";
    return 1;
  }
  int status = bridle::bench::serve();
  std::cout.flush();
  _exit(status);  // closing ports would wait for switches that are stopped or gone
}
