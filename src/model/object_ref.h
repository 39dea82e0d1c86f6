// ObjectRef: how operations and events name an object. By name, and by uid so that a later object
// of the same name is not mistaken for it.
#pragma once

#include <string>

#include "model/object.h"
#include "model/reader.h"

namespace bridle::model {

struct ObjectRef {
  Kind kind = Kind::machine;
  std::string project;  // empty where the kind has none
  std::string name;
  Uuid uid;

  std::string text() const { return ref(kind, project, name); }
};

ObjectRef ref_to(const Object& object);
void read_ref(Reader& read, ObjectRef& out);
json::object to_json(const ObjectRef& ref);

}  // namespace bridle::model
