#include "image/boot_kit.h"

#include <filesystem>
#include <map>

#include "base/file.h"
#include "image/cpio.h"

namespace bridle::image {
namespace {

namespace fs = std::filesystem;

// Module name to path, of every module of the one kernel in the folder.
Result<std::map<std::string, std::string>> modules_of(const std::string& kernel_folder) {
  std::map<std::string, std::string> out;
  std::error_code wrong;
  for (fs::recursive_directory_iterator at(kernel_folder + "/lib/modules", wrong), end;
       !wrong && at != end; at.increment(wrong))
    if (at->path().extension() == ".ko") out[at->path().stem()] = at->path();
  if (wrong) return Error(Code::internal, kernel_folder + ": " + wrong.message());
  return out;
}

Status add_modules(CpioArchive& archive, const Recipe& recipe, const std::string& kernel_folder) {
  BRIDLE_TRY(const auto known, modules_of(kernel_folder));
  std::string order;
  for (const std::string& name : recipe.modules) {
    const auto found = known.find(name);
    if (found == known.end())
      return Error(Code::not_found, "the kernel package has no module " + name);
    BRIDLE_TRY(const std::string bytes, read_file(found->second));
    archive.file("lib/modules/" + name + ".ko", bytes);
    order += name + "\n";
  }
  archive.file("etc/modules", order);
  return {};
}

Status add_busybox(CpioArchive& archive, const std::string& busybox, std::string_view applets) {
  BRIDLE_TRY(const std::string bytes, read_file(busybox));
  archive.file("bin/busybox", bytes, 0755);
  for (const char* name : {"init", "poweroff", "reboot", "halt"})
    archive.link(std::string("sbin/") + name, "../bin/busybox");
  while (!applets.empty()) {
    const size_t end = std::min(applets.find('\n'), applets.size());
    const std::string name(applets.substr(0, end));
    if (!name.empty() && name.find('/') == std::string::npos)
      archive.link("bin/" + name, "busybox");
    applets.remove_prefix(std::min(end + 1, applets.size()));
  }
  return {};
}

}  // namespace

Result<std::string> kernel_file(const std::string& kernel_folder) {
  BRIDLE_TRY(const auto names, list_folder(kernel_folder + "/boot"));
  for (const std::string& name : names)
    if (name.starts_with("vmlinuz-")) return kernel_folder + "/boot/" + name;
  return Error(Code::not_found, "the kernel package has no /boot/vmlinuz-*");
}

Result<std::string> initrd_archive(const Recipe& recipe, const GuestFiles& files,
                                   const std::string& kernel_folder, const std::string& busybox,
                                   std::string_view applets) {
  CpioArchive archive;
  for (const char* name : {"dev", "proc", "sys", "run", "tmp", "mnt", "var/lib"})
    archive.folder(name);
  archive.folder("root", 0700);
  // The kernel opens it as the first process's standard streams, before any devtmpfs.
  archive.device("dev/console", 0600, 5, 1);
  for (const RecipeFile& file : recipe.initrd_files) {
    const auto found = files.find(file.guest_file);
    if (found == files.end()) return Error(Code::internal, "no guest file " + file.guest_file);
    archive.file(file.path, found->second, file.mode);
  }
  archive.link("init", "bin/busybox");  // unless the recipe brought its own
  archive.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  archive.file("etc/group", "root:x:0:\n");
  archive.file("etc/hosts", "127.0.0.1\tlocalhost\n");
  BRIDLE_CHECK(add_busybox(archive, busybox, applets));
  BRIDLE_CHECK(add_modules(archive, recipe, kernel_folder));
  return archive.finish();
}

}  // namespace bridle::image
