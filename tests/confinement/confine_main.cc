// confine: starts the escape stand-in as a guest, a helper or bridled would be started, by the
// jail's own code from the checked request on, on a live root; only the last exec is swapped, and
// single layers can be left off (seam.h). Prints what the stand-in answered, how it ended, and what
// of it the host can see.
//
//   confine --root ROOT --role guest|tpm|switch|fetch|build|store|convert|daemon --program
//   FILE [OPTION...] -- PROBE... confine --root ROOT --role guest --qemu -- QEMU-ARGUMENT...
//
//   --without LAYER       left off; may be repeated
//   --slot N              of the guest (default 3990)
//   --bind FILE           visible to a guest as /g/1, /g/2 …
//   --pids N --memory BYTES --quota N    limits of the guest
//   --group N             the jail is started with this group, too
//   --leak FILE           the jail is started with FILE open as descriptor 900, not close-on-exec
//   --scratch FOLDER      working directory of the jail
//   --attendant PROBE     made by the guest's attendant; may be repeated
//
// The jail that this is starts with what a careless host may hand on: a group, high limits, a
// variable BRIDLE_SECRET, an open descriptor. It has a mount and a uts namespace of its own, so
// that a probe that gets out changes nothing but these.
//
// Output: "PROBE\tANSWER" lines; "exit\tSTATUS" (waitpid's), "hostname\tNAME", "mounts\tN" (of
// probes, in the jail's namespace). Exit code: 0 it ran, 1 it could not, 2 wrong use.
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "base/file.h"
#include "base/random.h"
#include "jail/client.h"
#include "jail/guests.h"
#include "jail/helper.h"
#include "jail/process.h"
#include "jail/supervise.h"
#include "jail/switch_start.h"
#include "jail/validate.h"
#include "seam.h"
#include "wire/socket.h"

namespace bridle::confinement {
namespace {

using namespace std::chrono_literals;
using namespace bridle::jail;

constexpr int leaked_fd = 900, program_fd = 901;
constexpr auto patience = 60s;
constexpr uint32_t zone = Layout::max_zone;  // of the switch

struct Options {
  std::map<std::string, std::vector<std::string>> values;
  std::vector<std::string> words;

  std::string text(const std::string& name, const std::string& otherwise = "") const {
    const auto found = values.find(name);
    return found == values.end() ? otherwise : found->second.back();
  }
  uint64_t number(const std::string& name, uint64_t otherwise) const {
    const std::string value = text(name);
    return value.empty() ? otherwise : std::strtoull(value.c_str(), nullptr, 10);
  }
  std::vector<std::string> all(const std::string& name) const {
    const auto found = values.find(name);
    return found == values.end() ? std::vector<std::string>{} : found->second;
  }
};

Options parse(int argc, char** argv) {
  Options options;
  int at = 1;
  for (; at < argc && std::string(argv[at]) != "--"; ++at) {
    const std::string name = argv[at];
    options.values[name].push_back(at + 1 >= argc ? "" : argv[++at]);
  }
  for (++at; at < argc; ++at) options.words.emplace_back(argv[at]);
  return options;
}

// ---- the host

void raise(int resource, rlim_t value) {
  const rlimit both{value, value};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

Status open_at(const std::string& path, int number) {
  BRIDLE_TRY(const Fd fd, open_file(path, O_RDONLY));
  if (::dup2(fd.get(), number) < 0) return errno_error(path);
  return {};
}

Status make_careless_host(const Options& options) {
  raise_open_files(65536);
  for (const int resource : {RLIMIT_CORE, RLIMIT_MSGQUEUE}) raise(resource, RLIM_INFINITY);
  raise(RLIMIT_RTPRIO, 99);
  raise(RLIMIT_NICE, 40);
  if (::unshare(CLONE_NEWNS | CLONE_NEWUTS) != 0) return errno_error("unshare");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return errno_error("making mounts private");
  if (::sethostname("host", 4) != 0) return errno_error("sethostname");
  const auto group = static_cast<gid_t>(options.number("--group", 0));
  if (::setgroups(1, &group) != 0) return errno_error("setgroups");
  ::setenv("BRIDLE_SECRET", "of the host", 1);
  const std::string scratch = options.text("--scratch", "/");
  if (::chdir(scratch.c_str()) != 0) return errno_error(scratch);
  if (!options.text("--leak").empty()) BRIDLE_CHECK(open_at(options.text("--leak"), leaked_fd));
  BRIDLE_CHECK(open_at(options.text("--program"), program_fd));
  ::fcntl(program_fd, F_SETFD, FD_CLOEXEC);
  orders.program = program_fd;
  return {};
}

void tell_effects(int status) {
  char name[65] = {};
  ::gethostname(name, sizeof name - 1);
  int mounts = 0;
  if (const auto text = read_file("/proc/self/mounts"))
    for (size_t at = text->find("probe "); at != std::string::npos;
         at = text->find("probe ", at + 1))
      ++mounts;
  const bool dumped = status >= 0 && WCOREDUMP(status);
  std::printf("exit\t%d\nhostname\t%s\nmounts\t%d\ndumped\t%d\n", status, name, mounts,
              dumped ? 1 : 0);
}

// ---- a run

// The pipe that results come through, and the loop that waits for the end.
struct Run {
  const Options& options;
  Layout layout;
  SystemCgroupFs fs;
  std::unique_ptr<Cgroups> cgroups;
  Loop loop;
  Fd reader, writer, answers;
  SystemRandom random;
  int status = -1;
  Status failure;

  void hear() {
    char chunk[4096];
    const ssize_t n = ::read(reader.get(), chunk, sizeof chunk);
    if (n > 0) std::fwrite(chunk, 1, static_cast<size_t>(n), stdout);
    if (n <= 0) loop.forget(reader.get());
  }
  void hear_the_rest() {
    char answer[4096];
    off_t at = 0;
    for (ssize_t n; answers && (n = ::pread(answers.get(), answer, sizeof answer, at)) > 0; at += n)
      std::fwrite(answer, 1, static_cast<size_t>(n), stdout);
    ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    char chunk[4096];
    for (ssize_t n; (n = ::read(reader.get(), chunk, sizeof chunk)) > 0;)
      std::fwrite(chunk, 1, static_cast<size_t>(n), stdout);
  }
  void fail(Error error) {
    failure = std::move(error);
    loop.stop();
  }
};

Result<std::unique_ptr<Run>> make_run(const Options& options) {
  BRIDLE_TRY(const Layout layout, Layout::of(options.text("--root")));
  BRIDLE_TRY(Loop loop, Loop::create());
  auto run = std::unique_ptr<Run>(
      new Run{options, layout, {}, nullptr, std::move(loop), {}, {}, {}, {}, -1, {}});
  BRIDLE_TRY(run->cgroups, open_cgroups(run->fs, layout.cgroup()));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe2");
  run->reader.reset(ends[0]);
  run->writer.reset(ends[1]);
  BRIDLE_CHECK(
      run->loop.watch(run->reader.get(), EPOLLIN, [r = run.get()](uint32_t) { r->hear(); }));
  run->loop.after(patience,
                  [r = run.get()] { r->fail(Error(Code::exhausted, "it does not end")); });
  return run;
}

Answer answer_of(const Reply& reply) { return *parse_reply(wire::bytes_of(reply)); }

// Looks every 5 ms whether the attendant's probes are done, or ended it; then ends the guest.
void watch_attendant(Run& run, pid_t qemu) {
  const pid_t pid = attendant_answers->pid;
  const bool ended = pid != 0 && ::kill(pid, 0) != 0;
  if (attendant_answers->done || ended) {
    std::fputs(attendant_answers->done ? attendant_answers->text : "attendant\tkilled\n", stdout);
    if (qemu > 1) ::kill(qemu, SIGKILL);  // 0 would be our own group
    return;
  }
  run.loop.after(5ms, [&run, qemu] { watch_attendant(run, qemu); });
}

// The stand-in is the guest's TPM; another, its QEMU, waits for that one's end. What it answers
// goes where swtpm would find the key.
Result<Request> tpm_request(Run& run, StartOrder order, std::vector<Fd>& descriptors) {
  constexpr int qemus_end = first_file_fd + 1;  // of the socket between them
  orders.fixed_words = run.options.words;
  orders.fixed_words.insert(orders.fixed_words.begin(), "21");
  order.files = {FileUse::inherit, FileUse::tpm_key};
  BRIDLE_TRY(Fd memfd, arguments_memfd(
                           {std::to_string(first_file_fd), "end-of:" + std::to_string(qemus_end)}));
  BRIDLE_TRY(Fd nothing, open_file("/dev/null", O_RDWR));
  run.answers.reset(::memfd_create("answers", MFD_CLOEXEC));
  descriptors.push_back(std::move(memfd));
  descriptors.push_back(std::move(nothing));
  descriptors.emplace_back(::dup(run.answers.get()));
  return make_start(1, order);
}

Result<Request> guest_request(Run& run, std::vector<Fd>& descriptors) {
  const Options& options = run.options;
  StartOrder order;
  order.machine = {Uuid::random(run.random), 1};
  order.boot = 1;
  order.slot = static_cast<uint32_t>(options.number("--slot", 3990));
  order.limits.pids = static_cast<uint32_t>(options.number("--pids", 0));
  order.limits.memory_limit = options.number("--memory", 0);
  order.limits.cpu_quota = options.number("--quota", 0);
  if (options.text("--role") == "tpm") return tpm_request(run, std::move(order), descriptors);
  order.files = {FileUse::inherit};
  std::vector<std::string> words = options.words;
  words.insert(words.begin(), std::to_string(first_file_fd));
  BRIDLE_TRY(Fd memfd, arguments_memfd(words));
  descriptors.push_back(std::move(memfd));
  descriptors.push_back(std::move(run.writer));
  for (const std::string& path : options.all("--bind")) {
    order.files.push_back(FileUse::bind);
    BRIDLE_TRY(Fd fd, open_file(path, O_RDONLY));
    descriptors.push_back(std::move(fd));
  }
  return make_start(1, order);
}

Status run_guest(Run& run) {
  std::vector<Fd> descriptors;
  BRIDLE_TRY(const Request request, guest_request(run, descriptors));
  BRIDLE_CHECK(validate(request, descriptors.size()));
  Guests* known = nullptr;
  const auto released = [&](const Reply& reply) {
    const Answer answer = answer_of(reply);
    if (!answer.status.ok()) return run.fail(answer.status.error());
    run.loop.stop();
  };
  const auto ended = [&](const Reply& reply) {
    if (reply.verb != Verb::exited) return;
    run.status = reply.exit_status;
    const Request release = make_request(Verb::release, 2, uuid_of(request));
    run.loop.after(0ms, [&, release] { known->release(release, released); });
  };
  Guests guests(run.loop, run.layout, *run.cgroups, ended);
  known = &guests;
  guests.start(request, std::move(descriptors), [&](const Reply& reply) {
    const Answer answer = answer_of(reply);
    if (!answer.status.ok()) return run.fail(answer.status.error());
    if (!orders.in_attendant.empty()) watch_attendant(run, static_cast<pid_t>(answer.pid));
  });
  BRIDLE_CHECK(run.loop.run());
  BRIDLE_CHECK(std::move(run.failure));
  return guests.forget(request);
}

Status run_helper(Run& run, HelperKind kind) {
  std::vector<std::string> words = run.options.words;
  words.insert(words.begin(), "1");
  std::vector<Fd> descriptors;
  BRIDLE_TRY(Fd memfd, arguments_memfd(words));
  descriptors.push_back(std::move(memfd));
  descriptors.push_back(std::move(run.writer));
  BRIDLE_TRY(const Request request,
             make_helper(1, {Uuid::random(run.random), kind, {FileUse::inherit}}));
  BRIDLE_CHECK(validate(request, descriptors.size()));
  Helpers helpers(run.loop, run.layout, *run.cgroups, run.options.text("--program"),
                  [&](uint64_t, const Reply& reply) {
                    run.status = reply.exit_status;
                    run.loop.stop();
                  });
  Reply reply{};
  BRIDLE_CHECK(helpers.run(request, std::move(descriptors), 1, reply));
  BRIDLE_CHECK(run.loop.run());
  return std::move(run.failure);
}

// Its stdout is a FIFO that the jail reads.
Result<RunningSwitch> launch_one(Run& run, const std::string& group) {
  constexpr int room = 1 << 20;
  Limits limits{};
  limits.pids = static_cast<uint32_t>(run.options.number("--pids", 0));
  limits.memory_limit = run.options.number("--memory", 0);
  BRIDLE_CHECK(make_switch_folders(run.layout, zone));
  run.loop.forget(run.reader.get());
  BRIDLE_TRY(run.reader, open_switch_errors(run.layout, zone));
  ::fcntl(run.reader.get(), F_SETPIPE_SZ, room);
  BRIDLE_CHECK(run.loop.watch(run.reader.get(), EPOLLIN, [&run](uint32_t) { run.hear(); }));
  BRIDLE_CHECK(run.cgroups->create_plain(group, limits));
  SwitchLaunch launch{zone, run.options.text("--program"), {}};
  BRIDLE_TRY(launch.groups, run.cgroups->shared_entrances(group));
  return launch_switch(run.layout, std::move(launch));
}

Status run_switch(Run& run) {
  const std::string group = "switches/" + std::to_string(zone);
  orders.fixed_words = run.options.words;
  orders.fixed_words.insert(orders.fixed_words.begin(), "1");
  BRIDLE_TRY(const RunningSwitch running, launch_one(run, group));
  BRIDLE_CHECK(run.loop.watch(running.pidfd.get(), EPOLLIN, [&run](uint32_t) { run.loop.stop(); }));
  BRIDLE_CHECK(run.loop.run());
  run.status = reap(running.pidfd.get()).value_or(-1);
  for (int tries = 0; !run.cgroups->remove(group).ok() && tries < 200; ++tries) ::usleep(5000);
  BRIDLE_CHECK(remove_tree(run.layout.switch_run(zone)));
  BRIDLE_CHECK(remove_tree(run.layout.switch_state(zone)));
  return std::move(run.failure);
}

Status run_daemon(Run& run) {
  orders.words = run.options.words;
  orders.words.insert(orders.words.begin(), "1");
  Fd pidfd;
  BRIDLE_TRY(const pid_t pid, fork_into(0, pidfd));
  if (pid == 0) {
    ::dup2(run.writer.get(), 1);
    const Status status = become_daemon(run.layout, run.options.text("--program"));
    std::fprintf(stderr, "confine: %s\n", status.error().message().c_str());
    ::_exit(127);
  }
  run.writer.reset();
  BRIDLE_CHECK(run.loop.watch(pidfd.get(), EPOLLIN, [&](uint32_t) { run.loop.stop(); }));
  BRIDLE_CHECK(run.loop.run());
  run.status = reap(pidfd.get()).value_or(-1);
  return std::move(run.failure);
}

Status run_role(Run& run, const std::string& role) {
  if (role == "guest" || role == "tpm") return run_guest(run);
  if (role == "switch") return run_switch(run);
  if (role == "daemon") return run_daemon(run);
  const std::map<std::string, HelperKind> helpers = {{"fetch", HelperKind::fetch},
                                                     {"build", HelperKind::build},
                                                     {"store", HelperKind::store},
                                                     {"convert", HelperKind::convert}};
  const auto found = helpers.find(role);
  if (found == helpers.end()) return Error(Code::invalid, "--role " + role + " is not known");
  return run_helper(run, found->second);
}

Status confine(const Options& options) {
  for (const std::string& layer : options.all("--without")) orders.without.insert(layer);
  orders.in_attendant = options.all("--attendant");
  attendant_answers = static_cast<AttendantAnswers*>(::mmap(nullptr, sizeof(AttendantAnswers),
                                                            PROT_READ | PROT_WRITE,
                                                            MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  BRIDLE_CHECK(make_careless_host(options));
  BRIDLE_TRY(const auto run, make_run(options));
  Status status = run_role(*run, options.text("--role"));
  run->hear_the_rest();
  tell_effects(run->status);
  return status;
}

}  // namespace
}  // namespace bridle::confinement

int main(int argc, char** argv) {
  using namespace bridle;
  const auto options = confinement::parse(argc, argv);
  if (options.text("--root").empty() || options.text("--role").empty()) {
    std::fputs("usage: confine --root ROOT --role ROLE [OPTION...] -- WORD...\n", stderr);
    return 2;
  }
  const Status status = confinement::confine(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "confine: %s\n", status.error().message().c_str());
  return 1;
}
