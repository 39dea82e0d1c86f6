#include "jail/supervise.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/crash_point.h"
#include "base/log.h"
#include "jail/kernel_filter.h"
#include "jail/prepare.h"
#include "jail/process.h"

namespace bridle::jail {

using namespace std::chrono_literals;

Duration restart_delay(unsigned deaths) {
  return std::min<Duration>(100ms * (1u << std::min(deaths - 1, 10u)), 5s);
}

Supervisor::Supervisor(Loop& loop, const Layout& layout, std::string folder)
    : loop_(loop), layout_(layout), folder_(std::move(folder)) {
  children_.resize(2);
  children_[0].name = "bridle-jail";
  children_[1].name = "bridled";
  children_[1].unprivileged = true;
}

Supervisor::~Supervisor() { stop_all(); }

Status Supervisor::start_all() {
  for (const Child& child : children_)
    if (::access((folder_ + "/" + child.name).c_str(), X_OK) != 0)
      return errno_error(folder_ + "/" + child.name);
  for (Child& child : children_) BRIDLE_CHECK(start(child));
  return {};
}

namespace {

Status execute(const Layout& layout, const std::string& program) {
  const char* const argv[] = {program.c_str(), "--root", layout.root().c_str(), nullptr};
  BRIDLE_CRASH_POINT("supervise.exec");
  ::execv(program.c_str(), const_cast<char* const*>(argv));
  return errno_error(program);
}

// Of a supervised program: it ends with its supervisor, even with one that has ended just now.
Status end_with(pid_t supervisor) {
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return errno_error("PR_SET_PDEATHSIG");
  if (::getppid() != supervisor) ::_exit(0);
  return {};
}

}  // namespace

Status become_daemon(const Layout& layout, const std::string& program) {
  const pid_t supervisor = ::getppid();
  BRIDLE_CHECK(place_descriptors({}));
  BRIDLE_CHECK(refuse_core_dumps());
  BRIDLE_CHECK(drop_privileges(layout.daemon_uid()));
  BRIDLE_CHECK(end_with(supervisor));  // a change of uid forgets it, hence after that
  BRIDLE_CHECK(refuse_kernel_interfaces(Confined::daemon));
  return execute(layout, program);
}

void Supervisor::become(const Child& child, pid_t supervisor) {
  reset_signals();
  const std::string program = folder_ + "/" + child.name;
  Status status = end_with(supervisor);
  if (status.ok())
    status = child.unprivileged ? become_daemon(layout_, program) : execute(layout_, program);
  log::error("cannot start a program", {{"error", status.error().message()}});
  ::_exit(127);
}

Status Supervisor::start(Child& child) {
  const pid_t self = ::getpid();
  BRIDLE_TRY(child.pid, fork_into(0, child.pidfd));
  if (child.pid == 0) become(child, self);
  child.since = clock_.now();
  BRIDLE_CHECK(loop_.watch(child.pidfd.get(), EPOLLIN, [this, &child](uint32_t) { died(child); }));
  // The file is for people; a program without one is watched all the same.
  const std::string name = child.unprivileged ? "bridled" : "jail";
  if (const Status written = write_pid_file(layout_, name, "supervise", child.pid); !written.ok())
    log::warning("cannot write a pid file", {{"error", written.error().message()}});
  return {};
}

void Supervisor::start_again(Child& child) {
  if (stopping_) return;
  const Status started = start(child);
  if (started.ok()) return;
  log::error("cannot start a program", {{"error", started.error().message()}});
  loop_.after(restart_delay(++child.deaths), [this, &child] { start_again(child); });
}

void Supervisor::died(Child& child) {
  const auto status = reap(child.pidfd.get());
  loop_.forget(child.pidfd.get());
  child.pidfd.reset();
  if (stopping_) return;
  if (clock_.now() - child.since > 10s) child.deaths = 0;
  const Duration delay = restart_delay(++child.deaths);
  log::warning("a program died: starting it again",
               {{"program", child.name}, {"status", std::to_string(status.value_or(-1))}});
  loop_.after(delay, [this, &child] { start_again(child); });
}

void Supervisor::stop_all() {
  stopping_ = true;
  // bridled first: it must not see its jail vanish.
  for (auto child = children_.rbegin(); child != children_.rend(); ++child) {
    if (!child->pidfd) continue;
    loop_.forget(child->pidfd.get());
    signal_process(child->pidfd.get(), SIGTERM);
    for (int i = 0; i < 1000 && !has_ended(child->pidfd.get()); ++i) ::usleep(10'000);
    signal_process(child->pidfd.get(), SIGKILL);
    ::waitpid(child->pid, nullptr, 0);
    child->pidfd.reset();
  }
}

}  // namespace bridle::jail
