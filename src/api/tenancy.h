// Tenancy: what a project's objects use, whether more fits its quota, and whether it is empty.
// Reads the store; fleet/quota.h judges.
//
// A quota cannot be raced: it is judged in Mutation::reserve, right before the commit and in the
// same turn, and the commit rewrites the status key of the Project, expecting the revision that was
// read. So of two creates that were both admitted, also by different daemons over one store, the
// second finds what the first took.
//
// Thread class: the loop's thread. Errors: the store's; Code::refused with numbers; Code::conflict.
#pragma once

#include <string>
#include <vector>

#include "api/backend.h"
#include "model/object.h"
#include "model/project.h"
#include "store/store.h"

namespace bridle::api {

// Counted now. Machines and volumes count until they are gone; a volume whose size is its image's
// counts with that, and with nothing while it is not known.
Result<model::ProjectUsage> usage_of(store::Store& store, std::string_view project);

// May `wanted` be created (current is null) or replace `current`? Gives the writes that make it
// hold, for Mutation::reserve; none where nothing grows or the project has no Project object.
Result<std::vector<store::Write>> reserve_quota(store::Store& store, const model::Object& wanted,
                                                const model::Object* current);

// What stands in the way of deleting a Project: an object of it. Code::conflict with their list.
Status check_empty(store::Store& store, std::string_view project);
// Keys of what is left behind by an empty project and goes with it: its events and its ended
// operations. At most `limit`.
Result<std::vector<std::string>> history_of(store::Store& store, std::string_view project,
                                            size_t limit);

}  // namespace bridle::api
