// Session: one client's connection, from its first byte to its last.
//
//            ┌────────────── keep-alive ───────────────┐
//            v                                         │
//        reading ──> handling ──> (answer is written) ─┤
//            │                        │                ├─> streaming   server-sent events
//            │ malformed              └─ close ─┐      └─> tunnel      raw bytes, 101
//            └──> error is written ──> draining ┴──> closed
//
// One function, step(), does whatever the state and the two sockets allow; run() repeats it until
// it would block. Nothing is buffered beyond one answer, one piece of a stream (and one event over
// it), or 16 KiB each way of a tunnel; an idle connection holds no buffer at all, for reads go
// through the host's scratch buffer.
//
// Who asks is settled anew at each request (Api::identify): over the network each may show another
// token. A call that is refused is told to the ledger (Backend::refused). A stream or tunnel whose
// caller may not begin it any more is cut within a tick.
//
// Patience (Limits): whoever sends no whole header, or no whole body, or does not take what is
// written to him, in time, is cut.
//
// Thread class: the loop's thread. Held by shared_ptr: waiting callbacks keep it.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "api/api.h"
#include "api/conn.h"
#include "api/http_parser.h"

namespace bridle::api {

struct Limits {
  size_t connections = 512;
  size_t connections_per_uid = 128;            // uid 0 and bridled's own have no such limit
  size_t body_bytes = 16 << 20;                // of all requests being read or handled
  Duration read = std::chrono::seconds(30);    // a whole header; then again the whole body
  Duration idle = std::chrono::seconds(30);    // between requests
  Duration write = std::chrono::seconds(30);   // an answer, a piece of a stream
  Duration handle = std::chrono::minutes(11);  // the longest agent request takes 10
  Duration heartbeat = std::chrono::seconds(15);
  Duration tunnel_stall = std::chrono::minutes(5);  // a terminal that was stopped
};

// What the sessions of a server share.
struct SessionHost {
  Api& api;
  Limits limits;
  std::function<std::unique_ptr<Conn>(Fd)> adopt;   // a tunnel's other end
  std::function<void(std::function<void()>)> post;  // later, from the loop
  std::function<bool(const Caller&)> may_ask;       // a limit of requests; empty: none
  std::string id_prefix;                            // of request ids
  uint64_t requests = 0;                            // so far
  size_t body_bytes = 0;                            // held now
  std::array<char, 16 << 10> scratch = {};
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(SessionHost& host, std::unique_ptr<Conn> conn, Caller caller);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() { run(); }
  void tick(Tick now);   // about once a second: deadlines, heartbeats
  void store_changed();  // a watch may have something to send
  void shut_down();      // streams get their farewell; what is idle is closed
  void cut() { close(); }
  bool closed() const { return state_ == State::closed; }
  // The connection's; its requests may show more.
  const Caller& caller() const { return caller_; }
  // Somebody with a good credential asked here; always so on the unix socket.
  bool is_known() const { return known_; }

 private:
  enum class State { reading, handling, streaming, tunnel, ending, draining, closed };

  void run();
  bool step();  // true: something moved, go on
  bool step_write();
  bool step_reading();
  bool step_streaming();
  bool step_tunnel();
  bool step_draining();
  bool pass_up();
  bool pass_down();

  bool read_request();
  void take_head();
  void refuse_too_many();
  void tell_denied(const Response& response);
  bool still_welcome();
  void dispatch();
  void on_answer(Answer answer);
  void on_response(Response response);
  void on_stream(EventStream stream);
  void on_tunnel(Tunnel tunnel);
  void refuse(int status, std::string_view code, std::string_view message);
  void refuse(const Response& response);

  void send(std::string bytes);
  void wait_readable();
  void wait_writable();
  void wait_peer_readable();
  void wait_peer_writable();
  void charge(size_t body_bytes);
  void close();
  Duration patience() const;
  void touch() { since_ = host_.api.backend().now(); }
  std::string next_request_id();

  SessionHost& host_;
  std::unique_ptr<Conn> conn_;
  const Caller caller_;
  Caller asking_;     // of the request at hand
  std::string call_;  // "GET /api/v1/hosts", cut
  Request standing_;  // what a stream or tunnel was asked for with, as far as rights depend on it
  bool known_ = false;
  HttpParser parser_;
  State state_ = State::reading;
  std::string request_id_;
  bool keep_alive_ = true;
  bool has_begun_ = false;  // bytes of the request being read have come
  bool running_ = false;
  bool leaving_ = false;  // the server goes down

  std::string out_;     // to the client
  size_t written_ = 0;  // of out_
  Tick since_;          // of what patience() is about
  Tick last_sent_;      // for heartbeats
  size_t charged_ = 0;  // body bytes on the host's account

  std::unique_ptr<EventSource> source_;
  std::unique_ptr<Conn> peer_;                                                      // of the tunnel
  std::string up_;                                                                  // to the peer
  bool reads_ = false, writes_ = false, peer_reads_ = false, peer_writes_ = false;  // waiting
};

}  // namespace bridle::api
