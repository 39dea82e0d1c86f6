// CpioArchive: writes an initial RAM disk in the kernel's "newc" format (kernel documentation,
// driver-api/early-userspace/buffer-format). Deterministic: owner root, time 0, entries in the
// order they are added; missing parent folders are added by themselves.
//
//   CpioArchive archive;
//   archive.file("sbin/init", bytes, 0755);
//   archive.device("dev/console", 0600, 5, 1);
//   write(archive.finish());
//
// Thread class: a value.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace bridle::image {

class CpioArchive {
 public:
  // Paths are relative, without "." or ".."; an existing path is not added again.
  void folder(std::string_view path, uint32_t mode = 0755);
  void file(std::string_view path, std::string_view bytes, uint32_t mode = 0644);
  void link(std::string_view path, std::string_view target);
  void device(std::string_view path, uint32_t mode, uint32_t major, uint32_t minor);  // character
  std::string finish();  // REQUIRES: called once

 private:
  struct Entry {
    std::string_view path, bytes;
    uint32_t mode, major, minor;
  };
  void add(const Entry& entry);
  void parents(std::string_view path);

  std::string out_;
  std::set<std::string, std::less<>> paths_;
  uint32_t inode_ = 0;
};

}  // namespace bridle::image
