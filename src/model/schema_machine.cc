// The table of Machine.
#include <algorithm>
#include <set>

#include "model/formats.h"
#include "model/machine.h"
#include "model/path.h"
#include "model/quantity.h"
#include "model/schema_tables.h"
#include "model/words.h"

namespace bridle::model {
namespace {

constexpr uint64_t kib = 1024, mib = 1024 * kib, tib = mib * mib;
constexpr uint64_t hour_ms = 3'600'000;

constexpr std::string_view example = R"(apiVersion: bridle/v1
kind: Machine
metadata:
  name: web
  project: lab
  owner: ann@example.org
spec:
  power: running
  image: tiny
  cpus: 1
  memory: 128MiB
  disks:
    - name: root
      volume: web-root
  interfaces:
    - name: net0
)";

Field shares(std::string_view what) {
  return {.key = "shares",
          .type = Type::integer,
          .help = what,
          .example = "1000",
          .fallback = "1000",
          .least = 1,
          .most = 100'000};
}

std::vector<Field> cpu_fields() {
  return {
      {.key = "reservation",
       .type = Type::cores,
       .help = "Cores set aside at admission; a machine whose reservation does not fit is refused.",
       .example = "250m",
       .fallback = "\"0\""},
      {.key = "limit",
       .type = Type::cores,
       .help = "Cores it may never exceed; 0: no limit.",
       .example = "1500m",
       .fallback = "\"0\""},
      shares("Weight among machines that want more CPU than there is."),
  };
}

std::vector<Field> memory_fields() {
  return {
      {.key = "reservation",
       .type = Type::bytes,
       .help = "Memory set aside at admission.",
       .example = "128MiB",
       .fallback = "\"0\"",
       .most = 64 * tib},
      {.key = "limit",
       .type = Type::bytes,
       .help = "Memory of the host that the machine, QEMU included, may never exceed; 0: no limit.",
       .example = "256MiB",
       .fallback = "\"0\"",
       .most = 64 * tib},
      shares("Weight when memory is taken back."),
  };
}

std::vector<Field> disk_limit_fields() {
  return {
      {.key = "readBytesPerSecond",
       .type = Type::bytes,
       .help = "Limit over all disks together; 0: none.",
       .example = "50MiB",
       .fallback = "\"0\""},
      {.key = "writeBytesPerSecond",
       .type = Type::bytes,
       .help = "Limit over all disks together; 0: none.",
       .example = "20MiB",
       .fallback = "\"0\""},
      {.key = "operationsPerSecond",
       .type = Type::integer,
       .help = "Limit on reads and writes together; 0: none.",
       .example = "1000",
       .fallback = "0",
       .most = 1'000'000'000},
  };
}

Field resources() {
  return {
      .key = "resources",
      .type = Type::object,
      .help =
          "Reservation, limit and shares: what admission sets aside, what is never "
          "exceeded, and the weight in between.",
      .fields = {
          {.key = "cpu", .type = Type::object, .help = "CPU, in cores.", .fields = cpu_fields()},
          {.key = "memory",
           .type = Type::object,
           .help = "Memory of the host.",
           .fields = memory_fields()},
          {.key = "disk",
           .type = Type::object,
           .help = "Limits on disk traffic.",
           .fields = disk_limit_fields()}}};
}

Field disks() {
  return {.key = "disks",
          .type = Type::list,
          .help = "Disks in the order the guest sees them (vda, vdb, ...).",
          .most = 16,
          .fields = {{.type = Type::object,
                      .fields = {{.key = "name",
                                  .help = "Name of the disk; its PCI slot is pinned to it.",
                                  .example = "root",
                                  .required = true,
                                  .format = &formats::name},
                                 {.key = "volume",
                                  .help = "A Volume of the same project.",
                                  .example = "web-root",
                                  .required = true,
                                  .format = &formats::name},
                                 {.key = "readOnly",
                                  .type = Type::boolean,
                                  .help = "The guest cannot write to it.",
                                  .example = "true",
                                  .fallback = "false"},
                                 {.key = "model",
                                  .help = "What the guest sees it behind: virtio (the default), "
                                          "sata (AHCI) or scsi (LSI SAS1068) for guests without "
                                          "virtio drivers.",
                                  .example = "sata",
                                  .choices = words::disk_model}}}}};
}

Field interfaces() {
  return {
      .key = "interfaces",
      .type = Type::list,
      .help = "Network interfaces, with the link down until a network takes them up.",
      .most = 8,
      .fields = {{.type = Type::object,
                  .fields = {{.key = "name",
                              .help = "Name of the interface; slot and address are pinned to it.",
                              .example = "net0",
                              .required = true,
                              .format = &formats::name},
                             {.key = "network",
                              .help = "Network it belongs to.",
                              .example = "default",
                              .fallback = "\"default\"",
                              .format = &formats::name},
                             {.key = "mac",
                              .help = "MAC address; without one Bridle chooses it once and pins "
                                      "it in status.",
                              .example = "52:54:00:12:34:56",
                              .format = &formats::mac},
                             {.key = "model",
                              .help = "What the guest sees: virtio (the default), or e1000 for "
                                      "guests without virtio drivers.",
                              .example = "e1000",
                              .choices = words::interface_model}}}}};
}

Field users() {
  return {.key = "users",
          .type = Type::list,
          .help = "Accounts made at the first boot.",
          .most = 32,
          .fields = {{.type = Type::object,
                      .fields = {{.key = "name",
                                  .help = "Name of the account.",
                                  .example = "ann",
                                  .required = true,
                                  .format = &formats::user_name},
                                 {.key = "sshKeys",
                                  .type = Type::list,
                                  .help = "Public keys that may log in.",
                                  .most = 32,
                                  .fields = {{.help = "A line of authorized_keys without options.",
                                              .example = "ssh-ed25519 AAAAC3Nz... ann@laptop",
                                              .most = 8 * kib,
                                              .format = &formats::ssh_key}}},
                                 {.key = "passwordSecret",
                                  .help = "Secret and key that hold the password; without it the "
                                          "password is locked.",
                                  .example = "web-login/password",
                                  .format = &formats::secret_ref}}}}};
}

Field seed() {
  return {.key = "seed",
          .type = Type::object,
          .help = "What cloud-init's NoCloud source hands to the guest at its first boot.",
          .fields = {{.key = "hostname",
                      .help = "Host name in the guest; without it, the machine's name.",
                      .example = "web.example.org",
                      .format = &formats::host_name},
                     users(),
                     {.key = "run",
                      .type = Type::list,
                      .help = "Shell commands, run once at the end of the first boot.",
                      .most = 64,
                      .fields = {{.help = "One command line.",
                                  .example = "systemctl enable --now nginx",
                                  .lines = true,
                                  .least = 1,
                                  .most = 16 * kib}}}}};
}

Field raw() {
  return {.key = "raw",
          .type = Type::object,
          .help = "The escape hatch: passed on as it is. Needs a role with rawAllowed.",
          .fields = {
              {.key = "qemuArguments",
               .type = Type::list,
               .help = "Arguments added at the end of QEMU's.",
               .example = "[-device, edu]",
               .most = 256,
               .fields =
                   {{.help = "One argument.", .example = "-device", .least = 1, .most = 4 * kib}}},
              {.key = "userData",
               .help = "cloud-init user-data in place of what Bridle would write.",
               .example = "\"#cloud-config ...\"",
               .lines = true,
               .most = 64 * kib}}};
}

std::vector<Field> spec_fields() {
  return {
      {.key = "power",
       .help = "What the machine should be doing. start, stop, pause and resume write it.",
       .example = "running",
       .fallback = "\"stopped\"",
       .choices = words::power},
      {.key = "image",
       .help = "An Image of the same project, or else of project shared: kernel, initrd and the "
               "disk that volumes lie over. Required unless boot is disk.",
       .example = "tiny",
       .format = &formats::name},
      {.key = "boot",
       .help =
           "What starts: kernel (the default) takes the image's kernel and initrd, or the first "
           "disk where the image has none; disk leaves it to the firmware and the disks, in "
           "their order.",
       .example = "disk",
       .choices = words::boot},
      {.key = "firmware",
       .help = "bios (the default), uefi, or uefi-secure: UEFI that starts only what Microsoft's "
               "keys sign (shim), on a q35 machine. Its variables are the machine's own.",
       .example = "uefi",
       .fallback = "\"bios\"",
       .immutable = true,
       .choices = words::firmware},
      {.key = "cpus",
       .type = Type::integer,
       .help = "Virtual CPUs.",
       .example = "2",
       .fallback = "1",
       .least = 1,
       .most = 128},
      {.key = "memory",
       .type = Type::bytes,
       .help = "Memory the guest sees.",
       .example = "512MiB",
       .fallback = "\"128MiB\"",
       .least = 16 * mib,
       .most = 4 * tib,
       .multiple = 4 * kib},
      {.key = "memoryTarget",
       .type = Type::bytes,
       .help = "Memory that the balloon leaves to the guest, changeable while it runs; without it, "
               "all. The guest gives back only what it can.",
       .example = "256MiB",
       .least = 16 * mib,
       .most = 4 * tib},
      {.key = "zone",
       .help = "Trust zone: pages and cores are shared only inside one. Without it, the project.",
       .example = "lab",
       .format = &formats::name},
      {.key = "wishes",
       .type = Type::list,
       .help = "What the machine is for; Bridle picks the attachment.",
       .example = "[throughput]",
       .most = 3,
       .fields = {{.help = "One wish.", .example = "throughput", .choices = words::wishes}}},
      {.key = "restart",
       .help = "What happens when QEMU ends by itself.",
       .example = "always",
       .fallback = "\"on-failure\"",
       .choices = words::restart},
      {.key = "stopTimeout",
       .type = Type::duration,
       .help = "How long the guest has after the power button before it is forced off.",
       .example = "30s",
       .fallback = "\"30s\"",
       .most = 24 * hour_ms},
      {.key = "autostart",
       .type = Type::object,
       .help = "The machine's place among those that are wanted on when the host starts and stops.",
       .fields = {{.key = "order",
                   .type = Type::integer,
                   .help = "Lower ones are started first and stopped last; equal ones together.",
                   .example = "10",
                   .fallback = "0",
                   .most = 1'000'000},
                  {.key = "delay",
                   .type = Type::duration,
                   .help = "Wait after it runs, before machines of a higher order are started.",
                   .example = "15s",
                   .fallback = "\"0s\"",
                   .most = hour_ms}}},
      {.key = "kernelArguments",
       .help = "Appended to the image's kernel command line.",
       .example = "quiet",
       .most = 1024},
      disks(),
      interfaces(),
      resources(),
      {.key = "display",
       .help =
           "none (the default), or vga: a screen with keyboard and mouse, for bridle machine vnc "
           "and screen.",
       .example = "vga",
       .choices = words::display},
      {.key = "tpm",
       .type = Type::boolean,
       .help = "A TPM 2.0 of its own, whose state survives stop and start and goes with the "
               "machine.",
       .example = "true"},
      seed(),
      raw(),
  };
}

Field count(std::string_view key, std::string_view help) {
  return {.key = key, .type = Type::integer, .help = help};
}

Field pinned() {
  const Field name{.key = "interface", .help = "Name of the interface."};
  return {.key = "pinned",
          .type = Type::object,
          .help = "What the guest must see again at every start.",
          .fields = {
              {.key = "machineType", .help = "Versioned machine type of QEMU."},
              {.key = "cpuModel", .help = "CPU model of QEMU."},
              {.key = "slots",
               .type = Type::list,
               .help = "PCI slots on bus 0.",
               .fields = {{.type = Type::object,
                           .fields = {{.key = "device", .help = "\"disk/root\"."},
                                      count("slot", "Its slot.")}}}},
              {.key = "macs",
               .type = Type::list,
               .help = "MAC addresses.",
               .fields = {
                   {.type = Type::object,
                    .fields = {
                        name, {.key = "mac", .help = "Its address.", .format = &formats::mac}}}}}}};
}

Field usage() {
  return {.key = "usage",
          .type = Type::object,
          .help = "What it used since its first start.",
          .fields = {count("vcpuNs", "CPU time of its virtual CPUs, in ns."),
                     count("emulatorNs", "CPU time of the rest of QEMU, in ns."),
                     count("bridleNs", "CPU time of Bridle's own processes for it, in ns."),
                     count("memoryBytes", "Resident memory, in bytes."),
                     count("readBytes", "Read from its disks."),
                     count("writeBytes", "Written to its disks."),
                     count("balloonBytes", "Memory that the balloon leaves to the guest."),
                     count("guestTotalBytes", "Memory as the guest's kernel counts it."),
                     count("guestFreeBytes", "Memory that the guest does not use."),
                     count("guestAvailableBytes", "What the guest could have without swapping.")}};
}

std::vector<Field> status_fields() {
  return {
      {.key = "phase", .help = "Where its life is now.", .choices = words::phase},
      {.key = "reason", .help = "Why, in one word.", .example = "ImageTampered"},
      {.key = "message", .help = "Why, in a sentence, with what to do.", .lines = true},
      {.key = "next", .help = "What Bridle does next.", .example = "restarting in 4s"},
      {.key = "since", .help = "Since when it is in this phase.", .format = &formats::time},
      count("observedGeneration", "metadata.generation that this status is about."),
      count("machineGeneration", "Generation of its identity; rises when its time is turned back."),
      count("boot", "Rises with every start."),
      count("pid", "QEMU's process on the host."),
      count("slot", "The guest slot, which gives its uid."),
      {.key = "engine", .help = "kvm or tcg."},
      {.key = "qemuVersion", .help = "Of the QEMU that runs it.", .example = "10.0.2"},
      {.key = "attachment", .help = "fast, dense or recorded."},
      count("restarts", "Times it was started again by its restart policy."),
      {.key = "lastExit", .help = "How QEMU ended last.", .example = "signal 9"},
      pinned(),
      usage(),
  };
}

void distinct(const json::object& spec, std::string_view list, std::string_view key,
              Violations& violations) {
  const json::value* items = spec.if_contains(list);
  if (items == nullptr) return;
  std::set<std::string> seen;
  for (size_t i = 0; i < items->get_array().size(); ++i) {
    const json::value* value = items->get_array()[i].get_object().if_contains(key);
    if (value == nullptr) continue;
    std::string text(value->get_string().data(), value->get_string().size());
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!seen.insert(text).second)
      violations.add(path_to_key(path_to_index("spec." + std::string(list), i), key),
                     quoted(text) + " is there twice; expected a different one for each");
  }
}

void limit_holds(const Share& share, std::string_view what, Violations& violations) {
  if (share.limit != 0 && share.limit < share.reservation)
    violations.add("spec.resources." + std::string(what) + ".limit",
                   "expected at least the reservation (or 0: no limit)");
}

void boots_from_something(const MachineSpec& spec, Violations& violations) {
  if (spec.boot == Boot::disk && spec.disks.empty())
    violations.add("spec.disks", "expected at least one disk to boot from");
  if (spec.boot == Boot::kernel && spec.image.empty())
    violations.add("spec.image", "is required unless spec.boot is disk");
  if (spec.boot == Boot::disk && !spec.kernel_arguments.empty())
    violations.add("spec.kernelArguments", "expected none with spec.boot disk");
  if (spec.boot == Boot::kernel && spec.firmware == Firmware::uefi_secure)
    violations.add("spec.boot", "expected disk with spec.firmware uefi-secure");
  const bool scsi = !spec.disks.empty() && spec.disks[0].model == DiskModel::scsi;
  if (spec.boot == Boot::disk && spec.firmware != Firmware::bios && scsi)
    violations.add(path_to_key(path_to_index("spec.disks", 0), "model"),
                   "expected virtio or sata for the disk that UEFI boots: OVMF has no driver for "
                   "the SAS controller behind scsi (BIOS has; other disks may be scsi)");
}

void rules(const json::object& object, Violations& violations) {
  distinct(object, "disks", "name", violations);
  distinct(object, "disks", "volume", violations);
  distinct(object, "interfaces", "name", violations);
  distinct(object, "interfaces", "mac", violations);
  const auto spec = machine_spec(object);
  if (!spec) return violations.add("", spec.error().message());
  boots_from_something(*spec, violations);
  if (spec->memory_target > spec->memory)
    violations.add("spec.memoryTarget", "expected at most spec.memory");
  limit_holds(spec->cpu, "cpu", violations);
  limit_holds(spec->memory_share, "memory", violations);
  std::set<std::string> names;
  if (!spec->seed) return;
  for (size_t i = 0; i < spec->seed->users.size(); ++i)
    if (!names.insert(spec->seed->users[i].name).second)
      violations.add(path_to_key(path_to_index("spec.seed.users", i), "name"),
                     "expected a different name for each user");
}

}  // namespace

KindSchema machine_schema() {
  return {.kind = Kind::machine,
          .help = "A guest: a virtual machine that Bridle runs, watches and keeps contained.",
          .example = example,
          .spec = spec_fields(),
          .status = status_fields(),
          .rules = rules,
          .owner_required = true};
}

}  // namespace bridle::model
