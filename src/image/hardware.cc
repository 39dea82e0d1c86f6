#include "image/hardware.h"

#include <algorithm>
#include <cctype>

#include "model/quantity.h"
#include "model/schema.h"
#include "model/yaml.h"

namespace bridle::image {
namespace {

namespace json = boost::json;

constexpr uint64_t page = 4096, sector = 512;

json::object head(std::string_view kind, const std::string& name, const std::string& project) {
  return {{"apiVersion", "bridle/v1"},
          {"kind", kind},
          {"metadata", {{"name", name}, {"project", project}}}};
}

// The names of disks and interfaces must differ.
template <typename Item>
void name_all(std::vector<Item>& items, const std::string& stem) {
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].name = object_name(items[i].name, stem + std::to_string(i));
    for (size_t j = 0; j < i; ++j)
      if (items[j].name == items[i].name) items[i].name = stem + std::to_string(i);
  }
}

json::object volume_of(const HardwareDisk& disk, const std::string& name, const MachineWords& words,
                       size_t index) {
  json::object volume = head("Volume", name, words.project);
  json::object spec;
  if (index < words.images.size() && !words.images[index].empty())
    spec["image"] = words.images[index];
  else
    spec["size"] = model::bytes_text((disk.capacity + sector - 1) / sector * sector);
  volume["spec"] = std::move(spec);
  return volume;
}

// The model of Bridle's that drives what the other system calls `bus`; empty: virtio.
std::string_view disk_model(const std::string& bus) {
  if (bus.empty() || bus == "virtio") return {};
  return bus == "scsi" ? "scsi" : "sata";
}

json::array disks_of(const Hardware& hardware, const std::vector<std::string>& volumes) {
  json::array disks;
  for (size_t i = 0; i < hardware.disks.size(); ++i) {
    json::object disk{{"name", hardware.disks[i].name}, {"volume", volumes[i]}};
    if (hardware.disks[i].read_only) disk["readOnly"] = true;
    if (const auto model = disk_model(hardware.disks[i].bus); !model.empty()) disk["model"] = model;
    disks.push_back(std::move(disk));
  }
  return disks;
}

json::array interfaces_of(const Hardware& hardware) {
  json::array interfaces;
  for (const HardwareInterface& one : hardware.interfaces) {
    json::object interface {
      { "name", one.name }
    };
    if (!one.network.empty()) interface["network"] = object_name(one.network, "default");
    if (!one.mac.empty()) interface["mac"] = one.mac;
    if (one.model == "e1000") interface["model"] = one.model;
    interfaces.push_back(std::move(interface));
  }
  return interfaces;
}

json::object machine_of(const Hardware& hardware, const MachineWords& words,
                        const std::vector<std::string>& volumes) {
  json::object spec{{"power", "stopped"},
                    {"cpus", hardware.cpus},
                    {"memory", model::bytes_text(hardware.memory / page * page)}};
  if (words.image.empty())
    spec["boot"] = "disk";
  else
    spec["image"] = words.image;
  if (hardware.firmware == "uefi") spec["firmware"] = hardware.secure_boot ? "uefi-secure" : "uefi";
  if (!hardware.kernel_arguments.empty()) spec["kernelArguments"] = hardware.kernel_arguments;
  if (!hardware.disks.empty()) spec["disks"] = disks_of(hardware, volumes);
  if (!hardware.interfaces.empty()) spec["interfaces"] = interfaces_of(hardware);
  json::object machine = head("Machine", words.name, words.project);
  machine.at("metadata").get_object()["owner"] = words.owner.empty() ? words.project : words.owner;
  machine["spec"] = std::move(spec);
  return machine;
}

std::string bus_of(model::DiskModel model) {
  if (model == model::DiskModel::sata) return "sata";
  return model == model::DiskModel::scsi ? "scsi" : "virtio";
}

// What Bridle's machines cannot be, said rather than lost.
void note_differences(Hardware& hardware, bool own_kernel) {
  for (const HardwareDisk& disk : hardware.disks) {
    const std::string_view model = disk_model(disk.bus);
    if (model == "scsi")
      hardware.note("disk " + disk.name + ": its SCSI controller becomes an LSI SAS1068");
    else if (!model.empty() && model != disk.bus)
      hardware.note("disk " + disk.name + ": " + disk.bus + " becomes sata");
  }
  for (const HardwareInterface& one : hardware.interfaces)
    if (!one.network.empty() && object_name(one.network, "default") != one.network)
      hardware.note("interface " + one.name + ": its network \"" + one.network + "\" becomes \"" +
                    object_name(one.network, "default") + "\"");
  if (own_kernel && hardware.secure_boot) {
    hardware.secure_boot = false;
    hardware.note("Secure Boot is for machines that boot from their disks");
  }
  if (own_kernel || hardware.kernel_arguments.empty()) return;
  hardware.kernel_arguments.clear();
  hardware.note("the kernel's arguments are not taken over: the disk's boot loader has its own");
}

}  // namespace

void Hardware::note(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  if (text.size() > 300) text.resize(300);
  if (notes.size() == most_notes_kept) notes.emplace_back("and more");
  if (notes.size() < most_notes_kept) notes.push_back(std::move(text));
}

std::string object_name(std::string_view text, std::string_view otherwise) {
  std::string out;
  for (const char c : text.substr(0, 128)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && std::isalnum(byte) != 0)
      out += static_cast<char>(std::tolower(byte));
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  if (out.size() > 40) out.resize(40);
  while (!out.empty() && out.back() == '-') out.pop_back();
  if (out.empty() || out.front() < 'a') out = std::string(otherwise);
  return out;
}

Result<std::string> machine_yaml(Hardware& hardware, const MachineWords& words) {
  if (hardware.disks.size() > most_disks)
    return Error(Code::refused, "it has more than " + std::to_string(most_disks) + " disks");
  if (hardware.interfaces.size() > most_interfaces)
    return Error(Code::refused,
                 "it has more than " + std::to_string(most_interfaces) + " network interfaces");
  name_all(hardware.disks, "disk");
  name_all(hardware.interfaces, "net");
  if (hardware.disks.empty() && words.image.empty())
    return Error(Code::refused,
                 "it has no disk to boot from; name an image whose kernel it boots (--image)");
  note_differences(hardware, !words.image.empty());
  // OVMF has no driver for the controller that scsi is.
  if (words.image.empty() && hardware.firmware == "uefi" && hardware.disks[0].bus == "scsi") {
    hardware.disks[0].bus = "sata";
    hardware.note("disk " + hardware.disks[0].name + ": UEFI boots it as sata, not scsi");
  }
  std::string out;
  std::vector<std::string> volumes;
  for (size_t i = 0; i < hardware.disks.size(); ++i) {
    volumes.push_back(words.name + "-" + hardware.disks[i].name);
    const json::object volume = volume_of(hardware.disks[i], volumes[i], words, i);
    BRIDLE_CHECK(model::normal_spec(model::Kind::volume, volume.at("spec").get_object())
                     .context("volume " + volumes[i]));
    out += model::to_yaml(volume) + "---\n";
  }
  const json::object machine = machine_of(hardware, words, volumes);
  BRIDLE_CHECK(model::normal_spec(model::Kind::machine, machine.at("spec").get_object())
                   .context("machine " + words.name));
  return out + model::to_yaml(machine);
}

Hardware hardware_of(const std::string& name, const model::MachineSpec& spec,
                     const model::MachineStatus& status, const std::vector<uint64_t>& sizes) {
  Hardware out;
  out.name = name;
  out.cpus = spec.cpus;
  out.memory = spec.memory;
  out.kernel_arguments = spec.kernel_arguments;
  if (spec.firmware != model::Firmware::bios) out.firmware = "uefi";
  out.secure_boot = spec.firmware == model::Firmware::uefi_secure;
  for (size_t i = 0; i < spec.disks.size(); ++i) {
    HardwareDisk disk;
    disk.name = spec.disks[i].name;
    disk.file = spec.disks[i].volume;
    disk.bus = bus_of(spec.disks[i].model);
    disk.capacity = i < sizes.size() ? sizes[i] : 0;
    disk.read_only = spec.disks[i].read_only;
    out.disks.push_back(std::move(disk));
  }
  for (const model::Interface& one : spec.interfaces) {
    const char* model = one.model == model::InterfaceModel::e1000 ? "e1000" : "virtio";
    HardwareInterface interface { one.name, one.mac, model, one.network };
    for (const auto& [pinned, mac] : status.pinned.macs)
      if (pinned == one.name) interface.mac = mac;
    out.interfaces.push_back(std::move(interface));
  }
  return out;
}

std::string nic_model(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower.find("virtio") != std::string::npos) return "virtio";
  if (lower.find("e1000") != std::string::npos) return "e1000";
  return {};
}

}  // namespace bridle::image
