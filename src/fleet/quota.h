// Quota: may the objects of a project use so much together? Used by the API, which counts from the
// store (api/tenancy.h); kept apart from admission.h, which is about what the host has.
//
// Thread class: pure functions over values.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/project.h"

namespace bridle::fleet {

// used: what the project uses now, `before` included. before, wanted: what the one object that is
// written used until now (zero for a new one), and would. Only what grows is judged, so that
// whoever is over a quota that was lowered may still shrink. Code::refused: for each quota that is
// too small, what is used, the limit, and what was asked on top.
Status check_quota(std::string_view project, const model::Quota& quota,
                   const model::ProjectUsage& used, const model::ProjectUsage& before,
                   const model::ProjectUsage& wanted);

}  // namespace bridle::fleet
