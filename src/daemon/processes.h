// Processes: what Bridle's own processes of this root cost: resident memory and CPU time, as
// /proc shows them to an unprivileged reader. QEMU is not among them: it is accounted to guests.
//
// Thread class: free functions; any thread.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace bridle::daemon {

struct ProcessCost {
  std::string name;  // "bridled", "bridle-jail", "bridle-supervise"
  int pid = 0;
  uint64_t rss_bytes = 0;  // shared pages counted in each process that maps them
  uint64_t cpu_ns = 0;
};

// Those whose command line is a Bridle program with this --root.
std::vector<ProcessCost> bridle_processes(const std::string& root);
boost::json::array to_json(const std::vector<ProcessCost>& processes);

// Thousandths of a core and bytes of memory of this host.
uint64_t host_millicores();
uint64_t host_memory_bytes();
std::string host_name();

}  // namespace bridle::daemon
