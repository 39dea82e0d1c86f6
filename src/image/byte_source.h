// ByteSource: bytes of an uploaded file as parsers of hostile images see them: a size, and copies
// of ranges. A range that is not all there is an error, never a short read.
//
// Also the small-integer readers that disk headers need, and ClaimMap, which finds parts of a file
// that overlap.
// Thread class: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bridle::image {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  // Exactly `count` bytes at `offset`. Code::corrupt: the file ends before.
  Result<std::string> read(uint64_t offset, size_t count) const;

 protected:
  // REQUIRES: the range is inside.
  virtual Result<std::string> read_inside(uint64_t offset, size_t count) const = 0;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }

 private:
  Result<std::string> read_inside(uint64_t offset, size_t count) const override;
  std::string_view bytes_;
};

// A range of an open file, read with pread. The descriptor stays the caller's.
class FileSource final : public ByteSource {
 public:
  static Result<FileSource> of(int fd);  // the whole file
  FileSource(int fd, uint64_t begin, uint64_t size) : fd_(fd), begin_(begin), size_(size) {}
  uint64_t size() const override { return size_; }

 private:
  Result<std::string> read_inside(uint64_t offset, size_t count) const override;
  int fd_;
  uint64_t begin_, size_;
};

// REQUIRES for all: at + the width is inside of bytes.
uint16_t big16(std::string_view bytes, size_t at);
uint32_t big32(std::string_view bytes, size_t at);
uint64_t big64(std::string_view bytes, size_t at);
uint16_t little16(std::string_view bytes, size_t at);
uint32_t little32(std::string_view bytes, size_t at);
uint64_t little64(std::string_view bytes, size_t at);

// Which units of a file are spoken for: one bit each, so 16 MiB for 64 GiB in sectors.
class ClaimMap {
 public:
  ClaimMap(uint64_t file_size, uint64_t unit);
  // Code::corrupt: the range is empty, ends behind the file (rounded up to a unit), or touches a
  // unit that was claimed before; `what` names it.
  Status claim(uint64_t offset, uint64_t length, std::string_view what);
  // Marks without asking. False: outside of the file. `fresh` counts units marked for the first
  // time.
  bool mark(uint64_t offset, uint64_t length, uint64_t& fresh);

 private:
  uint64_t units_, unit_;
  std::vector<bool> taken_;
};

}  // namespace bridle::image
