#include "daemon/firmware.h"

#include <unistd.h>

#include "base/file.h"
#include "machine/arguments.h"

namespace bridle::daemon {

std::string variables_path(const Layout& layout, const Uuid& machine) {
  return layout.volumes() + "/firmware/" + machine.text() + ".fd";
}

Status make_variables(const Layout& layout, const Uuid& machine, model::Firmware firmware) {
  if (firmware == model::Firmware::bios) return {};
  const std::string path = variables_path(layout, machine);
  if (::access(path.c_str(), F_OK) == 0) return {};
  const machine::FirmwareFiles files = machine::firmware_files(firmware);
  const auto fresh = read_file(std::string(files.variables));
  if (!fresh.ok() || ::access(std::string(files.code).c_str(), R_OK) != 0)
    return Error(Code::unreachable, "there is no UEFI firmware " + std::string(files.code) +
                                        " on this host: apt-get install ovmf");
  BRIDLE_CHECK(make_folder(layout.volumes() + "/firmware", 0700));
  return write_file_durably(path, *fresh, 0600);
}

Status delete_variables(const Layout& layout, const Uuid& machine) {
  return remove_file(variables_path(layout, machine));
}

}  // namespace bridle::daemon
