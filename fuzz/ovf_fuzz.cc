// rooms: image
// fuzz: -max_len=4096
// An OVF descriptor. What it becomes is a Machine of the schema, or refused.
#include <cstdint>
#include <cstdlib>

#include "image/ovf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridle::image;
  auto hardware = parse_ovf({reinterpret_cast<const char*>(data), size});
  if (!hardware.ok()) return 0;
  std::vector<OvfFile> files;
  for (HardwareDisk& disk : hardware->disks) {
    files.push_back({"disk" + std::to_string(files.size()), 1});
    disk.file = files.back().name;
  }
  if (hardware->memory < (uint64_t{1} << 50) && !parse_ovf(write_ovf(*hardware, files)).ok())
    std::abort();
  (void)machine_yaml(*hardware, {"web", "lab", "ann", "", {"web"}}).ok();
  return 0;
}
