// A volume as a file for other systems, made in an image helper of kind convert, on descriptors
// that bridled opened: no path of the host is known here.
//
// The volume was written by a guest, maybe by a QEMU that was taken over: its tables are checked
// like those of an upload, what lies below it is what bridled says and never what its header says.
//
// The connection speaks: "bridle-download 1 SIZE\n", SIZE bytes, "done SHA-256\n"; or, in place of
// the first or the last line, "error CODE MESSAGE\n".
// Thread class: free functions; blocking.
#pragma once

#include <string>

#include "image/disk_check.h"
#include "image/progress.h"

namespace bridle::image {

struct ExportOptions {
  DiskFormat format = DiskFormat::qcow2;  // of the volume: qcow2 or raw
  std::optional<DiskFormat> backing;      // of what lies below it
  DiskFormat to = DiskFormat::vmdk;       // vmdk: stream-optimized
  DiskLimits limits = {.overlay = true};
};
struct ExportFiles {
  int connection = -1;
  int volume = -1;   // for reading
  int output = -1;   // new
  int backing = -1;  // for reading; only with options.backing
};
// Code::refused, Code::corrupt: as check_disk. Code::exhausted: no room. Code::unreachable: the
// caller went away.
Status export_disk(const ExportFiles& files, const ExportOptions& options,
                   const Progress& progress);

}  // namespace bridle::image
