// bridle-guest-agent: answers the host over the virtio-serial port org.bridle.agent.0 and turns the
// ACPI power button into an orderly power-off. One thread, one poll loop, a static binary; protocol
// in docs/images.md. Started by the image's init, which starts it again should it die.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "info.h"
#include "job.h"
#include "port.h"
#include "power_button.h"
#include "reply.h"

namespace bridle::agent {
namespace {

constexpr int most_jobs = 8;

class Agent {
 public:
  [[noreturn]] void run() {
    while (true) {
      prepare();
      wait();
      serve_button();
      serve_port();
      serve_jobs();
    }
  }

 private:
  // Devices may come after us: drivers load in parallel.
  void prepare() {
    if (!port_.is_open()) port_.open();
    if (button_.count() == 0) button_.open();
  }

  void wait() {
    fds_ = 0;
    // A port without a host is always "hung up": watch it only while a host is there, and let
    // SIGIO or the tick say when one comes.
    watch(port_.host_present() ? port_.fd() : -1,
          static_cast<short>(POLLIN | (port_.wants_to_write() ? POLLOUT : 0)));
    for (int i = 0; i < button_.count(); ++i) watch(button_.fd(i), POLLIN);
    for (const Job& job : jobs_) {
      if (!job.running()) continue;
      watch(job.out_fd(), POLLIN);
      watch(job.err_fd(), POLLIN);
    }
    sigset_t none;
    sigemptyset(&none);
    const int64_t ms = sleep_ms();
    const timespec timeout = {ms / 1000, ms % 1000 * 1000000};
    ::ppoll(polled_, fds_, &timeout, &none);
  }

  void watch(int fd, short events) { polled_[fds_++] = {fd, events, 0}; }

  int64_t sleep_ms() const {
    const bool whole = port_.host_present() && button_.count() > 0;
    int64_t least = whole ? 60000 : port_.is_open() && button_.count() > 0 ? 1000 : 100;
    for (const Job& job : jobs_)
      if (job.running() && job.deadline() - now_ms() < least) least = job.deadline() - now_ms();
    return least < 0 ? 0 : least;
  }

  void serve_button() {
    for (int i = 0; i < button_.count(); ++i)
      if (button_.pressed(i)) power_off();
  }

  void serve_port() {
    if (!port_.is_open()) return;
    pollfd now = {port_.fd(), POLLIN, 0};
    ::poll(&now, 1, 0);
    const bool present = (now.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
    if (present && !port_.host_present()) {
      port_.set_host_present(true);
      port_.send("{\"event\":\"ready\",\"version\":\"" BRIDLE_VERSION "\"}\n");
    }
    if (!present && (now.revents & POLLIN) == 0) {
      if (port_.host_present()) port_.set_host_present(false);
      return;
    }
    const bool alive = port_.read_some();
    std::string line;
    while (port_.next_line(line)) handle(line);
    if (port_.is_open() && !alive) port_.set_host_present(false);
    if (port_.is_open()) port_.write_some();
  }

  void handle(const std::string& line) {
    Request request;
    std::string problem;
    if (!parse_request(line, request, problem))
      return port_.send(failure(request.id, "bad request: " + problem));
    struct Action {
      std::string_view name;
      void (Agent::*act)(const Request&);
    };
    static constexpr Action actions[] = {{"ping", &Agent::ping},
                                         {"info", &Agent::info},
                                         {"exec", &Agent::exec},
                                         {"shutdown", &Agent::shut_down}};
    for (const Action& action : actions)
      if (action.name == request.action) return (this->*action.act)(request);
    port_.send(failure(request.id, "unknown action \"" + request.action +
                                       "\"; there are ping, info, exec, shutdown"));
  }

  void ping(const Request& request) {
    std::string line = begin_reply(request.id, true);
    close(line);
    port_.send(line);
  }

  void info(const Request& request) { port_.send(info_reply(request.id)); }

  void exec(const Request& request) {
    for (Job& job : jobs_) {
      if (job.running()) continue;
      std::string problem;
      if (!job.start(request, problem)) port_.send(failure(request.id, problem));
      return;
    }
    port_.send(failure(request.id, "8 commands run already; wait for one to end"));
  }

  void shut_down(const Request& request) {
    ping(request);
    power_off();
  }

  void serve_jobs() {
    for (Job& job : jobs_)
      if (job.running()) job.read_output();
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
      for (Job& job : jobs_)
        if (job.pid() == pid) port_.send(job.finish(status));
    for (Job& job : jobs_)
      if (job.running() && job.deadline() <= now_ms()) port_.send(job.expire());
  }

  Port port_;
  PowerButton button_;
  Job jobs_[most_jobs];
  pollfd polled_[1 + PowerButton::most_devices + 2 * most_jobs];
  nfds_t fds_ = 0;
};

void on_signal(int) {}

// SIGIO (the host came or went) and SIGCHLD only ever interrupt ppoll.
void set_up_signals() {
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, SIGIO);
  sigaddset(&both, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &both, nullptr);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  ::sigaction(SIGIO, &action, nullptr);
  ::sigaction(SIGCHLD, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace
}  // namespace bridle::agent

int main() {
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  ::setenv("HOME", "/root", 0);
  bridle::agent::set_up_signals();
  static bridle::agent::Agent agent;
  agent.run();
}
