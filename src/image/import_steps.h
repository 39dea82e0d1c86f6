// The steps of an import that run in image helpers, on descriptors that bridled opened
// (import_plan.h): no path of the host is known here but the store of parts, to adopt() alone.
//
// The connection speaks first: "bridle-upload 1 OFFSET\n", then takes the file's bytes from OFFSET
// on, and ends with "done\n" or "error CODE MESSAGE\n". What has come stays in the file when the
// connection breaks: the next one begins behind it.
// Thread class: free functions; blocking.
#pragma once

#include <string>

#include "base/layout.h"
#include "image/disk_check.h"
#include "image/import_plan.h"
#include "image/ova.h"
#include "image/progress.h"

namespace bridle::image {

struct ReceiveOptions {
  uint64_t size = 0;
  std::string digest;
  Duration patience = std::chrono::seconds(60);  // without a byte
};
// Code::unreachable: the connection broke or stalled, what has come is kept. Code::corrupt: the
// digest is another one; nothing is kept. Code::exhausted: no room.
Status receive(int connection, int upload, const ReceiveOptions& options, const Progress& progress);

struct ConvertOptions {
  ImportWords words;
  DiskLimits limits;
};
// Checks the upload and writes the disk as qcow2, by qemu-img under limits of time and size.
Result<ConvertResult> convert(int upload, int disk, const ConvertOptions& options,
                              const Progress& progress);

// Copies the converted disk into the store of parts, and checks the copy as if it were an upload.
Result<AdoptResult> adopt(const Layout& layout, int disk, const Progress& progress);

}  // namespace bridle::image
