// The tables of Operation and Event, which Bridle writes.
#include "model/formats.h"
#include "model/schema_tables.h"
#include "model/words.h"

namespace bridle::model {
namespace {

constexpr std::string_view operation_example = R"(apiVersion: bridle/v1
kind: Operation
metadata:
  name: build-3f9c2a
  project: shared
spec:
  verb: build
  target:
    kind: image
    project: shared
    name: tiny
)";

constexpr std::string_view event_example = R"(apiVersion: bridle/v1
kind: Event
metadata:
  name: web-0000000000000042
  project: lab
spec:
  at: "2026-01-02T03:04:05.678Z"
  level: info
  reason: Started
  message: machine lab/web is running
  object:
    kind: machine
    project: lab
    name: web
)";

Field time(std::string_view key, std::string_view help) {
  return {.key = key, .help = help, .format = &formats::time};
}

}  // namespace

std::vector<Field> object_ref_fields() {
  return {{.key = "kind",
           .help = "Its kind.",
           .example = "machine",
           .required = true,
           .format = &formats::kind_word},
          {.key = "project",
           .help = "Its project, where the kind has one.",
           .example = "lab",
           .format = &formats::name},
          {.key = "name",
           .help = "Its name.",
           .example = "web",
           .required = true,
           .format = &formats::name},
          {.key = "uid", .help = "Its uuid.", .format = &formats::uuid}};
}

KindSchema operation_schema() {
  return {
      .kind = Kind::operation,
      .help = "Something done once: reset, build. Stored before it begins.",
      .example = operation_example,
      .spec = {{.key = "verb",
                .help = "What is done.",
                .example = "build",
                .required = true,
                .immutable = true,
                .format = &formats::verb},
               {.key = "target",
                .type = Type::object,
                .help = "The object it is done to.",
                .required = true,
                .immutable = true,
                .fields = object_ref_fields()},
               {.key = "idempotencyKey",
                .help = "A second request with the same key gives this operation.",
                .immutable = true,
                .most = 128},
               {.key = "requestedBy",
                .help = "Who asked for it.",
                .example = "uid:1000",
                .immutable = true,
                .most = 128},
               {.key = "cancel",
                .type = Type::boolean,
                .help = "Set by the action cancel.",
                .fallback = "false"}},
      .status = {{.key = "phase", .help = "Where it stands.", .choices = words::operation_phase},
                 {.key = "progress", .type = Type::integer, .help = "In percent.", .most = 100},
                 {.key = "message", .help = "What it is doing.", .lines = true},
                 {.key = "error", .help = "Why it failed.", .lines = true},
                 time("started", "When it began."),
                 time("finished", "When it ended.")}};
}

KindSchema event_schema() {
  return {.kind = Kind::event,
          .help = "Something that happened to an object.",
          .example = event_example,
          .spec = {{.key = "at",
                    .help = "When.",
                    .required = true,
                    .immutable = true,
                    .format = &formats::time},
                   {.key = "level",
                    .help = "How grave.",
                    .fallback = "\"info\"",
                    .immutable = true,
                    .choices = words::level},
                   {.key = "reason",
                    .help = "What, in one word.",
                    .example = "Started",
                    .required = true,
                    .immutable = true,
                    .least = 1,
                    .most = 63},
                   {.key = "message",
                    .help = "What, in a sentence.",
                    .immutable = true,
                    .lines = true,
                    .most = 4096},
                   {.key = "object",
                    .type = Type::object,
                    .help = "What it happened to.",
                    .required = true,
                    .immutable = true,
                    .fields = object_ref_fields()},
                   {.key = "machineId",
                    .help = "Identity of the machine at that time.",
                    .immutable = true,
                    .format = &formats::machine_id}},
          .status = {}};
}

}  // namespace bridle::model
