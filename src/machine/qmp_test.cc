// QMP codec: what QEMU 10.0 really says (taken from a session with it), and what a hostile one may.
#include "machine/qmp.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace bridle::machine::qmp {
namespace {

template <typename T>
T event_of(const std::string& line) {
  auto message = parse(line);
  EXPECT_TRUE(message.ok()) << line;
  const auto* timed = message.ok() ? std::get_if<TimedEvent>(&*message) : nullptr;
  const T* event = timed ? std::get_if<T>(&timed->event) : nullptr;
  EXPECT_NE(event, nullptr) << line;
  return event ? *event : T{};
}

std::string event_line(const std::string& name, const std::string& data) {
  return "{\"timestamp\": {\"seconds\": 1763780000, \"microseconds\": 250}, \"event\": \"" + name +
         "\", \"data\": " + data + "}";
}

TEST(Qmp, ReadsTheGreeting) {
  const auto message =
      parse(R"({"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10},)"
            R"( "package": "Debian 1:10.0.2+ds-2"}, "capabilities": ["oob"]}})");
  ASSERT_TRUE(message.ok());
  const auto& greeting = std::get<Greeting>(*message);
  EXPECT_EQ(greeting.version, (QemuVersion{10, 0, 2}));
  EXPECT_EQ(greeting.package, "Debian 1:10.0.2+ds-2");
}

TEST(Qmp, ReadsEveryEventItKnows) {
  const auto shutdown =
      event_of<Shutdown>(event_line("SHUTDOWN", R"({"guest": true, "reason": "guest-shutdown"})"));
  EXPECT_TRUE(shutdown.guest);
  EXPECT_EQ(shutdown.reason, "guest-shutdown");
  event_of<PowerDown>(R"({"timestamp": {"seconds": 1, "microseconds": 2}, "event": "POWERDOWN"})");
  EXPECT_FALSE(event_of<Reset>(event_line("RESET", R"({"guest": false, "reason": "x"})")).guest);
  event_of<Stop>(R"({"event": "STOP"})");
  event_of<Resume>(R"({"event": "RESUME"})");
  event_of<Suspend>(R"({"event": "SUSPEND"})");
  event_of<WakeUp>(R"({"event": "WAKEUP"})");
  EXPECT_EQ(event_of<GuestPanicked>(event_line("GUEST_PANICKED", R"({"action": "pause"})")).action,
            "pause");
  EXPECT_EQ(
      event_of<BalloonChange>(event_line("BALLOON_CHANGE", R"({"actual": 134217728})")).actual,
      134217728u);
  EXPECT_EQ(
      event_of<DeviceDeleted>(event_line("DEVICE_DELETED", R"({"path": "/m", "device": "d"})"))
          .device,
      "d");
  const auto block = event_of<BlockError>(
      event_line("BLOCK_IO_ERROR",
                 R"({"device": "", "node-name": "disk0", "operation": "write", "action": "stop",)"
                 R"( "nospace": true, "reason": "No space left on device"})"));
  EXPECT_TRUE(block.write && block.no_space);
  EXPECT_EQ(block.action, "stop");
  EXPECT_EQ(block.node, "disk0");
  const auto port =
      event_of<PortChange>(event_line("VSERPORT_CHANGE", R"({"open": true, "id": "agent"})"));
  EXPECT_TRUE(port.open);
  EXPECT_EQ(port.port, "agent");
  EXPECT_EQ(event_of<UnknownEvent>(event_line("RTC_CHANGE", R"({"offset": 1})")).name,
            "RTC_CHANGE");
}

TEST(Qmp, NamesOfEventsAreThoseItReads) {
  const Event events[] = {Shutdown{},      PowerDown{},     Reset{},      Stop{},
                          Resume{},        Suspend{},       WakeUp{},     GuestPanicked{},
                          BalloonChange{}, DeviceDeleted{}, BlockError{}, PortChange{}};
  for (const auto& event : events) {
    const auto message = parse("{\"event\":\"" + std::string(name(event)) + "\"}");
    ASSERT_TRUE(message.ok());
    EXPECT_EQ(std::get<TimedEvent>(*message).event.index(), event.index()) << name(event);
  }
  EXPECT_EQ(name(Event(UnknownEvent{"X"})), "X");
}

TEST(Qmp, TimeIsTheEventsOwn) {
  const auto message = parse(event_line("STOP", "{}"));
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(std::get<TimedEvent>(*message).at.ns, 1763780000000250000);
  const auto none = parse(R"({"timestamp": {"seconds": -1, "microseconds": -1}, "event": "STOP"})");
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(std::get<TimedEvent>(*none).at.ns, 0);
}

TEST(Qmp, RepliesCarryResultsAndErrors) {
  const auto good = parse(R"({"return": {"status": "prelaunch", "running": false}, "id": 7})");
  ASSERT_TRUE(good.ok());
  const auto& reply = std::get<Reply>(*good);
  EXPECT_EQ(reply.id, 7u);
  ASSERT_TRUE(reply.result.ok());
  EXPECT_EQ(*run_state(*reply.result), RunState::prelaunch);
  const auto bad =
      parse(R"({"id": 8, "error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}})");
  ASSERT_TRUE(bad.ok());
  const auto& error = std::get<Reply>(*bad).result.error();
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_EQ(error.message(), "QEMU: Device 'x' not found");
}

TEST(Qmp, RunStatesHaveNames) {
  for (const auto* word : {"prelaunch", "running", "paused", "shutdown", "io-error"}) {
    const auto state = run_state(json::object{{"status", word}});
    ASSERT_TRUE(state.ok());
    EXPECT_EQ(name(*state), word);
  }
  EXPECT_EQ(*run_state(json::object{{"status", "inmigrate"}}), RunState::migrating);
  EXPECT_EQ(*run_state(json::object{{"status", "new-in-11"}}), RunState::other);
  EXPECT_FALSE(run_state(json::object{{"status", 5}}).ok());
  EXPECT_FALSE(run_state(json::value(nullptr)).ok());
}

TEST(Qmp, CommandsAreOneLine) {
  EXPECT_EQ(command(3, "stop"), "{\"execute\":\"stop\",\"id\":3}\n");
  const std::string line = command(4, "set_link", {{"name", "a\nb\""}, {"up", false}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(json::parse(line).at("arguments").at("name").as_string(), "a\nb\"");
}

TEST(Qmp, HostileLinesAreErrors) {
  const std::string deep =
      "{\"return\":" + std::string(5000, '[') + std::string(5000, ']') + ",\"id\":1}";
  const std::string bad[] = {"",
                             "x",
                             "[]",
                             "{}",
                             "null",
                             "{\"id\":1}",
                             R"({"return":{}})",
                             R"({"return":{},"id":"1"})",
                             R"({"return":{},"id":-1})",
                             R"({"event":5})",
                             R"({"event":""})",
                             R"({"QMP":{}})",
                             R"({"QMP":{"version":{"qemu":7}}})",
                             "{\"event\":\"\xff\"}",
                             deep,
                             std::string(longest_line + 1, ' ')};
  for (const auto& line : bad) EXPECT_FALSE(parse(line).ok()) << line.substr(0, 60);
  // Odd but harmless shapes keep their defaults.
  EXPECT_EQ(event_of<Shutdown>(R"({"event":"SHUTDOWN","data":[1]})").guest, false);
  EXPECT_EQ(event_of<BalloonChange>(R"({"event":"BALLOON_CHANGE","data":{"actual":-5}})").actual,
            0u);
  const auto error = parse(R"({"id":1,"error":"no"})");
  ASSERT_TRUE(error.ok());
  EXPECT_FALSE(std::get<Reply>(*error).result.ok());
}

TEST(Qmp, TextIsBoundedAndPrintable) {
  const auto shutdown = event_of<Shutdown>(
      event_line("SHUTDOWN", "{\"reason\": \"" + std::string(5000, 'a') + "\"}"));
  EXPECT_LE(shutdown.reason.size(), 256u);
  const auto odd = event_of<Shutdown>(event_line("SHUTDOWN", R"({"reason": "a\nb\u001b[2J"})"));
  EXPECT_EQ(odd.reason, "a b [2J");
}

TEST(Qmp, DamagedMessagesNeverThrow) {
  const std::string good = event_line("BLOCK_IO_ERROR", R"({"device": "d", "nospace": false})");
  SeededRandom random(42);
  size_t refused = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string line = good;
    for (int k = 0; k < 3; ++k) line[random.below(line.size())] = static_cast<char>(random.u64());
    refused += !parse(line).ok();
  }
  EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace bridle::machine::qmp
