// Manifest: what a build made, as images/incoming/BUILD/manifest.json, and afterwards as
// images/manifests/RECIPE.json. The build helper writes it; the store helper and bridled read it
// as hostile bytes.
//
//   {"format":1,"recipe":"tiny","inputs":"<sha256>","kernel_arguments":"…",
//    "kernel":{"digest":"…","size":N},"initrd":{…},
//    "disk":{…},"disk_format":"qcow2","disk_virtual_size":N,
//    "least_memory":N,"ignores_users":true}
//
// least_memory (bytes a guest needs) and ignores_users (it makes no users of the seed) may be
// absent: not known, false.
//
// `inputs` is the digest of all that went in (packages by digest, files of guest/, recipe,
// format of this helper): an image whose inputs are those of the manifest that is kept is not
// built again. Files of a part beside the manifest are called kernel, initrd, disk.
// Thread class: values; pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/image.h"

namespace bridle::image {

struct Manifest {
  std::string recipe;
  std::string inputs;  // 64 hexadecimal digits
  std::string kernel_arguments;
  model::Part kernel, initrd, disk;  // disk.digest empty: none
  std::string disk_format;
  uint64_t disk_virtual_size = 0;
  uint64_t least_memory = 0;
  bool ignores_users = false;
  bool reused = false;  // set by BuildPlan, not kept: nothing had changed
};

constexpr size_t longest_manifest = 16384;

std::string encode_manifest(const Manifest& manifest);
// Code::corrupt names the member that is wrong.
Result<Manifest> decode_manifest(std::string_view text);

// 64 lower-case hexadecimal digits: the only digests that are ever made into paths.
bool is_digest(std::string_view text);

// The status of an Image whose parts are in the store.
model::ImageStatus ready_status(const Manifest& manifest, WallTime built);

}  // namespace bridle::image
