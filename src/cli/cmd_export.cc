// bridle volume export, machine export, machine import.
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/units.h"
#include "cli/caller.h"
#include "cli/commands.h"
#include "cli/download.h"
#include "cli/human.h"
#include "cli/output.h"
#include "image/libvirt_xml.h"
#include "image/ova_manifest.h"
#include "image/ova_write.h"
#include "image/ovf.h"

namespace bridle::cli {
namespace {

constexpr size_t largest_xml = 2 << 20;

void tell_notes(Context& context, const std::vector<std::string>& notes) {
  for (const std::string& note : notes) context.err() << "note: " << printable(note) << "\n";
}

// ---- volumes

Result<int> run_volume_export(Context& context, const Args& args) {
  const std::string volume = args.one("NAME"), format = args.one_or("format", "qcow2");
  const std::string path = args.one_or("file", volume + "." + format);
  BRIDLE_TRY(NewFile file, NewFile::create(path, args.has("force")));
  const auto take = [&](std::string_view bytes) {
    // Long runs of zeroes become holes.
    if (bytes.find_first_not_of('\0') != std::string_view::npos) return write_all(file.fd(), bytes);
    if (::lseek(file.fd(), static_cast<off_t>(bytes.size()), SEEK_CUR) < 0)
      return Status(errno_error(path));
    return Status();
  };
  BRIDLE_CHECK(download(context, volume, format, take));
  const off_t end = ::lseek(file.fd(), 0, SEEK_CUR);
  if (end < 0 || ::ftruncate(file.fd(), end) != 0) return errno_error(path);
  BRIDLE_CHECK(file.keep());
  context.out() << path << "\n";
  return Exit::done;
}

// ---- machines out

struct Exported {
  image::Hardware hardware;  // HardwareDisk::file is the volume's name
  std::string uid;
};

Result<Exported> machine_of(Context& context, const std::string& name) {
  const std::string project = context.globals().project;
  BRIDLE_TRY(const json::value object,
             context.api().object(model::info(model::Kind::machine), project, name));
  BRIDLE_TRY(const model::MachineSpec spec, model::machine_spec(at(object, "spec").get_object()));
  model::MachineStatus status;
  if (const json::value& seen = at(object, "status"); seen.is_object()) {
    auto read = model::machine_status(seen.get_object());
    if (read.ok()) status = std::move(*read);
  }
  std::vector<uint64_t> sizes;
  for (const model::Disk& disk : spec.disks) {
    BRIDLE_TRY(const json::value volume,
               context.api().object(model::info(model::Kind::volume), project, disk.volume));
    BRIDLE_TRY(
        const uint64_t size,
        parse_bytes(text_at(volume, "status.size")).context("the size of volume/" + disk.volume));
    sizes.push_back(size);
  }
  Exported out{image::hardware_of(name, spec, status, sizes), text_at(object, "metadata.uid")};
  if (spec.seed) out.hardware.note("spec.seed (cloud-init) is not taken over");
  if (!spec.raw.empty()) out.hardware.note("spec.raw is not taken over");
  if (spec.boot == model::Boot::kernel)
    out.hardware.note("it boots the kernel of image \"" + spec.image +
                      "\", which is not taken over: the other system needs a disk that boots");
  return out;
}

Result<int> export_libvirt(Context& context, const Args& args, Exported& machine) {
  const std::string folder = args.one_or("disks", "/var/lib/libvirt/images");
  std::vector<std::string> volumes;
  for (image::HardwareDisk& disk : machine.hardware.disks) {
    volumes.push_back(disk.file);
    disk.file = folder + "/" + disk.file + ".qcow2";
    disk.format = "qcow2";
  }
  const std::string xml = image::write_libvirt(machine.hardware, machine.uid);
  tell_notes(context, machine.hardware.notes);
  for (const std::string& volume : volumes)
    context.err() << "note: its disk: bridle volume export " << volume << " --file " << folder
                  << "/" << volume << ".qcow2\n";
  if (!args.has("file")) {
    context.out() << xml;
    return Exit::done;
  }
  BRIDLE_TRY(NewFile file, NewFile::create(args.one("file"), args.has("force")));
  BRIDLE_CHECK(write_all(file.fd(), xml));
  BRIDLE_CHECK(file.keep());
  context.out() << args.one("file") << "\n";
  return Exit::done;
}

// The key and certificate that sign; made where there are none.
Result<std::string> identity_of(Context& context, const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) return read_file(path, 64 << 10);
  BRIDLE_TRY(std::string made, image::make_signing_identity(caller_name()));
  BRIDLE_CHECK(write_file_durably(path, made, 0600));
  context.err() << "note: " << path
                << " is new: a key and its certificate; keep it, and give away only the "
                   "certificate\n";
  return made;
}

std::string padded(std::string text, size_t size) {
  text.append(size - text.size(), '\n');
  return text;
}

Status write_ova(Context& context, const std::string& name, image::Hardware hardware,
                 const std::string& identity, int fd) {
  image::OvaWriter ova(fd);
  std::vector<image::OvfFile> files;
  std::vector<std::string> volumes;
  for (image::HardwareDisk& disk : hardware.disks) {
    volumes.push_back(std::exchange(disk.file, name + "-" + disk.name + ".vmdk"));
    files.push_back({disk.file, ~uint64_t{0}});
  }
  // The descriptor comes first and tells sizes that are not known yet: room for the longest.
  const size_t room = image::write_ovf(hardware, files).size();
  BRIDLE_CHECK(ova.reserve(name + ".ovf", room));
  for (size_t i = 0; i < volumes.size(); ++i) {
    BRIDLE_CHECK(ova.begin(files[i].name));
    BRIDLE_CHECK(download(context, volumes[i], "vmdk",
                          [&](std::string_view bytes) { return ova.write(bytes); }));
    BRIDLE_CHECK(ova.end());
    files[i].size = ova.size_of(files[i].name);
  }
  BRIDLE_CHECK(ova.fill(name + ".ovf", padded(image::write_ovf(hardware, files), room)));
  const std::string manifest = ova.manifest();
  BRIDLE_CHECK(ova.append(name + ".mf", manifest));
  if (!identity.empty()) {
    BRIDLE_TRY(const std::string cert, image::sign_manifest(identity, manifest, name + ".mf"));
    BRIDLE_CHECK(ova.append(name + ".cert", cert));
  }
  return ova.finish();
}

Result<int> export_ova(Context& context, const Args& args, const Exported& machine) {
  const std::string name = args.one("NAME"), path = args.one_or("file", name + ".ova");
  std::string identity;
  if (args.has("sign")) {
    BRIDLE_TRY(identity, identity_of(context, args.one("sign")));
    BRIDLE_TRY(const image::OvaSigner signer, image::signer_of(identity));
    context.err() << "signed by \"" << printable(signer.name) << "\", certificate "
                  << signer.fingerprint << "\n";
  }
  BRIDLE_TRY(NewFile file, NewFile::create(path, args.has("force")));
  BRIDLE_CHECK(write_ova(context, name, machine.hardware, identity, file.fd()));
  BRIDLE_CHECK(file.keep());
  tell_notes(context, machine.hardware.notes);
  context.out() << path << "\n";
  return Exit::done;
}

Result<int> run_machine_export(Context& context, const Args& args) {
  BRIDLE_TRY(Exported machine, machine_of(context, args.one("NAME")));
  if (args.one("format") == "libvirt") return export_libvirt(context, args, machine);
  return export_ova(context, args, machine);
}

// ---- machines in

// The images that the disks are to be made of, and how to get them.
std::vector<std::string> images_of(Context& context, const image::Hardware& hardware,
                                   const std::string& name) {
  std::vector<std::string> images;
  for (size_t i = 0; i < hardware.disks.size(); ++i) {
    const image::HardwareDisk& disk = hardware.disks[i];
    images.push_back(name + "-" + image::object_name(disk.name, "disk" + std::to_string(i)));
    context.err() << "note: its disk: bridle image import " << printable(disk.file) << " --name "
                  << images.back() << (disk.format == "raw" ? " --format raw" : "") << "\n";
  }
  return images;
}

Result<int> run_machine_import(Context& context, const Args& args) {
  const std::string path = args.one("FILE");
  BRIDLE_TRY(const std::string text,
             path == "-" ? read_all(STDIN_FILENO, largest_xml) : read_file(path, largest_xml));
  BRIDLE_TRY(image::Hardware hardware, image::parse_libvirt(text).context(path));
  image::MachineWords words;
  words.name = args.one_or("name", image::object_name(hardware.name, "machine"));
  words.project = context.globals().project;
  words.owner = args.one_or("owner", caller_name());
  words.image = args.one("image");
  words.images = images_of(context, hardware, words.name);
  BRIDLE_TRY(const std::string yaml, image::machine_yaml(hardware, words).context(path));
  tell_notes(context, hardware.notes);
  context.out() << yaml;
  return Exit::done;
}

Command volume_export() {
  return {{"volume", "export"},
          "Write what a volume holds to a file, for another system",
          "One file that needs no other: what lies below a volume is part of it. No guest may "
          "have it open for writing; guests that start meanwhile wait. Goes to the ledger.",
          {{"NAME", "the volume", 1, 1, Complete::volume}},
          {{"--file", "FILE", "[NAME.FORMAT]"},
           {"--format,-f",
            "FORMAT",
            "of the file [qcow2]; vmdk is stream-optimized",
            false,
            {"qcow2", "raw", "vmdk"}},
           {"--force", "", "replace a file that is there"}},
          {{"bridle volume export web-root --file web.qcow2", "for QEMU and libvirt"},
           {"bridle volume export web-root --format vmdk", "for other hypervisors"}},
          run_volume_export};
}

Command machine_export() {
  return {{"machine", "export"},
          "Describe a guest for another system: libvirt XML, or an OVA with its disks",
          "An OVA has a manifest (SHA-256); with --sign a signature and its certificate, too, as "
          "OVF 1.1 has them. What the other system has no word for is said in notes. The guest is "
          "off meanwhile.",
          {{"NAME", "the machine", 1, 1, Complete::machine}},
          {{"--format,-f", "FORMAT", "[ova]", false, {"ova", "libvirt"}},
           {"--file", "FILE", "[NAME.ova; libvirt: standard output]"},
           {"--sign", "FILE", "ova: sign with this key and certificate (PEM); made if missing"},
           {"--disks", "FOLDER", "libvirt: where the disks will be [/var/lib/libvirt/images]"},
           {"--force", "", "replace a file that is there"}},
          {{"bridle machine export web --sign me.pem", "web.ova, signed"},
           {"bridle machine export web --format libvirt --file web.xml", "for: virsh define"}},
          run_machine_export};
}

Command machine_import() {
  return {{"machine", "import"},
          "Turn libvirt's domain XML into a Machine and its Volumes",
          "Prints YAML for `bridle apply`, and on standard error how to import its disks and "
          "everything that has no word here: nothing is lost silently. Changes nothing.",
          {{"FILE", "the XML, or -", 1, 1, Complete::file}},
          {{"--name,-n", "NAME", "of the machine [the domain's]"},
           {"--image", "NAME", "boot this image's kernel [the first disk that boots]"},
           {"--owner", "OWNER", "[the user's name]"}},
          {{"bridle machine import web.xml", "of virsh dumpxml web; prints YAML for bridle apply"},
           {"bridle machine import - --name web --image debian", "from a pipe; boots that kernel"}},
          run_machine_import};
}

}  // namespace

void add_export_commands(CommandTable& table) {
  table.commands.push_back(volume_export());
  table.commands.push_back(machine_export());
  table.commands.push_back(machine_import());
}

}  // namespace bridle::cli
