// Description: one object as a page for people: what it is, how it stands and why, what happens
// next, what it uses, what happened to it lately. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/documents.h"
#include "cli/style.h"

namespace bridle::cli {

// `events`: of this object, any order. width 0: no bound.
std::string description(const json::value& object, const std::vector<json::value>& events,
                        WallTime now, size_t width, const Style& style);

}  // namespace bridle::cli
