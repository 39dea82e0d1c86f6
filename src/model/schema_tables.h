// The tables of schema.h, one function per kind. Only schema.cc includes this.
#pragma once

#include "model/schema.h"

namespace bridle::model {

KindSchema machine_schema();
KindSchema image_schema();
KindSchema volume_schema();
KindSchema secret_schema();
KindSchema role_schema();
KindSchema host_schema();
KindSchema operation_schema();
KindSchema event_schema();
KindSchema project_schema();
KindSchema binding_schema();

// {kind, project, name, uid}: how operations and events name an object.
std::vector<Field> object_ref_fields();
// Users, groups and credentials, as Role, Binding and Project.owners name them.
Field subjects_field(std::string_view key, std::string_view help);
void check_subjects(const json::object& spec, std::string_view key, Violations& violations);

}  // namespace bridle::model
