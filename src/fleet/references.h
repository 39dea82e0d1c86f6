// References: which object needs which. References are by name within a project; an image may also
// be one of project "shared".
// Thread class: pure functions over Objects.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fleet/objects.h"
#include "model/image.h"
#include "model/machine.h"

namespace bridle::fleet {

// The image that `name` means in `project`: the project's own, else the shared one; null: none.
const Row* find_image(const Objects& objects, std::string_view project, std::string_view name);

// References of the objects that need this one ("machine/lab/web"), ascending: machines for an
// image, a volume or a secret; volumes for an image.
std::vector<std::string> users_of(const Objects& objects, const model::Object& object);

// Code::conflict: it is used; names the users of its own project and counts the others. The API
// asks before it marks a deletion; a deletion
// that slips through waits in the loop until the last user is gone.
Status check_delete(const Objects& objects, const model::Object& object);

}  // namespace bridle::fleet
