#include "image/manifest.h"

#include <boost/json.hpp>

namespace bridle::image {
namespace {

namespace json = boost::json;

constexpr int64_t format = 1;
constexpr uint64_t largest_part = uint64_t{1} << 44;  // 16 TiB

Error bad(std::string_view member, std::string_view what) {
  return Error(Code::corrupt, "manifest: " + std::string(member) + ": " + std::string(what));
}

json::object part_json(const model::Part& part) {
  return {{"digest", part.digest}, {"size", part.size}};
}

Result<std::string> text_of(const json::object& object, std::string_view key, size_t most) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return bad(key, "expected a string");
  const json::string& text = value->get_string();
  if (text.size() > most) return bad(key, "too long");
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20) return bad(key, "control character");
  return std::string(text);
}

Result<uint64_t> number_of(const json::object& object, std::string_view key, uint64_t most) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return bad(key, "missing");
  boost::system::error_code wrong;
  const auto number = value->to_number<uint64_t>(wrong);
  if (wrong || number > most)
    return bad(key, "expected a whole number up to " + std::to_string(most));
  return number;
}

Result<model::Part> part_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_object()) return bad(key, "expected an object");
  model::Part part;
  BRIDLE_TRY(part.digest, text_of(value->get_object(), "digest", 64));
  if (!is_digest(part.digest)) return bad(key, "the digest is not 64 hexadecimal digits");
  BRIDLE_TRY(part.size, number_of(value->get_object(), "size", largest_part));
  return part;
}

Status read_needs(const json::object& object, Manifest& out) {
  if (object.contains("least_memory")) {
    BRIDLE_TRY(out.least_memory, number_of(object, "least_memory", largest_part));
  }
  const json::value* ignores = object.if_contains("ignores_users");
  if (ignores == nullptr) return {};
  if (!ignores->is_bool()) return bad("ignores_users", "expected true or false");
  out.ignores_users = ignores->get_bool();
  return {};
}

Status read_disk(const json::object& object, Manifest& out) {
  if (!object.contains("disk")) return {};
  BRIDLE_TRY(out.disk, part_of(object, "disk"));
  BRIDLE_TRY(out.disk_format, text_of(object, "disk_format", 16));
  if (out.disk_format != "qcow2" && out.disk_format != "raw")
    return bad("disk_format", "expected qcow2 or raw");
  BRIDLE_TRY(out.disk_virtual_size, number_of(object, "disk_virtual_size", largest_part));
  return {};
}

}  // namespace

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string encode_manifest(const Manifest& m) {
  json::object out = {{"format", format},
                      {"recipe", m.recipe},
                      {"inputs", m.inputs},
                      {"kernel_arguments", m.kernel_arguments},
                      {"kernel", part_json(m.kernel)},
                      {"initrd", part_json(m.initrd)}};
  if (!m.disk.digest.empty()) {
    out["disk"] = part_json(m.disk);
    out["disk_format"] = m.disk_format;
    out["disk_virtual_size"] = m.disk_virtual_size;
  }
  if (m.least_memory != 0) out["least_memory"] = m.least_memory;
  if (m.ignores_users) out["ignores_users"] = true;
  return json::serialize(out) + "\n";
}

Result<Manifest> decode_manifest(std::string_view text) {
  if (text.size() > longest_manifest)
    return Error(Code::corrupt,
                 "manifest: longer than " + std::to_string(longest_manifest) + " bytes");
  boost::system::error_code wrong;
  json::parse_options options;
  options.max_depth = 4;
  const json::value value =
      json::parse(json::string_view(text.data(), text.size()), wrong, {}, options);
  if (wrong || !value.is_object()) return Error(Code::corrupt, "manifest: not a JSON object");
  const json::object& object = value.get_object();
  BRIDLE_TRY(const uint64_t version, number_of(object, "format", 1000));
  if (version != format)
    return bad("format", "written by another version of Bridle; build the image again");
  Manifest out;
  BRIDLE_TRY(out.recipe, text_of(object, "recipe", 63));
  BRIDLE_TRY(out.inputs, text_of(object, "inputs", 64));
  if (!is_digest(out.inputs)) return bad("inputs", "not 64 hexadecimal digits");
  BRIDLE_TRY(out.kernel_arguments, text_of(object, "kernel_arguments", 1024));
  BRIDLE_TRY(out.kernel, part_of(object, "kernel"));
  BRIDLE_TRY(out.initrd, part_of(object, "initrd"));
  BRIDLE_CHECK(read_disk(object, out));
  BRIDLE_CHECK(read_needs(object, out));
  return out;
}

model::ImageStatus ready_status(const Manifest& m, WallTime built) {
  model::ImageStatus status;
  status.phase = "ready";
  status.message = m.reused ? "nothing it is made of has changed: kept as it is" : "built";
  status.kernel = m.kernel;
  status.initrd = m.initrd;
  status.disk = m.disk;
  status.disk_format = m.disk_format;
  status.disk_virtual_size = m.disk_virtual_size;
  status.kernel_arguments = m.kernel_arguments;
  status.least_memory = m.least_memory;
  status.ignores_users = m.ignores_users;
  status.built = built;
  return status;
}

}  // namespace bridle::image
