// Layout: where everything of one Bridle instance lives. Every path, uid and cgroup name derives
// from the root, so that many instances run side by side on one machine (design section 3).
//
// Thread class: an immutable value.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "base/result.h"

namespace bridle {

class Layout {
 public:
  // Absolute, normal (no "..", no doubled or trailing '/'), at most max_root characters, for a unix
  // socket's path holds 107.
  static constexpr size_t max_root = 44;
  static constexpr uint32_t max_slot = 12000;
  static constexpr uint32_t max_zone = 1024;
  static constexpr uint32_t ids_per_namespace = 65536;
  static Result<Layout> of(const std::string& root);

  const std::string& root() const { return root_; }

  std::string state() const { return root_ + "/state"; }
  std::string store_file() const { return state() + "/store.db"; }
  std::string ledger() const { return state() + "/ledger"; }
  std::string images() const { return root_ + "/images"; }
  std::string incoming() const { return images() + "/incoming"; }
  std::string parts() const { return images() + "/parts"; }
  std::string volumes() const { return root_ + "/volumes"; }
  // Files that callers send (docs/import.md): bridled's own, below its own folder.
  std::string uploads() const { return volumes() + "/uploads"; }
  // What virtual TPMs keep: one folder a machine, its TPM's own uid's. The jail makes and removes.
  std::string tpm() const { return root_ + "/tpm"; }
  std::string tpm(const Uuid& uuid) const { return tpm() + "/" + uuid.text(); }
  std::string cache() const { return root_ + "/cache"; }
  std::string run() const { return root_ + "/run"; }
  std::string jail_socket() const { return run() + "/jail.sock"; }
  std::string api_socket() const { return run() + "/bridled.sock"; }
  std::string guests() const { return run() + "/g"; }
  std::string guest(const Uuid& uuid) const { return guests() + "/" + uuid.text(); }
  // A switch's, by the slot of its zone: what the jail keeps of it, its sockets, its own state.
  std::string switches() const { return run() + "/s"; }
  std::string switch_run(uint32_t zone) const { return switches() + "/" + std::to_string(zone); }
  std::string switch_control(uint32_t zone) const { return switch_run(zone) + "/control.sock"; }
  std::string switch_states() const { return root_ + "/switch"; }
  std::string switch_state(uint32_t zone) const {
    return switch_states() + "/" + std::to_string(zone);
  }

  uid_t daemon_uid() const { return uid_base_; }
  uid_t images_uid() const { return uid_base_ + 1; }
  uid_t fetch_uid() const { return uid_base_ + 2; }
  uid_t build_uid() const { return uid_base_ + 3; }
  uid_t convert_uid() const { return uid_base_ + 4; }
  // REQUIRES: 1 <= slot <= max_slot.
  uid_t guest_uid(uint32_t slot) const { return uid_base_ + 16 + 2 * slot; }
  uid_t attendant_uid(uint32_t slot) const { return uid_base_ + 17 + 2 * slot; }
  uid_t tpm_uid(uint32_t slot) const { return uid_base_ + 32768 + slot; }
  // REQUIRES: 1 <= zone <= max_zone.
  uid_t switch_uid(uint32_t zone) const { return uid_base_ + 45056 + zone; }
  // First of ids_per_namespace ids that the build helper's user namespace maps to 0 and up.
  uid_t namespace_uid() const { return uid_base_ + 65536; }

  std::string cgroup() const { return cgroup_; }  // "bridle-1a2b3c4d"

 private:
  Layout() = default;
  std::string root_;
  std::string cgroup_;
  uid_t uid_base_ = 0;
};

}  // namespace bridle
