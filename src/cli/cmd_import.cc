// bridle image import.
#include "base/file.h"
#include "base/units.h"
#include "cli/caller.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/operations.h"
#include "cli/output.h"
#include "cli/upload.h"
#include "image/ova.h"

namespace bridle::cli {
namespace {

const model::KindInfo& kind() { return model::info(model::Kind::image); }

struct Wanted {
  std::string name, format, owner;
  uint64_t disk = 0;
};

// The image's object; an existing one must be of the same file.
Result<json::value> image_object(Context& context, const LocalFile& file, const Wanted& wanted) {
  auto found = context.api().object(kind(), context.globals().project, wanted.name);
  if (found.ok()) {
    const bool same =
        text_at(*found, "spec.source.digest") == file.digest &&
        plain(at(*found, "spec.source.disk")) == std::to_string(wanted.disk) &&
        (wanted.format.empty() || wanted.format == text_at(*found, "spec.source.format"));
    if (same) return *found;
    return Error(Code::conflict, "image/" + wanted.name +
                                     " exists and is of something else; "
                                     "import under another --name, or delete it first");
  }
  if (found.error().code() != Code::not_found) return std::move(found).error();
  json::object source{
      {"size", std::to_string(file.size) + "B"}, {"digest", file.digest}, {"disk", wanted.disk}};
  if (!wanted.format.empty()) source["format"] = wanted.format;
  return context.api().put(
      json::value{{"apiVersion", "bridle/v1"},
                  {"kind", "Image"},
                  {"metadata",
                   {{"name", wanted.name},
                    {"project", context.globals().project},
                    {"owner", wanted.owner}}},
                  {"spec", {{"recipe", "imported"}, {"source", std::move(source)}}}},
      false);
}

// Until the image is ready, or the waiting was given up (null).
Result<json::value> import_one(Context& context, const LocalFile& file, const Wanted& wanted,
                               Duration timeout) {
  BRIDLE_TRY(const json::value image, image_object(context, file, wanted));
  if (text_at(image, "status.phase") == "ready") return image;
  BRIDLE_TRY(const json::value operation,
             context.api().act(kind(), context.globals().project, wanted.name, "build"));
  BRIDLE_CHECK(send_file(context, file, wanted.name, operation));
  BRIDLE_TRY(const FollowEnd end, follow_operation(context, operation, timeout));
  if (end == FollowEnd::detached) return json::value(nullptr);
  return context.api().object(kind(), context.globals().project, wanted.name);
}

void tell(Context& context, const json::value& image) {
  context.err() << show_ref(context, image) << " imported from "
                << text_at(image, "status.sourceFormat") << ", "
                << text_at(image, "status.diskVirtualSize") << "\n";
  if (const json::value notes = at(image, "status.notes"); notes.is_array())
    for (const json::value& note : notes.get_array())
      context.err() << "note: " << printable(plain(note)) << "\n";
}

// The host checks that the manifest vouches for every member, and that the signature is the
// certificate's own; here, that it is the certificate of whom the user means.
Status check_signer(const LocalFile& file, const std::string& path) {
  BRIDLE_TRY(const std::string pem, read_file(path, 64 << 10));
  BRIDLE_TRY(const image::OvaSigner wanted, image::signer_of(pem).context(path));
  BRIDLE_TRY(const image::FileSource source, image::FileSource::of(file.fd.get()));
  BRIDLE_TRY(const image::OvaSigner signer, image::read_signer(source).context(file.path));
  if (signer.fingerprint == wanted.fingerprint) return {};
  return Error(Code::refused, file.path + " is signed by \"" + printable(signer.name) +
                                  "\", certificate " + signer.fingerprint + ", and not by " + path +
                                  ", certificate " + wanted.fingerprint);
}

Result<int> run_import(Context& context, const Args& args) {
  BRIDLE_TRY(const Duration timeout,
             parse_duration(args.one_or("timeout", "4h")).context("--timeout"));
  BRIDLE_TRY(const LocalFile file, open_local(args.one("FILE")));
  Wanted wanted{args.one("name"), args.one("format"), args.one_or("owner", caller_name()), 0};
  if (wanted.name.empty()) return Error(Code::invalid, "--name: say what the image is called");
  if (args.has("signer")) BRIDLE_CHECK(check_signer(file, args.one("signer")));
  const std::string name = wanted.name;
  BRIDLE_TRY(const json::value first, import_one(context, file, wanted, timeout));
  if (first.is_null()) return Exit::done;
  tell(context, first);
  const json::value disks = at(first, "status.disks");
  const uint64_t count = disks.is_int64() ? static_cast<uint64_t>(disks.get_int64()) : 1;
  for (wanted.disk = 1; wanted.disk < count; ++wanted.disk) {
    wanted.name = name + "-disk" + std::to_string(wanted.disk + 1);
    BRIDLE_TRY(const json::value next, import_one(context, file, wanted, timeout));
    if (next.is_null()) return Exit::done;
    tell(context, next);
  }
  if (const std::string machine = text_at(first, "status.machine"); !machine.empty())
    context.out() << machine;
  return Exit::done;
}

}  // namespace

void add_import_commands(CommandTable& table) {
  table.commands.push_back(
      {{"image", "import"},
       "Import a disk (qcow2, raw, vmdk) or an appliance (OVA) as images",
       "The file is sent to bridled, checked and converted in a jail; what would make it read "
       "another file, or grow without end, is refused. What it is is decided once, from --format "
       "or its header. An OVA gives an image for each disk and prints the machine that it "
       "describes, for bridle apply. A transfer that broke goes on where it stopped.",
       {{"FILE", "the file", 1, 1, Complete::file}},
       {{"--name,-n", "NAME", "of the image"},
        {"--format,-f",
         "FORMAT",
         "what the file is [its header says it]",
         false,
         {"qcow2", "raw", "vmdk", "ova"}},
        {"--owner", "OWNER", "accountable for the image and its machine [the user's name]"},
        {"--signer", "FILE", "ova: refuse it unless it is signed by this certificate (PEM)"},
        {"--timeout", "TIME", "give up waiting after this long [4h]"}},
       {{"bridle image import web.vmdk --name web", "a disk of another system"},
        {"bridle image import disk.img --name data --format raw", "bytes without a header"},
        {"bridle image import shop.ova --name shop", "an appliance; prints its machine"},
        {"bridle image import shop.ova --name shop --signer vendor.pem", "from whom you mean"}},
       run_import});
}

}  // namespace bridle::cli
