// Unit tests of sockets with descriptors and of line cutting.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "wire/json_lines.h"
#include "wire/socket.h"

namespace bridle::wire {
namespace {

struct Record {
  uint32_t a;
  uint32_t b;
};

TEST(Packet, CarriesARecordAndDescriptors) {
  auto pair = socket_pair(SOCK_SEQPACKET);
  ASSERT_TRUE(pair.ok());
  const auto file = sealed_memfd("t", "contents");
  const Record sent{1, 2};
  const int fds[] = {file->get()};
  ASSERT_TRUE(send_packet(pair->first.get(), bytes_of(sent), fds).ok());
  Record got{};
  auto packet = receive_packet(pair->second.get(), writable_bytes_of(got));
  ASSERT_TRUE(packet.ok());
  EXPECT_EQ(packet->size, sizeof got);
  EXPECT_EQ(got.b, 2u);
  ASSERT_EQ(packet->descriptors.size(), 1u);
  EXPECT_NE(::fcntl(packet->descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(*read_all(packet->descriptors[0].get(), 100), "contents");
}

TEST(Packet, ACutRecordIsCorruptAndTheEndIsSizeZero) {
  auto pair = socket_pair(SOCK_SEQPACKET);
  const Record sent{1, 2};
  ASSERT_TRUE(send_packet(pair->first.get(), bytes_of(sent)).ok());
  uint32_t small = 0;
  EXPECT_EQ(receive_packet(pair->second.get(), writable_bytes_of(small)).error().code(),
            Code::corrupt);
  pair->first.reset();
  EXPECT_EQ(receive_packet(pair->second.get(), writable_bytes_of(small))->size, 0u);
}

TEST(Unix, ModeIsSetAndStaleSocketsAreReplaced) {
  char name[] = "/tmp/bridle-wire-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const std::string path = std::string(name) + "/s";
  EXPECT_EQ(connect_unix(path, SOCK_STREAM).error().code(), Code::not_found);
  { ASSERT_TRUE(listen_unix(path, SOCK_STREAM, 0600).ok()); }
  EXPECT_EQ(connect_unix(path, SOCK_STREAM).error().code(), Code::unreachable);
  const auto listener = listen_unix(path, SOCK_STREAM, 0600);
  ASSERT_TRUE(listener.ok());
  const auto client = connect_unix(path, SOCK_STREAM);
  ASSERT_TRUE(client.ok());
  const auto server = accept_unix(listener->get());
  ASSERT_TRUE(server.ok());
  EXPECT_EQ(peer_of(server->get())->uid, ::getuid());
  ASSERT_TRUE(remove_tree(name).ok());
}

TEST(Unix, LongPathsAreRefused) {
  EXPECT_EQ(connect_unix(std::string(200, 'x'), SOCK_STREAM).error().code(), Code::invalid);
}

TEST(LineBuffer, CutsLinesHoweverTheyArrive) {
  LineBuffer lines(10);
  ASSERT_TRUE(lines.append("ab").ok());
  EXPECT_FALSE(lines.next().has_value());
  ASSERT_TRUE(lines.append("c\r\nde\nf").ok());
  EXPECT_EQ(lines.next(), "abc");
  EXPECT_EQ(lines.next(), "de");
  EXPECT_FALSE(lines.next().has_value());
}

TEST(LineBuffer, RefusesALineOverTheBound) {
  LineBuffer lines(4);
  EXPECT_EQ(lines.append("12345").error().code(), Code::exhausted);
}

}  // namespace
}  // namespace bridle::wire
