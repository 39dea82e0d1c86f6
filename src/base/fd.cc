#include "base/fd.h"

#include <fcntl.h>
#include <unistd.h>

namespace bridle {

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<Fd> Fd::duplicate() const {
  const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return errno_error("duplicating a descriptor");
  return Fd(copy);
}

}  // namespace bridle
