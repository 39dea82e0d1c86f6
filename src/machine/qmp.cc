#include "machine/qmp.h"

#include <algorithm>
#include <array>

namespace bridle::machine::qmp {
namespace {

constexpr size_t longest_text = 256;  // of a message or name that is kept

// What came from QEMU, fit for logs: bounded and without control characters.
std::string printable(std::string_view text) {
  std::string clean(text.substr(0, longest_text));
  for (char& c : clean)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return clean;
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const json::string* text = value ? value->if_string() : nullptr;
  return text ? printable(*text) : std::string();
}

bool true_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const bool* flag = value ? value->if_bool() : nullptr;
  return flag && *flag;
}

uint64_t number_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (!value) return 0;
  if (const int64_t* n = value->if_int64()) return *n < 0 ? 0 : static_cast<uint64_t>(*n);
  if (const uint64_t* n = value->if_uint64()) return *n;
  return 0;
}

const json::object& object_of(const json::object& object, std::string_view key) {
  static const json::object empty;
  const json::value* value = object.if_contains(key);
  const json::object* found = value ? value->if_object() : nullptr;
  return found ? *found : empty;
}

// A table of how events are read; anything else becomes UnknownEvent.
struct EventKind {
  std::string_view name;
  Event (*read)(const json::object& data);
};

constexpr std::array event_kinds = {
    EventKind{"SHUTDOWN",
              [](const json::object& d) -> Event {
                return Shutdown{true_in(d, "guest"), text_of(d, "reason")};
              }},
    EventKind{"POWERDOWN", [](const json::object&) -> Event { return PowerDown{}; }},
    EventKind{"RESET",
              [](const json::object& d) -> Event {
                return Reset{true_in(d, "guest"), text_of(d, "reason")};
              }},
    EventKind{"STOP", [](const json::object&) -> Event { return Stop{}; }},
    EventKind{"RESUME", [](const json::object&) -> Event { return Resume{}; }},
    EventKind{"SUSPEND", [](const json::object&) -> Event { return Suspend{}; }},
    EventKind{"WAKEUP", [](const json::object&) -> Event { return WakeUp{}; }},
    EventKind{"GUEST_PANICKED",
              [](const json::object& d) -> Event { return GuestPanicked{text_of(d, "action")}; }},
    EventKind{"BALLOON_CHANGE",
              [](const json::object& d) -> Event { return BalloonChange{number_of(d, "actual")}; }},
    EventKind{"DEVICE_DELETED",
              [](const json::object& d) -> Event {
                return DeviceDeleted{text_of(d, "device"), text_of(d, "path")};
              }},
    EventKind{
        "BLOCK_IO_ERROR",
        [](const json::object& d) -> Event {
          return BlockError{
              text_of(d, "device"), text_of(d, "node-name"), text_of(d, "operation") == "write",
              text_of(d, "action"), true_in(d, "nospace"),   text_of(d, "reason")};
        }},
    EventKind{"VSERPORT_CHANGE",
              [](const json::object& d) -> Event {
                return PortChange{text_of(d, "id"), true_in(d, "open")};
              }},
};

WallTime time_of(const json::object& message) {
  const json::object& stamp = object_of(message, "timestamp");
  constexpr uint64_t latest = 9'000'000'000;  // fits nanoseconds in 63 bits
  const uint64_t seconds = std::min(number_of(stamp, "seconds"), latest);
  const uint64_t micros = std::min<uint64_t>(number_of(stamp, "microseconds"), 999'999);
  return WallTime{static_cast<int64_t>(seconds * 1'000'000'000 + micros * 1000)};
}

Result<Message> read_event(const json::object& message) {
  const std::string word = text_of(message, "event");
  if (word.empty()) return Error(Code::invalid, "QMP: an event without a name");
  const auto kind = std::find_if(event_kinds.begin(), event_kinds.end(),
                                 [&](const EventKind& k) { return k.name == word; });
  const WallTime at = time_of(message);
  if (kind == event_kinds.end()) return Message(TimedEvent{UnknownEvent{word}, at});
  return Message(TimedEvent{kind->read(object_of(message, "data")), at});
}

Result<Message> read_greeting(const json::object& message) {
  const json::object& version = object_of(object_of(message, "QMP"), "version");
  const json::object& qemu = object_of(version, "qemu");
  if (!qemu.contains("major") || !qemu.contains("minor"))
    return Error(Code::invalid, "QMP: a greeting without a version");
  const auto part = [&](std::string_view key) {
    return static_cast<uint32_t>(std::min<uint64_t>(number_of(qemu, key), 1'000'000));
  };
  return Message(
      Greeting{{part("major"), part("minor"), part("micro")}, text_of(version, "package")});
}

Error failure(const json::object& error) {
  const std::string kind = text_of(error, "class");
  Code code = Code::internal;
  if (kind == "DeviceNotFound" || kind == "CommandNotFound") code = Code::not_found;
  if (kind == "DeviceNotActive") code = Code::conflict;
  return Error(code, "QEMU: " + text_of(error, "desc"));
}

Result<uint64_t> id_of(const json::object& message) {
  const json::value* id = message.if_contains("id");
  if (id && id->is_int64() && id->get_int64() >= 0) return static_cast<uint64_t>(id->get_int64());
  if (id && id->is_uint64()) return id->get_uint64();
  return Error(Code::invalid, "QMP: a reply without our id");
}

Result<Message> read_reply(json::object& message) {
  BRIDLE_TRY(const uint64_t id, id_of(message));
  if (message.contains("error")) return Message(Reply{id, failure(object_of(message, "error"))});
  return Message(Reply{id, std::move(message["return"])});
}

struct RunStateWord {
  std::string_view word;
  RunState state;
};
constexpr RunStateWord run_states[] = {
    {"prelaunch", RunState::prelaunch},
    {"running", RunState::running},
    {"paused", RunState::paused},
    {"shutdown", RunState::shutdown},
    {"suspended", RunState::suspended},
    {"guest-panicked", RunState::guest_panicked},
    {"io-error", RunState::io_error},
    {"internal-error", RunState::internal_error},
    {"inmigrate", RunState::migrating},
    {"postmigrate", RunState::migrating},
    {"finish-migrate", RunState::migrating},
    {"save-vm", RunState::migrating},
    {"restore-vm", RunState::migrating},
    {"colo", RunState::migrating},
};

}  // namespace

std::string_view name(RunState state) {
  if (state == RunState::migrating) return "migrating";
  for (const auto& known : run_states)
    if (known.state == state) return known.word;
  return "other";
}

std::string_view name(const Event& event) {
  if (const auto* unknown = std::get_if<UnknownEvent>(&event)) return unknown->name;
  // event_kinds has the order of the variant, asserted by a test.
  return event_kinds[event.index()].name;
}

static_assert(event_kinds.size() + 1 == std::variant_size_v<Event>);

Result<Message> parse(std::string_view line) {
  if (line.size() > longest_line) return Error(Code::exhausted, "QMP: a line over 1 MiB");
  json::parse_options options;
  options.max_depth = deepest_nesting;
  boost::system::error_code bad;
  json::value value = json::parse(line, bad, {}, options);
  if (bad) return Error(Code::invalid, "QMP: not JSON: " + bad.message());
  json::object* message = value.if_object();
  if (!message) return Error(Code::invalid, "QMP: not an object");
  if (message->contains("event")) return read_event(*message);
  if (message->contains("return") || message->contains("error")) return read_reply(*message);
  if (message->contains("QMP")) return read_greeting(*message);
  return Error(Code::invalid, "QMP: neither greeting, reply nor event");
}

std::string command(uint64_t id, std::string_view name, const json::object& arguments) {
  json::object message{{"execute", name}, {"id", id}};
  if (!arguments.empty()) message["arguments"] = arguments;
  return json::serialize(message) + "\n";
}

Result<RunState> run_state(const json::value& query_status) {
  const json::object* reply = query_status.if_object();
  const std::string word = reply ? text_of(*reply, "status") : std::string();
  if (word.empty()) return Error(Code::invalid, "QMP: query-status without a status");
  for (const auto& known : run_states)
    if (known.word == word) return known.state;
  return RunState::other;
}

}  // namespace bridle::machine::qmp
