#include "image/ova_write.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "image/tar_index.h"

namespace bridle::image {
namespace {

constexpr uint64_t block = 512;

uint64_t padded(uint64_t size) { return (size + block - 1) / block * block; }

}  // namespace

Status OvaWriter::put(std::string_view bytes, uint64_t at) {
  while (!bytes.empty()) {
    // No crash point: the caller's file gets its name when it is whole.
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("writing the OVA");
    bytes.remove_prefix(static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
  return {};
}

Status OvaWriter::reserve(const std::string& name, uint64_t size) {
  members_.push_back({name, "", at_, size});
  at_ += block + padded(size);
  return {};
}

Status OvaWriter::fill(const std::string& name, std::string_view bytes) {
  const auto member = std::find_if(members_.begin(), members_.end(),
                                   [&](const Member& m) { return m.name == name; });
  if (member == members_.end() || member->size != bytes.size())
    return Error(Code::internal, name + ": no room of this size was reserved");
  member->digest = hex(sha256(bytes));
  BRIDLE_CHECK(put(tar_header(name, member->size), member->header));
  return put(bytes, member->header + block);
}

Status OvaWriter::begin(const std::string& name) {
  members_.push_back({name, "", at_, 0});
  at_ += block;
  digest_.emplace();
  return {};
}

Status OvaWriter::write(std::string_view bytes) {
  BRIDLE_CHECK(put(bytes, at_));
  digest_->update(bytes);
  at_ += bytes.size();
  members_.back().size += bytes.size();
  return {};
}

Status OvaWriter::end() {
  Member& member = members_.back();
  member.digest = hex(digest_->finish());
  at_ = member.header + block + padded(member.size);
  return put(tar_header(member.name, member.size), member.header);
}

Status OvaWriter::append(const std::string& name, std::string_view bytes) {
  BRIDLE_CHECK(begin(name));
  BRIDLE_CHECK(write(bytes));
  return end();
}

uint64_t OvaWriter::size_of(std::string_view name) const {
  for (const Member& member : members_)
    if (member.name == name) return member.size;
  return 0;
}

std::string OvaWriter::manifest() const {
  std::string out;
  for (const Member& member : members_)
    out += "SHA256(" + member.name + ")= " + member.digest + "\n";
  return out;
}

Status OvaWriter::finish() {
  BRIDLE_CHECK(put(std::string(2 * block, '\0'), at_));
  // No crash point: as above.
  if (::fsync(fd_) != 0) return errno_error("keeping the OVA");
  return {};
}

}  // namespace bridle::image
