#include "api/route.h"

#include <array>
#include <charconv>

namespace bridle::api {

namespace {

struct CodeStatus {
  Code code;
  int status;
};

constexpr std::array code_statuses = {
    CodeStatus{Code::invalid, 400},  CodeStatus{Code::not_found, 404},
    CodeStatus{Code::conflict, 409}, CodeStatus{Code::refused, 422},
    CodeStatus{Code::gone, 410},     CodeStatus{Code::unauthorized, 403},
    CodeStatus{Code::internal, 500}, CodeStatus{Code::unreachable, 503},
    CodeStatus{Code::corrupt, 500},  CodeStatus{Code::exhausted, 429},
};

constexpr std::array<std::string_view, 5> roots = {"spec", "metadata", "status", "apiVersion",
                                                   "kind"};

bool begins_with_root(std::string_view path) {
  for (const std::string_view root : roots) {
    if (!path.starts_with(root)) continue;
    if (path.size() == root.size() || path[root.size()] == '.' || path[root.size()] == '[')
      return true;
  }
  return false;
}

}  // namespace

int http_status(Code code) {
  for (const CodeStatus& row : code_statuses)
    if (row.code == code) return row.status;
  return 500;
}

std::string_view path_in(std::string_view message) {
  const std::string_view path = message.substr(0, message.find(": "));
  if (path.size() == message.size() || !begins_with_root(path)) return {};
  return path;
}

Response error_response(int status, std::string_view code, std::string_view message,
                        std::string_view request_id) {
  json::object error;
  error["code"] = code;
  error["message"] = message;
  if (const auto path = path_in(message); !path.empty()) error["path"] = path;
  error["requestId"] = request_id;
  Response response;
  response.status = status;
  response.body = json::serialize(json::object{{"error", std::move(error)}});
  return response;
}

Response error_response(const Error& error, std::string_view request_id) {
  return error_response(http_status(error.code()), code_name(error.code()), error.message(),
                        request_id);
}

Route get_route(Gate gate, std::string_view pattern, Handler handler, std::string_view id,
                std::string_view summary, std::string_view schema) {
  Route out;
  out.method = "GET";
  out.pattern = pattern;
  out.right = gate.right;
  out.scope = gate.scope;
  out.handler = handler;
  out.id = id;
  out.summary = summary;
  out.answer_schema = schema;
  return out;
}

void Exchange::answer(int status, const json::object& body) {
  Response response;
  response.status = status;
  response.body = json::serialize(body);
  answer(std::move(response));
}

void Exchange::fail(const Error& error) { answer(error_response(error, request_id)); }

std::string_view Exchange::parameter(std::string_view key) const {
  const auto at = query.find(key);
  return at == query.end() ? std::string_view{} : std::string_view(at->second);
}

Result<bool> Exchange::flag(std::string_view key) const {
  const std::string_view value = parameter(key);
  if (value == "true") return true;
  if (value.empty() || value == "false") return false;
  return Error(Code::invalid, "parameter " + std::string(key) + ": expected true or false");
}

Result<uint64_t> Exchange::number(std::string_view key, uint64_t fallback, uint64_t least,
                                  uint64_t most) const {
  const std::string_view text = parameter(key);
  if (text.empty()) return fallback;
  uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    return Error(Code::invalid, "parameter " + std::string(key) + ": expected a number from " +
                                    std::to_string(least) + " to " + std::to_string(most));
  return value;
}

}  // namespace bridle::api
