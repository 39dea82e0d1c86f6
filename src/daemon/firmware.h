// Firmware: the UEFI variables of a machine, a file of its own beside its disks
// (volumes/firmware/UUID.fd). Made from the package's template at the first start; from then on the
// guest's firmware alone writes it (boot entries, Secure Boot keys).
//
// Blocking; runs as bridled's uid.
#pragma once

#include <string>

#include "base/ids.h"
#include "base/layout.h"
#include "base/result.h"
#include "model/machine.h"

namespace bridle::daemon {

std::string variables_path(const Layout& layout, const Uuid& machine);

// Nothing to do for BIOS, or where there is one. Code::unreachable: the package ovmf is not
// installed; the message holds the command.
Status make_variables(const Layout& layout, const Uuid& machine, model::Firmware firmware);
Status delete_variables(const Layout& layout, const Uuid& machine);

}  // namespace bridle::daemon
