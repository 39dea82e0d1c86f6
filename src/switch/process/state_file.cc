#include "switch/process/state_file.h"

#include <boost/json.hpp>
#include <cstdio>
#include <cstring>

#include "base/file.h"
#include "base/hash.h"

namespace bridle::net {
namespace {

constexpr std::string_view magic = "BLSC";
constexpr uint32_t version = 1;
constexpr size_t head_size = 4 + 4 + 8 + 32;

Error corrupt(const char* why) {
  return {Code::corrupt, std::string("the switch's configuration on disk: ") + why};
}

}  // namespace

std::string encode_state(const Config& config) {
  const std::string text = json::serialize(to_json(config));
  const uint64_t size = text.size();
  const Sha256 digest = sha256(text);
  std::string bytes(magic);
  bytes.append(reinterpret_cast<const char*>(&version), sizeof version);
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return bytes + text;
}

Result<Config> decode_state(std::string_view bytes) {
  if (bytes.size() < head_size || bytes.substr(0, 4) != magic) return corrupt("no such file");
  uint32_t its_version = 0;
  uint64_t size = 0;
  std::memcpy(&its_version, bytes.data() + 4, sizeof its_version);
  std::memcpy(&size, bytes.data() + 8, sizeof size);
  if (its_version != version) return corrupt("of another version");
  const std::string_view text = bytes.substr(head_size);
  if (size != text.size()) return corrupt("cut");
  const Sha256 digest = sha256(text);
  if (std::memcmp(digest.data(), bytes.data() + 16, digest.size()) != 0)
    return corrupt("its checksum is another");
  boost::system::error_code failed;
  const json::value value = json::parse(text, failed);
  if (failed || !value.is_object()) return corrupt("no JSON object");
  return config_from_json(value.as_object());
}

Result<std::optional<Config>> StateFile::load() {
  auto bytes = read_file(path(), largest_state);
  if (!bytes.ok() && bytes.error().code() == Code::not_found) return std::optional<Config>();
  if (!bytes.ok()) return std::move(bytes).error();
  auto config = decode_state(*bytes);
  if (config.ok()) return std::optional<Config>(*std::move(config));
  if (std::rename(path().c_str(), (path() + ".broken").c_str()) != 0)
    return errno_error("keeping a broken configuration");
  return std::move(config).error();
}

Status StateFile::save(const Config& config) {
  const std::string bytes = encode_state(config);
  if (bytes.size() > largest_state) return Error(Code::exhausted, "a configuration over 32 MiB");
  return write_file_durably(path(), bytes);
}

}  // namespace bridle::net
