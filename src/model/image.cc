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
  read.object("source", [&](Reader& source) {
    ImageSource& from = spec.source.emplace();
    source.text("format", from.format);
    source.bytes("size", from.size);
    source.text("digest", from.digest);
    source.number("disk", from.disk);
  });
  BRIDLE_CHECK(read.status());
  return spec;
}

json::object to_json(const ImageSpec& spec) {
  json::object out{{"recipe", spec.recipe}};
  if (!spec.source) return out;
  json::object source{{"size", bytes_text(spec.source->size)}, {"digest", spec.source->digest}};
  put(source, "format", spec.source->format);
  source["disk"] = spec.source->disk;
  out["source"] = std::move(source);
  return out;
}

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
  read.text("sourceFormat", status.source_format);
  read.texts("notes", status.notes);
  read.number("disks", status.disks);
  read.text("machine", status.machine);
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
  put(out, "sourceFormat", status.source_format);
  put(out, "notes", status.notes);
  put(out, "disks", uint64_t{status.disks});
  put(out, "machine", status.machine);
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
