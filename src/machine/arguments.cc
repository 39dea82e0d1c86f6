#include "machine/arguments.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/check.h"
#include "machine/pin.h"

namespace bridle::machine {
namespace {

namespace json = boost::json;
using jail::FileUse;
using Strings = std::vector<std::string>;

constexpr uint64_t least_memory = 16ull << 20;
constexpr uint64_t most_memory = 1ull << 40;
constexpr uint32_t most_cpus = 255;                // of pc-i440fx
constexpr size_t longest_kernel_arguments = 2047;  // COMMAND_LINE_SIZE of x86
constexpr size_t longest_arguments = 1 << 20;      // well below what execve takes
constexpr size_t disk_serial_length = 20;          // VIRTIO_BLK_ID_BYTES
constexpr uint64_t balloon_statistics_seconds = 10;
constexpr uint64_t entropy_bytes_per_second = 64 << 10;

// QEMU reads PCI slots as hexadecimal.
std::string pci_address(uint32_t slot) {
  constexpr std::string_view digits = "0123456789abcdef";
  return {'0', 'x', digits[slot >> 4 & 15], digits[slot & 15]};
}

// Collects arguments and files while it walks the plan.
struct Builder {
  const LaunchPlan& plan;
  Launch out;

  void add(std::string_view option) { out.argv.emplace_back(option); }
  void add(std::string_view option, std::string value) {
    out.argv.emplace_back(option);
    out.argv.push_back(std::move(value));
  }
  void add(std::string_view option, const json::object& value) {
    add(option, json::serialize(value));
  }

  // Files that QEMU gets; returns their number.
  Result<size_t> file(std::string path, FileUse use, bool writable, std::string what) {
    if (path.empty() || path.front() != '/')
      return Error(Code::invalid, what + ": \"" + path + "\" is not an absolute path");
    if (out.files.size() == jail::max_files)
      return Error(Code::exhausted, what + ": a machine takes " + std::to_string(jail::max_files) +
                                        " files (kernel, initramfs, disks and what backs them)");
    out.files.push_back({std::move(path), use, writable, std::move(what)});
    return out.files.size() - 1;
  }

  Result<json::object> pci_device(std::string_view driver, std::string id,
                                  std::string_view pinned) const {
    BRIDLE_TRY(const uint32_t slot, slot_of(plan.pinned, pinned));
    json::object device{{"driver", driver},
                        {"id", std::move(id)},
                        {"bus", is_q35(plan.pinned.machine_type) ? "pcie.0" : "pci.0"},
                        {"addr", pci_address(slot)}};
    if (driver.starts_with("virtio-")) device["disable-legacy"] = "on";
    return device;
  }
};

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

Status check_plan(const LaunchPlan& plan) {
  const auto& spec = plan.spec;
  if (spec.cpus < 1 || spec.cpus > most_cpus)
    return Error(Code::invalid, "spec.cpus: 1 to " + std::to_string(most_cpus));
  if (spec.memory < least_memory || spec.memory > most_memory)
    return Error(Code::invalid, "spec.memory: 16 MiB to 1 TiB");
  if (plan.disks.size() != spec.disks.size())
    return Error(Code::internal, "the plan's disks are not those of the spec");
  if (spec.interfaces.size() > jail::max_interfaces)
    return Error(Code::exhausted, "spec.interfaces: a machine takes " +
                                      std::to_string(jail::max_interfaces) + " interfaces");
  if (plan.pinned.empty()) return Error(Code::internal, "nothing is pinned");
  return {};
}

std::string accelerator(const LaunchPlan& plan) {
  if (plan.engine == Engine::kvm) return "kvm";
  const bool single = plan.spec.cpus == 1;
  return std::string("tcg,tb-size=64,thread=") + (single ? "single" : "multi");
}

// Secure Boot holds only if nothing but firmware code in system management mode can write the
// variables: the flash is told so.
std::string machine_words(const LaunchPlan& plan) {
  const bool secure = plan.spec.firmware == model::Firmware::uefi_secure;
  std::string words = plan.pinned.machine_type +
                      ",usb=off,vmport=off,smm=" + (secure ? "on" : "off") +
                      ",mem-merge=off,dump-guest-core=off";
  if (is_q35(plan.pinned.machine_type)) words += ",sata=off";
  if (!plan.firmware_code.empty()) words += ",pflash0=firmware,pflash1=variables";
  return words;
}

void add_machine(Builder& b) {
  const auto& plan = b.plan;
  b.add("-name", "guest=" + escape_option(plan.name) + ",debug-threads=on");
  b.add("-uuid", plan.uuid.text());
  b.add("-nodefaults");
  b.add("-no-user-config");
  b.add("-display", std::string("none"));
  b.add("-msg", std::string("timestamp=on"));
  b.add("-sandbox", std::string("on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
                                "resourcecontrol=deny"));
  // Pages of one guest are never merged with another's unless a trust zone says so.
  b.add("-machine", machine_words(plan));
  b.add("-accel", accelerator(plan));
  b.add("-cpu", plan.pinned.cpu_model);
  b.add("-m", "size=" + std::to_string((plan.spec.memory + (1 << 20) - 1) >> 20) + "M");
  const std::string cpus = std::to_string(plan.spec.cpus);
  b.add("-smp", "cpus=" + cpus + ",sockets=1,cores=" + cpus + ",threads=1");
  b.add("-rtc", std::string("base=utc"));
  // A guest asleep has no phase.
  const bool q35 = is_q35(plan.pinned.machine_type);
  b.add("-global", std::string(q35 ? "ICH9-LPC.disable_s3=1" : "PIIX4_PM.disable_s3=1"));
  if (plan.spec.firmware == model::Firmware::uefi_secure)
    b.add("-global", std::string("driver=cfi.pflash01,property=secure,value=on"));
  b.add("-S");
}

Status add_channels(Builder& b) {
  const auto socket = [](std::string_view id, int fd) {
    return "socket,id=" + std::string(id) + ",fd=" + std::to_string(fd) + ",server=on,wait=off";
  };
  b.add("-chardev", socket("monitor", jail::monitor_fd));
  b.add("-mon", std::string("chardev=monitor,mode=control"));
  b.add("-chardev", socket("console", jail::serial_fd));
  b.add("-serial", std::string("chardev:console"));
  b.add("-chardev", socket("agent", jail::agent_fd));
  BRIDLE_TRY(json::object bus, b.pci_device("virtio-serial-pci", "serial", serial_device));
  bus["max_ports"] = 4;
  b.add("-device", bus);
  b.add("-device", json::object{{"driver", "virtserialport"},
                                {"id", "agent"},
                                {"bus", "serial.0"},
                                {"nr", 1},
                                {"chardev", "agent"},
                                {"name", "org.bridle.agent.0"}});
  return {};
}

Status add_helpers(Builder& b) {
  b.add("-object", json::object{{"qom-type", "rng-builtin"}, {"id", "entropy"}});
  BRIDLE_TRY(json::object rng, b.pci_device("virtio-rng-pci", "rng", rng_device));
  rng["rng"] = "entropy";
  rng["max-bytes"] = entropy_bytes_per_second;
  rng["period"] = 1000;
  b.add("-device", rng);
  BRIDLE_TRY(json::object balloon, b.pci_device("virtio-balloon-pci", "balloon", balloon_device));
  balloon["deflate-on-oom"] = true;
  balloon["free-page-reporting"] = true;
  balloon["guest-stats-polling-interval"] = balloon_statistics_seconds;
  b.add("-device", balloon);
  return {};
}

Status add_interfaces(Builder& b) {
  const auto& interfaces = b.plan.spec.interfaces;
  for (size_t i = 0; i < interfaces.size(); ++i) {
    const auto& interface = interfaces[i];
    BRIDLE_CHECK(model::check_name("interface", interface.name));
    const std::string net = "net" + std::to_string(i);
    const std::string fd = std::to_string(jail::first_interface_fd + static_cast<int>(i));
    b.add("-netdev", json::object{{"type", "dgram"},
                                  {"id", net},
                                  {"local", json::object{{"type", "fd"}, {"str", fd}}}});
    const bool e1000 = interface.model == model::InterfaceModel::e1000;
    BRIDLE_TRY(json::object device,
               b.pci_device(e1000 ? "e1000" : "virtio-net-pci", interface_id(interface.name),
                            interface_device(interface.name)));
    BRIDLE_TRY(const std::string mac, mac_of(b.plan.pinned, interface.name));
    device["netdev"] = net;
    device["mac"] = mac;
    device["romfile"] = "";  // no network boot: less code, and a faster start
    b.add("-device", device);
    b.out.links.push_back(interface_id(interface.name));
  }
  b.out.interface_count = static_cast<uint32_t>(interfaces.size());
  return {};
}

// The protocol node of one file: what QEMU inherits, never a path.
Result<std::string> add_file_node(Builder& b, const std::string& node, const std::string& path,
                                  bool writable, std::string what) {
  BRIDLE_TRY(const size_t i, b.file(path, FileUse::inherit, writable, std::move(what)));
  const std::string set = std::to_string(i);
  b.add("-add-fd",
        "fd=" + std::to_string(jail::first_file_fd + static_cast<int>(i)) + ",set=" + set);
  b.add("-blockdev", json::object{{"driver", "file"},
                                  {"node-name", node},
                                  {"filename", "/dev/fdset/" + set},
                                  {"read-only", !writable},
                                  {"discard", "unmap"}});
  return node;
}

// One layer and, below it, those already there.
Result<std::string> add_layer(Builder& b, const std::string& node, const Layer& layer,
                              bool writable, const std::string& below, std::string what) {
  if (layer.format != "qcow2" && layer.format != "raw")
    return Error(Code::invalid, what + ": format \"" + layer.format + "\" is not qcow2 or raw");
  if (layer.format == "raw" && !below.empty())
    return Error(Code::invalid, what + ": a raw file has nothing below it");
  BRIDLE_TRY(const std::string file,
             add_file_node(b, node + "-file", layer.path, writable, std::move(what)));
  json::object format{{"driver", layer.format},
                      {"node-name", node},
                      {"read-only", !writable},
                      {"discard", "unmap"},
                      {"file", file}};
  // Always named: the header of the file is never followed to another one.
  if (layer.format == "qcow2")
    format["backing"] = below.empty() ? json::value(nullptr) : json::value(below);
  b.add("-blockdev", format);
  return node;
}

// One group for all disks of the machine: the limit is the machine's. It is there without limits
// too, so that they can be set while the guest runs.
void add_disk_limits(Builder& b) {
  if (b.plan.disks.empty()) return;
  b.add("-object", json::object{{"qom-type", "throttle-group"},
                                {"id", "disk-limits"},
                                {"limits", throttle_limits(b.plan.spec.disk)}});
}

Result<std::string> add_layers(Builder& b, const std::string& node, const DiskPlan& disk) {
  const std::string what = "disk " + disk.name;
  if (disk.layers.empty()) return Error(Code::internal, what + " has no file");
  std::string below;
  for (size_t i = disk.layers.size() - 1; i > 0; --i) {
    const std::string number = std::to_string(i);
    BRIDLE_TRY(below, add_layer(b, node + "-" + number, disk.layers[i], false, below,
                                "backing " + number + " of " + what));
  }
  return add_layer(b, node, disk.layers[0], !disk.read_only, below, what);
}

struct DiskDevice {
  std::string id;
  std::string pinned;  // name of its slot
  std::string node;
  std::string_view serial;
  size_t boot_index = 0;  // 0: not booted from
  model::DiskModel model = model::DiskModel::virtio;
};

// The device that takes the block node: on the PCI bus, or behind a controller of its own there.
Result<json::object> disk_front(Builder& b, const DiskDevice& disk) {
  if (disk.model == model::DiskModel::virtio)
    return b.pci_device("virtio-blk-pci", disk.id, disk.pinned);
  const bool sata = disk.model == model::DiskModel::sata;
  const std::string controller = disk.id + "-controller";
  BRIDLE_TRY(json::object pci,
             b.pci_device(sata ? "ich9-ahci" : "mptsas1068", controller, disk.pinned));
  b.add("-device", pci);
  json::object front{
      {"driver", sata ? "ide-hd" : "scsi-hd"}, {"id", disk.id}, {"bus", controller + ".0"}};
  front[sata ? "unit" : "scsi-id"] = 0;
  return front;
}

Status add_disk_device(Builder& b, const DiskDevice& disk) {
  BRIDLE_TRY(json::object front, disk_front(b, disk));
  front["drive"] = disk.node;
  front["serial"] = disk.serial.substr(0, disk_serial_length);
  if (disk.boot_index && b.plan.kernel.empty()) front["bootindex"] = disk.boot_index;
  b.add("-device", front);
  return {};
}

Status add_disks(Builder& b) {
  add_disk_limits(b);
  for (size_t i = 0; i < b.plan.disks.size(); ++i) {
    const DiskPlan& disk = b.plan.disks[i];
    if (disk.name != b.plan.spec.disks[i].name)
      return Error(Code::internal, "the plan's disks are not those of the spec");
    BRIDLE_CHECK(model::check_name("disk", disk.name));
    BRIDLE_TRY(const std::string node, add_layers(b, "disk" + std::to_string(i), disk));
    b.add("-blockdev", json::object{{"driver", "throttle"},
                                    {"node-name", disk_node(i)},
                                    {"throttle-group", "disk-limits"},
                                    {"read-only", disk.read_only},
                                    {"file", node}});
    BRIDLE_CHECK(add_disk_device(b, {disk_id(disk.name), disk_device(disk.name), disk_node(i),
                                     disk.name, i + 1, b.plan.spec.disks[i].model}));
  }
  return {};
}

Status add_seed(Builder& b) {
  if (b.plan.seed_iso.empty()) return {};
  BRIDLE_TRY(const std::string node,
             add_layer(b, "seed", {b.plan.seed_iso, "raw"}, false, "", "seed"));
  return add_disk_device(b, {"seed", std::string(seed_device), node, "seed"});
}

// Flash is read and written by the guest's firmware: its variables live in the machine's own file.
Status add_firmware(Builder& b) {
  const LaunchPlan& plan = b.plan;
  if ((plan.spec.firmware == model::Firmware::bios) != plan.firmware_code.empty())
    return Error(Code::internal, "the plan's firmware is not that of the spec");
  if (plan.firmware_code.empty()) return {};
  BRIDLE_TRY(const std::string code,
             add_layer(b, "firmware", {plan.firmware_code, "raw"}, false, "", "firmware"));
  BRIDLE_TRY(const std::string variables, add_layer(b, "variables", {plan.firmware_vars, "raw"},
                                                    true, "", "firmware variables"));
  return {};
}

// The screen has no socket that anybody could connect to: who may see it is handed to QEMU's VNC
// server, one connection at a time (QMP's add_client).
Status add_display(Builder& b) {
  if (b.plan.spec.display == model::Display::none) return {};
  BRIDLE_TRY(const json::object vga, b.pci_device("VGA", "display", display_device));
  b.add("-device", vga);
  b.add("-vnc", std::string("none"));
  return {};
}

// A process of its own (the jail's) emulates it; QEMU inherits the socket to it.
Status add_tpm(Builder& b) {
  if (b.plan.spec.tpm != !b.plan.tpm_key.empty())
    return Error(Code::internal, "the plan's TPM is not that of the spec");
  if (!b.plan.spec.tpm) return {};
  BRIDLE_TRY(const size_t i, b.file(b.plan.tpm_key, FileUse::tpm_key, false, "TPM key"));
  const std::string fd = std::to_string(jail::first_file_fd + static_cast<int>(i));
  b.add("-chardev", "socket,id=tpm,fd=" + fd);
  b.add("-tpmdev", std::string("emulator,id=tpm0,chardev=tpm"));
  b.add("-device", json::object{{"driver", "tpm-crb"}, {"tpmdev", "tpm0"}});
  return {};
}

// no_timer_check: a virtual CPU of TCG that a busy host leaves waiting takes its timer for broken,
// and the kernel panics. Under KVM it knows that it is a guest and leaves the check out by itself.
std::string kernel_arguments(const LaunchPlan& plan) {
  std::string words = plan.kernel_arguments;
  const auto add = [&](std::string_view more) {
    if (!words.empty() && !more.empty()) words += ' ';
    words += more;
  };
  if (plan.engine == Engine::tcg) add("no_timer_check");
  add(plan.spec.kernel_arguments);
  return words;
}

Status add_kernel(Builder& b) {
  if (b.plan.kernel.empty()) {
    b.add("-boot", std::string("strict=on"));  // the disks, in their order, and nothing else
    return {};
  }
  BRIDLE_TRY(const size_t kernel, b.file(b.plan.kernel, FileUse::bind, false, "kernel"));
  b.add("-kernel", "/g/" + std::to_string(kernel));
  if (!b.plan.initrd.empty()) {
    BRIDLE_TRY(const size_t initrd, b.file(b.plan.initrd, FileUse::bind, false, "initramfs"));
    b.add("-initrd", "/g/" + std::to_string(initrd));
  }
  std::string words = kernel_arguments(b.plan);
  if (words.size() > longest_kernel_arguments)
    return Error(Code::invalid, "kernel arguments: " + std::to_string(words.size()) +
                                    " bytes, the kernel takes " +
                                    std::to_string(longest_kernel_arguments));
  if (!words.empty()) b.add("-append", std::move(words));
  return {};
}

Status check_arguments(const Strings& argv) {
  size_t bytes = 0;
  for (const auto& argument : argv) {
    if (has_nul(argument)) return Error(Code::invalid, "an argument of QEMU holds a NUL byte");
    bytes += argument.size() + 1;
  }
  if (bytes > longest_arguments)
    return Error(Code::exhausted, "QEMU's arguments are longer than 1 MiB: shorten spec.raw");
  return {};
}

}  // namespace

Result<Launch> launch(const LaunchPlan& plan) {
  BRIDLE_CHECK(check_plan(plan));
  Builder b{plan, {}};
  b.out.argv.emplace_back(qemu_path);
  add_machine(b);
  BRIDLE_CHECK(add_kernel(b));
  BRIDLE_CHECK(add_firmware(b));
  BRIDLE_CHECK(add_channels(b));
  BRIDLE_CHECK(add_helpers(b));
  BRIDLE_CHECK(add_interfaces(b));
  BRIDLE_CHECK(add_disks(b));
  BRIDLE_CHECK(add_seed(b));
  BRIDLE_CHECK(add_display(b));
  BRIDLE_CHECK(add_tpm(b));
  const auto& raw = plan.spec.raw.qemu_arguments;
  b.out.argv.insert(b.out.argv.end(), raw.begin(), raw.end());
  BRIDLE_CHECK(check_arguments(b.out.argv));
  return std::move(b.out);
}

std::string argument_bytes(const Launch& launch) {
  std::string bytes;
  for (size_t i = 1; i < launch.argv.size(); ++i) {
    bytes += launch.argv[i];
    bytes += '\0';
  }
  return bytes;
}

std::string interface_id(std::string_view interface) {
  return "interface-" + std::string(interface);
}

std::string disk_id(std::string_view disk) { return "disk-" + std::string(disk); }

std::string disk_node(size_t index) { return "disk" + std::to_string(index) + "-limit"; }

json::object throttle_limits(const model::DiskResources& disk) {
  return {{"bps-read", disk.read_bytes_per_second},
          {"bps-write", disk.write_bytes_per_second},
          {"iops-total", disk.operations_per_second}};
}

FirmwareFiles firmware_files(model::Firmware firmware) {
  BRIDLE_ASSERT(firmware != model::Firmware::bios);
  if (firmware == model::Firmware::uefi_secure)
    return {"/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"};
  return {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"};
}

std::string escape_option(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    escaped += c;
    if (c == ',') escaped += ',';
  }
  return escaped;
}

}  // namespace bridle::machine
