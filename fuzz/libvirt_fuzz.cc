// rooms: image
// fuzz: -max_len=4096
// A domain XML of libvirt. What it becomes is a Machine of the schema, or refused; what is written
// of it is read again.
#include <cstdint>
#include <cstdlib>

#include "image/libvirt_xml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridle::image;
  auto hardware = parse_libvirt({reinterpret_cast<const char*>(data), size});
  if (!hardware.ok()) return 0;
  const Hardware before = *hardware;
  const auto again = parse_libvirt(write_libvirt(before, ""));
  if (!again.ok() || again->cpus != before.cpus || again->disks.size() != before.disks.size())
    std::abort();
  (void)machine_yaml(*hardware, {"web", "lab", "ann", "", {}}).ok();
  return 0;
}
