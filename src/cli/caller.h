// Who calls: the owner of what is made without saying whose it is.
#pragma once

#include <string>

namespace bridle::cli {

std::string caller_name();  // of the user; "uid-1000" of one who has no name

}  // namespace bridle::cli
