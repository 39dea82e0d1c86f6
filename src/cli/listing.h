// Listing: commands that list one kind of object, shared by `get` and `NOUN list`.
#pragma once

#include "cli/command.h"
#include "model/object.h"

namespace bridle::cli {

// "machine list [NAME...] [-l SELECTOR] [-A] [-w]"
Command list_command(model::Kind kind, Complete complete);
// Flags of get and list.
std::vector<Flag> list_flags();
// Lists (or gets the named ones), prints, and watches on with --watch.
Result<int> run_listing(Context& context, const model::KindInfo& kind,
                        const std::vector<std::string>& names, const Args& args);

}  // namespace bridle::cli
