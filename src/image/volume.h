// Volumes: writable disks below ROOT/volumes, made by qemu-img as a bounded child.
//
//   empty    raw (sparse) or qcow2
//   overlay  qcow2 over an image's disk, which is named by its absolute path and format: nothing
//            is ever probed from content, which a guest writes
//
// A file is made under a draft name and renamed when it is whole: a crash leaves no half volume.
// Blocking; runs as bridled's uid.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "base/layout.h"
#include "base/result.h"

namespace bridle::image {

struct VolumeRequest {
  std::string format = "qcow2";  // "qcow2" or "raw"
  uint64_t size = 0;             // bytes; 0 only with backing: the image's
  std::string backing;           // digest of a part; empty: none
  std::string backing_format;    // "qcow2" or "raw"
  uint64_t backing_size = 0;     // virtual, bytes
};

struct Volume {
  std::string path;
  uint64_t size = 0;  // virtual, bytes
};

// Code::invalid: an impossible request (raw overlay, smaller than its backing, no size).
Status check_volume(const VolumeRequest& request);

// An existing file of this volume is success: what a crash interrupted is done again.
Result<Volume> create_volume(const Layout& layout, const Uuid& uuid, const VolumeRequest& request);
// Makes the file of this volume `size` bytes large; one that is as large already is success. No
// guest has it open. Code::refused: it is larger, and would shrink.
Status grow_volume(const Layout& layout, const Uuid& uuid, const std::string& format,
                   uint64_t size);
Status delete_volume(const Layout& layout, const Uuid& uuid);

std::string volume_path(const Layout& layout, const Uuid& uuid, const std::string& format);
// file: VolumeStatus.path.
std::string volume_path(const Layout& layout, const std::string& file);

}  // namespace bridle::image
