// Network namespaces that nobody lives in: kept by a mount (run/s/ZONE/nat.PORT), worked in by
// short-lived children, so that the jail itself never leaves the host's.
//
// Thread class: free functions; one thread. Each waits for its child, 10 s at most.
#pragma once

#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace bridle::jail {

// The namespace that is mounted on `path`; made when there is none.
Result<Fd> open_space(const std::string& path);
Status remove_space(const std::string& path);  // one that is not there is success

// What `work` returns, done in a child that is in that namespace. A descriptor, if it is one, comes
// over; none is success, too.
Result<Fd> in_space(const Fd& space, const std::function<Result<Fd>()>& work);

// Carries out rules (nat_rules.h) in this process's namespace. Code::unreachable: there is no nft.
Status run_nft(const std::string& rules);
// Writes a setting below /proc/sys/net of this process's namespace, unless it has that value.
Status set_net(const std::string& name, const std::string& value);
Result<std::string> get_net(const std::string& name);  // without its newline

}  // namespace bridle::jail
