#include "daemon/tpm_key.h"

#include <unistd.h>

#include <array>

#include "base/file.h"
#include "base/hash.h"

namespace bridle::daemon {
namespace {

constexpr size_t secret_size = 32;

}  // namespace

std::string tpm_secret_path(const Layout& layout) { return layout.state() + "/tpm.key"; }

Status make_tpm_secret(const Layout& layout, Random& random) {
  const std::string path = tpm_secret_path(layout);
  if (::access(path.c_str(), F_OK) == 0) return {};
  std::array<uint8_t, secret_size> secret{};
  random.fill(secret);
  return write_file_durably(path, {reinterpret_cast<const char*>(secret.data()), secret.size()},
                            0600);
}

Result<Fd> tpm_key(const Layout& layout, const Uuid& machine) {
  const std::string path = tpm_secret_path(layout);
  BRIDLE_TRY(const std::string secret, read_file(path, secret_size));
  if (secret.size() != secret_size)
    return Error(Code::corrupt, path + " is not 32 bytes: restore it from a backup");
  const Sha256 key = sha256(secret + "bridle tpm key 1\n" + machine.text());
  return sealed_memfd("tpm-key", {reinterpret_cast<const char*>(key.data()), key.size()});
}

}  // namespace bridle::daemon
