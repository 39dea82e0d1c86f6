#include "machine/agent.h"

#include <algorithm>

#include "base/check.h"

namespace bridle::machine {
namespace {

using Do = AgentRequest::Do;

constexpr size_t max_arguments = 64;
constexpr size_t longest_arguments = 32 << 10;
constexpr int64_t longest_timeout = 600;  // seconds
constexpr size_t deepest_nesting = 16;
constexpr size_t longest_version = 64;

struct Word {
  std::string_view word;
  Do what;
};
constexpr Word words[] = {
    {"ping", Do::ping}, {"exec", Do::exec}, {"shutdown", Do::shutdown}, {"info", Do::info}};

std::string_view word_of(Do what) {
  for (const auto& each : words)
    if (each.what == what) return each.word;
  return "ping";
}

Result<Do> read_do(const json::object& body) {
  const json::value* value = body.if_contains("do");
  const json::string* text = value ? value->if_string() : nullptr;
  if (text) {
    for (const auto& each : words)
      if (each.word == std::string_view(*text)) return each.what;
  }
  return Error(Code::invalid, "do: expected \"ping\", \"exec\", \"info\" or \"shutdown\"");
}

Result<std::vector<std::string>> read_argv(const json::object& body) {
  const json::value* value = body.if_contains("argv");
  const json::array* array = value ? value->if_array() : nullptr;
  if (!array || array->empty() || array->size() > max_arguments)
    return Error(Code::invalid, "argv: expected a list of 1 to 64 strings");
  std::vector<std::string> argv;
  size_t bytes = 0;
  for (const json::value& each : *array) {
    const json::string* text = each.if_string();
    if (!text || std::string_view(*text).find('\0') != std::string_view::npos)
      return Error(Code::invalid, "argv: expected strings without NUL");
    bytes += text->size();
    argv.emplace_back(*text);
  }
  if (bytes > longest_arguments) return Error(Code::invalid, "argv: more than 32 KiB in all");
  return argv;
}

Result<Duration> read_timeout(const json::object& body) {
  const json::value* value = body.if_contains("timeout");
  if (!value) return Duration(AgentRequest{}.timeout);
  const int64_t* seconds = value->if_int64();
  if (!seconds || *seconds < 1 || *seconds > longest_timeout)
    return Error(Code::invalid, "timeout: expected 1 to 600 seconds");
  return Duration(std::chrono::seconds(*seconds));
}

Status check_keys(const json::object& body) {
  constexpr std::string_view known[] = {"do", "argv", "timeout"};
  for (const auto& member : body) {
    const std::string_view key = member.key();
    if (std::find(std::begin(known), std::end(known), key) == std::end(known))
      return Error(Code::invalid, "an agent request has do, argv and timeout, not \"" +
                                      std::string(key.substr(0, 64)) + "\"");
  }
  return {};
}

Result<AgentMessage> read_event(const json::object& message) {
  const json::value& event = message.at("event");
  if (!event.is_string() || event.get_string() != "ready")
    return Error(Code::invalid, "agent: an unknown event");
  const json::value* version = message.if_contains("version");
  const json::string* text = version ? version->if_string() : nullptr;
  std::string clean(text ? std::string_view(*text).substr(0, longest_version) : "");
  for (char& c : clean)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return AgentMessage(AgentReady{std::move(clean)});
}

}  // namespace

Result<AgentRequest> agent_request(const json::value& body) {
  const json::object* object = body.if_object();
  if (!object) return Error(Code::invalid, "an agent request is an object");
  BRIDLE_CHECK(check_keys(*object));
  AgentRequest request;
  BRIDLE_TRY(request.what, read_do(*object));
  BRIDLE_TRY(request.timeout, read_timeout(*object));
  if (request.what == Do::exec) {
    BRIDLE_TRY(request.argv, read_argv(*object));
  } else if (object->contains("argv")) {
    return Error(Code::invalid, "argv: only exec takes it");
  }
  return request;
}

std::string agent_line(uint64_t id, const AgentRequest& request) {
  json::object message{{"id", id}, {"do", word_of(request.what)}};
  if (request.what == Do::exec) {
    message["argv"] = json::array(request.argv.begin(), request.argv.end());
    message["timeout"] = std::chrono::duration_cast<std::chrono::seconds>(request.timeout).count();
  }
  return json::serialize(message) + "\n";
}

Result<AgentMessage> parse_agent(std::string_view line) {
  json::parse_options options;
  options.max_depth = deepest_nesting;
  boost::system::error_code bad;
  json::value value = json::parse(line, bad, {}, options);
  if (bad) return Error(Code::invalid, "agent: not JSON: " + bad.message());
  json::object* message = value.if_object();
  if (!message) return Error(Code::invalid, "agent: not an object");
  if (message->contains("event")) return read_event(*message);
  const json::value* id = message->if_contains("id");
  const json::value* ok = message->if_contains("ok");
  if (!id || !id->is_int64() || id->get_int64() < 0 || !ok || !ok->is_bool())
    return Error(Code::invalid, "agent: an answer needs id and ok");
  AgentAnswer answer{static_cast<uint64_t>(id->get_int64()), {}};
  message->erase("id");
  answer.body = std::move(*message);
  return AgentMessage(std::move(answer));
}

AgentSession::AgentSession(uint64_t first_id) : lines_(longest_line), next_id_(first_id) {
  BRIDLE_ASSERT(first_id < (uint64_t{1} << 52));
}

std::vector<AgentAction> AgentSession::step(Tick now, const AgentInput& input) {
  Actions out;
  if (closed_) return out;
  std::visit([&](const auto& each) { on(now, each, out); }, input);
  return out;
}

std::optional<Tick> AgentSession::deadline() const {
  std::optional<Tick> first;
  for (const auto& [id, pending] : pending_)
    if (!first || pending.due < *first) first = pending.due;
  return first;
}

void AgentSession::on(Tick, const AgentOpened&, Actions& out) {
  // Ends whatever half line an earlier session left in the guest's buffer.
  out.push_back(AgentSend{"\n"});
}

void AgentSession::on(Tick, const AgentBytes& input, Actions& out) {
  const Status room = lines_.append(input.bytes);
  while (!closed_) {
    const auto line = lines_.next();
    if (!line) break;
    if (line->size() > longest_line)
      return close(Error(Code::exhausted, "agent: a line is longer than 64 KiB"), out);
    if (!line->empty()) hear(*line, out);
  }
  if (!room.ok() && !closed_) close(Error(room.error()).context("agent"), out);
}

void AgentSession::on(Tick, const AgentEnded& input, Actions& out) {
  close(Error(Code::unreachable, "agent: " + input.why), out);
}

void AgentSession::on(Tick now, const AgentTick&, Actions& out) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (it->second.due > now) {
      ++it;
      continue;
    }
    out.push_back(AgentReply{
        it->second.token,
        Error(Code::unreachable, "the guest's agent did not answer in time: is it running?")});
    it = pending_.erase(it);
  }
}

void AgentSession::on(Tick now, const AgentAsk& input, Actions& out) {
  if (pending_.size() >= max_pending) {
    out.push_back(AgentReply{input.token,
                             Error(Code::exhausted, "32 requests wait for this guest: try later")});
    return;
  }
  const uint64_t id = next_id_++;
  pending_[id] = Pending{input.token, now + input.request.timeout + grace};
  out.push_back(AgentSend{agent_line(id, input.request)});
}

void AgentSession::hear(std::string_view line, Actions& out) {
  auto message = parse_agent(line);
  if (!message) {
    if (++faults_ > max_faults)
      close(Error(Code::invalid, "the guest's agent talks nonsense"), out);
    return;
  }
  if (auto* ready = std::get_if<AgentReady>(&*message)) {
    out.push_back(AgentUp{std::move(ready->version)});
    return;
  }
  auto& answer = std::get<AgentAnswer>(*message);
  const auto it = pending_.find(answer.id);
  if (it == pending_.end()) {
    ++strays_;
    return;
  }
  out.push_back(AgentReply{it->second.token, std::move(answer.body)});
  pending_.erase(it);
}

void AgentSession::close(Error error, Actions& out) {
  closed_ = true;
  const Error ended(Code::unreachable, "the session with the guest's agent ended");
  for (const auto& [id, pending] : pending_) out.push_back(AgentReply{pending.token, ended});
  pending_.clear();
  out.push_back(AgentClosed{std::move(error)});
}

}  // namespace bridle::machine
