#include "machine/engine.h"

#include <charconv>

namespace bridle::machine {
namespace {

constexpr std::string_view banner = "QEMU emulator version ";

// Takes a number off the front of text.
std::optional<uint32_t> take_number(std::string_view& text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string_view name(Engine engine) { return engine == Engine::kvm ? "kvm" : "tcg"; }

std::optional<Engine> engine_from_name(std::string_view name) {
  if (name == "kvm") return Engine::kvm;
  if (name == "tcg") return Engine::tcg;
  return std::nullopt;
}

std::string QemuVersion::text() const {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(micro);
}

Result<QemuVersion> parse_qemu_version(std::string_view output) {
  const Error bad(Code::invalid, "this is not the version line of QEMU");
  if (!output.starts_with(banner)) return bad;
  output.remove_prefix(banner.size());
  const auto major = take_number(output);
  if (!major || !take(output, '.')) return bad;
  const auto minor = take_number(output);
  if (!minor) return bad;
  QemuVersion version{*major, *minor, 0};
  if (take(output, '.')) {
    const auto micro = take_number(output);
    if (!micro) return bad;
    version.micro = *micro;
  }
  return version;
}

Status check_qemu_version(const QemuVersion& version) {
  if (version >= oldest_qemu) return {};
  return Error(Code::refused,
               "QEMU " + version.text() + " is too old to run guests, " + oldest_qemu.text() +
                   " or newer is needed: as root, run \"apt-get install -t bookworm-backports "
                   "qemu-system-x86 qemu-utils\"");
}

}  // namespace bridle::machine
