// The tables of Image and Volume.
#include "model/formats.h"
#include "model/schema_tables.h"
#include "model/words.h"

namespace bridle::model {
namespace {

constexpr uint64_t mib = 1 << 20, gib = mib << 10, tib = mib * mib;

constexpr std::string_view image_example = R"(apiVersion: bridle/v1
kind: Image
metadata:
  name: tiny
  project: shared
spec:
  recipe: tiny
)";

constexpr std::string_view volume_example = R"(apiVersion: bridle/v1
kind: Volume
metadata:
  name: web-root
  project: lab
spec:
  image: debian
  size: 4GiB
)";

Field part(std::string_view key, std::string_view help) {
  return {.key = key,
          .type = Type::object,
          .help = help,
          .fields = {{.key = "digest", .help = "SHA-256.", .format = &formats::digest},
                     {.key = "size", .type = Type::bytes, .help = "Size of the file."}}};
}

void image_rules(const json::object& spec, Violations& violations) {
  const bool imported = spec.at("recipe").get_string() == "imported";
  if (imported == spec.contains("source")) return;
  violations.add("spec.source", imported ? "expected the file's size and digest, because the "
                                           "recipe is imported"
                                         : "is only for the recipe imported");
}

Field source() {
  return {.key = "source",
          .type = Type::object,
          .help =
              "The file that it is imported from, sent to the image's upload; recipe imported "
              "only.",
          .immutable = true,
          .fields = {{.key = "format",
                      .help = "What the file is; decided from its header where it is not said.",
                      .choices = words::source_format},
                     {.key = "size",
                      .type = Type::bytes,
                      .help = "Of the file.",
                      .required = true,
                      .least = 1,
                      .most = 64 * gib},
                     {.key = "digest",
                      .help = "SHA-256 of the file.",
                      .required = true,
                      .format = &formats::digest},
                     {.key = "disk",
                      .type = Type::integer,
                      .help = "Which disk of an OVA, from 0.",
                      .fallback = "0",
                      .most = 63}}};
}

void volume_rules(const json::object& spec, Violations& violations) {
  if (spec.contains("image") || spec.at("size").get_string() != "0") return;
  violations.add("spec.size", "expected a size, because there is no image to take it from");
}

}  // namespace

KindSchema image_schema() {
  return {
      .kind = Kind::image,
      .help = "A set of content-addressed parts (kernel, initrd, disk) that machines start from.",
      .example = image_example,
      .spec = {{.key = "recipe",
                .help = "How it is built.",
                .example = "tiny",
                .required = true,
                .immutable = true,
                .choices = words::recipe},
               source()},
      .status =
          {{.key = "phase", .help = "Where it stands.", .choices = words::image_phase},
           {.key = "message", .help = "A sentence; what to do when it failed.", .lines = true},
           part("kernel", "The kernel."),
           part("initrd", "The initial RAM disk."),
           part("disk", "The disk."),
           {.key = "diskFormat", .help = "Of the disk.", .choices = words::format},
           {.key = "diskVirtualSize",
            .type = Type::bytes,
            .help = "Of the disk, as the guest sees it."},
           {.key = "kernelArguments", .help = "The kernel's command line."},
           {.key = "leastMemory",
            .type = Type::bytes,
            .help = "The memory that a guest needs to boot it; machines with less are refused."},
           {.key = "ignoresUsers",
            .type = Type::boolean,
            .help = "True: it makes no users of a machine's seed."},
           {.key = "built", .help = "When.", .format = &formats::time},
           {.key = "sourceFormat", .help = "What the imported file was; never looked for again."},
           {.key = "notes",
            .type = Type::list,
            .help = "What the import did not take over, and who signed it.",
            .fields = {{}}},
           {.key = "disks", .type = Type::integer, .help = "Disks of the imported OVA."},
           {.key = "machine",
            .help = "Hardware that the imported OVA describes, for bridle apply.",
            .lines = true}},
      .rules = image_rules};
}

KindSchema volume_schema() {
  return {.kind = Kind::volume,
          .help = "A writable disk: empty, or a copy-on-write overlay of an image's disk.",
          .example = volume_example,
          .spec = {{.key = "size",
                    .type = Type::bytes,
                    .help = "Size the guest sees; 0: the image's. A larger one is applied at once, "
                            "also under a running guest.",
                    .example = "4GiB",
                    .fallback = "\"0\"",
                    .grows = true,
                    .most = 64 * tib,
                    .multiple = 512},
                   {.key = "format",
                    .help = "How it is kept on the host.",
                    .example = "raw",
                    .fallback = "\"qcow2\"",
                    .immutable = true,
                    .choices = words::format},
                   {.key = "image",
                    .help = "An Image of the same project, or else of project shared, whose disk "
                            "lies below; without it the disk is empty.",
                    .example = "debian",
                    .immutable = true,
                    .format = &formats::name}},
          .status = {{.key = "phase", .help = "Where it stands.", .choices = words::volume_phase},
                     {.key = "message",
                      .help = "A sentence; what to do when it failed.",
                      .lines = true},
                     {.key = "path", .help = "Its file below the root's volumes."},
                     {.key = "backing", .help = "Digest of the image disk below it."},
                     {.key = "backingFormat", .help = "Of the disk below it."},
                     {.key = "size", .type = Type::bytes, .help = "Size the guest sees."}},
          .rules = volume_rules};
}

}  // namespace bridle::model
