// Uploads: the file of an image import, from here to bridled (docs/import.md). The stream is pushed
// no faster than it is taken; one that breaks is begun again where the other end says.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "cli/context.h"
#include "cli/documents.h"

namespace bridle::cli {

struct LocalFile {
  std::string path;
  Fd fd;
  uint64_t size = 0;
  std::string digest;  // SHA-256
};
// Opens and digests it. Code::invalid: not a file.
Result<LocalFile> open_local(const std::string& path);

// Sends the file to the import of `image` that `operation` carries out, and returns when it is all
// there. An operation that ends meanwhile is its error.
Status send_file(Context& context, const LocalFile& file, const std::string& image,
                 const json::value& operation);

}  // namespace bridle::cli
