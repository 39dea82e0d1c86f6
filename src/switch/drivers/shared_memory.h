// SharedMemory: a mapped memfd that somebody else has, too. It is mapped only if it is sealed
// against shrinking: then no access to it can fail. What is in it the other side may change at any
// time.
//
// Thread class: a value; one owner.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace bridle::net {

class SharedMemory {
 public:
  // `least` bytes at least; all of it is mapped. Code::invalid: too small, too large (1 GiB), or
  // not sealed.
  static Result<SharedMemory> map(int fd, size_t least);
  SharedMemory(SharedMemory&& other) noexcept : bytes_(other.bytes_), size_(other.size_) {
    other.bytes_ = nullptr;
  }
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  uint8_t* bytes() const { return bytes_; }
  size_t size() const { return size_; }

 private:
  SharedMemory(uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {}
  uint8_t* bytes_;
  size_t size_;
};

}  // namespace bridle::net
