// rooms: wire
// What comes over the sockets between Bridle's own processes: lines from a peer that writes what it
// likes in what pieces it likes, and packets of any size with any number of descriptors. The first
// byte picks.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/json_lines.h"
#include "wire/socket.h"

namespace {

using namespace bridle;

void require(bool holds) {
  if (!holds) std::abort();
}

// The lines are those of the stream, however it was cut, and none is longer than the bound.
void try_lines(std::string_view bytes, size_t piece) {
  constexpr size_t longest = 64;
  wire::LineBuffer buffer(longest);
  std::string seen;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    if (!buffer.append(bytes.substr(at, piece)).ok()) return;
    while (const auto line = buffer.next()) {
      require(line->find('\n') == std::string::npos);
      seen += *line + "\n";
    }
  }
  std::string expected(bytes.substr(0, bytes.rfind('\n') + 1));
  for (size_t at = 0; (at = expected.find("\r\n", at)) != std::string::npos;) expected.erase(at, 1);
  if (bytes.find('\n') != std::string_view::npos) require(seen == expected);
}

int highest_descriptor() {
  const int fd = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
  ::close(fd);
  return fd;
}

// A packet arrives whole with its descriptors, or not at all and they are closed.
void try_packet(std::string_view bytes, size_t room, size_t descriptors) {
  const int before = highest_descriptor();
  {
    auto pair = wire::socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);
    require(pair.ok());
    const std::vector<int> sent(std::min(descriptors, wire::max_descriptors), pair->first.get());
    const std::span<const uint8_t> record(reinterpret_cast<const uint8_t*>(bytes.data()),
                                          bytes.size());
    if (!wire::send_packet(pair->first.get(), record, sent).ok()) return;
    std::array<uint8_t, 512> buffer{};
    const std::span<uint8_t> into(buffer.data(), std::min(room, buffer.size()));
    const auto packet = wire::receive_packet(pair->second.get(), into);
    if (bytes.size() > into.size()) {
      require(!packet.ok());
    } else if (packet.ok() && packet->size != 0) {
      require(packet->size == bytes.size() && packet->descriptors.size() == sent.size());
      require(std::equal(record.begin(), record.end(), buffer.begin()));
      for (const Fd& fd : packet->descriptors)
        require((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
  }
  require(highest_descriptor() == before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  if (data[0] % 2 == 0)
    try_lines(bytes, size_t{data[1]} + 1);
  else
    try_packet(bytes, size_t{data[1]} * 2, data[2] % 70);
  return 0;
}
