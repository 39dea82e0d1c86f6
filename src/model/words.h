// The words that the enums of the typed views are spelled with, in the order of the enums. The
// schema's choices are these same lists.
#pragma once

#include <array>
#include <string_view>

namespace bridle::model::words {

inline constexpr std::array<std::string_view, 3> power{"running", "paused", "stopped"};
inline constexpr std::array<std::string_view, 3> restart{"never", "on-failure", "always"};
inline constexpr std::array<std::string_view, 2> boot{"kernel", "disk"};
inline constexpr std::array<std::string_view, 3> firmware{"bios", "uefi", "uefi-secure"};
inline constexpr std::array<std::string_view, 3> disk_model{"virtio", "sata", "scsi"};
inline constexpr std::array<std::string_view, 2> interface_model{"virtio", "e1000"};
inline constexpr std::array<std::string_view, 2> display{"none", "vga"};
inline constexpr std::array<std::string_view, 3> host_guests{"run", "drain", "shutdown"};
inline constexpr std::array<std::string_view, 3> wishes{"throughput", "cloneable", "recordable"};
inline constexpr std::array<std::string_view, 6> phase{"defined", "starting", "running",
                                                       "paused",  "stopping", "failed"};
inline constexpr std::array<std::string_view, 2> engine{"kvm", "tcg"};
inline constexpr std::array<std::string_view, 3> attachment{"fast", "dense", "recorded"};
inline constexpr std::array<std::string_view, 3> recipe{"tiny", "debian", "imported"};
inline constexpr std::array<std::string_view, 2> format{"qcow2", "raw"};
inline constexpr std::array<std::string_view, 4> source_format{"qcow2", "raw", "vmdk", "ova"};
inline constexpr std::array<std::string_view, 4> image_phase{"pending", "building", "ready",
                                                             "failed"};
inline constexpr std::array<std::string_view, 3> volume_phase{"pending", "ready", "failed"};
inline constexpr std::array<std::string_view, 4> role{"admin", "operator", "auditor", "tenant"};
inline constexpr std::array<std::string_view, 5> operation_phase{"pending", "running", "succeeded",
                                                                 "failed", "cancelled"};
inline constexpr std::array<std::string_view, 3> level{"info", "warning", "error"};

}  // namespace bridle::model::words
