#include "cli/program_folder.h"

#include <limits.h>
#include <unistd.h>

#include "base/file.h"

namespace bridle::cli {

Result<std::string> program_folder() {
  char path[PATH_MAX];
  const ssize_t n = ::readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0) return errno_error("finding this program");
  const std::string whole(path, static_cast<size_t>(n));
  const std::string own = whole.substr(0, whole.rfind('/'));
  for (const std::string& folder : {own, std::string("/usr/lib/bridle")})
    if (::access((folder + "/bridled").c_str(), X_OK) == 0) return folder;
  return Error(Code::not_found, "no bridled beside " + whole + " nor in /usr/lib/bridle");
}

}  // namespace bridle::cli
