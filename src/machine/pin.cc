#include "machine/pin.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>
#include <set>

#include "base/hash.h"

namespace bridle::machine {
namespace {

using model::Pinned;
using model::PinnedSlot;

struct Range {
  uint32_t first, last;
};
constexpr Range interface_slots{6, 13};
constexpr Range disk_slots{14, 31}, q35_disk_slots{14, 30};

struct Fixed {
  std::string_view device;
  uint32_t slot;
};
constexpr Fixed fixed_slots[] = {
    {serial_device, 2}, {rng_device, 3}, {balloon_device, 4}, {seed_device, 5}};

const PinnedSlot* find(const Pinned& pinned, std::string_view device) {
  const auto it = std::find_if(pinned.slots.begin(), pinned.slots.end(),
                               [&](const PinnedSlot& s) { return s.device == device; });
  return it == pinned.slots.end() ? nullptr : &*it;
}

Status check_distinct(const std::vector<std::string>& devices) {
  std::set<std::string_view> seen;
  for (const auto& device : devices) {
    if (!seen.insert(device).second)
      return Error(Code::invalid, "two devices are called " + device + ": give each its own name");
  }
  return {};
}

// Slots for `devices` out of a range: the ones they have, then the lowest free ones.
Status place(const std::vector<std::string>& devices, Range range, const Pinned& previous,
             Pinned& out) {
  BRIDLE_CHECK(check_distinct(devices));
  std::bitset<32> used;
  for (const auto& device : devices) {
    const PinnedSlot* had = find(previous, device);
    if (had && had->slot >= range.first && had->slot <= range.last) used.set(had->slot);
  }
  for (const auto& device : devices) {
    const PinnedSlot* had = find(previous, device);
    if (had && had->slot >= range.first && had->slot <= range.last) {
      out.slots.push_back(*had);
      continue;
    }
    uint32_t slot = range.first;
    while (slot <= range.last && used.test(slot)) ++slot;
    if (slot > range.last)
      return Error(Code::exhausted, "no PCI slot is left for " + device + ": a machine takes " +
                                        std::to_string(range.last - range.first + 1) +
                                        " of its kind");
    used.set(slot);
    out.slots.push_back({device, slot});
  }
  return {};
}

std::string format_mac(const std::array<uint8_t, 6>& mac) {
  const std::string digits = hex(mac.data(), mac.size());
  std::string text;
  for (size_t i = 0; i < digits.size(); i += 2) {
    if (i) text += ':';
    text += digits.substr(i, 2);
  }
  return text;
}

std::string derive_mac(const Uuid& uuid, const std::string& interface) {
  const Sha256 digest = sha256("bridle mac 1\n" + uuid.text() + "\n" + interface);
  std::array<uint8_t, 6> mac{0x52, 0, 0, 0, 0, 0};
  std::copy_n(digest.begin(), 5, mac.begin() + 1);
  return format_mac(mac);
}

Result<std::string> choose_mac(const Uuid& uuid, const model::Interface& interface,
                               const Pinned& previous) {
  if (!interface.mac.empty())
    return parse_mac(interface.mac).context("interface " + interface.name);
  for (const auto& [name, mac] : previous.macs)
    if (name == interface.name) return mac;
  return derive_mac(uuid, interface.name);
}

Status pin_macs(const Uuid& uuid, const model::MachineSpec& spec, const Pinned& previous,
                Pinned& out) {
  std::set<std::string> seen;
  for (const auto& interface : spec.interfaces) {
    BRIDLE_TRY(std::string mac, choose_mac(uuid, interface, previous));
    if (!seen.insert(mac).second)
      return Error(Code::invalid, "interface " + interface.name + ": " + mac +
                                      " is the address of another interface of this machine");
    out.macs.emplace_back(interface.name, std::move(mac));
  }
  return {};
}

}  // namespace

std::string disk_device(std::string_view disk) { return "disk/" + std::string(disk); }

std::string interface_device(std::string_view interface) {
  return "interface/" + std::string(interface);
}

Result<Pinned> pin(const Uuid& uuid, const model::MachineSpec& spec, const Pinned& previous) {
  Pinned out;
  out.machine_type =
      previous.machine_type.empty()
          ? std::string(spec.firmware == model::Firmware::uefi_secure ? secure_machine_type
                                                                      : default_machine_type)
          : previous.machine_type;
  out.cpu_model = previous.cpu_model.empty() ? std::string(default_cpu_model) : previous.cpu_model;
  for (const auto& fixed : fixed_slots) {
    const PinnedSlot* had = find(previous, fixed.device);
    out.slots.push_back(had ? *had : PinnedSlot{std::string(fixed.device), fixed.slot});
  }
  std::vector<std::string> interfaces, disks;
  for (const auto& interface : spec.interfaces)
    interfaces.push_back(interface_device(interface.name));
  for (const auto& disk : spec.disks) disks.push_back(disk_device(disk.name));
  if (spec.display == model::Display::vga) disks.emplace_back(display_device);
  BRIDLE_CHECK(place(interfaces, interface_slots, previous, out));
  BRIDLE_CHECK(place(disks, is_q35(out.machine_type) ? q35_disk_slots : disk_slots, previous, out));
  BRIDLE_CHECK(pin_macs(uuid, spec, previous, out));
  return out;
}

bool is_q35(std::string_view machine_type) { return machine_type.starts_with("pc-q35"); }

Result<uint32_t> slot_of(const Pinned& pinned, std::string_view device) {
  if (const PinnedSlot* slot = find(pinned, device)) return slot->slot;
  return Error(Code::internal, "no PCI slot is pinned for " + std::string(device));
}

Result<std::string> mac_of(const Pinned& pinned, std::string_view interface) {
  for (const auto& [name, mac] : pinned.macs)
    if (name == interface) return mac;
  return Error(Code::internal, "no MAC address is pinned for " + std::string(interface));
}

Result<std::string> parse_mac(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error(Code::invalid, "\"" + std::string(text.substr(0, 32)) + "\" " + std::string(why) +
                                    ": write a MAC address as 52:1a:2b:3c:4d:5e");
  };
  std::array<uint8_t, 6> mac{};
  if (text.size() != 17) return bad("is not six bytes");
  for (size_t i = 0; i < mac.size(); ++i) {
    const char* at = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(at, at + 2, mac[i], 16);
    if (error != std::errc() || end != at + 2 || (i < 5 && at[2] != ':'))
      return bad("is not six bytes");
  }
  if (mac[0] & 1) return bad("is a multicast address");
  if (std::all_of(mac.begin(), mac.end(), [](uint8_t b) { return b == 0; }))
    return bad("is no address");
  return format_mac(mac);
}

}  // namespace bridle::machine
