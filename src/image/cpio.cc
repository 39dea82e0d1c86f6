#include "image/cpio.h"

#include <sys/stat.h>

namespace bridle::image {
namespace {

void put_hex(std::string& out, uint32_t value) {
  constexpr char digits[] = "0123456789abcdef";
  for (int shift = 28; shift >= 0; shift -= 4) out += digits[value >> shift & 15];
}

void pad(std::string& out) { out.append((4 - out.size() % 4) % 4, '\0'); }

}  // namespace

void CpioArchive::add(const Entry& entry) {
  if (!paths_.emplace(entry.path).second) return;
  const bool folder = S_ISDIR(entry.mode);
  const uint32_t fields[] = {++inode_,
                             entry.mode,
                             0,  // uid
                             0,  // gid
                             folder ? 2u : 1u,
                             0,  // time
                             static_cast<uint32_t>(entry.bytes.size()),
                             0,
                             0,
                             entry.major,
                             entry.minor,
                             static_cast<uint32_t>(entry.path.size() + 1),
                             0};
  out_ += "070701";
  for (const uint32_t field : fields) put_hex(out_, field);
  out_ += entry.path;
  out_ += '\0';
  pad(out_);
  out_ += entry.bytes;
  pad(out_);
}

void CpioArchive::parents(std::string_view path) {
  for (size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1))
    add({path.substr(0, at), {}, S_IFDIR | 0755u, 0, 0});
}

void CpioArchive::folder(std::string_view path, uint32_t mode) {
  parents(path);
  add({path, {}, S_IFDIR | mode, 0, 0});
}

void CpioArchive::file(std::string_view path, std::string_view bytes, uint32_t mode) {
  parents(path);
  add({path, bytes, S_IFREG | mode, 0, 0});
}

void CpioArchive::link(std::string_view path, std::string_view target) {
  parents(path);
  add({path, target, S_IFLNK | 0777u, 0, 0});
}

void CpioArchive::device(std::string_view path, uint32_t mode, uint32_t major, uint32_t minor) {
  parents(path);
  add({path, {}, S_IFCHR | mode, major, minor});
}

std::string CpioArchive::finish() {
  add({"TRAILER!!!", {}, 0, 0, 0});
  out_.append((512 - out_.size() % 512) % 512, '\0');
  return std::move(out_);
}

}  // namespace bridle::image
