// Downloads: what a volume holds, from bridled to here, as image/export.h says.
#pragma once

#include <functional>
#include <string>

#include "cli/context.h"

namespace bridle::cli {

// `format`: "qcow2", "raw" or "vmdk". `take` gets the bytes in their order. Returns when all came
// and their digest is the one that the host computed. Code::conflict: a guest has it open.
Status download(Context& context, const std::string& volume, const std::string& format,
                const std::function<Status(std::string_view)>& take);

// A file that is there under its name only when it is whole.
class NewFile {
 public:
  // Code::conflict: there is one already, and `replace` is not set.
  static Result<NewFile> create(const std::string& path, bool replace);
  ~NewFile();
  NewFile(NewFile&&) = default;
  NewFile& operator=(NewFile&&) = delete;

  int fd() const { return fd_.get(); }
  Status keep();  // on the disk, under its name

 private:
  NewFile(std::string path, std::string draft, Fd fd)
      : path_(std::move(path)), draft_(std::move(draft)), fd_(std::move(fd)) {}
  std::string path_, draft_;
  Fd fd_;
};

}  // namespace bridle::cli
