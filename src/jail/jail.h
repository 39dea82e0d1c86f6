// The jail: the one privileged process of a Bridle instance. It serves bridled on
// ROOT/run/jail.sock (protocol.h) and owns guests, helpers and their cgroups. docs/jail.md tells
// the whole.
//
// Thread class: one thread, until stop.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "base/layout.h"
#include "jail/cgroup.h"
#include "jail/guests.h"
#include "jail/helper.h"
#include "jail/loop.h"
#include "jail/ports.h"
#include "jail/protocol.h"
#include "jail/switches.h"

namespace bridle::jail {

class Jail {
 public:
  // `folder` has the programs bridle-image-helper and bridle-switch.
  Jail(Loop& loop, const Layout& layout, Cgroups& cgroups, const std::string& folder);

  // Prepares cgroups, adopts guests, listens. Serving is the loop's.
  Status open();
  // SIGCHLD came. Reaps heirs' children that nobody here waits for: what an attendant that was
  // killed leaves behind.
  void child_ended();

 private:
  struct Client {
    Fd fd;
    std::deque<Reply> unsent;
  };

  void welcome();
  void welcome_later();
  void client_ready(uint64_t number, uint32_t events);
  bool hear(uint64_t number);
  void serve(uint64_t number, const Request& request, std::vector<Fd> descriptors);
  // Verbs whose answers come later, or are several. false: it is none of these.
  bool serve_long(uint64_t number, const Request& request, std::vector<Fd>& descriptors);
  void send(uint64_t number, const Reply& reply);
  bool flush(Client& client);
  void dismiss(uint64_t number);

  Status hello(const Request& request, Reply& reply);
  Status signal(const Request& request, Reply& reply);
  void reap_strays();

  Loop& loop_;
  const Layout& layout_;
  Cgroups& cgroups_;
  Guests guests_;
  Helpers helpers_;
  Ports ports_;
  Switches switches_;
  Fd listener_;
  std::map<uint64_t, Client> clients_;
  uint64_t next_client_ = 1;
  int reap_tries_ = 0;
};

}  // namespace bridle::jail
