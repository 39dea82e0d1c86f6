// Image and Volume: typed views. An image is a set of content-addressed parts; a volume is a
// writable disk, empty or a copy-on-write overlay of an image's disk.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/object.h"

namespace bridle::model {

struct Part {
  std::string digest;  // SHA-256, 64 hexadecimal digits; empty: the image has no such part
  uint64_t size = 0;   // bytes of the file
};

// The file that an image with the recipe "imported" is made of (docs/import.md).
struct ImageSource {
  std::string format;  // "qcow2", "raw", "vmdk" or "ova"; empty: decided once, from its header
  uint64_t size = 0;   // bytes
  std::string digest;  // SHA-256 of the whole file
  uint32_t disk = 0;   // ova: which of its disks, from 0
  bool operator==(const ImageSource&) const = default;
};

struct ImageSpec {
  std::string recipe;                 // "tiny", "debian" or "imported"
  std::optional<ImageSource> source;  // set exactly where the recipe is "imported"
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
  // Of an imported image:
  std::string source_format;       // "vmdk", "ova/vmdk"
  std::vector<std::string> notes;  // what was not taken over, who signed it
  uint32_t disks = 0;              // ova: how many it holds
  std::string machine;             // ova: the hardware it describes, as YAML for `bridle apply`
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
