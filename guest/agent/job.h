// Job: a command that the host asked for, while it runs. Its output is kept up to a bound, the rest
// is read and dropped; at its deadline its whole process group is killed.
//
// Life: start() -> [readable(fd) ...] -> child_exited() or expired() -> reply().
// Thread class: one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "request.h"

namespace bridle::agent {

int64_t now_ms();  // CLOCK_MONOTONIC

class Job {
 public:
  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job();

  bool start(const Request& request, std::string& problem);
  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  int out_fd() const { return out_.fd; }  // -1: at its end
  int err_fd() const { return err_.fd; }
  int64_t deadline() const { return deadline_; }

  void read_output();  // what there is now
  // The line for the host; the job can be started again afterwards.
  std::string finish(int wait_status);
  std::string expire();  // kills it

 private:
  static constexpr size_t most_output = 32768;  // bytes kept of each stream
  struct Stream {
    int fd = -1;
    std::string text;
    bool cut = false;
    void read_some();
    void close_now();
  };
  std::string reply(int wait_status);
  void forget();

  uint64_t id_ = 0;
  unsigned timeout_ = 0;
  pid_t pid_ = -1;
  int64_t deadline_ = 0;
  Stream out_, err_;
};

}  // namespace bridle::agent
