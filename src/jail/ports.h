// Ports: what the ports of all switches are joined to, and its hand-over to their processes.
//
// Each port is a record on disk (switch_record.h) that says what it is and which process of the
// switch has its descriptors. A process that has not got them is given them: when a port is opened,
// when a switch was started anew, when the jail was. What fails then (a device that is gone, a
// socket that is just being released) is tried again, after 100 ms to 5 s; `port_note` says so.
//
// A ring has two sides, each with a switch of its own; both get the same memory, also a new process
// of one of them. Only a jail that was killed has lost it: then both get another.
//
// Thread class: the loop's thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/layout.h"
#include "jail/loop.h"
#include "jail/nat.h"
#include "jail/port_make.h"
#include "jail/protocol.h"
#include "jail/switch_record.h"

namespace bridle::jail {

class Ports {
 public:
  // The pidfd of a guest's QEMU, of that boot.
  using FindGuest = std::function<Result<int>(const Uuid& guest, uint64_t boot)>;
  Ports(Loop& loop, const Layout& layout, FindGuest find_guest);

  // Reads what run/s/ZONE holds. Not same_host_boot: nobody has anything of it, nothing is made.
  // Code::refused: a newer Bridle's.
  Status adopt(uint32_t zone, bool same_host_boot);
  void switch_runs(uint32_t zone, const ProcessId& process);
  void switch_ended(uint32_t zone);

  // Each fills `reply`. REQUIRES: validated; the zone has a switch.
  Status open(const Request& request, Reply& reply);
  Status close(const Request& request, Reply& reply);
  Status forward(const Request& request, Reply& reply);
  std::vector<Reply> list(uint64_t id, uint32_t zone) const;
  Status close_all(uint32_t zone);

 private:
  using Key = std::pair<uint32_t, uint32_t>;  // zone, port
  struct Port {
    PortState state;
    std::vector<Fd> ring;  // what both sides share
    PortNote note = PortNote::none;
    std::string why;  // of the note
    std::string device;
    unsigned failures = 0;  // in a row
    uint64_t timer = 0;
  };
  struct Process {
    ProcessId id;
    Fd connection;       // to its jail.sock
    bool waits = false;  // for room in the connection
  };

  static uint32_t zone_of(const Port& port, unsigned side);
  bool needs(const Port& port, unsigned side) const;
  void fill(const Port& port, Reply& reply) const;
  std::string file_of(const Port& port) const;
  Status save(const Port& port) const;

  Result<PortEnd> make(Port& port, unsigned side);
  Result<PortEnd> share(Port& port, unsigned side);
  Status give(Port& port, unsigned side);
  Status send(uint32_t zone, const PortEnd& end);
  Status connect(uint32_t zone, Process& process);
  void wait_for_room(uint32_t zone, Process& process);
  void drop_connection(Process& process);
  void deliver(uint32_t zone);
  void try_port(Port& port);
  void try_later(Port& port);
  void take_back(Port& port, unsigned side);
  Status destroy(Port& port);

  Loop& loop_;
  const Layout& layout_;
  FindGuest find_guest_;
  Nat nat_;
  std::map<Key, Port> ports_;
  std::map<uint32_t, Process> processes_;  // by zone
};

}  // namespace bridle::jail
