// Where Bridle's other programs are: beside this one in a build, /usr/lib/bridle in a package.
//
// Thread class: a free function.
#pragma once

#include <string>

#include "base/result.h"

namespace bridle::cli {

// Code::not_found: there is no bridled in either.
Result<std::string> program_folder();

}  // namespace bridle::cli
