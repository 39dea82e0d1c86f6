#include "jail/options.h"

#include <algorithm>

namespace bridle::jail {

Result<Options> parse_options(int argc, const char* const* argv,
                              const std::vector<std::string>& known) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--root" && i + 1 < argc) {
      options.root = argv[++i];
    } else if (word.starts_with("--root=")) {
      options.root = word.substr(7);
    } else if (std::find(known.begin(), known.end(), word) != known.end()) {
      options.flags.insert(word);
    } else {
      return Error(Code::invalid, "\"" + word + "\" is not an option, or lacks its value");
    }
  }
  return options;
}

}  // namespace bridle::jail
