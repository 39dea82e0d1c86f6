// Image and Volume: typed views. An image is a set of content-addressed parts; a volume is a
// writable disk, empty or a copy-on-write overlay of an image's disk.
#pragma once

#include <optional>
#include <string>

#include "model/object.h"

namespace bridle::model {

struct Part {
  std::string digest;  // SHA-256, 64 hexadecimal digits; empty: the image has no such part
  uint64_t size = 0;   // bytes of the file
};

struct ImageSpec {
  std::string recipe;  // "tiny" or "debian"
};

struct ImageStatus {
  std::string phase;    // "pending", "building", "ready", "failed"
  std::string message;  // a sentence; what to do when it failed
  Part kernel, initrd, disk;
  std::string disk_format;         // "qcow2" or "raw": stored at build or import, never probed
  uint64_t disk_virtual_size = 0;  // bytes
  std::string kernel_arguments;    // "console=ttyS0 root=/dev/vda rw"
  uint64_t least_memory = 0;       // bytes a guest needs to boot it; 0: not known
  bool ignores_users = false;      // what it boots makes no users of the seed
  std::optional<WallTime> built;
};

struct VolumeSpec {
  uint64_t size = 0;             // bytes; 0: the image's
  std::string format = "qcow2";  // or "raw"
  std::string image;             // overlay of this image's disk; empty: an empty disk
};

struct VolumeStatus {
  std::string phase;  // "pending", "ready", "failed"
  std::string message;
  std::string path;     // file below the root's volumes/
  std::string backing;  // digest of the image disk below it; empty: none
  std::string backing_format;
  uint64_t size = 0;
};

Result<ImageSpec> image_spec(const json::object& spec);
json::object to_json(const ImageSpec& spec);
Result<ImageStatus> image_status(const json::object& status);
json::object to_json(const ImageStatus& status);
Result<VolumeSpec> volume_spec(const json::object& spec);
json::object to_json(const VolumeSpec& spec);
Result<VolumeStatus> volume_status(const json::object& status);
json::object to_json(const VolumeStatus& status);

}  // namespace bridle::model
