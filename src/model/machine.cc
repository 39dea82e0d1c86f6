#include "model/machine.h"

#include "model/quantity.h"
#include "model/reader.h"
#include "model/words.h"
#include "model/writer.h"

namespace bridle::model {
namespace {

void read_resources(Reader& read, MachineSpec& spec) {
  read.object("cpu", [&](Reader& cpu) {
    cpu.cores("reservation", spec.cpu.reservation);
    cpu.cores("limit", spec.cpu.limit);
    cpu.number("shares", spec.cpu.shares);
  });
  read.object("memory", [&](Reader& memory) {
    memory.bytes("reservation", spec.memory_share.reservation);
    memory.bytes("limit", spec.memory_share.limit);
    memory.number("shares", spec.memory_share.shares);
  });
  read.object("disk", [&](Reader& disk) {
    disk.bytes("readBytesPerSecond", spec.disk.read_bytes_per_second);
    disk.bytes("writeBytesPerSecond", spec.disk.write_bytes_per_second);
    disk.number("operationsPerSecond", spec.disk.operations_per_second);
  });
}

void read_seed(Reader& read, Seed& seed) {
  read.text("hostname", seed.hostname);
  read.list("users", [&](Reader& item) {
    SeedUser& user = seed.users.emplace_back();
    item.text("name", user.name);
    item.texts("sshKeys", user.ssh_keys);
    item.text("passwordSecret", user.password_secret);
  });
  read.texts("run", seed.run);
}

void read_devices(Reader& read, MachineSpec& spec) {
  read.list("disks", [&](Reader& item) {
    Disk& disk = spec.disks.emplace_back();
    item.text("name", disk.name);
    item.text("volume", disk.volume);
    item.flag("readOnly", disk.read_only);
    item.choice("model", words::disk_model, disk.model);
  });
  read.list("interfaces", [&](Reader& item) {
    Interface& interface = spec.interfaces.emplace_back();
    interface.network = "default";
    item.text("name", interface.name);
    item.text("network", interface.network);
    item.text("mac", interface.mac);
    item.choice("model", words::interface_model, interface.model);
  });
}

json::object write_resources(const MachineSpec& spec) {
  json::object out;
  const Share none;
  const auto differs = [&](const Share& share) {
    return share.reservation != none.reservation || share.limit != none.limit ||
           share.shares != none.shares;
  };
  if (differs(spec.cpu))
    out["cpu"] = {{"reservation", cores_text(spec.cpu.reservation)},
                  {"limit", cores_text(spec.cpu.limit)},
                  {"shares", spec.cpu.shares}};
  if (differs(spec.memory_share))
    out["memory"] = {{"reservation", bytes_text(spec.memory_share.reservation)},
                     {"limit", bytes_text(spec.memory_share.limit)},
                     {"shares", spec.memory_share.shares}};
  const DiskResources& disk = spec.disk;
  if ((disk.read_bytes_per_second | disk.write_bytes_per_second | disk.operations_per_second) != 0)
    out["disk"] = {{"readBytesPerSecond", bytes_text(disk.read_bytes_per_second)},
                   {"writeBytesPerSecond", bytes_text(disk.write_bytes_per_second)},
                   {"operationsPerSecond", disk.operations_per_second}};
  return out;
}

json::array write_disks(const std::vector<Disk>& disks) {
  json::array out;
  for (const Disk& disk : disks) {
    json::object item{{"name", disk.name}, {"volume", disk.volume}, {"readOnly", disk.read_only}};
    if (disk.model != DiskModel::virtio)
      item["model"] = words::disk_model[static_cast<size_t>(disk.model)];
    out.push_back(std::move(item));
  }
  return out;
}

json::array write_interfaces(const std::vector<Interface>& interfaces) {
  json::array out;
  for (const Interface& interface : interfaces) {
    json::object item{{"name", interface.name}, {"network", interface.network}};
    put(item, "mac", interface.mac);
    if (interface.model != InterfaceModel::virtio)
      item["model"] = words::interface_model[static_cast<size_t>(interface.model)];
    out.push_back(std::move(item));
  }
  return out;
}

json::object write_seed(const Seed& seed) {
  json::object out;
  put(out, "hostname", seed.hostname);
  json::array users;
  for (const SeedUser& user : seed.users) {
    json::object item{{"name", user.name}};
    put(item, "sshKeys", user.ssh_keys);
    put(item, "passwordSecret", user.password_secret);
    users.push_back(std::move(item));
  }
  put(out, "users", std::move(users));
  put(out, "run", seed.run);
  return out;
}

void read_pinned(Reader& read, Pinned& pinned) {
  read.text("machineType", pinned.machine_type);
  read.text("cpuModel", pinned.cpu_model);
  read.list("slots", [&](Reader& item) {
    PinnedSlot& slot = pinned.slots.emplace_back();
    item.text("device", slot.device);
    item.number("slot", slot.slot);
  });
  read.list("macs", [&](Reader& item) {
    auto& [interface, mac] = pinned.macs.emplace_back();
    item.text("interface", interface);
    item.text("mac", mac);
  });
}

json::object write_pinned(const Pinned& pinned) {
  json::object out;
  put(out, "machineType", pinned.machine_type);
  put(out, "cpuModel", pinned.cpu_model);
  json::array slots, macs;
  for (const PinnedSlot& slot : pinned.slots)
    slots.push_back({{"device", slot.device}, {"slot", slot.slot}});
  for (const auto& [interface, mac] : pinned.macs)
    macs.push_back({{"interface", interface}, {"mac", mac}});
  put(out, "slots", std::move(slots));
  put(out, "macs", std::move(macs));
  return out;
}

void read_usage(Reader& read, Usage& usage) {
  read.number("vcpuNs", usage.vcpu_ns);
  read.number("emulatorNs", usage.emulator_ns);
  read.number("bridleNs", usage.bridle_ns);
  read.number("memoryBytes", usage.memory_bytes);
  read.number("readBytes", usage.read_bytes);
  read.number("writeBytes", usage.write_bytes);
  read.number("balloonBytes", usage.balloon_bytes);
  read.number("guestTotalBytes", usage.guest_total);
  read.number("guestFreeBytes", usage.guest_free);
  read.number("guestAvailableBytes", usage.guest_available);
}

json::object write_usage(const Usage& usage) {
  json::object out;
  put(out, "vcpuNs", usage.vcpu_ns);
  put(out, "emulatorNs", usage.emulator_ns);
  put(out, "bridleNs", usage.bridle_ns);
  put(out, "memoryBytes", usage.memory_bytes);
  put(out, "readBytes", usage.read_bytes);
  put(out, "writeBytes", usage.write_bytes);
  put(out, "balloonBytes", usage.balloon_bytes);
  put(out, "guestTotalBytes", usage.guest_total);
  put(out, "guestFreeBytes", usage.guest_free);
  put(out, "guestAvailableBytes", usage.guest_available);
  return out;
}

}  // namespace

std::string_view name(Power power) { return words::power[static_cast<size_t>(power)]; }
std::string_view name(Restart restart) { return words::restart[static_cast<size_t>(restart)]; }
std::string_view name(Firmware firmware) { return words::firmware[static_cast<size_t>(firmware)]; }
std::string_view name(Phase phase) { return words::phase[static_cast<size_t>(phase)]; }

Result<MachineSpec> machine_spec(const json::object& object) {
  MachineSpec spec;
  Reader read(object, "spec");
  read.choice("power", words::power, spec.power);
  read.text("image", spec.image);
  read.choice("boot", words::boot, spec.boot);
  read.choice("firmware", words::firmware, spec.firmware);
  read.number("cpus", spec.cpus);
  read.bytes("memory", spec.memory);
  read.bytes("memoryTarget", spec.memory_target);
  read.text("zone", spec.zone);
  read.texts("wishes", spec.wishes);
  read.choice("restart", words::restart, spec.restart);
  read.duration("stopTimeout", spec.stop_timeout);
  read.object("autostart", [&](Reader& autostart) {
    autostart.number("order", spec.autostart.order);
    autostart.duration("delay", spec.autostart.delay);
  });
  read.text("kernelArguments", spec.kernel_arguments);
  read_devices(read, spec);
  read.object("resources", [&](Reader& resources) { read_resources(resources, spec); });
  read.choice("display", words::display, spec.display);
  read.flag("tpm", spec.tpm);
  read.object("seed", [&](Reader& seed) { read_seed(seed, spec.seed.emplace()); });
  read.object("raw", [&](Reader& raw) {
    raw.texts("qemuArguments", spec.raw.qemu_arguments);
    raw.text("userData", spec.raw.user_data);
  });
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const MachineSpec& spec) {
  json::object out;
  out["power"] = name(spec.power);
  put(out, "image", spec.image);
  if (spec.boot != Boot::kernel) out["boot"] = words::boot[static_cast<size_t>(spec.boot)];
  out["firmware"] = name(spec.firmware);
  out["cpus"] = spec.cpus;
  out["memory"] = bytes_text(spec.memory);
  if (spec.memory_target != 0) out["memoryTarget"] = bytes_text(spec.memory_target);
  put(out, "zone", spec.zone);
  put(out, "wishes", spec.wishes);
  out["restart"] = name(spec.restart);
  out["stopTimeout"] = duration_text(spec.stop_timeout);
  if (spec.autostart.order != 0 || spec.autostart.delay != Duration{})
    out["autostart"] = {{"order", spec.autostart.order},
                        {"delay", duration_text(spec.autostart.delay)}};
  put(out, "kernelArguments", spec.kernel_arguments);
  put(out, "disks", write_disks(spec.disks));
  put(out, "interfaces", write_interfaces(spec.interfaces));
  put(out, "resources", write_resources(spec));
  if (spec.display != Display::none) out["display"] = "vga";
  if (spec.tpm) out["tpm"] = true;
  if (spec.seed) out["seed"] = write_seed(*spec.seed);
  json::object raw;
  put(raw, "qemuArguments", spec.raw.qemu_arguments);
  put(raw, "userData", spec.raw.user_data);
  put(out, "raw", std::move(raw));
  return out;
}

Result<MachineStatus> machine_status(const json::object& object) {
  MachineStatus status;
  Reader read(object, "status");
  read.choice("phase", words::phase, status.phase);
  read.text("reason", status.reason);
  read.text("message", status.message);
  read.text("next", status.next);
  read.time("since", status.since);
  read.number("observedGeneration", status.observed_generation);
  read.number("machineGeneration", status.machine_generation);
  read.number("boot", status.boot);
  read.number("pid", status.pid);
  read.number("slot", status.slot);
  read.text("engine", status.engine);
  read.text("qemuVersion", status.qemu_version);
  read.text("attachment", status.attachment);
  read.number("restarts", status.restarts);
  read.text("lastExit", status.last_exit);
  read.object("pinned", [&](Reader& pinned) { read_pinned(pinned, status.pinned); });
  read.object("usage", [&](Reader& usage) { read_usage(usage, status.usage); });
  BRIDLE_CHECK(read.status());
  return status;
}

json::object to_json(const MachineStatus& status) {
  json::object out;
  out["phase"] = name(status.phase);
  put(out, "reason", status.reason);
  put(out, "message", status.message);
  put(out, "next", status.next);
  put(out, "since", status.since);
  put(out, "observedGeneration", status.observed_generation);
  put(out, "machineGeneration", status.machine_generation);
  put(out, "boot", status.boot);
  put(out, "pid", status.pid);
  put(out, "slot", status.slot);
  put(out, "engine", status.engine);
  put(out, "qemuVersion", status.qemu_version);
  put(out, "attachment", status.attachment);
  put(out, "restarts", status.restarts);
  put(out, "lastExit", status.last_exit);
  put(out, "pinned", write_pinned(status.pinned));
  put(out, "usage", write_usage(status.usage));
  return out;
}

}  // namespace bridle::model
