#include "switch/counters.h"

#include <numeric>
#include <string>
#include <tuple>

namespace bridle::net {
namespace {

uint64_t number(const Counter& counter) { return counter.get(); }
uint64_t number(uint64_t counter) { return counter; }

template <typename Other>
void add_all(PortTotals& sum, const Other& more) {
  constexpr auto fields = [](auto& it) {
    return std::tie(it.received, it.received_bytes, it.made, it.delivered, it.delivered_bytes,
                    it.consumed, it.cycles, it.queued, it.sent, it.sent_bytes, it.unicast_in,
                    it.multicast_in, it.broadcast_in, it.unicast_out, it.multicast_out,
                    it.broadcast_out, it.mirrored);
  };
  std::apply(
      [&](auto&... into) {
        std::apply([&](const auto&... from) { ((into += number(from)), ...); }, fields(more));
      },
      fields(sum));
  for (size_t i = 0; i < drop_count; ++i) {
    sum.dropped[i] += number(more.dropped[i]);
    sum.refused[i] += number(more.refused[i]);
  }
}

std::string differs(std::string_view book, uint64_t in, uint64_t out) {
  return std::string(book) + ": " + std::to_string(in) + " came, " + std::to_string(out) + " went";
}

}  // namespace

void PortTotals::add(const PortCounters& counters) { add_all(*this, counters); }
void PortTotals::add(const PortTotals& totals) { add_all(*this, totals); }

uint64_t PortTotals::all_dropped() const {
  return std::accumulate(dropped.begin(), dropped.end(), uint64_t{0});
}
uint64_t PortTotals::all_refused() const {
  return std::accumulate(refused.begin(), refused.end(), uint64_t{0});
}

Status check_conservation(const PortTotals& port) {
  const uint64_t came = port.received + port.made;
  const uint64_t went = port.delivered + port.consumed + port.all_dropped();
  if (came != went) return Error(Code::internal, differs("frames that came in here", came, went));
  const uint64_t left = port.sent + port.all_refused();
  if (port.queued != left)
    return Error(Code::internal, differs("frames for here", port.queued, left));
  return {};
}

}  // namespace bridle::net
