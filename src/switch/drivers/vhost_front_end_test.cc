// The front end's code; tests are in vhost_user_test.cc.
#include "switch/drivers/vhost_front_end.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>

#include "wire/socket.h"

namespace bridle::net::testing {
namespace {

template <typename... Words>
std::vector<uint8_t> words(Words... each) {
  const uint64_t all[] = {static_cast<uint64_t>(each)...};
  std::vector<uint8_t> bytes(sizeof all);
  std::memcpy(bytes.data(), all, sizeof all);
  return bytes;
}
std::vector<uint8_t> state(uint32_t index, uint32_t number) {
  return words(uint64_t{number} << 32 | index);
}

}  // namespace

FrontEnd::FrontEnd(const std::string& path, bool sealed) {
  auto listener = wire::listen_unix(path, SOCK_STREAM, 0600);
  if (listener.ok()) listener_ = *std::move(listener);
  memory_ = Fd(::memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (::ftruncate(memory_.get(), front_memory) != 0) return;
  if (sealed) ::fcntl(memory_.get(), F_ADD_SEALS, F_SEAL_SHRINK);
  bytes_ = static_cast<uint8_t*>(
      ::mmap(nullptr, front_memory, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0));
  for (int i = 0; i < 2; ++i) {
    kicks_[i] = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    calls_[i] = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  }
}

FrontEnd::~FrontEnd() { ::munmap(bytes_, front_memory); }

bool FrontEnd::accept() {
  pollfd waiting{listener_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, 10'000) != 1) return false;
  peer_ = Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return peer_.valid();
}

bool FrontEnd::say(uint32_t request, std::span<const uint8_t> payload, std::span<const int> fds) {
  const uint32_t header[3] = {request, 1, static_cast<uint32_t>(payload.size())};
  std::vector<uint8_t> message(sizeof header + payload.size());
  std::memcpy(message.data(), header, sizeof header);
  if (!payload.empty()) std::memcpy(message.data() + sizeof header, payload.data(), payload.size());
  return wire::send_packet(peer_.get(), message, fds).ok();
}

std::vector<uint8_t> FrontEnd::ask(uint32_t request, std::span<const uint8_t> payload) {
  if (!say(request, payload)) return {};
  uint8_t answer[512];
  pollfd waiting{peer_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, 10'000) != 1) return {};
  const ssize_t got = ::recv(peer_.get(), answer, sizeof answer, 0);
  if (got < 12) return {};
  return {answer + 12, answer + got};
}

bool FrontEnd::share_memory(uint64_t size, uint64_t offset) {
  const int fd = memory_.get();
  return say(5, words(1, 0, size, 0, offset), {&fd, 1});
}

bool FrontEnd::set_up_queue(unsigned queue) {
  const uint64_t base = queue * 0x10000;
  const int kick = kicks_[queue].get(), call = calls_[queue].get();
  return say(8, state(queue, front_queue)) && say(10, state(queue, 0)) &&
         say(9, words(queue, base, base + 0x8000, base + 0x4000, 0)) &&
         say(12, words(queue), {&kick, 1}) && say(13, words(queue), {&call, 1}) &&
         say(18, state(queue, 1));
}

bool FrontEnd::set_up(uint64_t features) {
  std::memset(bytes_, 0, 0x20000);
  return !ask(1, {}).empty() && say(3, {}) && say(2, words(features)) &&
         share_memory(front_memory) && set_up_queue(0) && set_up_queue(1);
}

void FrontEnd::offer(unsigned queue, uint16_t head) {
  uint16_t* ring = avail(queue);
  ring[2 + ring[1] % front_queue] = head;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  ring[1] = static_cast<uint16_t>(ring[1] + 1);
}

void FrontEnd::kick(unsigned queue) { ::eventfd_write(kicks_[queue].get(), 1); }

void FrontEnd::send_frame(std::span<const uint8_t> frame) {
  constexpr uint32_t header = 12;
  const auto slot = static_cast<uint16_t>(avail(1)[1] % front_queue);
  uint8_t* buffer = bytes_ + (1 << 20) + slot * 16384;
  std::memset(buffer, 0, header);
  std::memcpy(buffer + header, frame.data(), frame.size());
  table(1)[slot] = {static_cast<uint64_t>(buffer - bytes_),
                    header + static_cast<uint32_t>(frame.size()), 0, 0};
  offer(1, slot);
}

}  // namespace bridle::net::testing
