#include "model/image.h"

#include "model/quantity.h"
#include "model/reader.h"
#include "model/writer.h"

namespace bridle::model {
namespace {

void read_part(Reader& read, std::string_view key, Part& part) {
  read.object(key, [&](Reader& item) {
    item.text("digest", part.digest);
    item.bytes("size", part.size);
  });
}

void write_part(json::object& out, std::string_view key, const Part& part) {
  if (part.digest.empty()) return;
  out[key] = {{"digest", part.digest}, {"size", bytes_text(part.size)}};
}

}  // namespace

Result<ImageSpec> image_spec(const json::object& object) {
  ImageSpec spec;
  Reader read(object, "spec");
  read.text("recipe", spec.recipe);
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const ImageSpec& spec) { return {{"recipe", spec.recipe}}; }

Result<ImageStatus> image_status(const json::object& object) {
  ImageStatus status;
  Reader read(object, "status");
  read.text("phase", status.phase);
  read.text("message", status.message);
  read_part(read, "kernel", status.kernel);
  read_part(read, "initrd", status.initrd);
  read_part(read, "disk", status.disk);
  read.text("diskFormat", status.disk_format);
  read.bytes("diskVirtualSize", status.disk_virtual_size);
  read.text("kernelArguments", status.kernel_arguments);
  read.bytes("leastMemory", status.least_memory);
  read.flag("ignoresUsers", status.ignores_users);
  read.time("built", status.built);
  BRIDLE_CHECK(read.status());
  return status;
}

json::object to_json(const ImageStatus& status) {
  json::object out;
  put(out, "phase", status.phase);
  put(out, "message", status.message);
  write_part(out, "kernel", status.kernel);
  write_part(out, "initrd", status.initrd);
  write_part(out, "disk", status.disk);
  put(out, "diskFormat", status.disk_format);
  if (status.disk_virtual_size != 0) out["diskVirtualSize"] = bytes_text(status.disk_virtual_size);
  put(out, "kernelArguments", status.kernel_arguments);
  if (status.least_memory != 0) out["leastMemory"] = bytes_text(status.least_memory);
  if (status.ignores_users) out["ignoresUsers"] = true;
  put(out, "built", status.built);
  return out;
}

Result<VolumeSpec> volume_spec(const json::object& object) {
  VolumeSpec spec;
  Reader read(object, "spec");
  read.bytes("size", spec.size);
  read.text("format", spec.format);
  read.text("image", spec.image);
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const VolumeSpec& spec) {
  json::object out{{"size", bytes_text(spec.size)}, {"format", spec.format}};
  put(out, "image", spec.image);
  return out;
}

Result<VolumeStatus> volume_status(const json::object& object) {
  VolumeStatus status;
  Reader read(object, "status");
  read.text("phase", status.phase);
  read.text("message", status.message);
  read.text("path", status.path);
  read.text("backing", status.backing);
  read.text("backingFormat", status.backing_format);
  read.bytes("size", status.size);
  BRIDLE_CHECK(read.status());
  return status;
}

json::object to_json(const VolumeStatus& status) {
  json::object out;
  put(out, "phase", status.phase);
  put(out, "message", status.message);
  put(out, "path", status.path);
  put(out, "backing", status.backing);
  put(out, "backingFormat", status.backing_format);
  if (status.size != 0) out["size"] = bytes_text(status.size);
  return out;
}

}  // namespace bridle::model
