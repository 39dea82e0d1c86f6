// OVF: the descriptor of an OVA, as Hardware and back (DMTF DSP0243, versions 1 and 2).
//
// Read: one VirtualSystem; CPUs (3), memory (4), network adapters (10), disks (17) and their
// controllers (5 IDE, 6 SCSI, 20 SATA); files, disks with capacities; firmware from VMware's
// configuration. Everything else in the hardware section becomes a note.
// Written: the same, for version 1, with SHA-256 digests beside it (ova.h).
// Thread class: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "image/hardware.h"

namespace bridle::image {

// Disks are those that the hardware has, in its order; HardwareDisk::file is the member's name.
// Code::refused: several machines, chunked or compressed or remote files, references to nowhere.
Result<Hardware> parse_ovf(std::string_view text);

struct OvfFile {
  std::string name;   // of the member
  uint64_t size = 0;  // bytes
};
// files[i] is of hardware.disks[i].
std::string write_ovf(const Hardware& hardware, const std::vector<OvfFile>& files);

}  // namespace bridle::image
