// PartStore: opens parts of images for use, checked.
//
// open() opens the file first and judges the descriptor it gives out: a file that is replaced under
// the same name afterwards is another inode and changes nothing for this descriptor. Full digests
// take 2 s a GiB: run it on a worker thread. What was learned is written to the record file
// (ROOT/state/parts.checked) after each full digest; a lost or broken one only costs time.
//
// Errors: not_found, corrupt ("image part … was changed on disk …").
// Thread class: one thread at a time (callers hold a lock or one worker).
#pragma once

#include <string>

#include "base/fd.h"
#include "blob/verify.h"

namespace bridle::blob {

struct OpenPart {
  Fd fd;  // read-only
  uint64_t size = 0;
  bool digested = false;  // it was read in full now
};

class PartStore {
 public:
  // folder: ROOT/images/parts. boot_id: of the host.
  PartStore(std::string folder, std::string record_file, Uuid boot_id);

  // image: for the message, as "lab/tiny".
  Result<OpenPart> open(const std::string& digest, const std::string& image);

  // The kernel's id of this boot of the host.
  static Result<Uuid> host_boot_id();

 private:
  Status check(int fd, const std::string& digest, const std::string& image, OpenPart& part);
  Status save();

  std::string folder_, record_file_;
  Uuid boot_id_;
  Records records_;
};

}  // namespace bridle::blob
