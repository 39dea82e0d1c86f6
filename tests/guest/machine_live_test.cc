// machine's arguments against the real QEMU: it accepts them, builds the devices at the pinned
// slots, and the monitor's one write lets the guest go. Plays the jail's part by hand: sockets and
// files at the descriptors of jail/protocol.h; no confinement, no image.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <map>

#include "base/file.h"
#include "base/random.h"
#include "machine/arguments.h"
#include "machine/monitor.h"
#include "machine/pin.h"
#include "wire/socket.h"

namespace bridle::machine {
namespace {

using namespace std::chrono_literals;

std::string run_program(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string out;
  char buffer[4096];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  EXPECT_EQ(::pclose(pipe), 0) << command << ": " << out;
  return out;
}

// A folder with an empty disk, an overlay on another, and a seed.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/bt-machine-XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    path_ = name;
    run_program("qemu-img create -q -f qcow2 " + path_ + "/base.qcow2 16M");
    run_program("qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 " + path_ + "/root.qcow2");
    run_program("qemu-img create -q -f raw " + path_ + "/data.raw 1M");
    run_program("qemu-img create -q -f raw " + path_ + "/seed.iso 1M");
  }
  ~Folder() { (void)remove_tree(path_).ok(); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

LaunchPlan plan_in(const Folder& folder) {
  LaunchPlan plan;
  SeededRandom random(11);
  plan.uuid = Uuid::random(random);
  plan.name = "lab/comma,name";
  plan.spec.memory = 64 << 20;
  plan.spec.cpus = 2;
  plan.spec.disks = {{"root", "a", false}, {"data", "b", true}};
  plan.spec.interfaces = {{"net0", "default", ""}, {"net1", "default", ""}};
  plan.spec.disk = {1 << 20, 1 << 20, 100};
  plan.disks = {
      {"root", {{folder / "root.qcow2", "qcow2"}, {folder / "base.qcow2", "qcow2"}}, false},
      {"data", {{folder / "data.raw", "raw"}}, true}};
  plan.seed_iso = folder / "seed.iso";
  return plan;
}

// A disk that says so when the firmware boots it, and halts; as BIOS and as UEFI boot it.
void make_bootable(const Folder& folder) {
  const std::string tree = folder / "tree/boot/grub";
  ASSERT_TRUE(make_folders(tree).ok());
  ASSERT_TRUE(write_file_durably(tree + "/grub.cfg",
                                 "serial --unit=0 --speed=115200\nterminal_output serial\n"
                                 "echo bridle-boot-ok $grub_platform\nhalt\n")
                  .ok());
  run_program("grub-mkrescue -o " + (folder / "boot.raw") + " " + (folder / "tree"));
}

LaunchPlan boot_plan(const Folder& folder, model::Firmware firmware, model::DiskModel model) {
  LaunchPlan plan;
  SeededRandom random(12);
  plan.uuid = Uuid::random(random);
  plan.name = "lab/boots";
  plan.spec.boot = model::Boot::disk;
  plan.spec.firmware = firmware;
  plan.spec.memory = 256 << 20;
  plan.spec.disks = {{"root", "a", false, model}, {"data", "b", false}};
  plan.spec.interfaces = {{"net0", "default", "", model::InterfaceModel::e1000}};
  plan.disks = {{"root", {{folder / "boot.raw", "raw"}}, false},
                {"data", {{folder / "data.raw", "raw"}}, false}};
  if (firmware == model::Firmware::bios) return plan;
  const FirmwareFiles files = firmware_files(firmware);
  plan.firmware_code = files.code;
  plan.firmware_vars = folder / "variables.fd";
  run_program("cp " + std::string(files.variables) + " " + plan.firmware_vars);
  return plan;
}

Fd owned(Result<Fd> fd) {
  EXPECT_TRUE(fd.ok()) << fd.error().message();
  return fd.ok() ? *std::move(fd) : Fd();
}

// QEMU as a child, with the descriptors the jail would give it.
class Qemu {
 public:
  Qemu(const Folder& folder, const Launch& launch) : folder_(folder) {
    std::map<int, Fd> descriptors;
    const auto listen = [&](int fd, const char* name) {
      descriptors[fd] = owned(wire::listen_unix(folder_ / name, SOCK_STREAM, 0600));
    };
    listen(jail::monitor_fd, "qmp.sock");
    listen(jail::serial_fd, "serial.sock");
    listen(jail::agent_fd, "agent.sock");
    for (uint32_t i = 0; i < launch.interface_count; ++i) {
      descriptors[jail::first_interface_fd + static_cast<int>(i)] =
          owned(wire::bind_datagram(folder_ / ("net" + std::to_string(i) + ".sock"), 0600));
    }
    for (size_t i = 0; i < launch.files.size(); ++i) {
      const auto& file = launch.files[i];
      EXPECT_EQ(file.use, jail::FileUse::inherit);
      descriptors[jail::first_file_fd + static_cast<int>(i)] =
          owned(open_file(file.path, file.writable ? O_RDWR : O_RDONLY));
    }
    start(launch, descriptors);
  }
  ~Qemu() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  bool lives() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

 private:
  void start(const Launch& launch, const std::map<int, Fd>& descriptors) {
    // High copies first, so that none of the wanted numbers is in the way.
    std::map<int, Fd> high;
    for (const auto& [number, fd] : descriptors)
      high[number] = Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 200));
    std::vector<char*> argv;
    for (const auto& argument : launch.argv) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      for (const auto& [number, fd] : high) ::dup2(fd.get(), number);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }

  const Folder& folder_;
  pid_t pid_ = -1;
};

// The rim of one Monitor: a blocking loop with a limit.
class Driver {
 public:
  Driver(const Folder& folder, MonitorOptions options) : monitor_(std::move(options)) {
    socket_ = owned(wire::connect_unix(folder / "qmp.sock", SOCK_STREAM));
    began_ = clock_.now();
    take(monitor_.step(began_, MonitorOpened{}));
  }

  bool run_until(const std::function<bool()>& there) {
    while (!there() && !monitor_.closed() && clock_.now() - began_ < 30s) {
      pollfd wait{socket_.get(), POLLIN, 0};
      ::poll(&wait, 1, 1000);
      if (!(wait.revents & (POLLIN | POLLHUP))) continue;
      char bytes[4096];
      const ssize_t n = ::read(socket_.get(), bytes, sizeof bytes);
      if (n <= 0) {
        take(monitor_.step(clock_.now(), MonitorEnded{"end of file"}));
      } else {
        take(monitor_.step(clock_.now(), MonitorBytes{{bytes, static_cast<size_t>(n)}}));
      }
    }
    return there();
  }

  Result<json::value> ask(const std::string& name, json::object arguments = {}) {
    const Token token = ++last_token_;
    take(monitor_.step(clock_.now(), MonitorCommand{token, name, std::move(arguments), {}}));
    if (!run_until([&] { return replies_.contains(token); }))
      return Error(Code::unreachable, "no answer to " + name);
    return replies_.at(token);
  }

  std::optional<MonitorUp> up;
  Duration up_after{};
  std::vector<MonitorEvent> events;

 private:
  void take(std::vector<MonitorAction> actions) {
    for (auto& action : actions) {
      if (auto* send = std::get_if<MonitorSend>(&action)) write(*send);
      if (auto* event = std::get_if<MonitorEvent>(&action)) events.push_back(*event);
      if (auto* reply = std::get_if<MonitorReply>(&action))
        replies_.emplace(reply->token, reply->result);
      if (auto* closed = std::get_if<MonitorClosed>(&action))
        ADD_FAILURE() << closed->error.message();
      if (auto* now_up = std::get_if<MonitorUp>(&action)) {
        up = *now_up;
        up_after = clock_.now() - began_;
      }
    }
  }

  void write(const MonitorSend& send) { EXPECT_TRUE(write_all(socket_.get(), send.bytes).ok()); }

  SystemClock clock_;
  Monitor monitor_;
  Fd socket_;
  Tick began_;
  Token last_token_ = 0;
  std::map<Token, Result<json::value>> replies_;
};

MonitorOptions options_for(const Launch& launch, bool fresh, bool hold) {
  MonitorOptions options;
  options.fresh = fresh;
  options.hold = hold;
  options.links = launch.links;
  return options;
}

// (slot, qdev id) of everything on bus 0.
std::map<int64_t, std::string> devices_of(Driver& driver) {
  std::map<int64_t, std::string> found;
  const auto buses = driver.ask("query-pci");
  EXPECT_TRUE(buses.ok());
  for (const auto& device : buses->as_array().at(0).at("devices").as_array())
    found[device.at("slot").as_int64()] = std::string(device.at("qdev_id").as_string());
  return found;
}

TEST(MachineLive, QemuTakesTheArgumentsAndDevicesAreWhereTheyWerePinned) {
  Folder folder;
  LaunchPlan plan = plan_in(folder);
  plan.pinned = *pin(plan.uuid, plan.spec, {});
  const auto made = launch(plan);
  ASSERT_TRUE(made.ok()) << made.error().message();
  Qemu qemu(folder, *made);
  Driver driver(folder, options_for(*made, true, false));
  ASSERT_TRUE(driver.run_until([&] { return driver.up.has_value(); }));
  EXPECT_EQ(driver.up->state, qmp::RunState::running);
  EXPECT_TRUE(check_qemu_version(driver.up->version).ok());
  auto devices = devices_of(driver);
  for (const auto& [device, slot] : plan.pinned.slots) {
    std::string id = device;
    std::replace(id.begin(), id.end(), '/', '-');
    EXPECT_EQ(devices[slot], id);
  }
  const auto name = driver.ask("query-name");
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->at("name").as_string(), "lab/comma,name");
  const auto blocks = driver.ask("query-named-block-nodes", {{"flat", true}});
  ASSERT_TRUE(blocks.ok());
  size_t writable = 0;
  for (const auto& node : blocks->as_array()) writable += !node.at("ro").as_bool();
  EXPECT_EQ(writable, 3u);  // file, qcow2 and throttle of the root disk
}

// What the guest says on its serial line until it says `text`, or for three minutes.
std::string console_until(const Fd& serial, const std::string& text) {
  SystemClock clock;
  const Tick deadline = clock.now() + 180s;
  std::string said;
  while (said.find(text) == std::string::npos && clock.now() < deadline) {
    pollfd wait{serial.get(), POLLIN, 0};
    if (::poll(&wait, 1, 1000) <= 0) continue;
    char bytes[4096];
    const ssize_t n = ::read(serial.get(), bytes, sizeof bytes);
    if (n <= 0) break;
    said.append(bytes, static_cast<size_t>(n));
  }
  return said;
}

// Starts the plan, lets it go, and gives what it said until `text`.
std::string said_of(const Folder& folder, LaunchPlan plan, const std::string& text) {
  plan.pinned = *pin(plan.uuid, plan.spec, {});
  const auto made = launch(plan);
  EXPECT_TRUE(made.ok()) << made.error().message();
  if (!made.ok()) return "";
  Qemu qemu(folder, *made);
  Driver driver(folder, options_for(*made, true, true));
  EXPECT_TRUE(driver.run_until([&] { return driver.up.has_value(); }));
  const Fd serial = owned(wire::connect_unix(folder / "serial.sock", SOCK_STREAM));
  EXPECT_TRUE(driver.ask("cont").ok());
  return console_until(serial, text);
}

TEST(MachineLive, BootsFromADiskOfEveryModelUnderBios) {
  Folder folder;
  make_bootable(folder);
  for (const auto model :
       {model::DiskModel::virtio, model::DiskModel::sata, model::DiskModel::scsi}) {
    const auto said = said_of(folder, boot_plan(folder, model::Firmware::bios, model), "-ok pc");
    EXPECT_NE(said.find("bridle-boot-ok pc"), std::string::npos) << said;
  }
}

// OVMF has no driver for the SAS controller: the schema refuses scsi for the disk it boots.
TEST(MachineLive, BootsFromADiskUnderUefi) {
  Folder folder;
  make_bootable(folder);
  for (const auto model : {model::DiskModel::virtio, model::DiskModel::sata}) {
    const auto said = said_of(folder, boot_plan(folder, model::Firmware::uefi, model), "-ok efi");
    EXPECT_NE(said.find("bridle-boot-ok efi"), std::string::npos) << said;
  }
}

// What starts signed is in tests/guest/firmware_test.py.
TEST(MachineLive, SecureBootRefusesWhatNobodySigned) {
  Folder folder;
  make_bootable(folder);
  const auto plan = boot_plan(folder, model::Firmware::uefi_secure, model::DiskModel::virtio);
  const auto said = said_of(folder, plan, "Access Denied");
  EXPECT_NE(said.find("Access Denied"), std::string::npos) << said;
  EXPECT_EQ(said.find("bridle-boot-ok"), std::string::npos) << said;
}

TEST(MachineLive, DisksGrowAndLimitsChangeWhileItRuns) {
  Folder folder;
  LaunchPlan plan = plan_in(folder);
  plan.spec.disk = {};
  plan.pinned = *pin(plan.uuid, plan.spec, {});
  const auto made = launch(plan);
  ASSERT_TRUE(made.ok());
  Qemu qemu(folder, *made);
  Driver driver(folder, options_for(*made, true, false));
  ASSERT_TRUE(driver.run_until([&] { return driver.up.has_value(); }));
  const auto node = [&](const std::string& name) {
    const auto blocks = driver.ask("query-named-block-nodes", {{"flat", true}});
    EXPECT_TRUE(blocks.ok());
    for (const auto& each : blocks->as_array())
      if (each.at("node-name").as_string() == name) return each;
    return json::value();
  };
  const auto size = [&] { return node("disk0").at("image").at("virtual-size").as_int64(); };
  EXPECT_EQ(size(), 16 << 20);
  ASSERT_TRUE(driver.ask("block_resize", {{"node-name", disk_node(0)}, {"size", 48 << 20}}).ok());
  EXPECT_EQ(size(), 48 << 20);
  const json::object limits = throttle_limits({3 << 20, 0, 700});
  ASSERT_TRUE(
      driver.ask("qom-set", {{"path", disk_limits_path}, {"property", "limits"}, {"value", limits}})
          .ok());
  const auto now = driver.ask("qom-get", {{"path", disk_limits_path}, {"property", "limits"}});
  ASSERT_TRUE(now.ok());
  EXPECT_EQ(now->at("bps-read").as_int64(), 3 << 20);
  EXPECT_EQ(now->at("iops-total").as_int64(), 700);
  EXPECT_TRUE(driver.ask("balloon", {{"value", 48 << 20}}).ok());
  EXPECT_TRUE(qemu.lives());
}

TEST(MachineLive, HeldGuestsWaitAndLinksTakeTheirNames) {
  Folder folder;
  LaunchPlan plan = plan_in(folder);
  plan.pinned = *pin(plan.uuid, plan.spec, {});
  const auto made = launch(plan);
  ASSERT_TRUE(made.ok());
  Qemu qemu(folder, *made);
  Driver driver(folder, options_for(*made, true, true));
  ASSERT_TRUE(driver.run_until([&] { return driver.up.has_value(); }));
  EXPECT_EQ(driver.up->state, qmp::RunState::prelaunch);
  // The names that the monitor set down are known to QEMU, others are not.
  EXPECT_TRUE(driver.ask("set_link", {{"name", made->links.at(1)}, {"up", false}}).ok());
  const auto unknown = driver.ask("set_link", {{"name", "interface-none"}, {"up", false}});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code(), Code::not_found);
  const auto balloon =
      driver.ask("qom-get", {{"path", balloon_path}, {"property", "guest-stats-polling-interval"}});
  ASSERT_TRUE(balloon.ok());
  EXPECT_EQ(balloon->as_int64(), 10);
  ASSERT_TRUE(driver.ask("cont").ok());
  ASSERT_TRUE(driver.ask("stop").ok());
  EXPECT_TRUE(driver.run_until([&] {
    return std::any_of(driver.events.begin(), driver.events.end(), [](const MonitorEvent& e) {
      return std::holds_alternative<qmp::Stop>(e.event);
    });
  }));
  EXPECT_TRUE(qemu.lives());
}

TEST(MachineLive, AnAdoptedStartIsFinished) {
  Folder folder;
  LaunchPlan plan = plan_in(folder);
  plan.pinned = *pin(plan.uuid, plan.spec, {});
  const auto made = launch(plan);
  ASSERT_TRUE(made.ok());
  Qemu qemu(folder, *made);
  {
    Driver before(folder, options_for(*made, true, true));
    ASSERT_TRUE(before.run_until([&] { return before.up.has_value(); }));
  }
  Driver after(folder, options_for(*made, false, false));
  ASSERT_TRUE(after.run_until([&] { return after.up.has_value(); }));
  EXPECT_EQ(after.up->state, qmp::RunState::running);
}

}  // namespace
}  // namespace bridle::machine
