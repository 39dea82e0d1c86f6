// The tables of Secret, Role and Host.
#include "model/formats.h"
#include "model/path.h"
#include "model/schema_tables.h"
#include "model/words.h"

namespace bridle::model {
namespace {

constexpr uint64_t kib = 1024, most_id = 0xfffffffe;

constexpr std::string_view secret_example = R"(apiVersion: bridle/v1
kind: Secret
metadata:
  name: web-login
  project: lab
spec:
  data:
    password: correct horse battery staple
)";

constexpr std::string_view role_example = R"(apiVersion: bridle/v1
kind: Role
metadata:
  name: lab-operators
spec:
  role: operator
  subjects:
    - gid: 1000
  projects:
    - lab
)";

constexpr std::string_view host_example = R"(apiVersion: bridle/v1
kind: Host
metadata:
  name: alpha
spec:
  reserved:
    cpus: 500m
    memory: 512MiB
  api:
    listen: ["0.0.0.0:7443"]
    names: [alpha.example]
)";

Field id(std::string_view key, std::string_view help) {
  return {.key = key, .type = Type::integer, .help = help, .example = "1000", .most = most_id};
}

Field credential(std::string_view key, std::string_view help) {
  return {.key = key, .help = help, .example = "ci", .format = &formats::name};
}

Field role_subjects() {
  Field field = subjects_field("subjects", "Whom it is given to: users, groups, credentials.");
  field.required = true;
  field.least = 1;
  return field;
}

void role_rules(const json::object& spec, Violations& violations) {
  check_subjects(spec, "subjects", violations);
  const bool everywhere = spec.at("role") == "admin" || spec.at("role") == "auditor";
  if (!everywhere && spec.at("projects").get_array().empty())
    violations.add("spec.projects", "expected at least one project, or \"*\" for all");
}

std::vector<Field> amounts(std::string_view fallback) {
  return {{.key = "cpus",
           .type = Type::cores,
           .help = "In cores.",
           .example = "500m",
           .fallback = fallback},
          {.key = "memory",
           .type = Type::bytes,
           .help = "In bytes.",
           .example = "512MiB",
           .fallback = fallback}};
}

std::vector<Field> api_fields() {
  return {{.key = "listen",
           .type = Type::list,
           .help = "Addresses with ports; none: not reached over the network.",
           .example = "[\"0.0.0.0:7443\"]",
           .fallback = "[]",
           .most = 16,
           .fields = {{.help = "An address and a port.",
                       .example = "192.0.2.1:7443",
                       .format = &formats::endpoint}}},
          {.key = "names",
           .type = Type::list,
           .help = "Further names and addresses of this host, for its certificate.",
           .example = "[alpha.example]",
           .fallback = "[]",
           .most = 64,
           .fields = {{.help = "A name or an address.",
                       .example = "alpha.example",
                       .format = &formats::host_or_address}}},
          {.key = "requestsPerSecond",
           .type = Type::integer,
           .help = "Of one identity; one address may ask twice as much.",
           .example = "1000",
           .fallback = "1000",
           .least = 1,
           .most = 1000000},
          {.key = "connectionsPerPeer",
           .type = Type::integer,
           .help = "Of one address at a time; of IPv6 its /64.",
           .example = "256",
           .fallback = "256",
           .least = 1,
           .most = 65536}};
}

std::vector<Field> api_status_fields() {
  return {{.key = "listening",
           .type = Type::list,
           .help = "Where it is reached over the network.",
           .fields = {{.help = "An address and a port."}}},
          {.key = "fingerprint", .help = "Of the host's authority: what clients pin."},
          {.key = "expires", .help = "When the host's certificate ends.", .format = &formats::time},
          {.key = "message", .help = "Why what was declared is not so.", .lines = true}};
}

}  // namespace

Field subjects_field(std::string_view key, std::string_view help) {
  return {.key = key,
          .type = Type::list,
          .help = help,
          .example = "[{uid: 1000}]",
          .most = 256,
          .fields = {{.type = Type::object,
                      .fields = {id("uid", "A user of the host, by number."),
                                 id("gid", "A group of the host, by number."),
                                 credential("token", "A token, by name."),
                                 credential("certificate", "A client certificate, by name.")}}}};
}

void check_subjects(const json::object& spec, std::string_view key, Violations& violations) {
  const json::array& subjects = spec.at(key).get_array();
  for (size_t i = 0; i < subjects.size(); ++i)
    if (subjects[i].get_object().size() != 1)
      violations.add(path_to_index(path_to_key("spec", key), i),
                     "expected one of uid, gid, token and certificate");
}

KindSchema secret_schema() {
  const Field value{.help = "The value.",
                    .example = "correct horse battery staple",
                    .write_only = true,
                    .lines = true,
                    .most = 64 * kib};
  const Field keys{.key = "data",
                   .type = Type::list,
                   .help = "The keys that are there; never their values.",
                   .fields = {{.help = "A key."}}};
  return {.kind = Kind::secret,
          .help = "Values that never show again: not in get, the ledger, logs or arguments.",
          .example = secret_example,
          .spec = {{.key = "data",
                    .type = Type::map,
                    .help = "Values by key. Never shown; an update without it keeps what is there.",
                    .write_only = true,
                    .most = 64,
                    .keys = &formats::secret_key,
                    .fields = {value}}},
          .status = {keys}};
}

KindSchema role_schema() {
  return {
      .kind = Kind::role,
      .help =
          "Who may do what, written by an admin: maps users, groups and credentials to a role in "
          "projects.",
      .example = role_example,
      .spec = {{.key = "role",
                .help = "admin: everything; operator: everything in its projects; auditor: sees "
                        "everything in its projects, changes nothing; tenant: own machines in "
                        "its projects.",
                .example = "operator",
                .required = true,
                .choices = words::role},
               role_subjects(),
               {.key = "projects",
                .type = Type::list,
                .help = "Projects it counts in; \"*\": all.",
                .example = "[lab]",
                .fallback = "[]",
                .most = 256,
                .fields =
                    {{.help = "A project.", .example = "lab", .format = &formats::project_or_all}}},
               {.key = "rawAllowed",
                .type = Type::boolean,
                .help = "May set spec.raw of a machine.",
                .example = "true",
                .fallback = "false"}},
      .status = {},
      .rules = role_rules};
}

KindSchema host_schema() {
  return {
      .kind = Kind::host,
      .help = "A Linux host that runs machines.",
      .example = host_example,
      .spec = {{.key = "guests",
                .help = "What happens to its machines: run; drain (they are stopped, highest "
                        "autostart.order first, and stay off); shutdown (the same, until Bridle "
                        "is started anew). bridle host drain, shutdown and resume write it.",
                .example = "drain",
                .fallback = "\"run\"",
                .choices = words::host_guests},
               {.key = "reserved",
                .type = Type::object,
                .help = "Kept for the host itself: machines cannot reserve it.",
                .fallback = R"({"cpus":"0","memory":"0"})",
                .fields = amounts("\"0\"")},
               {.key = "api",
                .type = Type::object,
                .help = "The API over the network: TLS 1.3, tokens and client certificates.",
                .fallback = R"({"listen":[],"names":[],"requestsPerSecond":1000,)"
                            R"("connectionsPerPeer":256})",
                .fields = api_fields()}},
      .status = {
          {.key = "capacity",
           .type = Type::object,
           .help = "What the host has.",
           .fields = amounts("")},
          {.key = "allocated",
           .type = Type::object,
           .help = "What machines have reserved.",
           .fields = amounts("")},
          {.key = "engine", .help = "kvm or tcg.", .choices = words::engine},
          {.key = "engineReason", .help = "Why that engine.", .lines = true},
          {.key = "qemuVersion", .help = "Of the installed QEMU.", .example = "10.0.8"},
          {.key = "kernel", .help = "Release of the host's kernel."},
          {.key = "cgroupVersion", .type = Type::integer, .help = "1 or 2."},
          {.key = "cgroupNotes",
           .type = Type::list,
           .help = "What this cgroup version cannot promise.",
           .fields = {{.help = "A sentence.", .lines = true}}},
          {.key = "machines", .type = Type::integer, .help = "Machines placed here."},
          {.key = "running", .type = Type::integer, .help = "Of these, with a QEMU process."},
          {.key = "guests",
           .help = "What is being done with them, as spec.guests.",
           .choices = words::host_guests},
          {.key = "start", .help = "Names this start of Bridle on the host."},
          {.key = "seen", .help = "When it was seen last.", .format = &formats::time},
          {.key = "api",
           .type = Type::object,
           .help = "The API over the network.",
           .fields = api_status_fields()}}};
}

}  // namespace bridle::model
