#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "switch/drivers/eal_seams.h"
#include "switch/drivers/mbuf_pool.h"

namespace bridle::net {

Status start_eal(const std::string& folder) {
  static bool started = false;
  if (started) return {};
  // It pins the thread that starts it; that is none of its business.
  cpu_set_t cpus;
  const bool known = ::sched_getaffinity(0, sizeof cpus, &cpus) == 0;
  ::setenv("RUNTIME_DIRECTORY", folder.c_str(), 1);
  std::vector<std::string> words = {"bridle-switch",
                                    "--no-huge",
                                    "--no-shconf",
                                    "--no-pci",
                                    "--no-telemetry",
                                    "-m",
                                    "64",
                                    "-l",
                                    "0",
                                    "--iova-mode=va",
                                    "--log-level=*:1"};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int result = 0;
  {
    const EalStarting starting;
    result = rte_eal_init(static_cast<int>(words.size()), arguments.data());
  }
  if (known) ::sched_setaffinity(0, sizeof cpus, &cpus);
  if (result < 0)
    return Error(Code::internal, std::string("starting DPDK: ") + rte_strerror(rte_errno));
  // What a guest does must not fill the log.
  rte_log_set_global_level(RTE_LOG_CRIT);
  started = true;
  return {};
}

}  // namespace bridle::net
