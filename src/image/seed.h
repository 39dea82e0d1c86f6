// Seed: what a guest is told at its first boot, in cloud-init's NoCloud form: a small ISO 9660 disk
// labelled "cidata" with the files meta-data and user-data. Any image with cloud-init reads it;
// Bridle's own images read exactly what is written here (guest/common/seed).
//
//   #cloud-config
//   hostname: web
//   users:
//     - name: ann
//       shell: /bin/bash
//       lock_passwd: false
//       passwd: '$6$…'
//       ssh_authorized_keys:
//         - 'ssh-ed25519 AAAA… ann'
//   runcmd:
//     - 'touch /done'
//
// Thread class: pure functions, but for the salt that hash_password takes from `random`.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/random.h"
#include "model/machine.h"

namespace bridle::image {

struct SeedTexts {
  std::string meta_data;
  std::string user_data;
};

// The hash that crypt(3) makes of the password a "Secret/key" names, or why there is none. Give the
// same hash for the same secret every time, or the seed differs at every start (see SeedHashes of
// the daemon); the password itself never enters a seed.
using PasswordHash = std::function<Result<std::string>(const std::string& secret)>;

// raw_user_data (spec.raw) replaces what would be written. `instance` names the life that the seed
// is for: another one makes the guest apply it again.
Result<SeedTexts> seed_texts(const model::Seed& seed, const std::string& machine,
                             const MachineId& instance, const std::string& raw_user_data,
                             const PasswordHash& password_hash);

// crypt(3) sha512 ("$6$"), which every guest understands, with a random salt.
Result<std::string> hash_password(std::string_view password, Random& random);

// A scalar of YAML that reads back as exactly these bytes; single-quoted where it can be.
std::string yaml_scalar(std::string_view text);

}  // namespace bridle::image
