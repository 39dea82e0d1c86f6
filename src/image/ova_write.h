// OvaWriter: an OVA as a file that grows from the front: members whose size is known beforehand are
// reserved and filled later (the descriptor tells the sizes of disks that come behind it), others
// are streamed. Every member's SHA-256 goes into the manifest.
//
//   descriptor (reserved), disks (streamed), manifest, certificate
//
// which is the order that OVF 1.1 has for archives that are written in one go.
// Thread class: one thread; blocking.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace bridle::image {

class OvaWriter {
 public:
  // A regular file, empty; stays the caller's.
  explicit OvaWriter(int fd) : fd_(fd) {}

  // Leaves room for a member of exactly `size` bytes.
  Status reserve(const std::string& name, uint64_t size);
  // REQUIRES: reserved under this name, with this size.
  Status fill(const std::string& name, std::string_view bytes);

  Status begin(const std::string& name);
  Status write(std::string_view bytes);
  Status end();
  Status append(const std::string& name, std::string_view bytes);

  uint64_t size_of(std::string_view name) const;  // 0: no such member
  // Of all members so far.
  std::string manifest() const;
  // The archive's end, and all of it on the disk.
  Status finish();

 private:
  struct Member {
    std::string name, digest;
    uint64_t header = 0, size = 0;
  };
  Status put(std::string_view bytes, uint64_t at);

  int fd_;
  uint64_t at_ = 0;
  std::vector<Member> members_;
  std::optional<Sha256Stream> digest_;  // of the member that is being written
};

}  // namespace bridle::image
