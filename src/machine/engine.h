// Engine: what executes a guest's instructions, and which QEMU builds may do it.
//
// Bridle runs guests on QEMU 10.0 or newer. Older ones are refused: under TCG 7.2 loses writes
// during live migration and crashes newer guest kernels.
//
// Thread class: values and pure functions.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle::machine {

enum class Engine { tcg, kvm };

std::string_view name(Engine engine);  // "tcg", "kvm": as in status.engine
std::optional<Engine> engine_from_name(std::string_view name);

constexpr std::string_view qemu_path = "/usr/bin/qemu-system-x86_64";

struct QemuVersion {
  uint32_t major = 0, minor = 0, micro = 0;
  auto operator<=>(const QemuVersion&) const = default;
  std::string text() const;  // "10.0.2"
};

constexpr QemuVersion oldest_qemu{10, 0, 0};

// From the first line of `qemu-system-x86_64 --version`. Code::invalid when it is not one.
Result<QemuVersion> parse_qemu_version(std::string_view output);

// Code::refused for a QEMU older than oldest_qemu; the message holds the command that installs one.
Status check_qemu_version(const QemuVersion& version);

}  // namespace bridle::machine
