// Agent protocol: requests from people, and a guest that cannot be trusted.
#include "machine/agent.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace bridle::machine {
namespace {

using namespace std::chrono_literals;
using Do = AgentRequest::Do;

class Session {
 public:
  void feed(const AgentInput& input) {
    for (auto& action : session.step(now, input)) take(std::move(action));
  }
  void hear(std::string_view bytes) { feed(AgentBytes{bytes}); }
  void ask(uint64_t token, AgentRequest request = {}) { feed(AgentAsk{token, std::move(request)}); }
  void pass(Duration time) {
    now = now + time;
    feed(AgentTick{});
  }

  AgentSession session{1000};
  Tick now{5};
  std::vector<std::string> sent;
  std::vector<std::string> ups;
  std::vector<std::pair<uint64_t, bool>> replies;
  std::vector<json::object> bodies;
  std::vector<Error> closed;

 private:
  void take(AgentAction action) {
    if (auto* send = std::get_if<AgentSend>(&action)) sent.push_back(send->bytes);
    if (auto* up = std::get_if<AgentUp>(&action)) ups.push_back(up->version);
    if (auto* reply = std::get_if<AgentReply>(&action)) {
      replies.emplace_back(reply->token, reply->result.ok());
      if (reply->result.ok()) bodies.push_back(*reply->result);
    }
    if (auto* close = std::get_if<AgentClosed>(&action)) closed.push_back(close->error);
  }
};

using Replies = std::vector<std::pair<uint64_t, bool>>;

TEST(AgentRequest, IsReadFromWhatPeopleSend) {
  const auto exec =
      agent_request(json::parse(R"({"do":"exec","argv":["uname","-r"],"timeout":9})"));
  ASSERT_TRUE(exec.ok());
  EXPECT_EQ(exec->what, Do::exec);
  EXPECT_EQ(exec->argv, (std::vector<std::string>{"uname", "-r"}));
  EXPECT_EQ(exec->timeout, 9s);
  EXPECT_EQ(agent_line(2, *exec),
            "{\"id\":2,\"do\":\"exec\",\"argv\":[\"uname\",\"-r\"],\"timeout\":9}\n");
  const auto ping = agent_request(json::parse(R"({"do":"ping"})"));
  ASSERT_TRUE(ping.ok());
  EXPECT_EQ(agent_line(1, *ping), "{\"id\":1,\"do\":\"ping\"}\n");
}

TEST(AgentRequest, RefusesTheRestWithAReason) {
  const std::string long_argument(40000, 'x');
  const std::string bad[] = {"[]",
                             "{}",
                             R"({"do":"rm"})",
                             R"({"do":5})",
                             R"({"do":"exec"})",
                             R"({"do":"exec","argv":[]})",
                             R"({"do":"exec","argv":[5]})",
                             R"({"do":"exec","argv":["a\u0000b"]})",
                             R"({"do":"exec","argv":["a"],"timeout":0})",
                             R"({"do":"exec","argv":["a"],"timeout":601})",
                             R"({"do":"exec","argv":["a"],"timeout":"5"})",
                             R"({"do":"ping","argv":["a"]})",
                             R"({"do":"ping","argx":1})",
                             "{\"do\":\"exec\",\"argv\":[\"" + long_argument + "\"]}"};
  for (const auto& text : bad) {
    const auto request = agent_request(json::parse(text));
    ASSERT_FALSE(request.ok()) << text.substr(0, 60);
    EXPECT_EQ(request.error().code(), Code::invalid);
  }
}

TEST(AgentSession, AnswersFindWhoAsked) {
  Session s;
  s.feed(AgentOpened{});
  EXPECT_EQ(s.sent, (std::vector<std::string>{"\n"}));
  s.hear("{\"event\":\"ready\",\"version\":\"0.1.0\"}\n");
  EXPECT_EQ(s.ups, (std::vector<std::string>{"0.1.0"}));
  s.ask(7);
  s.ask(8, {Do::exec, {"true"}, 5s});
  s.hear(
      "{\"id\":1001,\"ok\":true,\"status\":0,\"out\":\"x\",\"err\":\"\"}\n{\"id\":1000,\"ok\":fa");
  s.hear("lse,\"error\":\"no\"}\r\n");
  EXPECT_EQ(s.replies, (Replies{{8, true}, {7, true}}));
  EXPECT_EQ(s.bodies[0].at("out").as_string(), "x");
  EXPECT_FALSE(s.bodies[0].contains("id"));
  EXPECT_FALSE(s.bodies[1].at("ok").as_bool());
}

TEST(AgentSession, LateDoubleAndUnknownAnswersAreDropped) {
  Session s;
  s.ask(1);
  s.hear("{\"id\":1000,\"ok\":true}\n{\"id\":1000,\"ok\":true}\n{\"id\":5,\"ok\":true}\n");
  EXPECT_EQ(s.replies, (Replies{{1, true}}));
  s.ask(2);
  s.pass(8s);
  EXPECT_EQ(s.replies, (Replies{{1, true}, {2, false}}));
  s.hear("{\"id\":1001,\"ok\":true}\n");
  EXPECT_EQ(s.replies.size(), 2u);
  EXPECT_EQ(s.session.strays(), 3u);
  EXPECT_EQ(s.session.faults(), 0u);
}

TEST(AgentSession, WaitsAsLongAsTheRequestSays) {
  Session s;
  s.ask(1, {Do::exec, {"sleep", "60"}, 100s});
  ASSERT_TRUE(s.session.deadline().has_value());
  EXPECT_EQ(*s.session.deadline() - s.now, 102s);
  s.pass(101s);
  EXPECT_TRUE(s.replies.empty());
  s.pass(1s);
  EXPECT_EQ(s.replies, (Replies{{1, false}}));
  EXPECT_FALSE(s.session.deadline().has_value());
}

TEST(AgentSession, RequestsAreBounded) {
  Session s;
  for (uint64_t i = 0; i < AgentSession::max_pending + 2; ++i) s.ask(i);
  EXPECT_EQ(s.replies, (Replies{{32, false}, {33, false}}));
}

TEST(AgentSession, NonsenseIsCountedAndEndsTheSessionAtLast) {
  Session s;
  s.ask(1);
  s.hear("garbage\n[1]\n{\"id\":1000}\n{\"event\":\"boom\"}\n{\"id\":\"1000\",\"ok\":true}\n\n");
  EXPECT_EQ(s.session.faults(), 5u);
  s.hear("{\"id\":1000,\"ok\":true}\n");
  EXPECT_EQ(s.replies, (Replies{{1, true}}));
  s.ask(2);
  for (uint32_t i = 0; i <= AgentSession::max_faults; ++i) s.hear("?\n");
  EXPECT_EQ(s.closed.size(), 1u);
  EXPECT_EQ(s.replies.back(), (std::pair<uint64_t, bool>{2, false}));
  EXPECT_TRUE(s.session.closed());
}

TEST(AgentSession, HugeLinesEndIt) {
  Session endless;
  endless.ask(1);
  endless.hear(std::string(AgentSession::longest_line + 1, 'a'));
  EXPECT_EQ(endless.closed.size(), 1u);
  EXPECT_EQ(endless.replies, (Replies{{1, false}}));
  Session whole;
  whole.hear(std::string(AgentSession::longest_line + 1, 'a') + "\n");
  EXPECT_EQ(whole.closed.size(), 1u);
}

TEST(AgentSession, DeepNestingAndBadTextAreFaults) {
  Session s;
  s.hear("{\"id\":1,\"ok\":true,\"x\":" + std::string(100, '[') + std::string(100, ']') + "}\n");
  s.hear("{\"id\":1,\"ok\":true,\"x\":\"\xc3\x28\"}\n");
  EXPECT_EQ(s.session.faults(), 2u);
  s.hear("{\"event\":\"ready\",\"version\":\"" + std::string(500, 'v') + "\\u001b\"}\n");
  ASSERT_EQ(s.ups.size(), 1u);
  EXPECT_EQ(s.ups[0], std::string(64, 'v'));
  s.hear("{\"event\":\"ready\",\"version\":\"a\\u001b\"}\n");
  EXPECT_EQ(s.ups[1], "a?");
}

TEST(AgentSession, DamagedAnswersNeverThrow) {
  SeededRandom random(7);
  Session s;
  const std::string good = "{\"id\":1000,\"ok\":true,\"status\":0,\"out\":\"abc\",\"err\":\"\"}";
  for (int i = 0; i < 900; ++i) {
    std::string line = good;
    for (int k = 0; k < 3; ++k) line[random.below(line.size())] = static_cast<char>(random.u64());
    s.hear(line + "\n");
  }
  EXPECT_GT(s.session.faults(), 100u);
}

}  // namespace
}  // namespace bridle::machine
