// Unix sockets between Bridle's own processes: connect, listen, credentials, descriptor passing.
//
// send_packet and receive_packet move one record and up to max_descriptors descriptors on a
// SOCK_SEQPACKET (or stream) socket. Received descriptors are close-on-exec. A record that was cut
// (MSG_TRUNC, MSG_CTRUNC) is Code::corrupt and its descriptors are closed.
//
// Thread class: free functions; one thread a socket.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace bridle::wire {

constexpr size_t max_descriptors = 64;

struct Peer {
  uid_t uid;
  gid_t gid;
  pid_t pid;
};

// type: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM, may be or-ed with SOCK_NONBLOCK.
Result<Fd> connect_unix(const std::string& path, int type);
// Replaces a stale socket file. mode is set before anyone can connect.
Result<Fd> listen_unix(const std::string& path, int type, mode_t mode, int backlog = SOMAXCONN);
Result<Fd> bind_datagram(const std::string& path, mode_t mode);
Result<Fd> accept_unix(int listener);  // non-blocking, close-on-exec
struct Pair {
  Fd first, second;
};
Result<Pair> socket_pair(int type);

Result<Peer> peer_of(int fd);

Status send_packet(int fd, std::span<const uint8_t> record, std::span<const int> descriptors = {});

struct Packet {
  size_t size = 0;  // 0: the peer closed
  std::vector<Fd> descriptors;
};
// Into `record`. Code::exhausted: nothing there yet (EAGAIN).
Result<Packet> receive_packet(int fd, std::span<uint8_t> record);

// A trivially copyable record as bytes.
template <typename T>
std::span<const uint8_t> bytes_of(const T& record) {
  return {reinterpret_cast<const uint8_t*>(&record), sizeof record};
}
template <typename T>
std::span<uint8_t> writable_bytes_of(T& record) {
  return {reinterpret_cast<uint8_t*>(&record), sizeof record};
}

}  // namespace bridle::wire
