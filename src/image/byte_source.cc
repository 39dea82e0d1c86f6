#include "image/byte_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace bridle::image {
namespace {

uint64_t big(std::string_view bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

uint64_t little(std::string_view bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

}  // namespace

Result<std::string> ByteSource::read(uint64_t offset, size_t count) const {
  if (offset > size() || count > size() - offset)
    return Error(Code::corrupt, "the file ends at byte " + std::to_string(size()) + ", but " +
                                    std::to_string(count) + " bytes are expected at " +
                                    std::to_string(offset) +
                                    ": it was cut short; copy or download it again");
  return read_inside(offset, count);
}

Result<std::string> MemorySource::read_inside(uint64_t offset, size_t count) const {
  return std::string(bytes_.substr(offset, count));
}

Result<FileSource> FileSource::of(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return errno_error("the uploaded file");
  if (!S_ISREG(st.st_mode)) return Error(Code::invalid, "the upload is not a file");
  return FileSource(fd, 0, static_cast<uint64_t>(st.st_size));
}

Result<std::string> FileSource::read_inside(uint64_t offset, size_t count) const {
  std::string out(count, '\0');
  size_t got = 0;
  while (got < count) {
    const ssize_t n =
        ::pread(fd_, out.data() + got, count - got, static_cast<off_t>(begin_ + offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("reading the uploaded file");
    if (n == 0) return Error(Code::corrupt, "the uploaded file became shorter while it was read");
    got += static_cast<size_t>(n);
  }
  return out;
}

uint16_t big16(std::string_view b, size_t at) { return static_cast<uint16_t>(big(b, at, 2)); }
uint32_t big32(std::string_view b, size_t at) { return static_cast<uint32_t>(big(b, at, 4)); }
uint64_t big64(std::string_view b, size_t at) { return big(b, at, 8); }
uint16_t little16(std::string_view b, size_t at) { return static_cast<uint16_t>(little(b, at, 2)); }
uint32_t little32(std::string_view b, size_t at) { return static_cast<uint32_t>(little(b, at, 4)); }
uint64_t little64(std::string_view b, size_t at) { return little(b, at, 8); }

ClaimMap::ClaimMap(uint64_t file_size, uint64_t unit)
    : units_(file_size / unit + (file_size % unit != 0)), unit_(unit), taken_(units_) {}

Status ClaimMap::claim(uint64_t offset, uint64_t length, std::string_view what) {
  const uint64_t first = offset / unit_;
  const uint64_t room = units_ * unit_;
  if (length == 0 || offset >= room || length > room - offset)
    return Error(Code::corrupt, std::string(what) + " at byte " + std::to_string(offset) +
                                    " lies behind the end of the file: it was cut short or made "
                                    "by hand; copy or download it again");
  const uint64_t last = (offset + length - 1) / unit_;
  for (uint64_t i = first; i <= last; ++i) {
    if (taken_[i])
      return Error(Code::corrupt, std::string(what) + " at byte " + std::to_string(offset) +
                                      " overlaps another part of the file: it is damaged or was "
                                      "made by hand; repair it with qemu-img check, or export it "
                                      "again");
    taken_[i] = true;
  }
  return {};
}

bool ClaimMap::mark(uint64_t offset, uint64_t length, uint64_t& fresh) {
  const uint64_t room = units_ * unit_;
  if (length == 0 || offset >= room || length > room - offset) return false;
  for (uint64_t i = offset / unit_; i <= (offset + length - 1) / unit_; ++i) {
    if (!taken_[i]) ++fresh;
    taken_[i] = true;
  }
  return true;
}

}  // namespace bridle::image
