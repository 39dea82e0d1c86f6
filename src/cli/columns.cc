#include "cli/columns.h"

#include "cli/human.h"
#include "model/quantity.h"

namespace bridle::cli {
namespace {

struct Field {
  Column column;
  Cell (*show)(const json::value& object, const ShowOptions& options);
};

Cell age_since(const json::value& object, const char* path, const ShowOptions& options) {
  const auto time = WallTime::parse(text_at(object, path));
  if (!time.ok()) return "";
  return age(Duration(options.now.ns - time->ns));
}

std::string bytes_at(const json::value& object, const char* path) {
  const auto count = model::bytes_of(at(object, path));
  return count.ok() && *count > 0 ? bytes(*count) : std::string();
}

Cell show_name(const json::value& o, const ShowOptions&) { return text_at(o, "metadata.name"); }
Cell show_age(const json::value& o, const ShowOptions& options) {
  return age_since(o, "metadata.created", options);
}
Cell show_phase(const json::value& o, const ShowOptions&) {
  const std::string phase = phase_of(o);
  return {phase, tone_of(phase)};
}
Cell show_message(const json::value& o, const ShowOptions&) { return text_at(o, "status.message"); }

std::string ref_of(const json::value& ref, const std::string& project) {
  std::string out = text_at(ref, "kind");
  const std::string its = text_at(ref, "project");
  if (!its.empty() && its != project) out += "/" + its;
  const std::string name = text_at(ref, "name");
  return name.empty() ? out : out + "/" + name;
}

// What somebody should know beside the phase: why it is not what was asked for, what comes next.
Cell machine_note(const json::value& o, const ShowOptions&) {
  const std::string phase = text_at(o, "status.phase");
  const std::string next = text_at(o, "status.next");
  if (phase == "failed") {
    const std::string message = text_at(o, "status.message");
    return {(message.empty() ? text_at(o, "status.reason") : message) +
                (next.empty() ? "" : "; " + next),
            Tone::bad};
  }
  if (!next.empty()) return next;
  const std::string power = text_at(o, "spec.power");
  const bool settled =
      phase == power || (power == "stopped" && (phase == "defined" || phase.empty()));
  return settled ? Cell("") : Cell("wanted: " + power, Tone::busy);
}

Cell machine_cpus(const json::value& o, const ShowOptions&) { return plain(at(o, "spec.cpus")); }
Cell machine_memory(const json::value& o, const ShowOptions&) { return bytes_at(o, "spec.memory"); }
Cell machine_image(const json::value& o, const ShowOptions&) { return text_at(o, "spec.image"); }
Cell machine_engine(const json::value& o, const ShowOptions&) {
  return text_at(o, "status.engine");
}
Cell owner(const json::value& o, const ShowOptions&) { return text_at(o, "metadata.owner"); }

Cell image_recipe(const json::value& o, const ShowOptions&) { return text_at(o, "spec.recipe"); }
Cell image_size(const json::value& o, const ShowOptions&) {
  uint64_t sum = 0;
  for (const auto* path : {"status.kernel.size", "status.initrd.size", "status.disk.size"})
    sum += model::bytes_of(at(o, path)).ok() ? *model::bytes_of(at(o, path)) : 0;
  return sum > 0 ? bytes(sum) : std::string();
}
Cell image_built(const json::value& o, const ShowOptions& options) {
  return age_since(o, "status.built", options);
}

Cell volume_size(const json::value& o, const ShowOptions&) {
  const std::string size = bytes_at(o, "status.size");
  return size.empty() ? bytes_at(o, "spec.size") : size;
}
Cell volume_format(const json::value& o, const ShowOptions&) { return text_at(o, "spec.format"); }
Cell volume_image(const json::value& o, const ShowOptions&) { return text_at(o, "spec.image"); }

Cell operation_verb(const json::value& o, const ShowOptions&) { return text_at(o, "spec.verb"); }
Cell operation_target(const json::value& o, const ShowOptions&) {
  return ref_of(at(o, "spec.target"), text_at(o, "metadata.project"));
}
Cell operation_note(const json::value& o, const ShowOptions&) {
  const std::string error = text_at(o, "status.error");
  return error.empty() ? Cell(text_at(o, "status.message")) : Cell(error, Tone::bad);
}
Cell operation_progress(const json::value& o, const ShowOptions&) {
  return at(o, "status.progress").is_null() ? Cell("")
                                            : Cell(plain(at(o, "status.progress")) + "%");
}

Cell event_age(const json::value& o, const ShowOptions& options) {
  return age_since(o, "spec.at", options);
}
Cell event_level(const json::value& o, const ShowOptions&) {
  const std::string level = text_at(o, "spec.level");
  return {level, tone_of(level)};
}
Cell event_object(const json::value& o, const ShowOptions&) {
  return ref_of(at(o, "spec.object"), text_at(o, "metadata.project"));
}
Cell event_reason(const json::value& o, const ShowOptions&) { return text_at(o, "spec.reason"); }
Cell event_message(const json::value& o, const ShowOptions&) { return text_at(o, "spec.message"); }

// "reserved of what there is": "1.5/8".
std::string used_of(const std::string& used, const std::string& all) {
  return all.empty() ? used : (used.empty() ? "0" : used) + "/" + all;
}
Cell host_engine(const json::value& o, const ShowOptions&) { return text_at(o, "status.engine"); }
Cell host_qemu(const json::value& o, const ShowOptions&) {
  return text_at(o, "status.qemuVersion");
}
Cell host_machines(const json::value& o, const ShowOptions&) {
  return plain(at(o, "status.machines"));
}
Cell host_cpus(const json::value& o, const ShowOptions&) {
  return used_of(plain(at(o, "status.allocated.cpus")), plain(at(o, "status.capacity.cpus")));
}
Cell host_memory(const json::value& o, const ShowOptions&) {
  return used_of(bytes_at(o, "status.allocated.memory"), bytes_at(o, "status.capacity.memory"));
}
Cell host_seen(const json::value& o, const ShowOptions& options) {
  return age_since(o, "status.seen", options);
}

Cell role_role(const json::value& o, const ShowOptions&) { return text_at(o, "spec.role"); }
Cell role_subjects(const json::value& o, const ShowOptions&) {
  std::string out;
  const json::value& subjects = at(o, "spec.subjects");
  if (!subjects.is_array()) return out;
  for (const auto& subject : subjects.get_array()) {
    if (!subject.is_object()) continue;
    for (const auto& member : subject.get_object())
      out += (out.empty() ? "" : ", ") + std::string(member.key()) + ":" + plain(member.value());
  }
  return out;
}
Cell role_projects(const json::value& o, const ShowOptions&) {
  std::string out;
  const json::value& projects = at(o, "spec.projects");
  if (!projects.is_array()) return "";
  for (const auto& project : projects.get_array()) out += (out.empty() ? "" : ",") + plain(project);
  return out;
}

Cell secret_keys(const json::value& o, const ShowOptions&) {
  std::string out;
  for (const auto* path : {"spec.data", "status.data"}) {
    const json::value& keys = at(o, path);
    if (const auto* object = keys.if_object())
      for (const auto& key : *object) out += (out.empty() ? "" : ",") + std::string(key.key());
    if (const auto* array = keys.if_array())
      for (const auto& key : *array) out += (out.empty() ? "" : ",") + plain(key);
  }
  return out;
}

// "4/20": used of the quota; "4" where there is none.
Cell project_amount(const json::value& o, const std::string& key, bool is_bytes) {
  const json::value& used = at(o, "status.usage." + key);
  const json::value& limit = at(o, "spec.quota." + key);
  const auto show = [&](const json::value& value) {
    const auto count = model::bytes_of(value);
    return is_bytes && count.ok() ? bytes(*count) : plain(value);
  };
  const auto number = [](const json::value& value) {
    const auto count = model::bytes_of(value);
    return count.ok() ? *count : 0;
  };
  if (limit.is_null()) return show(used);
  const bool full = number(used) >= number(limit) && number(limit) > 0;
  return {show(used) + "/" + show(limit), full ? Tone::busy : Tone::plain};
}
Cell project_guests(const json::value& o, const ShowOptions&) {
  return project_amount(o, "guests", false);
}
Cell project_cpus(const json::value& o, const ShowOptions&) {
  return project_amount(o, "cpus", false);
}
Cell project_memory(const json::value& o, const ShowOptions&) {
  return project_amount(o, "memory", true);
}
Cell project_disk(const json::value& o, const ShowOptions&) {
  return project_amount(o, "disk", true);
}
Cell project_operations(const json::value& o, const ShowOptions&) {
  return project_amount(o, "operations", false);
}

const Field name_field{{"NAME"}, show_name};
const Field phase_field{{"PHASE"}, show_phase};
const Field age_field{{"AGE", true}, show_age};
const Field note_field{{"NOTE", false, true}, show_message};

const std::vector<Field>& fields_of(model::Kind kind) {
  using model::Kind;
  static const std::vector<Field> plain_fields{name_field, age_field};
  static const std::map<Kind, std::vector<Field>> table{
      {Kind::machine,
       {name_field,
        phase_field,
        {{"IMAGE"}, machine_image},
        {{"CPUS", true}, machine_cpus},
        {{"MEMORY", true}, machine_memory},
        {{"ENGINE"}, machine_engine},
        {{"OWNER"}, owner},
        age_field,
        {{"NOTE", false, true}, machine_note}}},
      {Kind::image,
       {name_field,
        phase_field,
        {{"RECIPE"}, image_recipe},
        {{"SIZE", true}, image_size},
        {{"BUILT", true}, image_built},
        note_field}},
      {Kind::volume,
       {name_field,
        phase_field,
        {{"FORMAT"}, volume_format},
        {{"SIZE", true}, volume_size},
        {{"IMAGE"}, volume_image},
        age_field,
        note_field}},
      {Kind::operation,
       {name_field,
        phase_field,
        {{"ACTION"}, operation_verb},
        {{"TARGET"}, operation_target},
        {{"DONE", true}, operation_progress},
        age_field,
        {{"NOTE", false, true}, operation_note}}},
      {Kind::host,
       {name_field,
        {{"ENGINE"}, host_engine},
        {{"QEMU"}, host_qemu},
        {{"MACHINES", true}, host_machines},
        {{"CPUS", true}, host_cpus},
        {{"MEMORY", true}, host_memory},
        {{"SEEN", true}, host_seen}}},
      {Kind::role,
       {name_field,
        {{"ROLE"}, role_role},
        {{"SUBJECTS"}, role_subjects},
        {{"PROJECTS", false, true}, role_projects},
        age_field}},
      {Kind::binding,
       {name_field, {{"ROLE"}, role_role}, {{"SUBJECTS", false, true}, role_subjects}, age_field}},
      {Kind::project,
       {name_field,
        {{"GUESTS", true}, project_guests},
        {{"CPUS", true}, project_cpus},
        {{"MEMORY", true}, project_memory},
        {{"DISK", true}, project_disk},
        {{"OPERATIONS", true}, project_operations},
        {{"OWNER"}, owner},
        age_field}},
      {Kind::secret, {name_field, {{"KEYS", false, true}, secret_keys}, age_field}},
      {Kind::event,
       {{{"AGE", true}, event_age},
        {{"LEVEL"}, event_level},
        {{"OBJECT"}, event_object},
        {{"REASON"}, event_reason},
        {{"MESSAGE", false, true}, event_message}}},
  };
  const auto it = table.find(kind);
  return it == table.end() ? plain_fields : it->second;
}

}  // namespace

std::string phase_of(const json::value& object) {
  if (!at(object, "metadata.deleting").is_null()) return "deleting";
  std::string phase = text_at(object, "status.phase");
  if (!phase.empty()) return phase;
  return text_at(object, "kind") == "Machine" ? "defined" : "";
}

Table object_table(model::Kind kind, const std::vector<json::value>& objects,
                   const ShowOptions& options) {
  const auto& fields = fields_of(kind);
  const bool with_project = options.with_project && model::info(kind).has_project;
  std::vector<Column> columns;
  if (with_project) columns.push_back({"PROJECT"});
  for (const auto& field : fields) columns.push_back(field.column);
  Table table(std::move(columns));
  for (const auto& object : objects) {
    Row row;
    if (with_project) row.emplace_back(text_at(object, "metadata.project"));
    for (const auto& field : fields) row.push_back(field.show(object, options));
    table.add(std::move(row));
  }
  return table;
}

}  // namespace bridle::cli
