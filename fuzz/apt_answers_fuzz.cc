// rooms: image
// fuzz: -max_len=2048
// What apt and the machine's sources say, the fetched package set, and helpers' lines.
#include <cstdint>
#include <cstdlib>

#include "image/packages.h"
#include "image/progress.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridle::image;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto uris = parse_print_uris(text);
  if (uris.ok())
    for (const Package& p : *uris)
      if (p.file.find('/') != std::string::npos || p.name.starts_with("-")) std::abort();
  const auto set = decode_package_set(text);
  if (set.ok() && !decode_package_set(encode_package_set(*set)).ok()) std::abort();
  (void)debian_sources({{"a.list", std::string(text)}, {"b.sources", std::string(text)}},
                       "bookworm")
      .ok();
  (void)acquire_settings(text);
  const auto line = parse_helper_line(text);
  if (line && !line->result && line->text.size() > 600) std::abort();
  return 0;
}
