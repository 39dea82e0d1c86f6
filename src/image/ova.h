// What an upload is, as far as an import cares: one disk somewhere in a file, and what was said
// beside it. Opens OVAs: index, manifest, signature, descriptor; every member's digest is compared
// with the manifest before anything of it is used.
// Thread class: pure, but for what the ByteSource reads.
#pragma once

#include "image/disk_check.h"
#include "image/hardware.h"
#include "image/import_plan.h"
#include "image/ova_manifest.h"

namespace bridle::image {

struct DiskExtent {
  uint64_t offset = 0, size = 0;
};

struct Ova {
  struct Disk {
    DiskExtent extent;  // size 0: an empty disk of its capacity
    HardwareDisk hardware;
  };
  Hardware hardware;  // its notes hold what is to be told about manifest and signature, too
  std::vector<Disk> disks;
};
// Code::corrupt: a digest or the signature does not match. Code::refused: as the parts say.
Result<Ova> open_ova(const ByteSource& file);
// Who signed the manifest, without a look at what it vouches for (open_ova has that).
// Code::refused: no OVA, or not signed. Code::corrupt: the signature is not of the manifest.
Result<OvaSigner> read_signer(const ByteSource& file);

struct ImportSubject {
  DiskExtent extent;
  DiskFormat format = DiskFormat::raw;
  ConvertResult result;
};
struct ImportWords {
  std::string format;  // as spec.source.format; empty: decide
  uint32_t disk = 0;
  std::string name, project, owner;
};
Result<ImportSubject> find_disk(const ByteSource& file, const ImportWords& words);

}  // namespace bridle::image
