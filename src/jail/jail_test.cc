// Unit tests of the jail's pure parts: no root, no QEMU.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jail/client.h"
#include "jail/console.h"
#include "jail/console_ring.h"
#include "jail/options.h"
#include "jail/process.h"
#include "jail/record.h"
#include "jail/seccomp.h"
#include "jail/supervise.h"
#include "jail/validate.h"
#include "wire/socket.h"

namespace bridle::jail {
namespace {

using namespace std::chrono_literals;

Uuid some_uuid() { return *Uuid::parse("00112233-4455-4677-8899-aabbccddeeff"); }

Request good_start() {
  StartOrder order;
  order.machine = {some_uuid(), 1};
  order.slot = 1;
  order.files = {FileUse::inherit, FileUse::bind};
  return *make_start(1, order);
}

TEST(Validate, AcceptsWhatTheClientMakes) {
  EXPECT_TRUE(validate(good_start(), 3).ok());
  EXPECT_TRUE(validate(make_request(Verb::hello, 1), 0).ok());
  EXPECT_TRUE(validate(make_request(Verb::list, 1), 0).ok());
  EXPECT_TRUE(validate(make_request(Verb::release, 1, some_uuid()), 0).ok());
  EXPECT_TRUE(validate(make_signal(1, some_uuid(), SIGTERM), 0).ok());
  EXPECT_TRUE(validate(*make_helper(1, {some_uuid(), HelperKind::build, {}}), 1).ok());
}

TEST(Validate, RefusesEachBrokenRule) {
  const auto refused = [](void (*spoil)(Request&), size_t descriptors = 3) {
    Request request = good_start();
    spoil(request);
    const Status status = validate(request, descriptors);
    return !status.ok() && status.error().code() == Code::invalid;
  };
  EXPECT_FALSE(refused([](Request&) {}));
  EXPECT_TRUE(refused([](Request& r) { r.magic = 0; }));
  EXPECT_TRUE(refused([](Request& r) { r.version = 2; }));
  EXPECT_TRUE(refused([](Request& r) { r.verb = static_cast<Verb>(0); }));
  EXPECT_TRUE(refused([](Request& r) { r.verb = static_cast<Verb>(21); }));
  EXPECT_TRUE(refused([](Request& r) { r.verb = Verb::tpm_lost; }, 0));
  EXPECT_TRUE(refused([](Request& r) { r.verb = Verb::exited; }, 0));
  EXPECT_TRUE(refused([](Request& r) { r.slot = 0; }));
  EXPECT_TRUE(refused([](Request& r) { r.slot = Layout::max_slot + 1; }));
  EXPECT_TRUE(refused([](Request& r) { r.interface_count = max_interfaces + 1; }));
  EXPECT_TRUE(refused([](Request& r) { r.file_count = max_files + 1; }));
  EXPECT_TRUE(refused([](Request& r) { r.file_count = 1; }));
  EXPECT_TRUE(refused([](Request& r) { r.files[0] = static_cast<FileUse>(4); }));
  EXPECT_FALSE(refused([](Request& r) { r.files[0] = FileUse::tpm_key; }));
  EXPECT_TRUE(refused([](Request& r) { r.files[0] = r.files[1] = FileUse::tpm_key; }));
  EXPECT_TRUE(refused([](Request& r) { r.files[5] = FileUse::bind; }));
  EXPECT_TRUE(refused([](Request& r) { r.use_kvm = 2; }));
  EXPECT_TRUE(refused([](Request& r) { r.body[343] = 1; }));
  EXPECT_TRUE(refused([](Request& r) { r.limits.pids = 1 << 30; }));
  EXPECT_TRUE(refused([](Request& r) { std::fill(std::begin(r.uuid), std::end(r.uuid), 0); }));
  EXPECT_TRUE(refused([](Request&) {}, 2));
  EXPECT_TRUE(refused([](Request&) {}, 4));
  EXPECT_TRUE(refused([](Request& r) { r.verb = Verb::list; }));
  EXPECT_TRUE(refused([](Request& r) { r.verb = Verb::helper; }));
  EXPECT_FALSE(validate(make_signal(1, some_uuid(), SIGSTOP), 0).ok());
}

TEST(Arguments, SurviveTheMemfd) {
  const std::vector<std::string> arguments = {"-m", "", "two words"};
  EXPECT_EQ(*split_arguments(*join_arguments(arguments)), arguments);
  EXPECT_TRUE(split_arguments("")->empty());
  EXPECT_FALSE(split_arguments("cut").ok());
  EXPECT_FALSE(split_arguments(std::string(max_argument_bytes + 1, '\0')).ok());
  EXPECT_FALSE(split_arguments(std::string(max_arguments + 1, '\0')).ok());
  EXPECT_FALSE(join_arguments({std::string("a\0b", 3)}).ok());
}

TEST(Reply, CarriesErrorsAndWords) {
  Reply reply{};
  reply.magic = magic;
  reply.version = version;
  reply.verb = Verb::start;
  reply.error = static_cast<int>(Code::conflict) + 1;
  std::fill(std::begin(reply.message), std::end(reply.message), 'x');  // not terminated
  const auto answer = parse_reply(wire::bytes_of(reply));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->status.error().code(), Code::conflict);
  EXPECT_EQ(answer->status.error().message().size(), sizeof reply.message);
  reply.error = 1000;
  EXPECT_EQ(parse_reply(wire::bytes_of(reply))->status.error().code(), Code::internal);
  EXPECT_FALSE(parse_reply(wire::bytes_of(reply).first(511)).ok());
  reply.version = 9;
  EXPECT_FALSE(parse_reply(wire::bytes_of(reply)).ok());
}

TEST(Record, OfANewerBridleIsRefusedWhateverItsSize) {
  std::string newer = encode(Record{});
  newer[4] = 3;
  for (const std::string& bytes : {newer, newer + "more", newer.substr(0, 20)}) {
    const auto refused = decode_record(bytes);
    EXPECT_EQ(refused.error().code(), Code::refused);
    EXPECT_TRUE(refused.error().message().starts_with("downgrade refused")) << bytes.size();
  }
}

TEST(Record, SurvivesAndDetectsEveryFlippedBit) {
  const Record record{some_uuid(), 2, 3, 4, {5, 6}, {7, 8}, some_uuid()};
  const std::string bytes = encode(record);
  EXPECT_EQ(*decode_record(bytes), record);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string spoilt = bytes;
    spoilt[bit / 8] = static_cast<char>(spoilt[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(decode_record(spoilt).ok()) << bit;
  }
  EXPECT_FALSE(decode_record(bytes.substr(1)).ok());
  EXPECT_FALSE(decode_record("").ok());
}

TEST(TpmNote, SurvivesAndDetectsEveryFlippedBit) {
  const ProcessId tpm{7, 8'000'000'000};
  const std::string bytes = encode(tpm);
  EXPECT_EQ(*decode_tpm(bytes), tpm);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string spoilt = bytes;
    spoilt[bit / 8] = static_cast<char>(spoilt[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(decode_tpm(spoilt).ok()) << bit;
  }
  EXPECT_FALSE(decode_tpm(encode(Record{})).ok());
}

TEST(ExitNote, KeepsTheEndOfPrintableWords) {
  const ExitNote note{256, "bad\x1b[31m option"};
  EXPECT_EQ(*decode_exit_note(encode(note)), (ExitNote{256, "bad.[31m option"}));
  const auto cut = decode_exit_note(encode(ExitNote{-1, std::string(500, 'a') + "end"}));
  EXPECT_EQ(cut->last_words.size(), 180u);
  EXPECT_TRUE(cut->last_words.ends_with("end"));
  EXPECT_FALSE(decode_exit_note("").ok());
}

TEST(ConsoleRing, KeepsTheLastBytesAcrossMappings) {
  const Fd file(::memfd_create("ring", MFD_CLOEXEC));
  {
    auto ring = ConsoleRing::map(file.get());
    ASSERT_TRUE(ring.ok());
    EXPECT_EQ(ring->last(10), "");
    ring->append("hello ");
    ring->append("world");
    EXPECT_EQ(ring->last(5), "world");
    EXPECT_EQ(ring->last(1000), "hello world");
  }
  auto ring = ConsoleRing::map(file.get());
  EXPECT_EQ(ring->last(1000), "hello world");
  std::string all = "hello world";
  for (int i = 0; i < 100; ++i) {
    const std::string piece(7919, static_cast<char>('a' + i % 26));
    ring->append(piece);
    all += piece;
  }
  EXPECT_EQ(ring->written(), all.size());
  EXPECT_EQ(ring->last(ConsoleRing::capacity), all.substr(all.size() - ConsoleRing::capacity));
  ring->append(std::string(ConsoleRing::capacity + 5, 'z'));
  EXPECT_EQ(ring->last(ConsoleRing::capacity * 2), std::string(ConsoleRing::capacity, 'z'));
}

TEST(Console, FirstLinePicksTheMode) {
  EXPECT_TRUE(parse_mode("status")->status);
  EXPECT_EQ(parse_mode("console 100")->scrollback, 100u);
  EXPECT_EQ(parse_mode("console 99999999")->scrollback, ConsoleRing::capacity);
  for (const char* wrong : {"", "console", "console ", "console x", "console 1 ", "console -1",
                            "console 99999999999999999999999", "STATUS"})
    EXPECT_FALSE(parse_mode(wrong).ok()) << wrong;
  EXPECT_EQ(status_line(7, std::nullopt), "{\"pid\":7,\"running\":true,\"exit\":null}\n");
  EXPECT_EQ(status_line(7, 256), "{\"pid\":7,\"running\":false,\"exit\":256}\n");
}

TEST(ConsoleQueue, ASlowClientLosesOutputAndIsTold) {
  ConsoleQueue queue;
  queue.offer("early ");
  queue.offer(std::string(ConsoleQueue::bound, 'x'));  // over the bound: skipped whole
  queue.offer("also skipped");
  EXPECT_EQ(queue.pending(), "early ");
  queue.consume(6);
  EXPECT_EQ(queue.pending(), "\r\n[bridle: " + std::to_string(ConsoleQueue::bound + 12) +
                                 " bytes of output were skipped]\r\n");
  queue.consume(queue.pending().size());
  queue.offer("live again");
  EXPECT_EQ(queue.pending(), "live again");
  // Never more than the bound, whatever comes.
  for (int i = 0; i < 1000; ++i) queue.offer(std::string(4096, 'y'));
  EXPECT_LE(queue.pending().size(), ConsoleQueue::bound);
}

TEST(Seccomp, TheProgramChecksArchitectureFirstAndEndsInAKill) {
  const auto program = attendant_filter();
  ASSERT_GT(program.size(), 10u);
  EXPECT_EQ(program[0].code, BPF_LD | BPF_W | BPF_ABS);
  EXPECT_EQ(program[0].k, offsetof(seccomp_data, arch));
  EXPECT_EQ(program[2].k, SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(program.back().k, SECCOMP_RET_KILL_PROCESS);
  for (size_t i = 0; i < program.size(); ++i)
    if ((program[i].code & 7) == BPF_JMP) {
      EXPECT_LT(i + 1 + program[i].jt, program.size());
      EXPECT_LT(i + 1 + program[i].jf, program.size());
    }
}

TEST(Seccomp, LetsAnAttendantWorkAndKillsWhatItMayNot) {
  // Bare system calls: what the sanitizers do besides would count as the attendant's.
  const auto ends_by = [](long call, long first, long second) {
    std::vector<sock_filter> program = attendant_filter();
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (!set_no_new_privileges().ok()) ::_exit(3);
      ::syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
      ::syscall(call, first, second, 0, 0, 0, 0);
      ::syscall(SYS_exit_group, 0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
  };
  EXPECT_EQ(ends_by(SYS_socket, AF_UNIX, SOCK_STREAM), 0);
  EXPECT_EQ(ends_by(SYS_socket, AF_INET, SOCK_STREAM) & 0x7f, SIGSYS);
  EXPECT_EQ(ends_by(SYS_open, 0, O_RDONLY) & 0x7f, SIGSYS);
  EXPECT_EQ(ends_by(SYS_kill, 1, 0) & 0x7f, SIGSYS);
  EXPECT_EQ(ends_by(SYS_clone, 0, 0) & 0x7f, SIGSYS);
}

TEST(Process, IsKnownByPidAndStartTime) {
  const auto start_time = start_time_of(::getpid());
  ASSERT_TRUE(start_time.ok());
  const auto self = static_cast<uint32_t>(::getpid());
  EXPECT_TRUE(open_process({self, *start_time}).ok());
  EXPECT_EQ(open_process({self, *start_time + 1}).error().code(), Code::not_found);
  EXPECT_FALSE(open_process({0, 0}).ok());
}

TEST(Process, ReapsItsChildrenOnly) {
  Fd child;
  const auto pid = fork_into(0, child);
  ASSERT_TRUE(pid.ok());
  if (*pid == 0) ::_exit(3);
  for (int i = 0; i < 1000 && !has_ended(child.get()); ++i) ::usleep(1000);
  EXPECT_EQ(reap(child.get()), 3 << 8);
  EXPECT_EQ(reap(child.get()), std::nullopt);
}

TEST(Supervise, BacksOffAndStaysBounded) {
  EXPECT_EQ(restart_delay(1), Duration(100ms));
  EXPECT_EQ(restart_delay(2), Duration(200ms));
  EXPECT_EQ(restart_delay(6), Duration(3200ms));
  EXPECT_EQ(restart_delay(7), Duration(5s));
  EXPECT_EQ(restart_delay(1000), Duration(5s));
}

TEST(Options, AreRootAndKnownFlags) {
  const char* const good[] = {"x", "--root", "/r", "--purge"};
  const auto options = parse_options(4, good, {"--purge"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->root, "/r");
  EXPECT_TRUE(options->flags.contains("--purge"));
  EXPECT_FALSE(parse_options(4, good, {}).ok());
  const char* const cut[] = {"x", "--root"};
  EXPECT_FALSE(parse_options(2, cut, {}).ok());
}

}  // namespace
}  // namespace bridle::jail
