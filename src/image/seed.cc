#include "image/seed.h"

#include <crypt.h>

#include <memory>

namespace bridle::image {
namespace {

constexpr size_t most_user_data = 64 << 10;

bool is_host_name(std::string_view name) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
  return !name.empty() && name.size() <= 63 && name.front() != '-' && name.front() != '.' &&
         name.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_user_name(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  return !name.empty() && name.size() <= 32 && name.front() != '-' &&
         name.find_first_not_of(allowed) == std::string_view::npos;
}

Status add_user(std::string& out, const model::SeedUser& user, const PasswordHash& password_hash) {
  if (!is_user_name(user.name))
    return Error(Code::invalid, "seed: \"" + user.name + "\" is no user name");
  out += "  - name: " + user.name + "\n    shell: /bin/bash\n";
  if (user.password_secret.empty()) {
    out += "    lock_passwd: true\n";
  } else {
    BRIDLE_TRY(const std::string hash, password_hash(user.password_secret));
    out += "    passwd: " + yaml_scalar(hash) + "\n    lock_passwd: false\n";
  }
  if (user.ssh_keys.empty()) return {};
  out += "    ssh_authorized_keys:\n";
  for (const std::string& key : user.ssh_keys) {
    if (key.find_first_of("\r\n") != std::string::npos)
      return Error(Code::invalid, "seed: a key of " + user.name + " has more than one line");
    out += "      - " + yaml_scalar(key) + "\n";
  }
  return {};
}

Result<std::string> cloud_config(const model::Seed& seed, const std::string& host,
                                 const PasswordHash& password_hash) {
  std::string out = "#cloud-config\nhostname: " + host + "\n";
  if (!seed.users.empty()) out += "users:\n";
  for (const model::SeedUser& user : seed.users) BRIDLE_CHECK(add_user(out, user, password_hash));
  if (!seed.run.empty()) out += "runcmd:\n";
  for (const std::string& command : seed.run) out += "  - " + yaml_scalar(command) + "\n";
  return out;
}

}  // namespace

std::string yaml_scalar(std::string_view text) {
  bool control = false;
  for (const unsigned char c : text) control = control || c < 0x20 || c == 0x7f;
  std::string out;
  if (!control) {
    for (const char c : text) {
      out += c;
      if (c == '\'') out += c;
    }
    return "'" + out + "'";
  }
  constexpr std::string_view digits = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out.append({'\\', c});
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (byte < 0x20 || byte == 0x7f)
      out.append({'\\', 'x', digits[byte >> 4], digits[byte & 15]});
    else
      out += c;
  }
  return "\"" + out + "\"";
}

Result<SeedTexts> seed_texts(const model::Seed& seed, const std::string& machine,
                             const MachineId& instance, const std::string& raw_user_data,
                             const PasswordHash& password_hash) {
  const std::string host = seed.hostname.empty() ? machine : seed.hostname;
  if (!is_host_name(host)) return Error(Code::invalid, "seed: \"" + host + "\" is no host name");
  SeedTexts out;
  out.meta_data = "instance-id: iid-" + instance.uuid.text() + "-" +
                  std::to_string(instance.generation) + "\nlocal-hostname: " + host + "\n";
  if (raw_user_data.empty()) {
    BRIDLE_TRY(out.user_data, cloud_config(seed, host, password_hash));
  } else {
    out.user_data = raw_user_data;
  }
  if (out.user_data.size() > most_user_data)
    return Error(Code::invalid, "seed: user-data is longer than 64 KiB");
  return out;
}

Result<std::string> hash_password(std::string_view password, Random& random) {
  if (password.empty() || password.size() > 512 || password.find('\0') != std::string_view::npos)
    return Error(Code::invalid, "a password has 1 to 512 bytes and no NUL");
  constexpr std::string_view letters =
      "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string setting = "$6$";
  for (int i = 0; i < 16; ++i) setting += letters[random.below(letters.size())];
  setting += "$";
  const auto data = std::make_unique<crypt_data>();
  const char* hash = ::crypt_r(std::string(password).c_str(), setting.c_str(), data.get());
  if (hash == nullptr || hash[0] == '*') return Error(Code::internal, "crypt(3) refuses sha512");
  return std::string(hash);
}

}  // namespace bridle::image
