// The files that recipes put into images (guest/): the agent, boot scripts, configuration. They are
// embedded in bridle-image-helper, so that an image is a function of that program and of packages.
// Thread class: immutable.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace bridle::image {

// By name, as "tiny/rc" or "agent".
using GuestFiles = std::map<std::string, std::string_view>;

const GuestFiles& guest_files();  // defined in guest/, linked into the helper only

}  // namespace bridle::image
