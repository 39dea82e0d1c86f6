// A guest's virtual TPM: swtpm, one process beside each QEMU that has one.
//
//   started  by the attendant, before QEMU and as QEMU is: namespaces of its own (pid, net, ipc,
//            uts, mount), a root of /usr read-only and its own state folder, the guest's cgroup, a
//            uid that nobody else has (Layout::tpm_uid), no capability, the system call filter of
//            guests
//   spoken to over one socket pair, whose other end QEMU inherits: nothing listens
//   ends     when QEMU's end of that socket closes (swtpm --terminate); its guest's end is told
//            after it (Guests). One that ends before its QEMU is lost to this run of the guest:
//            QEMU's backend cannot be given another
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
#include "jail/record.h"

namespace bridle::jail {

struct TpmLaunch {
  uint32_t slot = 0;
  const Fd& key;                  // 32 bytes
  const std::vector<Fd>& groups;  // Cgroups entrances
};

struct Tpm {
  ProcessId id;
  Fd pidfd;
  Fd socket;  // QEMU's end
};

// Code::unreachable: swtpm is not installed. REQUIRES: root.
Result<Tpm> start_tpm(const Layout& layout, const Uuid& uuid, const TpmLaunch& launch);

}  // namespace bridle::jail
