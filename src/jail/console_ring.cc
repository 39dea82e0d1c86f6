#include "jail/console_ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/crash_point.h"

namespace bridle::jail {

struct ConsoleRing::Header {
  static constexpr uint32_t magic_value = 0x31534742;  // "BGS1"
  uint32_t magic;
  uint32_t version;
  uint64_t size;
  std::atomic<uint64_t> written;
};

Result<ConsoleRing> ConsoleRing::map(int fd) {
  BRIDLE_CRASH_POINT("ring.size");
  if (::ftruncate(fd, file_size) != 0) return errno_error("sizing a console ring");
  void* memory = ::mmap(nullptr, file_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return errno_error("mapping a console ring");
  ConsoleRing ring(memory);
  Header& header = ring.header();
  if (header.magic != Header::magic_value || header.version != 1 || header.size != capacity) {
    header.written.store(0, std::memory_order_relaxed);
    header.version = 1;
    header.size = capacity;
    header.magic = Header::magic_value;
  }
  return ring;
}

ConsoleRing::ConsoleRing(ConsoleRing&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)) {}

ConsoleRing::~ConsoleRing() {
  if (memory_ != nullptr) ::munmap(memory_, file_size);
}

ConsoleRing::Header& ConsoleRing::header() const { return *static_cast<Header*>(memory_); }

uint64_t ConsoleRing::written() const { return header().written.load(std::memory_order_relaxed); }

void ConsoleRing::append(std::string_view text) {
  const uint64_t total = written() + text.size();
  if (text.size() > capacity) text.remove_prefix(text.size() - capacity);
  const size_t start = (total - text.size()) % capacity;
  const size_t first = std::min(text.size(), capacity - start);
  std::memcpy(bytes() + start, text.data(), first);
  std::memcpy(bytes(), text.data() + first, text.size() - first);
  header().written.store(total, std::memory_order_release);
}

std::string ConsoleRing::last(size_t count) const {
  const uint64_t total = written();
  count = std::min<uint64_t>({count, total, capacity});
  const size_t start = (total - count) % capacity;
  const size_t first = std::min(count, capacity - start);
  std::string out(bytes() + start, first);
  out.append(bytes(), count - first);
  return out;
}

}  // namespace bridle::jail
