#include "base/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/crash_point.h"
#include "base/fd.h"
#include "base/file.h"

namespace bridle {
namespace {

constexpr size_t kept_error = 4096;

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return errno_error("pipe");
  return Pipe{Fd(fds[0]), Fd(fds[1])};
}

struct Plan {
  std::vector<char*> argv, environment;
  const char* folder;
  int in, out, err;
};

// After fork in a process that may have threads: system calls only.
[[noreturn]] void become(const Plan& plan) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(plan.in, 0);
  ::dup2(plan.out, 1);
  ::dup2(plan.err, 2);
  if (*plan.folder == '\0' || ::chdir(plan.folder) == 0) {
    BRIDLE_CRASH_POINT("child.exec");
    ::execve(plan.argv[0], plan.argv.data(), plan.environment.data());
  }
  ::_exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (const auto& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

// What a child writes, while it runs.
class Collector {
 public:
  explicit Collector(const ChildSpec& spec) : spec_(spec) {}

  Status take_out(std::string_view bytes) {
    if (spec_.on_line) lines(bytes);
    if (out_.size() + bytes.size() > spec_.most_output)
      return Error(Code::exhausted,
                   "it wrote more than " + std::to_string(spec_.most_output) + " bytes");
    if (!spec_.on_line) out_ += bytes;
    return {};
  }
  void take_err(std::string_view bytes) {
    err_ += bytes;
    if (err_.size() > 2 * kept_error) err_.erase(0, err_.size() - kept_error);
  }
  ChildResult result() {
    if (!partial_.empty() && spec_.on_line) spec_.on_line(partial_);
    return {std::move(out_), std::move(err_)};
  }
  const std::string& err() const { return err_; }

 private:
  void lines(std::string_view bytes) {
    for (const char c : bytes) {
      if (c == '\n') {
        spec_.on_line(partial_);
        partial_.clear();
      } else if (partial_.size() < 65536) {
        partial_ += c;
      }
    }
  }

  const ChildSpec& spec_;
  std::string out_, err_, partial_;
};

// One read; false at the end of the stream.
Result<bool> pump(int fd, const std::function<Status(std::string_view)>& take) {
  char chunk[16384];
  const ssize_t n = ::read(fd, chunk, sizeof chunk);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (n < 0) return errno_error("reading its output");
  if (n == 0) return false;
  BRIDLE_CHECK(take({chunk, static_cast<size_t>(n)}));
  return true;
}

Status collect(Fd out, Fd err, Tick deadline, Collector& collector) {
  SystemClock clock;
  while (out.valid() || err.valid()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock.now()).count();
    if (left <= 0) return Error(Code::exhausted, "it did not end in time and was killed");
    pollfd polled[] = {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
    if (::poll(polled, 2, static_cast<int>(std::min<int64_t>(left, 1000))) < 0 && errno != EINTR)
      return errno_error("poll");
    if (polled[0].revents != 0) {
      BRIDLE_TRY(const bool more,
                 pump(out.get(), [&](std::string_view b) { return collector.take_out(b); }));
      if (!more) out.reset();
    }
    if (polled[1].revents != 0) {
      BRIDLE_TRY(const bool more, pump(err.get(), [&](std::string_view b) {
                   collector.take_err(b);
                   return Status();
                 }));
      if (!more) err.reset();
    }
  }
  return {};
}

std::string last_words(const std::string& err) {
  std::string text = err.size() > 600 ? err.substr(err.size() - 600) : err;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? "" : ": " + text;
}

Status verdict(int status, const std::string& err) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const std::string how = WIFEXITED(status) ? "status " + std::to_string(WEXITSTATUS(status))
                                            : "signal " + std::to_string(WTERMSIG(status));
  return Error(Code::internal, "ended with " + how + last_words(err));
}

struct Started {
  pid_t pid = -1;
  Fd out, err;  // our ends
};

Result<Started> start(const ChildSpec& spec) {
  BRIDLE_TRY(const Fd in,
             open_file(spec.input.empty() ? "/dev/null" : spec.input.c_str(), O_RDONLY));
  BRIDLE_TRY(Pipe out, make_pipe());
  BRIDLE_TRY(Pipe err, make_pipe());
  if (!spec.output.empty()) {
    BRIDLE_TRY(out.write, open_file(spec.output, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  }
  const Plan plan{pointers(spec.argv), pointers(spec.environment),
                  spec.folder.c_str(), in.get(),
                  out.write.get(),     err.write.get()};
  BRIDLE_CRASH_POINT("child.fork");
  const pid_t pid = ::fork();
  if (pid < 0) return errno_error("fork");
  if (pid == 0) become(plan);
  BRIDLE_CRASH_POINT("child.forked");
  return Started{pid, std::move(out.read), std::move(err.read)};
}

// A child that closed its output is about to end; one that does not is killed.
int reap(pid_t pid, Tick deadline) {
  SystemClock clock;
  int status = 0;
  for (pid_t done = 0; done != pid; done = ::waitpid(pid, &status, WNOHANG)) {
    if (done < 0 && errno != EINTR) return W_EXITCODE(1, 0);
    if (clock.now() > deadline) ::kill(-pid, SIGKILL);
    if (done == 0) ::usleep(500);
  }
  return status;
}

}  // namespace

Result<ChildResult> run_child(const ChildSpec& spec) {
  if (spec.argv.empty() || spec.argv[0].empty() || spec.argv[0][0] != '/')
    return Error(Code::invalid, "a child needs the absolute path of its program");
  SystemClock clock;
  BRIDLE_TRY(Started child, start(spec).context(spec.argv[0]));
  Collector collector(spec);
  const Status collected =
      collect(std::move(child.out), std::move(child.err), clock.now() + spec.timeout, collector);
  if (!collected.ok()) ::kill(-child.pid, SIGKILL);
  const int status = reap(child.pid, clock.now() + std::chrono::seconds(60));
  BRIDLE_CHECK(Status(collected).context(spec.argv[0]));
  BRIDLE_CHECK(verdict(status, collector.err()).context(spec.argv[0]));
  return collector.result();
}

}  // namespace bridle
