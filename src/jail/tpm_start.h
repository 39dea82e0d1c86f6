// A guest's virtual TPM: swtpm, one process beside each QEMU that has one.
//
//   started  by the attendant, before QEMU and as QEMU is: namespaces of its own (pid, net, ipc,
//   uts,
//            mount), a root of /usr read-only and its own state folder, the guest's cgroup, a uid
//            that nobody else has (Layout::tpm_uid), no capability, the system call filter of
//            guests
//   spoken to over one socket pair, whose other end QEMU inherits: nothing listens
//   ends     when QEMU's end of that socket closes (swtpm --terminate); its guest's release waits
//            for it, then kills
//   keeps    ROOT/tpm/UUID, encrypted (AES-256-CBC) with the key that bridled gives; written by
//            swtpm at each change, removed by Verb::forget
//
// Thread class: one thread.
#pragma once

#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/layout.h"
#include "base/result.h"

namespace bridle::jail {

struct TpmLaunch {
  uint32_t slot = 0;
  const Fd& key;                  // 32 bytes
  const std::vector<Fd>& groups;  // Cgroups entrances
};

// Starts it and gives QEMU's end of the socket. Code::unreachable: swtpm is not installed.
// REQUIRES: root.
Result<Fd> start_tpm(const Layout& layout, const Uuid& uuid, const TpmLaunch& launch);

}  // namespace bridle::jail
