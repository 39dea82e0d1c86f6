// rooms: packet
// A DNS message from a guest: its question read and answered in several ways, and a name read from
// any place of it (the first byte says which).
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "packet/dns.h"

namespace {

using namespace bridle::packet;

void require(bool holds) {
  if (!holds) std::abort();
}

void try_question(std::span<const uint8_t> message) {
  const auto question = parse_question(message);
  if (!question) return;
  require(question->end <= message.size() && question->name.text().size() <= 253);
  std::array<uint8_t, 512> bytes;
  for (const DnsAnswer& answer :
       {DnsAnswer{}, DnsAnswer{.result = DnsResult::no_such_name}, DnsAnswer{.name = "web.lab"},
        DnsAnswer{.address = reverse_address(question->name.text())}}) {
    const size_t size = build_answer(bytes, message, *question, answer);
    require(size == 0 || (size >= question->end && size <= bytes.size()));
    require(size == 0 || !parse_question(std::span(bytes).first(size)));
  }
  // A name that could be read can be written, and is the same then.
  std::array<uint8_t, 255> labels;
  const size_t size = write_name(labels, question->name.text());
  size_t at = 0;
  if (question->name.text().empty()) return;
  const auto again = read_name(std::span(labels).first(size), at);
  require(again && again->text() == question->name.text() && at == size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto exact = std::make_unique<uint8_t[]>(size - 1);
  std::copy_n(data + 1, size - 1, exact.get());
  const std::span<const uint8_t> message(exact.get(), size - 1);
  try_question(message);
  size_t at = data[0];
  if (read_name(message, at)) require(at <= message.size());
  return 0;
}
