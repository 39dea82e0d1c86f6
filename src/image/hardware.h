// Hardware: one machine as other systems describe it: what OVF and libvirt XML are read into and
// written from, and what becomes Volumes and a Machine. What Bridle has no word for is a note: a
// sentence that names the place; nothing is lost without one.
// Thread class: values; pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/machine.h"

namespace bridle::image {

struct HardwareDisk {
  std::string name;       // "root"; empty: chosen
  std::string file;       // member of the OVA, or path of the other system; empty: an empty disk
  std::string format;     // as format_name(); empty: not known
  std::string bus;        // "virtio", "scsi", "ide", "sata"; empty: as virtio
  uint64_t capacity = 0;  // bytes
  bool read_only = false;
};

struct HardwareInterface {
  std::string name;
  std::string mac;    // empty: to be chosen
  std::string model;  // "virtio", "e1000"
  std::string network;
};

struct Hardware {
  std::string name;
  uint32_t cpus = 1;
  uint64_t memory = 128 << 20;    // bytes
  std::string firmware = "bios";  // or "uefi"
  bool secure_boot = false;
  std::vector<HardwareDisk> disks;
  std::vector<HardwareInterface> interfaces;
  std::string kernel_arguments;
  std::vector<std::string> notes;

  void note(std::string text);
};

constexpr size_t most_disks = 16, most_interfaces = 8, most_notes_kept = 48;

// A name that objects may have: lower-case letters, digits and hyphens, made of `text`.
std::string object_name(std::string_view text, std::string_view otherwise);

struct MachineWords {
  std::string name, project;
  std::string owner;                // of the machine; empty: the project's name
  std::string image;                // whose kernel it boots; empty: it boots from its disks
  std::vector<std::string> images;  // image of each disk; empty: an empty volume
};
// Volumes and a Machine as YAML documents, ready for `bridle apply -f -`. Code::invalid: it breaks
// a rule of the schema (no memory, too many disks). Code::refused: nothing to boot from.
Result<std::string> machine_yaml(Hardware& hardware, const MachineWords& words);

// The hardware of a Machine; volumes' sizes come from the caller, in the order of the disks.
Hardware hardware_of(const std::string& name, const model::MachineSpec& spec,
                     const model::MachineStatus& status, const std::vector<uint64_t>& sizes);

// "virtio", or "e1000" for what is close to it; empty: neither is.
std::string nic_model(std::string_view word);

}  // namespace bridle::image
