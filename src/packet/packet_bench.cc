// What parsing costs, on every frame: the CPU time of one is that of an iteration. And what large
// frames cost that leave for somebody who cannot take them.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "packet/builder.h"
#include "packet/bytes.h"
#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/segment.h"

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

void sum(benchmark::State& state) {
  const std::vector<uint8_t> bytes(static_cast<size_t>(state.range(0)), 0x5a);
  for (auto _ : state) benchmark::DoNotOptimize(checksum(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(sum)->Arg(20)->Arg(1448)->Arg(65'000);

void segment_64k(benchmark::State& state) {
  const std::vector<uint8_t> frame = build([](Builder& b) {
    b.ethernet({}, {}).ipv4(IpAddress::v4({}), IpAddress::v4({})).tcp(1, 2).payload(64'000, 0x5a);
  });
  const std::vector<Part> parts{frame};
  std::vector<uint8_t> into(1518);
  const std::vector<Room> rooms{into};
  for (auto _ : state) {
    auto cut = Segmenter::begin(parts, Segmentation::tcp4, 1448);
    while (cut->next_size() != 0) cut->next(rooms);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * 64'000);
}
BENCHMARK(segment_64k);

}  // namespace
}  // namespace bridle::packet
