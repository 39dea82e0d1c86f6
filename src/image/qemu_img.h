// qemu-img convert as the helpers run it: every driver and every file is named, so that nothing is
// probed and no other file is opened, whatever a header says; with bounds on size and time.
// Thread class: free functions; run_conversion() blocks.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "image/disk_check.h"

namespace bridle::image {

namespace json = boost::json;

json::object file_node(int fd);
// Of `file`, with nothing below it.
json::object disk_node(DiskFormat format, json::object file);

// Code::exhausted: the file system of `fd` has less room than `bytes` and some to spare. `what`
// names the work.
Status check_room(int fd, uint64_t bytes, std::string_view what);

struct Conversion {
  std::string source;  // "json:..."
  int output = -1;     // new
  DiskFormat to = DiskFormat::qcow2;
  DiskFacts facts;  // of the source: what bounds the work
};
// Bounds the size of whatever this process writes from now on, too. Code::corrupt: qemu-img did not
// like the source.
Status run_conversion(const Conversion& work);

}  // namespace bridle::image
