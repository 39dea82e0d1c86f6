#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "base/crash_point.h"

namespace bridle {

Result<Fd> open_file(const std::string& path, int flags, mode_t mode) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return errno_error(path);
  return Fd(fd);
}

Result<std::string> read_all(int fd, size_t cap) {
  std::string out;
  char chunk[16384];
  while (true) {
    const ssize_t n = ::read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("reading");
    if (n == 0) return out;
    if (out.size() + static_cast<size_t>(n) > cap)
      return Error(Code::exhausted, "larger than " + std::to_string(cap) + " bytes");
    out.append(chunk, static_cast<size_t>(n));
  }
}

Result<std::string> read_file(const std::string& path, size_t cap) {
  BRIDLE_TRY(const Fd fd, open_file(path, O_RDONLY));
  return read_all(fd.get(), cap).context(path);
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    BRIDLE_CRASH_POINT("file.write");
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("writing");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

namespace {

std::string parent_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

Status sync_folder(const std::string& path) {
  BRIDLE_TRY(const Fd folder, open_file(path, O_RDONLY | O_DIRECTORY));
  BRIDLE_CRASH_POINT("file.sync_folder");
  if (::fsync(folder.get()) != 0) return errno_error(path);
  return {};
}

Status write_file_durably(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string incomplete = path + ".incomplete";
  BRIDLE_TRY(const Fd fd, open_file(incomplete, O_WRONLY | O_CREAT | O_TRUNC, mode));
  BRIDLE_CHECK(write_all(fd.get(), bytes).context(incomplete));
  BRIDLE_CRASH_POINT("file.sync");
  if (::fsync(fd.get()) != 0) return errno_error(incomplete);
  BRIDLE_CRASH_POINT("file.rename");
  if (::rename(incomplete.c_str(), path.c_str()) != 0) return errno_error(path);
  return sync_folder(parent_of(path));
}

Status make_folder(const std::string& path, mode_t mode) {
  BRIDLE_CRASH_POINT("file.mkdir");
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  return errno_error(path);
}

Status make_folders(const std::string& path, mode_t mode) {
  const auto parent = std::filesystem::path(path).parent_path();
  struct stat st {};
  if (!parent.empty() && ::stat(parent.c_str(), &st) != 0)
    BRIDLE_CHECK(make_folders(parent.string(), mode));
  return make_folder(path, mode);
}

Status remove_file(const std::string& path) {
  BRIDLE_CRASH_POINT("file.remove");
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return errno_error(path);
}

Status remove_tree(const std::string& path) {
  BRIDLE_CRASH_POINT("file.remove_tree");
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return errno_error(error.value(), path);
  return {};
}

Result<std::vector<std::string>> list_folder(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), &::closedir);
  if (!dir) return errno_error(path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Fd> sealed_memfd(const std::string& name, std::string_view bytes) {
  Fd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return errno_error("memfd_create");
  BRIDLE_CHECK(write_all(fd.get(), bytes));
  const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(fd.get(), F_ADD_SEALS, seals) != 0) return errno_error("sealing a memfd");
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return errno_error("rewinding a memfd");
  return fd;
}

}  // namespace bridle
