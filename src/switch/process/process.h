// Process: bridle-switch, all of it but main(): one switch, its workers' threads, its sockets, its
// disk.
//
//   control thread   epoll: control.sock and its connections, jail.sock and its connection, a timer
//   of
//                    10 ms (the switch's tick, watchdog, captures, ports that wait)
//   workers          worker_thread.h
//   others           vhost-user's relay and rte_vhost's own thread (drivers/vhost_user.h)
//
// Start: the last applied configuration is read from disk and applied, ports are opened and
// connected; then it serves. Everything after that is a request, a descriptor from the jail, or a
// guest that comes and goes. It may be killed at any time: what it needs to come back is on disk,
// or comes again.
//
// `apply` is answered when the configuration is in force and on disk. An older generation than the
// one in force is refused; the same one again is success and changes nothing.
//
// Watchdog: a worker that stands still in a turn for 50 ms is interrupted (drivers/hazards.h).
//
// Thread class: one thread, run().
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "switch/drivers/frame_pools.h"
#include "switch/process/capture_run.h"
#include "switch/process/connection.h"
#include "switch/process/port_keeper.h"
#include "switch/process/state_file.h"
#include "switch/process/worker_thread.h"
#include "switch/switch.h"

namespace bridle::net {

struct ProcessOptions {
  std::string folder;
  Fd control, jail;  // listening; not valid: made in the folder
  unsigned workers = 1;
  size_t frames = 16'384;  // of each worker
};

class Process {
 public:
  static Result<std::unique_ptr<Process>> start(ProcessOptions options);
  ~Process();

  // Until stop or SIGTERM.
  Status run();

 private:
  explicit Process(ProcessOptions options);
  Status prepare();
  Status make_workers();
  Status make_sockets();
  Status watch(int fd, uint64_t key, bool writable = false);

  void serve(uint64_t key);
  void accept_control();
  void accept_jail();
  void serve_jail();
  void serve_connection(uint64_t number);
  // False: the connection is over.
  bool answer(uint64_t number, Connection& connection, const std::string& line);
  Result<json::object> carry_out(const ControlRequest& request);
  Result<json::object> apply(const ControlRequest& request);
  Result<json::object> trace(const ControlRequest& request);
  json::object hello() const;
  json::object to_json_status();
  Status begin_capture(uint64_t number, const ControlRequest& request, Fd into);
  void end_capture();

  void tick();
  void attach();
  bool is_quiet();
  void watch_workers(Tick now);
  void hold_workers();
  void let_workers_go();

  struct Client {
    uint64_t number;
    std::unique_ptr<Connection> connection;
  };
  Client* client(uint64_t number);
  void drop_client(uint64_t number);

  struct Beat {
    uint64_t turns = 0;
    Tick since;
    uint64_t interrupted = 0;
  };

  ProcessOptions options_;
  StateFile state_;
  Fd epoll_, timer_, signals_, jail_connection_;
  std::unique_ptr<DriverFactory> factory_;
  std::vector<FramePool*> pools_;
  std::unique_ptr<Switch> switch_;
  std::unique_ptr<PortKeeper> ports_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  std::vector<Beat> beats_;
  std::list<Client> clients_;
  uint64_t next_client_ = 1;
  struct Capturing {
    std::unique_ptr<CaptureRun> run;
    uint64_t client;
    std::optional<int64_t> id;
  };
  std::unique_ptr<Capturing> capturing_;
  uint64_t saved_ = 0;  // generation on disk
  uint64_t turns_ = 0;  // of all workers, at the last tick
  uint32_t quiet_ticks_ = 0;
  uint64_t cycles_per_second_ = 0;
  bool stopping_ = false;
};

}  // namespace bridle::net
