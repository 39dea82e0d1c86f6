// Connection: one peer on control.sock: lines in, with descriptors beside them, lines out, both
// bounded.
//
// Thread class: control.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "switch/control.h"
#include "wire/json_lines.h"

namespace bridle::net {

class Connection {
 public:
  explicit Connection(Fd socket) : socket_(std::move(socket)), lines_(largest_control_line) {}

  int descriptor() const { return socket_.get(); }
  // What is there. False: it is over.
  bool read();
  std::optional<std::string> next_line() { return lines_.next(); }
  // The last descriptor that came; the caller's from now on.
  Fd take_descriptor() { return std::move(beside_); }
  // False: it does not read its answers, or is gone.
  bool write(const std::string& line);
  bool flush();
  bool has_more_to_write() const { return !out_.empty(); }

 private:
  Fd socket_, beside_;
  wire::LineBuffer lines_;
  std::string out_;
};

}  // namespace bridle::net
