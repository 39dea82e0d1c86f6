// QMP: codec of QEMU's monitor protocol, JSON lines on a unix socket.
//
// QEMU is not trusted: a guest that broke out of its virtual machine speaks on this socket. Lines
// are bounded (longest_line), nesting too; what is not QMP is an error, never an exception, and the
// monitor closes the session on it. Events that Bridle does not know are kept by name.
//
// Thread class: pure functions.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/result.h"
#include "machine/engine.h"

namespace bridle::machine {

namespace json = boost::json;

namespace qmp {

constexpr size_t longest_line = 1 << 20;
constexpr size_t deepest_nesting = 32;

// Run states, as in query-status. `prelaunch` is QEMU's own word for "started with -S".
enum class RunState {
  prelaunch,
  running,
  paused,
  shutdown,
  suspended,
  guest_panicked,
  io_error,
  internal_error,
  migrating,  // inmigrate, postmigrate, finish-migrate, save-vm, restore-vm, colo
  other,
};
std::string_view name(RunState state);

struct Shutdown {
  bool guest = false;  // the guest asked (poweroff), not the host
  std::string reason;  // "guest-shutdown", "host-signal", "guest-panic", …
};
struct PowerDown {};  // the power button was pressed (our request)
struct Reset {
  bool guest = false;
  std::string reason;
};
struct Stop {};
struct Resume {};
struct Suspend {};
struct WakeUp {};
struct GuestPanicked {
  std::string action;  // "pause", "poweroff", "run"
};
struct BalloonChange {
  uint64_t actual = 0;  // bytes the guest has
};
struct DeviceDeleted {
  std::string device;  // id; empty for unnamed ones
  std::string path;
};
struct BlockError {
  std::string device;  // id or qom path
  std::string node;
  bool write = false;
  std::string action;  // "report", "ignore", "stop"
  bool no_space = false;
  std::string reason;
};
struct PortChange {
  std::string port;   // id of the virtio-serial port, "agent"
  bool open = false;  // a process in the guest has it open
};
struct UnknownEvent {
  std::string name;
};

using Event = std::variant<Shutdown, PowerDown, Reset, Stop, Resume, Suspend, WakeUp, GuestPanicked,
                           BalloonChange, DeviceDeleted, BlockError, PortChange, UnknownEvent>;
// "SHUTDOWN", "BLOCK_IO_ERROR" …: for logs.
std::string_view name(const Event& event);

struct Greeting {
  QemuVersion version;
  std::string package;  // "Debian 1:10.0.2+ds-2"
};
struct Reply {
  uint64_t id = 0;
  Result<json::value> result;  // error: not_found, conflict or internal, by QMP's class
};
struct TimedEvent {
  Event event;
  WallTime at;
};

using Message = std::variant<Greeting, Reply, TimedEvent>;

// One line without its newline.
Result<Message> parse(std::string_view line);

// A whole line with its newline.
std::string command(uint64_t id, std::string_view name, const json::object& arguments = {});

// Of the reply to query-status.
Result<RunState> run_state(const json::value& query_status);

}  // namespace qmp
}  // namespace bridle::machine
