// Agent: the host's end of the guest agent protocol, as a codec and a pure state machine.
//
// JSON lines over the virtio-serial port org.bridle.agent.0:
//   host -> guest  {"id":1,"do":"ping"} | {"id":2,"do":"exec","argv":["uname","-r"],"timeout":5}
//                  {"id":3,"do":"shutdown"} | {"id":4,"do":"info"}
//   guest -> host  {"id":1,"ok":true} | {"id":2,"ok":true,"status":0,"out":"…","err":"…"}
//                  {"id":9,"ok":false,"error":"…"} | unasked {"event":"ready","version":"…"}
//
// The guest is hostile. Lines are bounded (longest_line), nesting too; what is not the protocol is
// dropped and counted (AgentSession::faults) and the session goes on, for the stream may begin in
// the middle of a line that an earlier session left behind; after max_faults, or a line without an
// end, it closes. Ids are never used again in a session and start at a number the caller draws at
// random, so that late answers to an earlier session do not match. Late, duplicate and unknown
// answers are dropped. At most max_pending requests wait, each with a deadline.
//
// Thread class: one thread. Time comes only from the inputs' `now`.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "wire/json_lines.h"

namespace bridle::machine {

namespace json = boost::json;

struct AgentRequest {
  enum class Do { ping, exec, shutdown, info };
  Do what = Do::ping;
  std::vector<std::string> argv;               // exec: 1 to 64 arguments, 32 KiB in all
  Duration timeout = std::chrono::seconds(5);  // how long the guest may take; 1 s to 10 min
};

// The body of POST …/machines/{name}/agent: {"do":"exec","argv":[…],"timeout":5} (timeout in
// seconds; no id). Code::invalid names what is wrong.
Result<AgentRequest> agent_request(const json::value& body);

// One line, with its newline.
std::string agent_line(uint64_t id, const AgentRequest& request);

struct AgentReady {
  std::string version;
};
struct AgentAnswer {
  uint64_t id = 0;
  json::object body;  // the guest's words, bounded; without id
};
using AgentMessage = std::variant<AgentReady, AgentAnswer>;
Result<AgentMessage> parse_agent(std::string_view line);

struct AgentOpened {};  // connected to agent.sock (also after a reconnect: make a new session)
struct AgentBytes {
  std::string_view bytes;
};
struct AgentEnded {
  std::string why;
};
struct AgentTick {};
struct AgentAsk {
  uint64_t token = 0;
  AgentRequest request;
};
using AgentInput = std::variant<AgentOpened, AgentBytes, AgentEnded, AgentTick, AgentAsk>;

struct AgentSend {
  std::string bytes;
};
struct AgentUp {
  std::string version;  // the guest says so; may come again when the guest's agent restarts
};
struct AgentReply {
  uint64_t token = 0;
  Result<json::object> result;  // Code::unreachable: no answer in time, or the session ended
};
struct AgentClosed {
  Error error;  // close the socket; a new session may be opened later
};
using AgentAction = std::variant<AgentSend, AgentUp, AgentReply, AgentClosed>;

class AgentSession {
 public:
  static constexpr size_t longest_line = 64 << 10;
  static constexpr size_t max_pending = 32;
  static constexpr uint32_t max_faults = 1000;
  // Added to a request's own timeout: the way there and back on a busy host.
  static constexpr Duration grace = std::chrono::seconds(2);

  // first_id: random, below 2^52 (ids stay exact in any JSON parser).
  explicit AgentSession(uint64_t first_id);

  std::vector<AgentAction> step(Tick now, const AgentInput& input);
  std::optional<Tick> deadline() const;  // when AgentTick is due

  bool closed() const { return closed_; }
  uint32_t faults() const { return faults_; }  // lines that were not the protocol
  uint64_t strays() const { return strays_; }  // answers nobody waits for

 private:
  struct Pending {
    uint64_t token = 0;
    Tick due;
  };
  using Actions = std::vector<AgentAction>;

  void on(Tick now, const AgentOpened&, Actions& out);
  void on(Tick now, const AgentBytes& input, Actions& out);
  void on(Tick now, const AgentEnded& input, Actions& out);
  void on(Tick now, const AgentTick&, Actions& out);
  void on(Tick now, const AgentAsk& input, Actions& out);
  void hear(std::string_view line, Actions& out);
  void close(Error error, Actions& out);

  wire::LineBuffer lines_;
  uint64_t next_id_;
  std::map<uint64_t, Pending> pending_;
  bool closed_ = false;
  uint32_t faults_ = 0;
  uint64_t strays_ = 0;
};

}  // namespace bridle::machine
