#include "switch/drivers/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace bridle::net {

Result<SharedMemory> SharedMemory::map(int fd, size_t least) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
    return Error(Code::invalid, "shared memory was handed over that is not sealed");
  struct stat about {};
  if (::fstat(fd, &about) != 0) return errno_error("asking shared memory's size");
  const auto size = static_cast<size_t>(about.st_size);
  if (about.st_size < 0 || size < least || size > size_t{1} << 30)
    return Error(Code::invalid, "shared memory of " + std::to_string(about.st_size) +
                                    " bytes was handed over; wanted " + std::to_string(least));
  void* bytes = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) return errno_error("mapping shared memory");
  return SharedMemory(static_cast<uint8_t*>(bytes), size);
}

SharedMemory::~SharedMemory() {
  if (bytes_ != nullptr) ::munmap(bytes_, size_);
}

}  // namespace bridle::net
