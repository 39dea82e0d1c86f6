// Route: one row of the table that everything about the API's surface comes from: dispatch,
// authorization, body limits and the OpenAPI document.
//
// Thread class: the table is built once and only read afterwards.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth.h"
#include "api/message.h"
#include "api/url.h"
#include "model/object.h"

namespace bridle::api {

class Api;
class Backend;
struct Route;

inline constexpr std::string_view reason_header = "x-bridle-reason";
inline constexpr size_t max_reason = 256;  // bytes of UTF-8

// Where the caller must hold the route's right.
enum class Scope {
  nowhere,   // he need not
  project,   // in the project that the path names
  host,      // for every project: the answer is not a project's
  filtered,  // anywhere: the handler shows only what he sees
};

// One request on its way to its answer. Lives until its handler, or the last callback of the
// backend that the handler started, lets go of it.
struct Exchange {
  Api& api;
  Backend& backend;
  const Route& route;
  Request request;
  Caller caller;
  Access access;
  Query query;
  std::string project, name;  // of the path; may be empty
  std::string request_id;
  Reply reply;

  void answer(Response response) { reply(Answer(std::move(response))); }
  void answer(int status, const json::object& body);
  void fail(const Error& error);
  // The query's value; empty: not given.
  std::string_view parameter(std::string_view key) const;
  // Code::invalid: neither true nor false. Not given: false.
  Result<bool> flag(std::string_view key) const;
  // Code::invalid: no number, or outside least and most.
  Result<uint64_t> number(std::string_view key, uint64_t fallback, uint64_t least,
                          uint64_t most) const;
};
using ExchangePtr = std::shared_ptr<Exchange>;
using Handler = void (*)(ExchangePtr);

struct Parameter {
  std::string_view name;
  std::string_view in;    // "query" or "header"
  std::string_view type;  // JSON schema's word
  std::string_view about;
};

struct Route {
  std::string_view method;
  std::string pattern;  // "/api/v1/projects/{project}/machines/{name}"
  Right right = Right::open;
  Scope scope = Scope::nowhere;
  Handler handler = nullptr;
  std::string id;       // OpenAPI's operationId: "getMachine"
  std::string summary;  // one line
  std::optional<model::Kind> kind = {};
  size_t body_limit = 0;  // bytes; 0: takes no body
  std::vector<Parameter> parameters = {};
  std::string body_schema = {};    // name of a component; empty: none
  std::string answer_schema = {};  // name of a component; empty: free JSON
  // Shows what is inside a guest (console, memory, disk): who is not of its project gives a reason.
  bool looks_inside = false;
  std::vector<int> statuses = {200};  // of success; the first is described by answer_schema
};

// A GET whose answer is this component; schema empty: free JSON.
struct Gate {
  Right right;
  Scope scope;
};
Route get_route(Gate gate, std::string_view pattern, Handler handler, std::string_view id,
                std::string_view summary, std::string_view schema);

// Error as JSON: {"error":{"code","message","path","requestId"}}, with the HTTP status of its code.
int http_status(Code code);
Response error_response(const Error& error, std::string_view request_id);
Response error_response(int status, std::string_view code, std::string_view message,
                        std::string_view request_id);
// The place in the document that a message begins with: "spec.memory" of "spec.memory: expected…".
std::string_view path_in(std::string_view message);

}  // namespace bridle::api
