#include "api/session.h"

#include "api/refusals.h"
#include "base/log.h"

namespace bridle::api {

namespace {

constexpr size_t piece = 16 << 10;       // of a stream
constexpr int turns = 32;                // of one session, then others have theirs
constexpr size_t drain_bytes = 1 << 20;  // read and dropped after an error
constexpr size_t call_bytes = 160;       // of a call in the ledger

}  // namespace

Session::Session(SessionHost& host, std::unique_ptr<Conn> conn, Caller caller)
    : host_(host),
      conn_(std::move(conn)),
      caller_(std::move(caller)),
      known_(caller_.source == Source::local) {
  touch();
}

Session::~Session() { charge(0); }

void Session::run() {
  if (running_) return;
  running_ = true;
  const auto self = shared_from_this();
  int left = turns;
  while (left > 0 && step()) --left;
  running_ = false;
  if (left == 0) host_.post([self] { self->run(); });
}

bool Session::step() {
  if (state_ == State::closed) return false;
  if (!out_.empty() && !step_write()) {
    // A tunnel's other direction does not wait for this one.
    return state_ == State::tunnel && pass_up();
  }
  switch (state_) {
    case State::reading:
      return step_reading();
    case State::streaming:
      return step_streaming();
    case State::tunnel:
      return step_tunnel();
    case State::draining:
      return step_draining();
    case State::ending:
      conn_->end_writing();
      state_ = State::draining;
      touch();
      return true;
    case State::handling:
    case State::closed:
      return false;
  }
  return false;
}

// True: everything is written.
bool Session::step_write() {
  while (written_ < out_.size()) {
    const Conn::Io io = conn_->write(std::string_view(out_).substr(written_));
    if (io.state == Conn::Io::State::closed) {
      close();
      return false;
    }
    if (io.state == Conn::Io::State::blocked) {
      wait_writable();
      return false;
    }
    written_ += io.bytes;
  }
  out_ = std::string();  // gives its memory back
  written_ = 0;
  touch();
  last_sent_ = since_;
  return true;
}

void Session::send(std::string bytes) {
  if (bytes.empty()) return;
  if (out_.empty()) touch();
  out_ = out_.empty() ? std::move(bytes) : out_ + bytes;
}

// ---- requests

bool Session::step_reading() {
  switch (parser_.state()) {
    case HttpParser::State::header:
    case HttpParser::State::body:
      return read_request();
    case HttpParser::State::head:
      take_head();
      return true;
    case HttpParser::State::done:
      dispatch();
      return true;
    case HttpParser::State::failed:
      request_id_ = next_request_id();
      refuse(parser_.failure().status, parser_.failure().status == 413 ? "exhausted" : "invalid",
             parser_.failure().message);
      return true;
  }
  return false;
}

bool Session::read_request() {
  if (leaving_ && parser_.idle()) {
    close();
    return false;
  }
  const Conn::Io io = conn_->read(host_.scratch);
  if (io.state == Conn::Io::State::closed) {
    close();
    return false;
  }
  if (io.state == Conn::Io::State::blocked) {
    wait_readable();
    return false;
  }
  if (!has_begun_) touch();
  has_begun_ = true;
  parser_.feed({host_.scratch.data(), io.bytes});
  if (parser_.state() == HttpParser::State::body) {
    charge(parser_.body_size());
    if (host_.body_bytes > host_.limits.body_bytes)
      refuse(503, "exhausted", "too many large requests at once; try again soon");
  }
  return true;
}

// The header is there: what needs no body is refused now.
void Session::take_head() {
  const Request& request = parser_.request();
  request_id_ = next_request_id();
  keep_alive_ = request.keep_alive;
  call_ = (request.method + " " + request.path).substr(0, call_bytes);
  asking_ = host_.api.identify(caller_, request);
  known_ = known_ || asking_.source != Source::stranger;
  touch();
  if (host_.may_ask && !host_.may_ask(asking_)) return refuse_too_many();
  if (!parser_.has_body()) {
    parser_.accept_body(0);
    return;
  }
  const Api::Entry entry = host_.api.enter(request, asking_, request_id_);
  if (entry.refusal) return refuse(*entry.refusal);
  const std::string_view expect = request.header("expect");
  if (!expect.empty() && expect != "100-continue")
    return refuse(417, "invalid", "the only expectation that can be met is 100-continue");
  if (parser_.accept_body(entry.route->body_limit) == HttpParser::State::body && !expect.empty())
    send("HTTP/1.1 100 Continue\r\n\r\n");
}

// Over its rate. Where nothing more of the request has to be read, the connection stays: a new one
// would cost both sides more than the request did.
void Session::refuse_too_many() {
  Response response =
      error_response(429, "exhausted", "too many requests; try again in a second", request_id_);
  response.headers.emplace_back("Retry-After", "1");
  response.denied = true;
  if (parser_.has_body() || asking_.source == Source::stranger) return refuse(response);
  tell_denied(response);
  parser_.accept_body(0);
  parser_.take();
  has_begun_ = false;
  send(render(response, request_id_, keep_alive_));
  if (!keep_alive_) state_ = State::ending;
}

void Session::tell_denied(const Response& response) {
  if (!response.denied) return;
  host_.api.backend().refused({who(asking_), asking_.peer, call_, request_id_, response.status});
}

void Session::dispatch() {
  has_begun_ = false;
  state_ = State::handling;
  touch();
  // A tunnel needs what came behind the request; a next request waits in the parser meanwhile.
  if (!parser_.request().header("upgrade").empty()) up_ = parser_.take_rest();
  const std::weak_ptr<Session> weak = weak_from_this();
  Request request = parser_.take();
  standing_ = {request.method, request.path, {}, {}, {}, false};
  standing_.headers.emplace_back(reason_header, request.header(reason_header));
  host_.api.handle(std::move(request), asking_, request_id_, [weak](Answer answer) {
    if (const auto self = weak.lock()) self->on_answer(std::move(answer));
  });
}

std::string Session::next_request_id() {
  return host_.id_prefix + std::to_string(++host_.requests);
}

// ---- answers

void Session::on_answer(Answer answer) {
  if (state_ != State::handling) return;  // cut meanwhile
  charge(0);
  if (auto* response = std::get_if<Response>(&answer)) on_response(std::move(*response));
  if (auto* stream = std::get_if<EventStream>(&answer)) on_stream(std::move(*stream));
  if (auto* tunnel = std::get_if<Tunnel>(&answer)) on_tunnel(std::move(*tunnel));
  run();
}

void Session::on_response(Response response) {
  tell_denied(response);
  // A stranger from the network is not kept: he would hold a place of those who are let in.
  const bool stranger = asking_.source == Source::stranger;
  const bool keep = keep_alive_ && !leaving_ && up_.empty() && !stranger;
  if (response.status >= 500)
    log::warning("request failed",
                 {{"id", request_id_}, {"status", std::to_string(response.status)}});
  send(render(response, request_id_, keep));
  state_ = keep ? State::reading : State::ending;
}

void Session::on_stream(EventStream stream) {
  source_ = std::move(stream.source);
  send(render_stream_head(stream.form, request_id_));
  state_ = State::streaming;
  if (leaving_) shut_down();
}

void Session::on_tunnel(Tunnel tunnel) {
  peer_ = host_.adopt(std::move(tunnel.peer));
  send(render_tunnel_head(request_id_));
  state_ = State::tunnel;
}

void Session::refuse(int status, std::string_view code, std::string_view message) {
  refuse(error_response(status, code, message, request_id_));
}

void Session::refuse(const Response& response) {
  tell_denied(response);
  charge(0);
  send(render(response, request_id_, false));
  state_ = State::ending;
}

// ---- streams

bool Session::step_streaming() {
  // The client has nothing to say; its end is the end.
  if (!reads_) {
    if (conn_->read(host_.scratch).state != Conn::Io::State::blocked) {
      close();
      return false;
    }
    wait_readable();
  }
  send(source_->pull(piece));
  if (!out_.empty()) return true;
  if (source_->ended()) {
    state_ = State::ending;
    return true;
  }
  return source_->behind();
}

void Session::store_changed() {
  if (state_ == State::streaming) run();
}

// ---- tunnels

bool Session::step_tunnel() {
  const bool up = pass_up();
  if (state_ != State::tunnel) return state_ != State::closed;
  const bool down = pass_down();
  return up || down;
}

// Client to peer.
bool Session::pass_up() {
  if (up_.empty()) {
    const Conn::Io in = conn_->read(host_.scratch);
    if (in.state == Conn::Io::State::closed) {
      close();
      return false;
    }
    if (in.state == Conn::Io::State::blocked) {
      wait_readable();
      return false;
    }
    up_.assign(host_.scratch.data(), in.bytes);
  }
  const Conn::Io io = peer_->write(up_);
  if (io.state == Conn::Io::State::closed) {
    state_ = State::ending;
    return false;
  }
  if (io.state == Conn::Io::State::blocked) {
    wait_peer_writable();
    return false;
  }
  up_.erase(0, io.bytes);
  return true;
}

// Peer to client. REQUIRES: out_ is empty.
bool Session::pass_down() {
  const Conn::Io in = peer_->read(host_.scratch);
  if (in.state == Conn::Io::State::closed) {
    state_ = State::ending;
    return true;
  }
  if (in.state == Conn::Io::State::blocked) {
    wait_peer_readable();
    return false;
  }
  send(std::string(host_.scratch.data(), in.bytes));
  return true;
}

// ---- the end

// After an error the client may still be sending: closing at once could take the answer away from
// it. Its bytes are dropped until it ends, sends too much, or patience does.
bool Session::step_draining() {
  const Conn::Io io = conn_->read(host_.scratch);
  if (io.state == Conn::Io::State::blocked) {
    wait_readable();
    return false;
  }
  written_ += io.bytes;
  if (io.state == Conn::Io::State::closed || written_ > drain_bytes) close();
  return state_ != State::closed;
}

void Session::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  conn_->close();
  if (peer_) peer_->close();
  source_.reset();
  out_ = std::string();
  up_ = std::string();
  charge(0);
}

void Session::shut_down() {
  leaving_ = true;
  if (state_ == State::streaming) {
    send(source_->farewell());
    state_ = State::ending;
  } else if (state_ == State::reading && parser_.idle() && out_.empty()) {
    close();
  } else if (state_ == State::tunnel) {
    state_ = State::ending;
  }
  run();
}

// ---- time

Duration Session::patience() const {
  const Limits& limits = host_.limits;
  if (!out_.empty()) return state_ == State::tunnel ? limits.tunnel_stall : limits.write;
  switch (state_) {
    case State::reading:
      return has_begun_ ? limits.read : limits.idle;
    case State::handling:
      return limits.handle;
    case State::draining:
      return std::chrono::seconds(2);
    default:
      return Duration::max();
  }
}

// What was given may be taken away while a stream or a console is open: whoever could not begin it
// now does not go on with it.
bool Session::still_welcome() { return !host_.api.enter(standing_, asking_, request_id_).refusal; }

void Session::tick(Tick now) {
  if ((state_ == State::streaming || state_ == State::tunnel) && !still_welcome()) return close();
  if (state_ == State::streaming && out_.empty() && now - last_sent_ >= host_.limits.heartbeat) {
    send(source_->heartbeat());
    return run();
  }
  if (now - since_ < patience()) return;
  const bool tells =
      out_.empty() && ((state_ == State::reading && has_begun_) || state_ == State::handling);
  if (!tells) return close();
  if (state_ == State::reading)
    refuse(408, "exhausted", "the request took too long to come");
  else
    refuse(503, "unreachable", "the answer took too long; what was asked may still be done");
  run();
}

// ---- small things

void Session::wait_readable() {
  if (std::exchange(reads_, true)) return;
  conn_->when_readable([self = shared_from_this()] {
    self->reads_ = false;
    self->run();
  });
}

void Session::wait_writable() {
  if (std::exchange(writes_, true)) return;
  conn_->when_writable([self = shared_from_this()] {
    self->writes_ = false;
    self->run();
  });
}

void Session::wait_peer_readable() {
  if (std::exchange(peer_reads_, true)) return;
  peer_->when_readable([self = shared_from_this()] {
    self->peer_reads_ = false;
    self->run();
  });
}

void Session::wait_peer_writable() {
  if (std::exchange(peer_writes_, true)) return;
  peer_->when_writable([self = shared_from_this()] {
    self->peer_writes_ = false;
    self->run();
  });
}

void Session::charge(size_t body_bytes) {
  host_.body_bytes += body_bytes - charged_;
  charged_ = body_bytes;
}

}  // namespace bridle::api
