// The tables of Project and Binding.
#include "model/formats.h"
#include "model/schema_tables.h"
#include "model/words.h"

namespace bridle::model {
namespace {

constexpr std::string_view project_example = R"(apiVersion: bridle/v1
kind: Project
metadata:
  name: lab
  owner: ann@example.org
spec:
  quota:
    guests: 20
    cpus: 40
    memory: 64GiB
    disk: 500GiB
    operations: 8
  owners:
    - uid: 1000
)";

constexpr std::string_view binding_example = R"(apiVersion: bridle/v1
kind: Binding
metadata:
  name: students
  project: lab
spec:
  role: tenant
  subjects:
    - gid: 1000
    - token: ci
)";

void project_rules(const json::object& spec, Violations& violations) {
  check_subjects(spec, "owners", violations);
}

void binding_rules(const json::object& spec, Violations& violations) {
  check_subjects(spec, "subjects", violations);
}

Field count(std::string_view key, std::string_view help, std::string_view example) {
  return {
      .key = key, .type = Type::integer, .help = help, .example = example, .most = 1'000'000'000};
}

Field bytes(std::string_view key, std::string_view help, std::string_view example) {
  return {.key = key, .type = Type::bytes, .help = help, .example = example};
}

std::vector<Field> amounts() {
  return {count("guests", "Machines, running or not.", "20"),
          count("cpus", "Virtual CPUs of all machines.", "40"),
          bytes("memory", "Memory of all machines.", "64GiB"),
          bytes("disk", "Size of all volumes, as guests see them.", "500GiB"),
          count("operations", "Operations that are pending or running.", "8")};
}

}  // namespace

KindSchema project_schema() {
  Field owners =
      subjects_field("owners",
                     "Operators of the project, who may also grant in it what they have, with "
                     "Bindings.");
  owners.fallback = "[]";
  return {.kind = Kind::project,
          .help =
              "The boundary of authorization, and what its objects may use together. Without "
              "one a project has no quota.",
          .example = project_example,
          .spec = {{.key = "quota",
                    .type = Type::object,
                    .help = "Upper bounds; what is not named has none.",
                    .example = "{guests: 20}",
                    .fallback = "{}",
                    .fields = amounts()},
                   owners},
          .status = {{.key = "usage",
                      .type = Type::object,
                      .help = "What its objects use, counted when it is shown.",
                      .fields = amounts()}},
          .rules = project_rules};
}

KindSchema binding_schema() {
  Field subjects = subjects_field("subjects", "Whom it is given to.");
  subjects.required = true;
  subjects.least = 1;
  return {.kind = Kind::binding,
          .help =
              "Gives a role in its project; written by an owner of the project, who cannot "
              "give more than he has.",
          .example = binding_example,
          .spec = {{.key = "role",
                    .help = "As in Role, in this project only.",
                    .example = "tenant",
                    .required = true,
                    .choices = words::role},
                   subjects,
                   {.key = "rawAllowed",
                    .type = Type::boolean,
                    .help = "May set spec.raw of a machine.",
                    .example = "true",
                    .fallback = "false"}},
          .status = {},
          .rules = binding_rules};
}

}  // namespace bridle::model
