// Exports: the hands of volume exports: opens a volume for a convert helper and hands out the
// stream that the helper writes (image/export.h).
//
//   ROOT/volumes/uploads/UUID.disk  unlinked as soon as it is open: what the helper converts into
//
// While it is read, the volume is locked as QEMU locks its files: a guest that has it open for
// writing keeps the export from beginning, and a guest that starts meanwhile fails to open it and
// is started again as its restart policy says.
// Thread class: the loop's thread.
#pragma once

#include <map>
#include <string>

#include "base/layout.h"
#include "base/random.h"
#include "daemon/helper_runs.h"
#include "model/image.h"

namespace bridle::daemon {

class Exports {
 public:
  static constexpr size_t most = 4;  // at once

  Exports(const Layout& layout, Random& random, HelperRuns& helpers)
      : layout_(layout), random_(random), helpers_(helpers) {}

  // A stream socket (non-blocking) that a helper writes the volume to, as `to` ("vmdk", "qcow2" or
  // "raw"). Code::conflict: it is not ready, or a guest has it open. Code::exhausted: `most` are
  // under way.
  Result<Fd> open(const model::VolumeStatus& volume, const std::string& to);

 private:
  struct Files {
    Fd connection, volume, output, backing;
  };
  Result<Files> open_files(const model::VolumeStatus& volume);
  void run(const model::VolumeStatus& volume, const std::string& to, Files files);

  const Layout& layout_;
  Random& random_;
  HelperRuns& helpers_;
  uint64_t last_ = 0;
  std::map<uint64_t, Files> exports_;  // kept open, for the lock, until the helper ends
};

}  // namespace bridle::daemon
