// Monitor: sessions played against it, line by line.
#include "machine/monitor.h"

#include <gtest/gtest.h>

namespace bridle::machine {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view greeting =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, "
    "\"package\": \"\"}, \"capabilities\": []}}\r\n";

// Plays QEMU: keeps what was sent, answers by command.
class Session {
 public:
  explicit Session(MonitorOptions options) : monitor_(std::move(options)) {}

  void feed(const MonitorInput& input) {
    for (auto& action : monitor_.step(now_, input)) take(std::move(action));
  }
  void hear(std::string_view bytes) { feed(MonitorBytes{bytes}); }
  void open() { feed(MonitorOpened{}); }
  // Answers the oldest unanswered command.
  void answer(const std::string& result = "{}") { reply("\"return\": " + result); }
  void refuse() { reply(R"("error": {"class": "GenericError", "desc": "no"})"); }
  void pass(Duration time) {
    now_ = now_ + time;
    feed(MonitorTick{});
  }

  Monitor monitor_;
  Tick now_{1000};
  std::vector<std::string> sent;  // names of commands
  std::vector<json::object> lines;
  size_t writes = 0;
  size_t answered = 0;
  std::vector<MonitorUp> ups;
  std::vector<MonitorEvent> events;
  std::vector<std::pair<Token, bool>> replies;
  std::vector<Error> closed;
  std::string order;  // one letter an action: S U E R C

 private:
  void reply(const std::string& body) {
    ASSERT_LT(answered, lines.size());
    const auto id = lines[answered++].at("id").as_int64();
    hear("{" + body + ", \"id\": " + std::to_string(id) + "}\r\n");
  }
  void take(MonitorAction action) {
    order += "SUERC"[action.index()];
    if (auto* send = std::get_if<MonitorSend>(&action)) {
      ++writes;
      std::string_view rest = send->bytes;
      while (!rest.empty()) {
        const size_t end = rest.find('\n');
        lines.push_back(json::parse(rest.substr(0, end)).as_object());
        sent.emplace_back(lines.back().at("execute").as_string());
        rest.remove_prefix(end + 1);
      }
    }
    if (auto* up = std::get_if<MonitorUp>(&action)) ups.push_back(*up);
    if (auto* event = std::get_if<MonitorEvent>(&action)) events.push_back(*event);
    if (auto* answer = std::get_if<MonitorReply>(&action))
      replies.emplace_back(answer->token, answer->result.ok());
    if (auto* close = std::get_if<MonitorClosed>(&action)) closed.push_back(close->error);
  }
};

MonitorOptions fresh(bool hold = false) {
  MonitorOptions options;
  options.hold = hold;
  options.links = {"interface-net0", "interface-net1"};
  return options;
}

MonitorOptions adopted(bool hold = false) {
  MonitorOptions options = fresh(hold);
  options.fresh = false;
  return options;
}

TEST(Monitor, AFreshGuestGoesInOneWriteWithItsLinksDown) {
  Session s(fresh());
  s.open();
  EXPECT_EQ(s.writes, 1u);
  EXPECT_EQ(s.sent, (std::vector<std::string>{"qmp_capabilities", "set_link", "set_link", "cont",
                                              "query-status"}));
  EXPECT_EQ(s.lines[1].at("arguments").at("name").as_string(), "interface-net0");
  EXPECT_FALSE(s.lines[1].at("arguments").at("up").as_bool());
  s.hear(greeting);
  for (int i = 0; i < 4; ++i) s.answer();
  s.hear("{\"event\": \"RESUME\"}\r\n");
  EXPECT_TRUE(s.ups.empty());
  s.answer(R"({"status": "running", "running": true})");
  ASSERT_EQ(s.ups.size(), 1u);
  EXPECT_EQ(s.ups[0].state, qmp::RunState::running);
  EXPECT_EQ(s.ups[0].version.text(), "10.0.2");
  EXPECT_TRUE(s.events.empty());  // RESUME was our own
  EXPECT_TRUE(s.monitor_.up());
  EXPECT_FALSE(s.monitor_.deadline().has_value());
}

TEST(Monitor, HoldLeavesItStopped) {
  Session s(fresh(true));
  s.open();
  EXPECT_EQ(s.sent,
            (std::vector<std::string>{"qmp_capabilities", "set_link", "set_link", "query-status"}));
  s.hear(greeting);
  for (int i = 0; i < 3; ++i) s.answer();
  s.answer(R"({"status": "prelaunch"})");
  ASSERT_EQ(s.ups.size(), 1u);
  EXPECT_EQ(s.ups[0].state, qmp::RunState::prelaunch);
}

TEST(Monitor, AdoptionLeavesARunningGuestAlone) {
  Session s(adopted());
  s.open();
  EXPECT_TRUE(s.sent.empty());
  s.hear(greeting);
  EXPECT_EQ(s.sent, (std::vector<std::string>{"qmp_capabilities", "query-status"}));
  s.answer();
  s.answer(R"({"status": "running"})");
  ASSERT_EQ(s.ups.size(), 1u);
  EXPECT_EQ(s.sent.size(), 2u);
}

TEST(Monitor, AdoptionFinishesAStartThatWasCutShort) {
  Session s(adopted());
  s.open();
  s.hear(greeting);
  s.answer();
  s.answer(R"({"status": "prelaunch"})");
  EXPECT_TRUE(s.ups.empty());
  EXPECT_EQ(s.sent, (std::vector<std::string>{"qmp_capabilities", "query-status", "set_link",
                                              "set_link", "cont", "query-status"}));
  for (int i = 0; i < 3; ++i) s.answer();
  s.answer(R"({"status": "running"})");
  ASSERT_EQ(s.ups.size(), 1u);
  EXPECT_EQ(s.ups[0].state, qmp::RunState::running);
}

TEST(Monitor, AdoptionWithHoldComesUpStopped) {
  Session s(adopted(true));
  s.open();
  s.hear(greeting);
  s.answer();
  s.answer(R"({"status": "prelaunch"})");
  for (int i = 0; i < 2; ++i) s.answer();
  s.answer(R"({"status": "prelaunch"})");
  ASSERT_EQ(s.ups.size(), 1u);
  EXPECT_EQ(std::count(s.sent.begin(), s.sent.end(), "cont"), 0);
}

TEST(Monitor, ARefusedLinkIsFatal) {
  Session s(fresh());
  s.open();
  s.hear(greeting);
  s.answer();
  s.refuse();
  ASSERT_EQ(s.closed.size(), 1u);
  EXPECT_TRUE(s.monitor_.closed());
  EXPECT_TRUE(s.ups.empty());
}

TEST(Monitor, CommandsWaitUntilTheSessionIsUpAndRepliesFindTheirTokens) {
  MonitorOptions options;
  Session s(options);
  s.open();
  s.feed(MonitorCommand{77, "system_powerdown", {}, {}});
  EXPECT_EQ(s.sent.back(), "query-status");
  s.hear(greeting);
  for (int i = 0; i < 2; ++i) s.answer();
  s.answer(R"({"status": "running"})");
  EXPECT_EQ(s.sent.back(), "system_powerdown");
  s.feed(MonitorCommand{78, "stop", {}, {}});
  s.answer();
  s.refuse();
  EXPECT_EQ(s.replies, (std::vector<std::pair<Token, bool>>{{77, true}, {78, false}}));
  EXPECT_TRUE(s.closed.empty());
}

// A session that is up, without interfaces.
Session up_session() {
  Session s(MonitorOptions{});
  s.open();
  s.hear(greeting);
  for (int i = 0; i < 2; ++i) s.answer();
  s.answer(R"({"status": "running"})");
  return s;
}

TEST(Monitor, EventsKeepTheStateCurrent) {
  Session s = up_session();
  s.hear("{\"event\": \"STOP\"}\r\n{\"event\": \"RES");
  EXPECT_EQ(s.monitor_.state(), qmp::RunState::paused);
  s.hear("UME\"}\r\n");
  EXPECT_EQ(s.monitor_.state(), qmp::RunState::running);
  s.hear("{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true}}\r\n");
  EXPECT_EQ(s.monitor_.state(), qmp::RunState::shutdown);
  EXPECT_EQ(s.events.size(), 3u);
}

TEST(Monitor, EarlyEventsComeRightAfterUp) {
  Session s(MonitorOptions{});
  s.open();
  s.hear(greeting);
  s.hear("{\"event\": \"VSERPORT_CHANGE\", \"data\": {\"id\": \"agent\", \"open\": true}}\r\n");
  EXPECT_TRUE(s.events.empty());
  for (int i = 0; i < 2; ++i) s.answer();
  s.answer(R"({"status": "running"})");
  EXPECT_EQ(s.order, "SUE");
}

TEST(Monitor, ACommandThatIsNotAnsweredTimesOutAlone) {
  Session s = up_session();
  s.feed(MonitorCommand{1, "stop", {}, 2s});
  s.feed(MonitorCommand{2, "query-block", {}, 20s});
  ASSERT_TRUE(s.monitor_.deadline().has_value());
  EXPECT_EQ(*s.monitor_.deadline() - s.now_, 2s);
  s.pass(1s);
  EXPECT_TRUE(s.replies.empty());
  s.pass(1s);
  EXPECT_EQ(s.replies, (std::vector<std::pair<Token, bool>>{{1, false}}));
  s.answer();  // late: nobody hears it
  s.answer();
  EXPECT_EQ(s.replies.size(), 2u);
  EXPECT_TRUE(s.closed.empty());
}

TEST(Monitor, AQemuThatSaysNothingIsGivenUp) {
  Session s(fresh());
  s.open();
  s.feed(MonitorCommand{9, "stop", {}, {}});
  s.pass(19s);
  EXPECT_TRUE(s.closed.empty());
  s.pass(1s);
  ASSERT_EQ(s.closed.size(), 1u);
  EXPECT_EQ(s.closed[0].code(), Code::unreachable);
  EXPECT_EQ(s.replies, (std::vector<std::pair<Token, bool>>{{9, false}}));
}

TEST(Monitor, TheEndAnswersEveryone) {
  Session s = up_session();
  s.feed(MonitorCommand{1, "stop", {}, {}});
  s.feed(MonitorCommand{2, "cont", {}, {}});
  s.feed(MonitorEnded{"end of file"});
  EXPECT_EQ(s.replies.size(), 2u);
  ASSERT_EQ(s.closed.size(), 1u);
  EXPECT_EQ(s.order.substr(s.order.size() - 3), "RRC");
  s.feed(MonitorCommand{3, "stop", {}, {}});
  EXPECT_EQ(s.closed.size(), 1u);  // nothing comes after Closed
}

TEST(Monitor, HostileBytesCloseIt) {
  const std::string bad[] = {"nonsense\n", std::string(greeting), "{\"return\": {}}\n",
                             std::string((1 << 20) + 2, 'x')};
  for (const auto& bytes : bad) {
    Session s = up_session();
    s.hear(bytes);
    EXPECT_EQ(s.closed.size(), 1u) << bytes.substr(0, 40);
  }
  Session early(MonitorOptions{});
  early.open();
  early.answer();  // before the greeting
  EXPECT_EQ(early.closed.size(), 1u);
}

TEST(Monitor, CommandsAreBounded) {
  Session s = up_session();
  for (Token t = 1; t <= Monitor::max_pending + 3; ++t)
    s.feed(MonitorCommand{t, "query-block", {}, {}});
  EXPECT_EQ(s.replies.size(), 3u);
  for (const auto& [token, ok] : s.replies) EXPECT_FALSE(ok);
}

}  // namespace
}  // namespace bridle::machine
