// libvirt's domain XML, as Hardware and back: a documented subset (docs/import.md). Elements and
// attributes that are not in it become notes with their line: nothing is lost silently.
//
//   domain, name, memory, currentMemory, vcpu, os (type, loader, cmdline, boot), features (acpi,
//   apic, pae, smm), devices/disk (source, target, driver, readonly), devices/interface (mac,
//   source, model)
//
// Thread class: pure functions. Errors: Code::refused with the line.
#pragma once

#include <string>
#include <string_view>

#include "image/hardware.h"

namespace bridle::image {

Result<Hardware> parse_libvirt(std::string_view text);

// HardwareDisk::file is a path. uuid may be empty.
std::string write_libvirt(const Hardware& hardware, const std::string& uuid);

}  // namespace bridle::image
