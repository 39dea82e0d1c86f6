// What parsing costs, on every frame: the CPU time of one is that of an iteration.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "packet/bytes.h"
#include "packet/headers.h"

namespace bridle::packet {
namespace {

std::vector<uint8_t> tcp_over_ipv4(size_t size) {
  std::vector<uint8_t> frame(size);
  store16(&frame[12], ether_type::ipv4);
  frame[14] = 0x45;
  store16(&frame[16], static_cast<uint16_t>(size - 14));
  frame[23] = protocol::tcp;
  frame[46] = 0x50;
  return frame;
}

std::vector<uint8_t> udp_over_ipv6(size_t size) {
  std::vector<uint8_t> frame(size);
  store16(&frame[12], ether_type::ipv6);
  frame[14] = 0x60;
  store16(&frame[18], static_cast<uint16_t>(size - 54));
  frame[20] = protocol::udp;
  store16(&frame[58], static_cast<uint16_t>(size - 54));
  return frame;
}

void run(benchmark::State& state, const std::vector<uint8_t>& frame) {
  std::vector<Headers> headers(32);
  const size_t mask = headers.size() - 1;
  size_t next = 0;
  for (auto _ : state) {
    Headers& h = headers[next++ & mask];
    const Parse said = parse(frame, static_cast<uint32_t>(frame.size()), h);
    benchmark::DoNotOptimize(said);
    benchmark::ClobberMemory();
  }
}

void parse_tcp_ipv4(benchmark::State& state) { run(state, tcp_over_ipv4(64)); }
void parse_udp_ipv6(benchmark::State& state) { run(state, udp_over_ipv6(80)); }
BENCHMARK(parse_tcp_ipv4);
BENCHMARK(parse_udp_ipv6);

}  // namespace
}  // namespace bridle::packet
