// The jail with real QEMU: what a guest may see and do, and what every kind of sudden death leaves.
// Needs root. Programs are looked up in $BRIDLE_BIN, else in ../bin beside this program.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>

#include "base/file.h"
#include "base/layout.h"
#include "base/random.h"
#include "jail/cgroup.h"
#include "jail/client.h"
#include "jail/process.h"
#include "wire/socket.h"

namespace bridle::jail {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

double milliseconds_since(Steady::time_point start) {
  return std::chrono::duration<double, std::milli>(Steady::now() - start).count();
}

constexpr auto patience = 30s;  // for what takes milliseconds when nobody else has the cores

bool eventually(std::chrono::milliseconds limit, const std::function<bool()>& holds) {
  for (const auto end = Steady::now() + limit; Steady::now() < end; ::usleep(2000))
    if (holds()) return true;
  return holds();
}

std::string slurp(const std::string& path) {
  const auto text = read_file(path);
  return text ? *text : "";
}

std::string status_field(pid_t pid, const std::string& key) {
  const std::string text = slurp("/proc/" + std::to_string(pid) + "/status");
  const size_t at = text.find("\n" + key + ":\t");
  if (at == std::string::npos) return "";
  const size_t start = at + key.size() + 3;
  return text.substr(start, text.find('\n', start) - start);
}

std::string link_of(const std::string& path) {
  char target[256];
  const ssize_t n = ::readlink(path.c_str(), target, sizeof target);
  return n > 0 ? std::string(target, static_cast<size_t>(n)) : "";
}

std::string programs() {
  if (const char* given = std::getenv("BRIDLE_BIN")) return given;
  const auto folder = own_folder();
  return *folder + "/../../bin";
}

// kill() takes 0 and negative numbers for groups of processes, ours among them.
int send_signal(int64_t pid, int number) {
  return pid > 1 ? ::kill(static_cast<pid_t>(pid), number) : -1;
}

pid_t spawn(const std::vector<std::string>& argv) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ::_exit(127);
}

int run(const std::vector<std::string>& argv) {
  int status = -1;
  ::waitpid(spawn(argv), &status, 0);
  return status;
}

class JailLive : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0u) << "this test must run as root";
    char name[] = "/tmp/bt-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    ASSERT_EQ(::chmod(name, 0755), 0);
    root_ = name;
    const auto layout = Layout::of(root_);
    ASSERT_TRUE(layout.ok());
    layout_ = std::make_unique<Layout>(*layout);
    start_jail();
  }

  void TearDown() override {
    client_.reset();
    if (jail_ > 0) {
      send_signal(jail_, SIGTERM);
      ::waitpid(jail_, nullptr, 0);
    }
    EXPECT_EQ(run({programs() + "/bridle-jail", "--root", root_, "--purge"}), 0);
    EXPECT_FALSE(anything_left());
    EXPECT_TRUE(remove_tree(root_).ok());
  }

  void start_jail() {
    jail_ = spawn({jail_program_, "--root", root_});
    ASSERT_TRUE(eventually(patience, [&] { return connect(); })) << "the jail does not answer";
  }

  void kill_jail() {
    send_signal(jail_, SIGKILL);
    ::waitpid(jail_, nullptr, 0);
    jail_ = 0;
    client_.reset();
  }

  // As bridled: the jail asks the kernel for the peer's uid.
  bool connect() {
    if (::seteuid(layout_->daemon_uid()) != 0) return false;
    auto client = JailClient::connect(layout_->jail_socket());
    if (::seteuid(0) != 0) std::abort();
    if (!client) return false;
    client_ = std::make_unique<JailClient>(*std::move(client));
    return true;
  }

  Answer receive(std::chrono::milliseconds limit = 10s) {
    pollfd ready{client_->fd(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(limit.count())) != 1) {
      ADD_FAILURE() << "no answer within " << limit.count() << " ms";
      return {};
    }
    auto answer = client_->receive();
    EXPECT_TRUE(answer.ok()) << answer.error().message();
    return answer ? *std::move(answer) : Answer{};
  }

  Answer ask(const Request& request, std::vector<int> descriptors = {}) {
    EXPECT_TRUE(client_->send(request, descriptors).ok());
    return receive();
  }

  Answer start_guest(const Uuid& uuid, uint32_t slot, std::vector<std::string> more = {},
                     unsigned interfaces = 1) {
    std::vector<std::string> arguments = {
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-S",
        "-name",
        "guest=live,debug-threads=on",
        "-machine",
        "pc-i440fx-10.0",
        "-accel",
        "tcg,thread=single,tb-size=16",
        "-m",
        "32",
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        "-chardev",
        "socket,id=monitor,fd=10,server=on,wait=off",
        "-mon",
        "chardev=monitor,mode=control",
        "-chardev",
        "socket,id=serial,fd=11,server=on,wait=off",
        "-serial",
        "chardev:serial"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto memfd = arguments_memfd(arguments);
    EXPECT_TRUE(memfd.ok());
    StartOrder order;
    order.machine = {uuid, 3};
    order.boot = 7;
    order.slot = slot;
    order.interfaces = interfaces;
    order.file_size = file_size_;
    order.limits = {1000, 500, uint64_t{512} << 20, 0, 0, 0};
    std::vector<int> descriptors = {memfd->get()};
    for (const auto& [fd, use] : files_) {
      order.files.push_back(use);
      descriptors.push_back(fd);
    }
    auto request = make_start(next_id_++, order);
    EXPECT_TRUE(request.ok());
    return ask(*request, descriptors);
  }

  // Attendants are told by their own uid.
  pid_t attendant_of(uint32_t slot) {
    const std::string uid = std::to_string(layout_->attendant_uid(slot));
    SystemCgroupFs fs;
    auto groups = open_cgroups(fs, layout_->cgroup());
    if (!groups) return 0;
    for (const pid_t pid : (*groups)->members("attendants"))
      if (status_field(pid, "Uid").starts_with(uid + "\t")) return pid;
    return 0;
  }

  bool anything_left() {
    SystemCgroupFs fs;
    auto groups = open_cgroups(fs, layout_->cgroup());
    if (!groups || !(*groups)->groups().empty()) return true;
    if (::access(("/sys/fs/cgroup/cpu/" + layout_->cgroup()).c_str(), F_OK) == 0) return true;
    if (slurp("/proc/self/mounts").find(root_) != std::string::npos) return true;
    if (::access(layout_->run().c_str(), F_OK) == 0) return true;
    const auto processes = list_folder("/proc");
    for (const std::string& name : *processes)
      if (slurp("/proc/" + name + "/cmdline").find(root_) != std::string::npos) return true;
    return false;
  }

  // One line of attendant.sock in status mode, "" at its end.
  std::string next_line(int fd) {
    std::string line;
    char c;
    pollfd ready{fd, POLLIN, 0};
    while (::poll(&ready, 1, 3000) == 1 && ::read(fd, &c, 1) == 1 && c != '\n') line += c;
    return line;
  }

  Fd attach(const Uuid& uuid, const std::string& greeting) {
    Fd fd;
    eventually(patience, [&] {
      auto connected = wire::connect_unix(layout_->guest(uuid) + "/attendant.sock", SOCK_STREAM);
      if (connected) fd = *std::move(connected);
      return fd.valid();
    });
    EXPECT_TRUE(fd.valid());
    EXPECT_TRUE(write_all(fd.get(), greeting).ok());
    return fd;
  }

  // Exactly `size` bytes of a console, fewer if they do not come within 5 s.
  static std::string read_text(const Fd& fd, size_t size) {
    std::string text;
    char c;
    pollfd ready{fd.get(), POLLIN, 0};
    while (text.size() < size && ::poll(&ready, 1, 5000) == 1 && ::read(fd.get(), &c, 1) == 1)
      text += c;
    return text;
  }

  // A guest whose firmware writes "first words" to the serial port, then echoes what it reads.
  Answer start_speaker(const Uuid& uuid, uint32_t slot) {
    std::string code = "\xba\xf8\x03";  // mov dx, 0x3f8
    for (const char c : std::string("first words")) code += std::string("\xb0") + c + "\xee";
    // again: mov dx, 0x3fd; in al, dx; test al, 1; jz again; mov dx, 0x3f8; in al, dx; out dx, al
    code += "\xba\xfd\x03\xec\xa8\x01\x74\xf8\xba\xf8\x03\xec\xee\xeb\xf1";
    std::string image(65536, '\xf4');
    image.replace(0xf000, code.size(), code);
    image.replace(0xfff0, 3, "\xe9\x0d\xf0");  // the reset vector: jmp 0xf000
    const std::string path = root_ + "/firmware";
    std::ofstream(path, std::ios::binary) << image;
    const Fd firmware(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    files_ = {{firmware.get(), FileUse::bind}};
    Answer started = start_guest(uuid, slot, {"-bios", "/g/0"});
    EXPECT_NE(qmp(uuid, "{\"execute\":\"cont\"}"), "cannot connect");
    files_.clear();
    return started;
  }

  // QMP: greeting, capabilities, one command; the reply's text.
  std::string qmp(const Uuid& uuid, const std::string& command) {
    auto fd = wire::connect_unix(layout_->guest(uuid) + "/qmp.sock", SOCK_STREAM);
    if (!fd) return "cannot connect";
    const std::string greeting = next_line(fd->get());
    if (!write_all(fd->get(), "{\"execute\":\"qmp_capabilities\"}\n").ok()) return "cut";
    next_line(fd->get());
    if (!write_all(fd->get(), command + "\n").ok()) return "cut";
    return next_line(fd->get());
  }

  Uuid fresh() { return Uuid::random(random_); }

  SystemRandom random_;
  std::string root_;
  std::string jail_program_ = programs() + "/bridle-jail";
  std::unique_ptr<Layout> layout_;
  std::unique_ptr<JailClient> client_;
  uint64_t file_size_ = 0;
  std::vector<std::pair<int, FileUse>> files_;
  pid_t jail_ = 0;
  uint64_t next_id_ = 1;
};

TEST_F(JailLive, ServesOnlyTheDaemonsUid) {
  auto stranger = JailClient::connect(layout_->jail_socket());  // as root
  ASSERT_TRUE(stranger.ok());
  (void)stranger->send(make_request(Verb::hello, 1)).ok();
  EXPECT_FALSE(stranger->receive().ok());
  EXPECT_TRUE(ask(make_request(Verb::hello, 2)).status.ok());
}

TEST_F(JailLive, AGuestIsConfined) {
  const std::string disk_path = root_ + "/disk", bind_path = root_ + "/initrd";
  std::ofstream(disk_path) << std::string(4096, 'd');
  std::ofstream(bind_path) << "initrd";
  const Fd disk(::open(disk_path.c_str(), O_RDWR | O_CLOEXEC));
  const Fd bind(::open(bind_path.c_str(), O_RDONLY | O_CLOEXEC));
  files_ = {{disk.get(), FileUse::inherit}, {bind.get(), FileUse::bind}};
  const Uuid uuid = fresh();
  const Answer started = start_guest(uuid, 5, {"-add-fd", "fd=20,set=0"});
  ASSERT_TRUE(started.status.ok()) << started.status.error().message();
  const pid_t pid = static_cast<pid_t>(started.pid);
  const std::string proc = "/proc/" + std::to_string(pid);
  const std::string uid = std::to_string(layout_->guest_uid(5));
  EXPECT_EQ(status_field(pid, "Uid"), uid + "\t" + uid + "\t" + uid + "\t" + uid);
  EXPECT_EQ(status_field(pid, "Gid"), uid + "\t" + uid + "\t" + uid + "\t" + uid);
  EXPECT_EQ(status_field(pid, "Groups").find_first_not_of(' '), std::string::npos);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(status_field(pid, set), "0000000000000000") << set;
  EXPECT_EQ(status_field(pid, "NoNewPrivs"), "1");
  EXPECT_EQ(status_field(pid, "SigBlk"), "0000000000000000");
  EXPECT_TRUE(status_field(pid, "NSpid").ends_with("\t1"));
  for (const char* space : {"pid", "net", "ipc", "uts", "mnt"})
    EXPECT_NE(link_of(proc + "/ns/" + space), link_of(std::string("/proc/self/ns/") + space));
  EXPECT_EQ(*list_folder(proc + "/root"),
            (std::vector<std::string>{"bin", "dev", "g", "lib", "lib64", "sbin", "usr"}));
  EXPECT_EQ(*list_folder(proc + "/root/dev"),
            (std::vector<std::string>{"null", "urandom", "zero"}));
  EXPECT_EQ(slurp(proc + "/root/g/1"), "initrd");
  EXPECT_FALSE(open_file(proc + "/root/g/1", O_WRONLY).ok());
  EXPECT_FALSE(open_file(proc + "/root/new", O_WRONLY | O_CREAT).ok());
  EXPECT_FALSE(open_file(proc + "/root/usr/new", O_WRONLY | O_CREAT).ok());
  std::istringstream mounts(slurp(proc + "/mounts"));
  for (std::string line; std::getline(mounts, line);)
    EXPECT_NE(line.find(" ro,"), std::string::npos) << line;
  EXPECT_EQ(slurp(proc + "/oom_score_adj"), "300\n");
  // Descriptors: what protocol.h names, and what QEMU itself opened (anonymous inodes, itself).
  EXPECT_EQ(link_of(proc + "/fd/20"), disk_path);
  EXPECT_EQ(link_of(proc + "/fd/21"), "") << "a bind file must not stay open";
  for (const int fd : {10, 11, 12, 13})
    EXPECT_TRUE(link_of(proc + "/fd/" + std::to_string(fd)).starts_with("socket:")) << fd;
  EXPECT_TRUE(link_of(proc + "/fd/2").ends_with("/errors"));
  const auto descriptors = list_folder(proc + "/fd");
  for (const std::string& name : *descriptors) {
    const std::string target = link_of(proc + "/fd/" + name);
    EXPECT_EQ(target.find("cgroup"), std::string::npos) << name << " -> " << target;
    EXPECT_EQ(target.find("jail.lock"), std::string::npos) << name << " -> " << target;
  }
  const std::string groups = slurp(proc + "/cgroup");
  const std::string group = "/" + layout_->cgroup() + "/" + uuid.text();
  EXPECT_NE(groups.find(group + "/emulator\n"), std::string::npos) << groups;
  EXPECT_NE(qmp(uuid, "{\"execute\":\"query-status\"}").find("prelaunch"), std::string::npos);
  // vCPU threads move to their own group.
  const Answer placed = ask(make_request(Verb::place, next_id_++, uuid));
  ASSERT_TRUE(placed.status.ok()) << placed.status.error().message();
  EXPECT_EQ(placed.count, 1u);
  const auto vcpus = vcpu_threads_of(pid);
  ASSERT_EQ(vcpus.size(), 1u);
  EXPECT_NE(slurp("/proc/" + std::to_string(vcpus[0]) + "/cgroup").find(group + "/vcpu\n"),
            std::string::npos);
  const Answer usage = ask(make_request(Verb::usage, next_id_++, uuid));
  ASSERT_TRUE(usage.status.ok()) << usage.status.error().message();
  EXPECT_GT(usage.usage.emulator_ns, 1'000'000u);
  EXPECT_GT(usage.usage.memory_bytes, 1'000'000u);
  EXPECT_GT(usage.usage.bridle_ns, 0u);
  // The attendant has no rights either.
  pid_t attendant = 0;
  ASSERT_TRUE(eventually(patience, [&] { return (attendant = attendant_of(5)) > 0; }));
  EXPECT_EQ(status_field(attendant, "CapEff"), "0000000000000000");
  EXPECT_EQ(status_field(attendant, "CapBnd"), "0000000000000000");
  EXPECT_EQ(status_field(attendant, "NoNewPrivs"), "1");
  EXPECT_EQ(status_field(attendant, "Seccomp"), "2");
  EXPECT_EQ(link_of("/proc/" + std::to_string(attendant) + "/root"), layout_->guest(uuid));
}

// The soft limit. (prlimit would ask root for CAP_SYS_RESOURCE.)
uint64_t largest_file_of(uint32_t pid) {
  const std::string limits = slurp("/proc/" + std::to_string(pid) + "/limits");
  const std::string key = "Max file size";
  const size_t at = limits.find(key);
  return at == std::string::npos ? 0 : std::strtoull(limits.c_str() + at + key.size(), nullptr, 10);
}

// A QEMU that its guest took over does not fill the host's disk.
TEST_F(JailLive, BoundsTheFilesOfQemu) {
  const Uuid uuid = fresh();
  file_size_ = 1 << 20;
  const Answer started = start_guest(uuid, 1);
  ASSERT_TRUE(started.status.ok()) << started.status.error().message();
  EXPECT_EQ(largest_file_of(started.pid), uint64_t{1 << 20});
  EXPECT_TRUE(ask(make_grow(next_id_++, uuid, 0, 3 << 20)).status.ok());
  EXPECT_EQ(largest_file_of(started.pid), uint64_t{3 << 20});
  // Another disk is larger already.
  EXPECT_TRUE(ask(make_grow(next_id_++, uuid, 0, 2 << 20)).status.ok());
  EXPECT_EQ(largest_file_of(started.pid), uint64_t{3 << 20});
  EXPECT_EQ(ask(make_grow(next_id_++, uuid, 99, 9 << 20)).status.error().code(), Code::gone);
  EXPECT_EQ(ask(make_grow(next_id_++, fresh(), 0, 9 << 20)).status.error().code(), Code::not_found);
  EXPECT_EQ(ask(make_grow(next_id_++, uuid, 0, 0)).status.error().code(), Code::invalid);
}

TEST_F(JailLive, RefusesWhatBreaksARule) {
  const Uuid uuid = fresh();
  ASSERT_TRUE(start_guest(uuid, 1).status.ok());
  EXPECT_EQ(start_guest(uuid, 2).status.error().code(), Code::conflict);
  EXPECT_EQ(start_guest(fresh(), 1).status.error().code(), Code::conflict);
  EXPECT_EQ(ask(make_request(Verb::release, next_id_++, uuid)).status.error().code(),
            Code::conflict);
  EXPECT_EQ(ask(make_signal(next_id_++, fresh(), SIGKILL)).status.error().code(), Code::not_found);
  // What is for another boot leaves this one alone.
  EXPECT_EQ(ask(make_signal(next_id_++, uuid, SIGKILL, 99)).status.error().code(), Code::gone);
  EXPECT_TRUE(ask(make_request(Verb::release, next_id_++, uuid, 99)).status.ok());
  EXPECT_EQ(ask(make_request(Verb::list, next_id_++)).state, GuestState::running);
  // Arguments that could change after the check.
  const Fd loose(::memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  StartOrder order;
  order.machine = {fresh(), 1};
  order.slot = 9;
  const auto request = make_start(next_id_++, order);
  const Answer refused = ask(*request, {loose.get()});
  EXPECT_EQ(refused.status.error().code(), Code::refused);
  EXPECT_NE(::access(layout_->guest(order.machine.uuid).c_str(), F_OK), 0);
  // A folder: whoever has one open can walk up from it.
  const auto folder = open_file("/usr", O_RDONLY | O_DIRECTORY);
  files_ = {{folder->get(), FileUse::inherit}};
  EXPECT_EQ(start_guest(fresh(), 9).status.error().code(), Code::refused);
  files_.clear();
}

TEST_F(JailLive, AQemuThatRefusesItsArgumentsSaysWhy) {
  const Uuid uuid = fresh();
  ASSERT_TRUE(start_guest(uuid, 1, {"-device", "no-such-device"}).status.ok());
  const Answer exited = receive();
  EXPECT_EQ(exited.verb, Verb::exited);
  EXPECT_EQ(exited.id, 0u);
  EXPECT_TRUE(exited.machine.uuid == uuid);
  EXPECT_EQ(exited.exit_status, 1 << 8);
  EXPECT_NE(exited.last_words.find("no-such-device"), std::string::npos) << exited.last_words;
  ASSERT_TRUE(ask(make_request(Verb::release, next_id_++, uuid)).status.ok());
  EXPECT_NE(::access(layout_->guest(uuid).c_str(), F_OK), 0);
  EXPECT_TRUE(start_guest(uuid, 1).status.ok()) << "a released uuid may start again";
}

TEST_F(JailLive, AKilledQemuIsReportedAtOnce) {
  const Uuid uuid = fresh();
  const Answer started = start_guest(uuid, 1);
  ASSERT_TRUE(started.status.ok());
  const Fd status = attach(uuid, "status\n");
  EXPECT_EQ(next_line(status.get()),
            "{\"pid\":" + std::to_string(started.pid) + ",\"running\":true,\"exit\":null}");
  const auto before = Steady::now();
  ASSERT_EQ(send_signal(started.pid, SIGKILL), 0);
  const Answer exited = receive();
  const double elapsed = milliseconds_since(before);
  RecordProperty("exit_reported_ms", std::to_string(elapsed));
  std::printf("exit reported after %.1f ms\n", elapsed);
  EXPECT_EQ(exited.exit_status, SIGKILL);
  EXPECT_EQ(exited.boot, 7u);
  EXPECT_EQ(exited.machine.generation, 3u);
  EXPECT_EQ(next_line(status.get()),
            "{\"pid\":" + std::to_string(started.pid) + ",\"running\":false,\"exit\":9}");
  const Answer listed = ask(make_request(Verb::list, next_id_++));
  EXPECT_EQ(listed.state, GuestState::exited);
  EXPECT_EQ(listed.exit_status, SIGKILL);
}

TEST_F(JailLive, AKilledAttendantIsReplacedAndKeepsTheScrollback) {
  const Uuid uuid = fresh();
  const Answer started = start_speaker(uuid, 1);
  ASSERT_TRUE(started.status.ok()) << started.status.error().message();
  EXPECT_EQ(read_text(attach(uuid, "console 100\n"), 11), "first words");
  pid_t first = 0;
  ASSERT_TRUE(eventually(patience, [&] { return (first = attendant_of(1)) > 0; }));
  ASSERT_EQ(send_signal(first, SIGKILL), 0);
  pid_t second = 0;
  ASSERT_TRUE(
      eventually(patience, [&] { return (second = attendant_of(1)) > 0 && second != first; }));
  EXPECT_EQ(send_signal(started.pid, 0), 0) << "QEMU must live on";
  const Fd console = attach(uuid, "console 100\n");
  EXPECT_EQ(read_text(console, 11), "first words") << "scrollback from the ring file";
  ASSERT_TRUE(write_all(console.get(), "echo").ok());
  EXPECT_EQ(read_text(console, 4), "echo") << "the new attendant reached QEMU's serial socket";
  // The jail has inherited QEMU, and knows how it ends.
  ASSERT_EQ(send_signal(started.pid, SIGTERM), 0);
  const Answer exited = receive();
  EXPECT_EQ(exited.verb, Verb::exited);
  EXPECT_EQ(exited.exit_status, 0);
}

TEST_F(JailLive, AKilledJailAdoptsItsGuests) {
  const Uuid lives = fresh(), dies = fresh(), orphan = fresh();
  const Answer first = start_guest(lives, 1);
  const Answer second = start_guest(dies, 2);
  const Answer third = start_guest(orphan, 3);
  ASSERT_TRUE(first.status.ok() && second.status.ok() && third.status.ok());
  kill_jail();
  EXPECT_EQ(send_signal(first.pid, 0), 0);
  EXPECT_TRUE(eventually(patience, [&] { return attendant_of(1) > 0; }))
      << "attendants outlive the jail";
  ASSERT_EQ(send_signal(second.pid, SIGKILL), 0);
  pid_t lost = 0;
  ASSERT_TRUE(eventually(patience, [&] { return (lost = attendant_of(3)) > 0; }));
  ASSERT_EQ(send_signal(lost, SIGKILL), 0);
  ASSERT_TRUE(eventually(patience, [&] { return attendant_of(2) == 0 && attendant_of(3) == 0; }));
  start_jail();
  ASSERT_TRUE(client_->send(make_request(Verb::list, 50)).ok());
  std::map<Uuid, Answer> listed;
  for (int i = 0; i < 3; ++i) {
    const Answer answer = receive();
    EXPECT_EQ(answer.count, 3u);
    listed[answer.machine.uuid] = answer;
  }
  EXPECT_EQ(listed[lives].state, GuestState::running);
  EXPECT_EQ(listed[lives].pid, first.pid);
  EXPECT_EQ(listed[lives].start_time, first.start_time);
  EXPECT_EQ(listed[dies].state, GuestState::exited);
  EXPECT_EQ(listed[dies].exit_status, SIGKILL) << "its attendant left a note";
  EXPECT_EQ(listed[orphan].state, GuestState::running);
  pid_t replaced = 0;
  ASSERT_TRUE(eventually(patience, [&] { return (replaced = attendant_of(3)) > 0; }));
  EXPECT_NE(replaced, lost);
  // An adopted guest's end is seen; nobody knows the status of one whose parents both died.
  ASSERT_EQ(send_signal(first.pid, SIGKILL), 0);
  EXPECT_EQ(receive().exit_status, SIGKILL);
  ASSERT_EQ(send_signal(third.pid, SIGKILL), 0);
  EXPECT_EQ(receive().exit_status, -1);
}

TEST_F(JailLive, ReleaseLeavesNothing) {
  const Uuid uuid = fresh();
  const Answer started = start_guest(uuid, 1);
  ASSERT_TRUE(ask(make_signal(next_id_++, uuid, SIGKILL)).status.ok());
  EXPECT_EQ(receive().verb, Verb::exited);
  ASSERT_TRUE(ask(make_request(Verb::release, next_id_++, uuid)).status.ok());
  EXPECT_NE(::access(layout_->guest(uuid).c_str(), F_OK), 0);
  SystemCgroupFs fs;
  const auto groups = open_cgroups(fs, layout_->cgroup());
  EXPECT_EQ((*groups)->groups(), (std::vector<std::string>{"attendants", "helpers", "switches"}));
  EXPECT_EQ(attendant_of(1), 0);
  const Answer listed = ask(make_request(Verb::list, next_id_++));
  EXPECT_EQ(listed.count, 0u);
  EXPECT_TRUE(ask(make_request(Verb::release, next_id_++, uuid)).status.ok()) << "again is fine";
}

// A shell script stands in for bridle-image-helper, beside a copy of the jail.
class HelperLive : public JailLive {
 protected:
  void SetUp() override {
    JailLive::SetUp();
    if (HasFatalFailure()) return;
    kill_jail();
    const std::string folder = root_ + "/bin";
    ASSERT_EQ(::mkdir(folder.c_str(), 0755), 0);
    ASSERT_EQ(run({"/bin/cp", jail_program_, folder + "/bridle-jail"}), 0);
    jail_program_ = folder + "/bridle-jail";
    std::ofstream(folder + "/bridle-image-helper") << "#!/bin/sh\neval \"$1\"\n";
    ASSERT_EQ(::chmod((folder + "/bridle-image-helper").c_str(), 0755), 0);
    start_jail();
  }

  Answer begin(const Uuid& uuid, HelperKind kind, const std::string& script, int output) {
    auto memfd = arguments_memfd({script});
    const auto request = make_helper(next_id_++, {uuid, kind, {FileUse::inherit}});
    return ask(*request, {memfd->get(), output});
  }

  // Runs `script` to its end; its output, and its exit status in `status`.
  std::string run_helper(HelperKind kind, const std::string& script, int& status) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return "no pipe";
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    const Uuid uuid = fresh();
    const Answer begun = begin(uuid, kind, script, writer.get());
    EXPECT_TRUE(begun.status.ok()) << begun.status.error().message();
    writer.reset();
    const std::string output = *read_all(reader.get(), 1 << 20);
    const Answer exited = receive();
    EXPECT_EQ(exited.verb, Verb::exited);
    EXPECT_TRUE(exited.machine.uuid == uuid);
    status = exited.exit_status;
    return output;
  }
};

TEST_F(HelperLive, EachKindHasItsOwnWorld) {
  int status = -1;
  const std::string cache = layout_->cache(), incoming = layout_->incoming();
  // fetch: the host's network, writes the cache only.
  std::string text = run_helper(HelperKind::fetch,
                                "id -u; readlink /proc/self/ns/net; echo x >" + cache +
                                    "/got && echo kept; ls -A " + root_ +
                                    "; touch /new 2>/dev/null || echo read-only; exit 7",
                                status);
  EXPECT_EQ(text, std::to_string(layout_->fetch_uid()) + "\n" + link_of("/proc/self/ns/net") +
                      "\nkept\ncache\nread-only\n");
  EXPECT_EQ(status, 7 << 8);
  // store: no network, the images' uid.
  text = run_helper(HelperKind::store,
                    "id -u; readlink /proc/self/ns/net; echo x >" + layout_->parts() +
                        "/p && echo kept; cat " + cache + "/got; grep CapEff /proc/self/status",
                    status);
  EXPECT_TRUE(text.starts_with(std::to_string(layout_->images_uid()) + "\nnet:")) << text;
  EXPECT_EQ(text.find(link_of("/proc/self/ns/net")), std::string::npos);
  EXPECT_NE(text.find("\nkept\nx\nCapEff:\t0000000000000000\n"), std::string::npos) << text;
  // build: root of a user namespace.
  text = run_helper(
      HelperKind::build,
      "id -u; mkdir /tmp/t /tmp/p && mount -t tmpfs t /tmp/t && mount -t proc p /tmp/p && "
      "echo mounted; chown 1000:1000 /tmp/t && echo owned; echo x >" +
          incoming + "/part && echo kept; (echo x >" + cache +
          "/no) 2>/dev/null || echo cache read-only; cat /etc/shadow >/dev/null 2>&1 || "
          "echo no secrets; ls /sys/class/net 2>/dev/null; wc -l </proc/net/dev",
      status);
  EXPECT_EQ(text, "0\nmounted\nowned\nkept\ncache read-only\nno secrets\n3\n");
  EXPECT_EQ(status, 0);
  struct stat st {};
  ASSERT_EQ(::stat((incoming + "/part").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, layout_->namespace_uid());
}

TEST_F(HelperLive, KillingItEndsAllItStarted) {
  SystemCgroupFs fs;
  const auto groups = open_cgroups(fs, layout_->cgroup());
  const auto alive = [&] { return (*groups)->members("helpers").size(); };
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  for (const HelperKind kind : {HelperKind::build, HelperKind::store}) {
    const Uuid uuid = fresh();
    ASSERT_TRUE(begin(uuid, kind, "sleep 600 & setsid sleep 600 & wait", null.get()).status.ok());
    ASSERT_TRUE(eventually(patience, [&] { return alive() >= 4; }));
    ASSERT_TRUE(client_->send(make_signal(next_id_++, uuid, SIGTERM)).ok());
    receive();
    EXPECT_EQ(receive().exit_status, SIGKILL);
    EXPECT_TRUE(eventually(patience, [&] { return alive() == 0; }));
  }
  // A helper does not outlive whom it works for, nor the jail.
  ASSERT_TRUE(begin(fresh(), HelperKind::build, "sleep 600", null.get()).status.ok());
  client_.reset();
  EXPECT_TRUE(eventually(patience, [&] { return alive() == 0; }));
  ASSERT_TRUE(eventually(patience, [&] { return connect(); }));
  ASSERT_TRUE(begin(fresh(), HelperKind::build, "sleep 600", null.get()).status.ok());
  ASSERT_TRUE(eventually(patience, [&] { return alive() >= 3; }));
  kill_jail();
  EXPECT_TRUE(eventually(patience, [&] { return alive() == 0; }));
}

// Prints the figure of SPECIFICATION.md; asserts no time.
TEST_F(JailLive, StartCost) {
  std::vector<double> costs;
  for (uint32_t slot = 1; slot <= 12; ++slot) {
    const auto before = Steady::now();
    ASSERT_TRUE(start_guest(fresh(), slot, {}, 2).status.ok());
    costs.push_back(milliseconds_since(before));
    ::usleep(150'000);  // let QEMU settle: the jail's cost is measured, not the machine's load
  }
  std::sort(costs.begin(), costs.end());
  std::printf("start, request to QEMU executed: median %.2f ms, worst %.2f ms\n", costs[6],
              costs[11]);
  RecordProperty("start_ms", std::to_string(costs[6]));
}

}  // namespace
}  // namespace bridle::jail
