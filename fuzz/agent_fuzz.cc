// rooms: machine
// The guest agent's session on whatever a guest may say, and requests from people.
#include <boost/json.hpp>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "machine/agent.h"

using namespace bridle;
using namespace bridle::machine;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  AgentSession session(1);
  session.step({0}, AgentOpened{});
  session.step({1}, AgentAsk{10, {}});
  session.step({1}, AgentAsk{11, {AgentRequest::Do::exec, {"true"}, std::chrono::seconds(5)}});
  int closed = 0, replies = 0;
  const auto count = [&](const std::vector<AgentAction>& actions) {
    for (const auto& action : actions) {
      BRIDLE_ASSERT(closed == 0);
      closed += std::holds_alternative<AgentClosed>(action);
      replies += std::holds_alternative<AgentReply>(action);
    }
  };
  count(session.step({2}, AgentBytes{bytes.substr(0, size / 2)}));
  if (!session.closed()) count(session.step({3}, AgentBytes{bytes.substr(size / 2)}));
  if (!session.closed()) count(session.step({4}, AgentEnded{"end"}));
  BRIDLE_ASSERT(closed == 1 && replies == 2);

  boost::system::error_code bad;
  const auto value = boost::json::parse(bytes, bad);
  if (bad) return 0;
  if (const auto request = agent_request(value); request.ok()) {
    const std::string line = agent_line(1, *request);
    BRIDLE_ASSERT(line.size() <= AgentSession::longest_line * 8 &&
                  line.find('\n') == line.size() - 1);
  }
  return 0;
}
