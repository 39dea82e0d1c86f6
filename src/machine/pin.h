// Pinning: what a guest must see again at every start, decided once (`define`) and kept in
// status.pinned (design section 5).
//
// - Machine type: versioned (pc-i440fx-10.0; pc-q35-10.0 for Secure Boot, whose firmware needs
//   system management mode), so that a newer QEMU builds the same hardware.
// - CPU model: named and the same on every host and under both engines, never `host` or `max`,
//   which change with the host and with QEMU. It is QEMU's qemu64 version 1 with the instructions
//   of the x86-64-v2 level. A guest that needs more names a model in spec.raw.
// - PCI slots on bus 0: fixed ones for the devices every guest has; disks and interfaces take the
//   lowest free slot of their range. A device keeps its slot for as long as it is declared,
//   whatever is added or removed beside it. The slot of a removed device may be given again.
//
//     0 host bridge   1 ISA, IDE, ACPI   2 virtio-serial   3 rng   4 balloon   5 seed
//     6 - 13 interfaces (8)              14 - 31 disks (18; 14 - 30 on q35, whose chipset has 31)
//
//   A disk that is not virtio has a controller of its own in its slot. A display is placed as a
//   disk is, after them.
//
// - MAC addresses: the interface's own `mac` if it names one, else 52: followed by 40 bits of
//   SHA-256 over (uuid, interface name): 0x52 has the locally administered bit and not the
//   multicast one; 40 bits keep 10,000 guests distinct with probability 0.99995 (three random bytes
//   behind 52:54:00 would repeat). A clone has another uuid and so other addresses.
//
// Thread class: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "model/machine.h"

namespace bridle::machine {

constexpr std::string_view default_machine_type = "pc-i440fx-10.0";
constexpr std::string_view secure_machine_type = "pc-q35-10.0";
constexpr std::string_view default_cpu_model = "qemu64-v1,ssse3=on,sse4.1=on,sse4.2=on,popcnt=on";

// Names of devices in model::Pinned::slots.
constexpr std::string_view serial_device = "serial";
constexpr std::string_view rng_device = "rng";
constexpr std::string_view balloon_device = "balloon";
constexpr std::string_view seed_device = "seed";
constexpr std::string_view display_device = "display";
std::string disk_device(std::string_view disk);            // "disk/root"
std::string interface_device(std::string_view interface);  // "interface/net0"

// What `uuid` must see from now on: `previous` (empty at the first define) with the devices that
// spec added, without those it removed. Idempotent: pin(spec, pin(spec, x)) == pin(spec, x).
// Code::exhausted: more disks or interfaces than slots. Code::invalid: two of one name, a
// malformed MAC address, one with the multicast bit, or one used twice.
Result<model::Pinned> pin(const Uuid& uuid, const model::MachineSpec& spec,
                          const model::Pinned& previous);

// Whether a machine type is of the q35 family: PCI Express, bus "pcie.0".
bool is_q35(std::string_view machine_type);

// Slot of a device. Code::internal when it was not pinned.
Result<uint32_t> slot_of(const model::Pinned& pinned, std::string_view device);
Result<std::string> mac_of(const model::Pinned& pinned, std::string_view interface);

// "52:aa:bb:cc:dd:ee", lower case. Code::invalid: not six bytes, multicast, or all zero.
Result<std::string> parse_mac(std::string_view text);

}  // namespace bridle::machine
