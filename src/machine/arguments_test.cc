// Arguments: golden command lines, and that what users write stays inside its argument.
// BRIDLE_WRITE_GOLDEN=1 writes the golden files anew; read the difference before you commit it.
#include "machine/arguments.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>

#include "base/file.h"
#include "base/random.h"
#include "machine/pin.h"

namespace bridle::machine {
namespace {

using jail::FileUse;

LaunchPlan tiny_plan() {
  LaunchPlan plan;
  plan.uuid = *Uuid::parse("0e4f3c1a-93d4-4f30-8c0f-6d0f2f1b7a55");
  plan.name = "lab/web";
  plan.kernel = "/var/lib/bridle/images/parts/aa";
  plan.initrd = "/var/lib/bridle/images/parts/bb";
  plan.kernel_arguments = "console=ttyS0";
  return plan;
}

LaunchPlan full_plan() {
  LaunchPlan plan = tiny_plan();
  plan.spec.cpus = 2;
  plan.spec.memory = 1000 << 20;
  plan.spec.kernel_arguments = "quiet";
  plan.spec.disks = {{"root", "web-root", false}, {"data", "web-data", true}};
  plan.spec.interfaces = {{"net0", "default", "52:00:00:00:00:01"}, {"net1", "default", ""}};
  plan.spec.disk = {10 << 20, 5 << 20, 500};
  plan.spec.raw.qemu_arguments = {"-device", "edu"};
  plan.disks = {
      {"root",
       {{"/var/lib/bridle/volumes/1.qcow2", "qcow2"}, {"/var/lib/bridle/images/parts/cc", "qcow2"}},
       false},
      {"data", {{"/var/lib/bridle/volumes/2.raw", "raw"}}, true}};
  plan.seed_iso = "/var/lib/bridle/volumes/seeds/1.iso";
  return plan;
}

LaunchPlan disk_boot_plan() {
  LaunchPlan plan = full_plan();
  plan.engine = Engine::kvm;
  plan.kernel.clear();
  plan.initrd.clear();
  plan.seed_iso.clear();
  plan.spec.disk = {};
  plan.spec.raw = {};
  return plan;
}

LaunchPlan secure_plan() {
  LaunchPlan plan = disk_boot_plan();
  plan.spec.boot = model::Boot::disk;
  plan.spec.firmware = model::Firmware::uefi_secure;
  plan.firmware_code = firmware_files(plan.spec.firmware).code;
  plan.firmware_vars = "/var/lib/bridle/volumes/firmware/1.fd";
  plan.spec.disks[0].model = model::DiskModel::sata;
  plan.spec.disks[1].model = model::DiskModel::scsi;
  plan.spec.interfaces[0].model = model::InterfaceModel::e1000;
  return plan;
}

LaunchPlan desktop_plan() {
  LaunchPlan plan = full_plan();
  plan.spec.display = model::Display::vga;
  plan.spec.tpm = true;
  plan.tpm_key = "/var/lib/bridle/state/tpm.key";
  return plan;
}

Result<Launch> launched(LaunchPlan plan) {
  BRIDLE_TRY(plan.pinned, pin(plan.uuid, plan.spec, {}));
  return launch(plan);
}

std::string text_of(const Launch& launch) {
  std::string text;
  for (const auto& argument : launch.argv) text += argument + "\n";
  for (const auto& file : launch.files)
    text += std::string(file.use == FileUse::bind      ? "bind "
                        : file.use == FileUse::tpm_key ? "tpm-key "
                                                       : "inherit ") +
            (file.writable ? "rw " : "ro ") + file.path + " (" + file.what + ")\n";
  text += "interfaces " + std::to_string(launch.interface_count) + "\n";
  return text;
}

void compare_with_golden(const std::string& name, const LaunchPlan& plan) {
  const auto made = launched(plan);
  ASSERT_TRUE(made.ok()) << made.error().message();
  const std::string path = std::string(BRIDLE_SOURCE_DIR) + "/src/machine/golden/" + name + ".args";
  if (std::getenv("BRIDLE_WRITE_GOLDEN")) {
    ASSERT_TRUE(write_file_durably(path, text_of(*made), 0644).ok());
  }
  const auto golden = read_file(path);
  ASSERT_TRUE(golden.ok()) << golden.error().message();
  EXPECT_EQ(text_of(*made), *golden);
}

TEST(Arguments, TinyIsGolden) { compare_with_golden("tiny", tiny_plan()); }
TEST(Arguments, FullIsGolden) { compare_with_golden("full", full_plan()); }
TEST(Arguments, DiskBootIsGolden) { compare_with_golden("disk-boot", disk_boot_plan()); }

TEST(Arguments, SecureBootIsGolden) { compare_with_golden("secure-boot", secure_plan()); }

TEST(Arguments, DesktopIsGolden) { compare_with_golden("desktop", desktop_plan()); }

TEST(Arguments, TheTpmIsOfTheSpecAndTheScreenListensNowhere) {
  const auto made = launched(desktop_plan());
  ASSERT_TRUE(made.ok()) << made.error().message();
  const size_t last = made->files.size() - 1;
  EXPECT_EQ(made->files[last].use, FileUse::tpm_key);
  const auto after = [&](const std::string& option) {
    const auto at = std::find(made->argv.begin(), made->argv.end(), option);
    return at == made->argv.end() ? std::string() : *(at + 1);
  };
  EXPECT_EQ(after("-vnc"), "none");
  EXPECT_EQ(after("-tpmdev"), "emulator,id=tpm0,chardev=tpm");
  const std::string socket =
      "socket,id=tpm,fd=" + std::to_string(jail::first_file_fd + static_cast<int>(last));
  EXPECT_NE(std::find(made->argv.begin(), made->argv.end(), socket), made->argv.end());
  LaunchPlan plan = desktop_plan();
  plan.tpm_key.clear();
  EXPECT_EQ(launched(plan).error().code(), Code::internal);
  plan = full_plan();
  plan.tpm_key = "/var/lib/bridle/state/tpm.key";
  EXPECT_EQ(launched(plan).error().code(), Code::internal);
}

TEST(Arguments, FirmwareIsOfTheSpecAndOnlyItsVariablesAreWritten) {
  const auto made = launched(secure_plan());
  ASSERT_TRUE(made.ok());
  for (const auto& file : made->files) {
    if (!file.what.starts_with("firmware")) continue;
    EXPECT_EQ(file.writable, file.what == "firmware variables") << file.what;
  }
  LaunchPlan plan = secure_plan();
  plan.firmware_code.clear();
  EXPECT_EQ(launched(plan).error().code(), Code::internal);
  plan = tiny_plan();
  plan.firmware_code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
  EXPECT_EQ(launched(plan).error().code(), Code::internal);
}

TEST(Arguments, FilesAreNumberedAsTheJailNumbersThem) {
  const auto made = launched(full_plan());
  ASSERT_TRUE(made.ok());
  ASSERT_EQ(made->files.size(), 6u);
  std::string all;
  for (const auto& argument : made->argv) all += argument + " ";
  for (size_t i = 0; i < made->files.size(); ++i) {
    const std::string number = std::to_string(i);
    if (made->files[i].use == FileUse::bind) {
      EXPECT_NE(all.find(" /g/" + number + " "), std::string::npos) << i;
      EXPECT_FALSE(made->files[i].writable);
    } else {
      const std::string fd = std::to_string(jail::first_file_fd + i);
      EXPECT_NE(all.find(" fd=" + fd + ",set=" + number + " "), std::string::npos) << i;
      EXPECT_NE(all.find("/dev/fdset/" + number + "\""), std::string::npos) << i;
    }
    // No host path reaches QEMU.
    EXPECT_EQ(all.find(made->files[i].path), std::string::npos);
  }
  EXPECT_EQ(made->links, (std::vector<std::string>{"interface-net0", "interface-net1"}));
}

TEST(Arguments, OnlyTheVolumeItselfIsWritable) {
  const auto made = launched(full_plan());
  ASSERT_TRUE(made.ok());
  size_t writable = 0;
  for (const auto& file : made->files) writable += file.writable;
  EXPECT_EQ(writable, 1u);
  for (const auto& file : made->files) EXPECT_EQ(file.writable, file.what == "disk root");
}

TEST(Arguments, AHeaderNeverNamesTheBackingFile) {
  LaunchPlan plan = full_plan();
  plan.disks[0].layers.pop_back();
  const auto made = launched(plan);
  ASSERT_TRUE(made.ok());
  bool seen = false;
  for (const auto& argument : made->argv)
    if (argument.find("\"node-name\":\"disk0\"") != std::string::npos) {
      EXPECT_NE(argument.find("\"backing\":null"), std::string::npos) << argument;
      seen = true;
    }
  EXPECT_TRUE(seen);
}

TEST(Arguments, WhatUsersWriteStaysInItsArgument) {
  LaunchPlan plan = tiny_plan();
  plan.name = "lab/web,process=evil,debug-threads=off";
  plan.spec.kernel_arguments = "init=/bin/sh -device edu";
  const auto plain = launched(tiny_plan());
  const auto made = launched(plan);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->argv.size(), plain->argv.size());
  const auto has = [&](const std::string& argument) {
    return std::find(made->argv.begin(), made->argv.end(), argument) != made->argv.end();
  };
  EXPECT_TRUE(has("guest=lab/web,,process=evil,,debug-threads=off,debug-threads=on"));
  EXPECT_TRUE(has("console=ttyS0 no_timer_check init=/bin/sh -device edu"));
}

TEST(Arguments, BadPlansAreRefused) {
  struct Case {
    const char* what;
    std::function<void(LaunchPlan&)> spoil;
    Code code;
  };
  const std::vector<Case> cases = {
      {"no CPU", [](LaunchPlan& p) { p.spec.cpus = 0; }, Code::invalid},
      {"too little memory", [](LaunchPlan& p) { p.spec.memory = 1 << 20; }, Code::invalid},
      {"a format", [](LaunchPlan& p) { p.disks[0].layers[0].format = "vmdk"; }, Code::invalid},
      {"raw with backing", [](LaunchPlan& p) { p.disks[0].layers[0].format = "raw"; },
       Code::invalid},
      {"a relative path", [](LaunchPlan& p) { p.kernel = "vmlinuz"; }, Code::invalid},
      {"a NUL", [](LaunchPlan& p) { p.spec.kernel_arguments = std::string("a\0b", 3); },
       Code::invalid},
      {"long kernel arguments",
       [](LaunchPlan& p) { p.spec.kernel_arguments = std::string(3000, 'x'); }, Code::invalid},
      {"long raw", [](LaunchPlan& p) { p.spec.raw.qemu_arguments = {std::string(2 << 20, 'x')}; },
       Code::exhausted},
      {"another disk", [](LaunchPlan& p) { p.disks.pop_back(); }, Code::internal},
      {"no layers", [](LaunchPlan& p) { p.disks[0].layers.clear(); }, Code::internal},
      {"files",
       [](LaunchPlan& p) {
         p.disks[0].layers.resize(30, {"/x", "qcow2"});
       },
       Code::exhausted},
  };
  for (const auto& each : cases) {
    LaunchPlan plan = full_plan();
    each.spoil(plan);
    const auto made = launched(plan);
    ASSERT_FALSE(made.ok()) << each.what;
    EXPECT_EQ(made.error().code(), each.code) << each.what << ": " << made.error().message();
  }
}

TEST(Arguments, UnpinnedDevicesAreOurOwnMistake) {
  LaunchPlan plan = full_plan();
  plan.pinned = *pin(plan.uuid, tiny_plan().spec, {});
  EXPECT_EQ(launch(plan).error().code(), Code::internal);
}

TEST(Arguments, BytesAreArgvWithoutTheProgram) {
  Launch launch;
  launch.argv = {"/usr/bin/qemu", "-S", "", "x y"};
  EXPECT_EQ(argument_bytes(launch), std::string("-S\0\0x y\0", 8));
}

TEST(Engine, VersionsAreReadAndOldOnesRefused) {
  const auto version = parse_qemu_version(
      "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright (c) 2003-2025");
  ASSERT_TRUE(version.ok());
  EXPECT_EQ(version->text(), "10.0.2");
  EXPECT_TRUE(check_qemu_version(*version).ok());
  const auto old = parse_qemu_version("QEMU emulator version 7.2.19 (Debian 1:7.2)");
  ASSERT_TRUE(old.ok());
  const Status refused = check_qemu_version(*old);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::refused);
  EXPECT_NE(refused.error().message().find("apt-get install"), std::string::npos);
  for (const auto* bad :
       {"", "bash: not found", "QEMU emulator version x", "QEMU emulator version 10"})
    EXPECT_FALSE(parse_qemu_version(bad).ok()) << bad;
}

}  // namespace
}  // namespace bridle::machine
