// Port: the virtio-serial port to the host, with lines in and out.
//
// The kernel shows a host that went away as end of file and POLLHUP for as long as nobody is
// connected; SIGIO comes when that changes. A partial line of the last host is dropped then. Output
// that the host does not take is bounded: when more than max_pending waits, the oldest request's
// reply cannot be delivered anyway, and new lines are dropped.
// Thread class: one thread.
#pragma once

#include <string>

namespace bridle::agent {

class Port {
 public:
  // Finds the port by its name, with or without udev. False: there is none (yet).
  bool open();
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  bool host_present() const { return host_present_; }
  bool wants_to_write() const { return !pending_.empty(); }

  void set_host_present(bool present);
  // Reads what there is; false: the host went away or the port is gone.
  bool read_some();
  bool next_line(std::string& line);
  void send(const std::string& line);
  void write_some();
  void close_now();

 private:
  static constexpr size_t max_pending = 512 * 1024;
  int fd_ = -1;
  bool host_present_ = false;
  bool overlong_ = false;  // skipping the rest of a line that is too long
  std::string input_, pending_;
};

}  // namespace bridle::agent
