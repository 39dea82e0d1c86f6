#include "jail/tpm_start.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "jail/kernel_filter.h"
#include "jail/new_root.h"
#include "jail/process.h"
#include "wire/socket.h"

namespace bridle::jail {
namespace {

constexpr const char* swtpm_path = "/usr/bin/swtpm";
constexpr int namespaces = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS;
constexpr int oom_score = 300;  // goes with its guest
constexpr int control_fd = 20, key_fd = 21;
constexpr uint64_t most_state = 1 << 20;  // bytes of one file; a TPM keeps some 10 KiB
constexpr const char* arguments[] = {swtpm_path,
                                     "socket",
                                     "--tpm2",
                                     "--tpmstate",
                                     "dir=/tpm,mode=0600",
                                     "--ctrl",
                                     "type=unixio,clientfd=20",
                                     "--key",
                                     "fd=21,mode=aes-256-cbc,format=binary",
                                     "--terminate",
                                     nullptr};

// Its owner may be another than last time: slots are given anew.
Status give_folder(const std::string& folder, uid_t uid) {
  BRIDLE_CHECK(make_folder(folder, 0700));
  BRIDLE_TRY(const Fd fd, open_file(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  BRIDLE_TRY(const auto names, list_folder(folder));
  for (const std::string& name : names)
    if (::fchownat(fd.get(), name.c_str(), uid, uid, AT_SYMLINK_NOFOLLOW) != 0)
      return errno_error(folder + "/" + name);
  if (::fchown(fd.get(), uid, uid) != 0 || ::fchmod(fd.get(), 0700) != 0)
    return errno_error(folder);
  return {};
}

// In the child that becomes swtpm; returns only when something failed.
Status become_tpm(const Layout& layout, const Uuid& uuid, const TpmLaunch& launch,
                  const Fd& control, NewRoot& root) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno_error("PR_SET_PDEATHSIG");
  BRIDLE_CHECK(join_groups(launch.groups));
  BRIDLE_CHECK(set_oom_score(oom_score));
  ::setsid();
  BRIDLE_CHECK(place_standard_streams(layout.guest(uuid) + "/errors"));
  BRIDLE_CHECK(root.enter());
  BRIDLE_CHECK(root.attach_taken());
  BRIDLE_CHECK(root.furnish());
  BRIDLE_CHECK(root.finish());
  BRIDLE_CHECK(place_descriptors({{control.get(), control_fd}, {launch.key.get(), key_fd}}));
  BRIDLE_CHECK(set_resource_limits({.open_files = 64, .file_size = most_state}));
  BRIDLE_CHECK(drop_privileges(layout.tpm_uid(launch.slot)));
  BRIDLE_CHECK(refuse_kernel_interfaces(Confined::guest));
  reset_signals();
  const char* const environment[] = {"PATH=/usr/bin", "LC_ALL=C", "HOME=/", nullptr};
  // No crash point: whoever dies here closes the TPM's socket, and QEMU, which is executed next and
  // has a point there, does not start.
  ::execve(swtpm_path, const_cast<char* const*>(arguments), const_cast<char* const*>(environment));
  return errno_error(swtpm_path);
}

}  // namespace

Result<Tpm> start_tpm(const Layout& layout, const Uuid& uuid, const TpmLaunch& launch) {
  if (::access(swtpm_path, X_OK) != 0)
    return Error(Code::unreachable,
                 std::string("there is no ") + swtpm_path +
                     " on this host, which a machine with a TPM needs: apt-get install swtpm");
  const std::string folder = layout.tpm(uuid);
  BRIDLE_CHECK(give_folder(folder, layout.tpm_uid(launch.slot)));
  if (::lseek(launch.key.get(), 0, SEEK_SET) != 0) return errno_error("the TPM's key");
  NewRoot root;
  BRIDLE_CHECK(root.take("/usr", "usr", NewRoot::Access::read_only));
  BRIDLE_CHECK(root.take(folder, "tpm", NewRoot::Access::writable));
  BRIDLE_TRY(wire::Pair pair, wire::socket_pair(SOCK_STREAM));
  Tpm tpm;
  BRIDLE_TRY(const pid_t pid, fork_into(namespaces, tpm.pidfd));
  if (pid == 0) {
    pair.first.reset();
    const Status status = become_tpm(layout, uuid, launch, pair.second, root);
    log::error("a TPM cannot be started", {{"error", status.error().message()}});
    ::_exit(127);
  }
  // One that fails closes its end: QEMU finds that out at once, and ends with a word about it.
  BRIDLE_TRY(const uint64_t start_time, start_time_of(pid));
  tpm.id = {static_cast<uint32_t>(pid), start_time};
  tpm.socket = std::move(pair.first);
  return tpm;
}

}  // namespace bridle::jail
