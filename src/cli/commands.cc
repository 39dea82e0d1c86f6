#include "cli/commands.h"

namespace bridle::cli {

CommandTable all_commands() {
  CommandTable table;
  table.groups = {
      {"machine", "Guests: define, start, stop, watch and talk to them"},
      {"image", "What guests boot: build, import, list, inspect, delete"},
      {"volume", "Disks of guests: create, list, delete"},
      {"host", "The machine that Bridle runs on"},
      {"context", "The hosts that you talk to"},
      {"operation", "Long work: builds, resets; wait for it or cancel it"},
      {"auth", "Who you are, what you may do, and who is let in over the network"},
      {"ledger", "The signed record of who did what to which guest"},
  };
  add_apply_commands(table);
  add_get_commands(table);
  add_wait_commands(table);
  add_machine_commands(table);
  add_define_commands(table);
  add_console_commands(table);
  add_display_commands(table);
  add_image_commands(table);
  add_import_commands(table);
  add_export_commands(table);
  add_volume_commands(table);
  add_host_commands(table);
  add_credential_commands(table);
  add_context_commands(table);
  add_operation_commands(table);
  add_ledger_commands(table);
  add_event_commands(table);
  add_top_commands(table);
  add_doctor_commands(table);
  add_access_commands(table);
  add_bench_commands(table);
  add_backup_commands(table);
  add_lab_commands(table);
  add_shell_commands(table);
  return table;
}

}  // namespace bridle::cli
