// The commands of `bridle`: each family adds its own to the table.
#pragma once

#include "cli/command.h"

namespace bridle::cli {

void add_apply_commands(CommandTable& table);       // apply, diff, edit
void add_get_commands(CommandTable& table);         // get, describe, explain
void add_wait_commands(CommandTable& table);        // wait, delete
void add_machine_commands(CommandTable& table);     // machine list, start, stop, ...
void add_define_commands(CommandTable& table);      // machine define
void add_console_commands(CommandTable& table);     // machine console, exec
void add_display_commands(CommandTable& table);     // machine screen, vnc
void add_image_commands(CommandTable& table);       // image build, list, inspect, delete
void add_import_commands(CommandTable& table);      // image import
void add_export_commands(CommandTable& table);      // machine export, import, volume export
void add_volume_commands(CommandTable& table);      // volume create, list, resize, delete
void add_host_commands(CommandTable& table);        // host show, drain, shutdown, resume
void add_context_commands(CommandTable& table);     // context add, use, list, remove
void add_credential_commands(CommandTable& table);  // auth token; host cert
void add_operation_commands(CommandTable& table);   // operation list, show, wait, cancel
void add_ledger_commands(CommandTable& table);      // ledger list, verify, export
void add_event_commands(CommandTable& table);       // events
void add_top_commands(CommandTable& table);         // top
void add_doctor_commands(CommandTable& table);      // doctor
void add_access_commands(CommandTable& table);      // auth can-i, whoami
void add_bench_commands(CommandTable& table);       // bench
void add_backup_commands(CommandTable& table);      // backup, restore
void add_lab_commands(CommandTable& table);         // up, selftest, down
void add_shell_commands(CommandTable& table);       // completion, version

CommandTable all_commands();

}  // namespace bridle::cli
