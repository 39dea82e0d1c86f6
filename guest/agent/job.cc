#include "job.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "reply.h"

namespace bridle::agent {

int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void Job::Stream::read_some() {
  char chunk[4096];
  while (fd >= 0) {
    const ssize_t n = ::read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return close_now();
    const size_t room = most_output - text.size();
    const size_t kept = static_cast<size_t>(n) < room ? static_cast<size_t>(n) : room;
    text.append(chunk, kept);
    cut = cut || kept < static_cast<size_t>(n);
  }
}

void Job::Stream::close_now() {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

Job::~Job() { forget(); }

namespace {

[[noreturn]] void become(char* const* argv, int out, int err) {
  ::setsid();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (::chdir("/") == 0) ::execvp(argv[0], argv);
  const char* why = strerrordesc_np(errno);
  [[maybe_unused]] ssize_t ignored = ::write(2, argv[0], std::strlen(argv[0]));
  ignored = ::write(2, ": ", 2);
  ignored = ::write(2, why, std::strlen(why));
  ignored = ::write(2, "\n", 1);
  ::_exit(127);
}

}  // namespace

bool Job::start(const Request& request, std::string& problem) {
  if (request.argv.empty() || request.argv[0].empty()) {
    problem = "exec needs \"argv\" with a program";
    return false;
  }
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return problem = "pipe: out of descriptors", false;
  if (::pipe2(err, O_CLOEXEC) != 0) {
    ::close(out[0]);
    ::close(out[1]);
    return problem = "pipe: out of descriptors", false;
  }
  std::vector<char*> argv;
  for (const std::string& word : request.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) become(argv.data(), out[1], err[1]);
  ::close(out[1]);
  ::close(err[1]);
  if (pid < 0) {
    ::close(out[0]);
    ::close(err[0]);
    return problem = "fork: the guest has no memory or processes left", false;
  }
  ::fcntl(out[0], F_SETFL, O_NONBLOCK);
  ::fcntl(err[0], F_SETFL, O_NONBLOCK);
  id_ = request.id;
  timeout_ = request.timeout;
  pid_ = pid;
  deadline_ = now_ms() + 1000LL * request.timeout;
  out_ = {out[0], {}, false};
  err_ = {err[0], {}, false};
  return true;
}

void Job::read_output() {
  out_.read_some();
  err_.read_some();
}

std::string Job::reply(int wait_status) {
  const int status =
      WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
  std::string line = begin_reply(id_, true);
  put_member(line, "status", status);
  // Both streams escaped must fit in one line, whatever bytes they hold.
  constexpr size_t room = longest_line - 256;
  line += ",\"out\":";
  bool whole = put_string(line, out_.text, room * 3 / 4);
  line += ",\"err\":";
  whole = put_string(line, err_.text, room - line.size()) && whole;
  if (!whole || out_.cut || err_.cut) line += ",\"truncated\":true";
  close(line);
  return line;
}

std::string Job::finish(int wait_status) {
  read_output();
  pid_ = -1;  // reaped: its number may be another's by now
  std::string line = reply(wait_status);
  forget();
  return line;
}

std::string Job::expire() {
  const std::string line =
      failure(id_, "no end after " + std::to_string(timeout_) + " s; it was killed");
  forget();
  return line;
}

void Job::forget() {
  if (pid_ > 0) ::kill(-pid_, SIGKILL);
  pid_ = -1;
  out_.close_now();
  err_.close_now();
  out_.text.clear();
  err_.text.clear();
}

}  // namespace bridle::agent
