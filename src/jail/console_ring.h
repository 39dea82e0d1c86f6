// ConsoleRing: the last 256 KiB that a guest wrote to its serial console, in a file that is mapped
// (run/g/UUID/serial.ring), so that a killed attendant loses none of it.
//
// The file: a page of header (magic, version, capacity, bytes written so far), then the ring. Bytes
// are copied first, the count is raised after: a kill in between costs at most that chunk. A file
// with a wrong header begins anew: it is a convenience, never a reason to fail.
//
// Thread class: one writer; readers in the same thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle::jail {

class ConsoleRing {
 public:
  static constexpr size_t capacity = 256 << 10;
  static constexpr size_t header_size = 4096;
  static constexpr size_t file_size = header_size + capacity;

  // Maps `fd`, a regular file open for reading and writing; grows it to file_size.
  static Result<ConsoleRing> map(int fd);
  ConsoleRing(ConsoleRing&& other) noexcept;
  ConsoleRing& operator=(ConsoleRing&&) = delete;
  ~ConsoleRing();

  void append(std::string_view bytes);
  // The last `count` bytes, fewer if fewer were written or are kept.
  std::string last(size_t count) const;
  uint64_t written() const;  // since the guest's start

 private:
  struct Header;
  explicit ConsoleRing(void* memory) : memory_(memory) {}
  Header& header() const;
  char* bytes() const { return static_cast<char*>(memory_) + header_size; }

  void* memory_;
};

}  // namespace bridle::jail
