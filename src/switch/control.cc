#include "switch/control.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/hash.h"

namespace bridle::net {
namespace {

constexpr std::array<std::string_view, 6> verbs = {"hello", "apply",   "status",
                                                   "trace", "capture", "stop"};

Error invalid(const std::string& what) { return {Code::invalid, what}; }

Result<json::object> object_from(std::string_view line) {
  if (line.size() > largest_control_line) return invalid("a line of more than 32 MiB");
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 16;
  json::value value = json::parse(line, failed, {}, options);
  if (failed) return invalid("not JSON: " + failed.message());
  if (!value.is_object()) return invalid("not an object");
  return std::move(value.as_object());
}

Result<uint64_t> number(const json::value& value, std::string_view name, uint64_t most) {
  boost::system::error_code failed;
  const auto result = value.to_number<uint64_t>(failed);
  if (failed || !value.is_number() || result > most)
    return invalid(std::string(name) + ": a number up to " + std::to_string(most) + " is wanted");
  return result;
}

Result<std::vector<uint8_t>> frame_from(const json::value& value) {
  if (!value.is_string()) return invalid("frame: hexadecimal digits are wanted");
  const std::string_view text = value.as_string();
  if (text.size() % 2 != 0 || text.size() > 2 * largest_frame)
    return invalid("frame: two digits a byte, 65553 bytes at most");
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::vector<uint8_t> frame;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return invalid("frame: hexadecimal digits are wanted");
    frame.push_back(static_cast<uint8_t>(high << 4 | low));
  }
  return frame;
}

Result<std::vector<uint32_t>> ports_from(const json::value& value) {
  if (!value.is_array() || value.as_array().size() > 65'536)
    return invalid("ports: a list of port numbers is wanted");
  std::vector<uint32_t> ports;
  for (const json::value& one : value.as_array()) {
    BRIDLE_TRY(const uint64_t port, number(one, "ports", UINT32_MAX));
    ports.push_back(static_cast<uint32_t>(port));
  }
  return ports;
}

// One member of a request beside its verb. False: it has no business there.
Result<bool> read_capture(CaptureWish& wish, std::string_view key, const json::value& value) {
  if (key == "ports") {
    BRIDLE_TRY(wish.ports, ports_from(value));
  } else if (key == "snap") {
    BRIDLE_TRY(const uint64_t snap, number(value, key, largest_frame));
    wish.snap = static_cast<uint32_t>(snap);
  } else if (key == "frames") {
    BRIDLE_TRY(wish.frames, number(value, key, 1'000'000'000));
  } else if (key == "bytes") {
    BRIDLE_TRY(wish.bytes, number(value, key, uint64_t{1} << 40));
  } else if (key == "seconds") {
    BRIDLE_TRY(const uint64_t seconds, number(value, key, 3600));
    wish.seconds = static_cast<uint32_t>(seconds);
  } else {
    return false;
  }
  return true;
}

Result<bool> read_member(ControlRequest& request, std::string_view key, const json::value& value) {
  if (key == "verb") return true;
  if (key == "id") {
    if (!value.is_int64()) return invalid("id: a whole number is wanted");
    request.id = value.as_int64();
    return true;
  }
  if (request.verb == ControlVerb::capture) return read_capture(request.capture, key, value);
  if (request.verb == ControlVerb::apply && key == "config") {
    if (!value.is_object()) return invalid("config: an object is wanted");
    BRIDLE_TRY(request.config, config_from_json(value.as_object()));
    return true;
  }
  if (request.verb != ControlVerb::trace) return false;
  if (key == "port") {
    BRIDLE_TRY(const uint64_t port, number(value, key, UINT32_MAX));
    request.port = static_cast<uint32_t>(port);
    return true;
  }
  if (key != "frame") return false;
  BRIDLE_TRY(request.frame, frame_from(value));
  return true;
}

}  // namespace

Result<ControlRequest> control_request_from(std::string_view line) {
  BRIDLE_TRY(const json::object object, object_from(line));
  const json::value* verb = object.if_contains("verb");
  if (verb == nullptr || !verb->is_string()) return invalid("verb: missing");
  const auto* found = std::find(verbs.begin(), verbs.end(), std::string_view(verb->as_string()));
  if (found == verbs.end()) return invalid("verb: unknown");
  ControlRequest request;
  request.verb = static_cast<ControlVerb>(found - verbs.begin());
  for (const auto& [key, value] : object) {
    BRIDLE_TRY(const bool known, read_member(request, key, value));
    if (!known) return invalid(std::string(key) + ": not of this request");
  }
  if (request.verb == ControlVerb::apply && !object.contains("config"))
    return invalid("config: missing");
  if (request.verb == ControlVerb::trace && !(object.contains("port") && object.contains("frame")))
    return invalid("port and frame: missing");
  return request;
}

std::string to_line(const ControlRequest& request) {
  json::object object;
  object["verb"] = verbs[static_cast<size_t>(request.verb)];
  if (request.id) object["id"] = *request.id;
  if (request.verb == ControlVerb::apply) object["config"] = to_json(request.config);
  if (request.verb == ControlVerb::trace) {
    object["port"] = request.port;
    object["frame"] = hex(request.frame.data(), request.frame.size());
  }
  if (request.verb == ControlVerb::capture) {
    object["ports"] = json::value_from(request.capture.ports);
    object["snap"] = request.capture.snap;
    object["frames"] = request.capture.frames;
    object["bytes"] = request.capture.bytes;
    object["seconds"] = request.capture.seconds;
  }
  return json::serialize(object) + "\n";
}

std::string answer_line(json::object body, std::optional<int64_t> id) {
  if (id) body["id"] = *id;
  return json::serialize(body) + "\n";
}

std::string error_line(const Error& error, std::optional<int64_t> id) {
  json::object about;
  about["code"] = code_name(error.code());
  about["message"] = error.message();
  return answer_line({{"error", std::move(about)}}, id);
}

Result<json::object> control_answer_from(std::string_view line) {
  BRIDLE_TRY(json::object object, object_from(line));
  const json::value* error = object.if_contains("error");
  if (error == nullptr) return object;
  const json::object* about = error->if_object();
  const json::value* code = about == nullptr ? nullptr : about->if_contains("code");
  const json::value* message = about == nullptr ? nullptr : about->if_contains("message");
  const bool whole =
      code != nullptr && code->is_string() && message != nullptr && message->is_string();
  if (!whole) return Error(Code::corrupt, "an error without a code and a message");
  return Error(code_from_name(std::string_view(code->as_string())).value_or(Code::internal),
               std::string(message->as_string()));
}

json::object to_json(const TraceReport& report) {
  json::array steps, outputs, drops;
  for (const TraceStep& step : report.steps)
    steps.push_back(json::object{{"port", step.port},
                                 {"way", step.egress ? "out" : "in"},
                                 {"module", step.module},
                                 {"verdict", step.verdict},
                                 {"why", step.why}});
  for (const TraceOutput& output : report.outputs)
    outputs.push_back(json::object{{"port", output.port},
                                   {"frame", hex(output.bytes.data(), output.bytes.size())}});
  for (const Drop drop : report.drops) drops.push_back(json::string(name(drop)));
  return {
      {"steps", std::move(steps)}, {"outputs", std::move(outputs)}, {"drops", std::move(drops)}};
}

}  // namespace bridle::net
