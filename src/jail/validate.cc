#include "jail/validate.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/layout.h"

namespace bridle::jail {
namespace {

Error invalid(std::string message) { return Error(Code::invalid, std::move(message)); }

Status check_nothing(const Request&, size_t) { return {}; }

Status check_uuid(const Request& request, size_t) {
  if (uuid_of(request).is_nil()) return invalid("uuid is nil");
  return {};
}

Status check_signal(const Request& request, size_t count) {
  BRIDLE_CHECK(check_uuid(request, count));
  if (request.signal_number != SIGTERM && request.signal_number != SIGKILL)
    return invalid("signal_number: only SIGTERM (15) and SIGKILL (9) may be sent");
  return {};
}

Status check_bounds(const Limits& limits) {
  if (limits.cpu_shares > 1'000'000) return invalid("limits.cpu_shares is over 1000000");
  if (limits.cpu_quota > 4'096'000) return invalid("limits.cpu_quota is over 4096 cores");
  if (limits.cpu_reservation > 4'096'000)
    return invalid("limits.cpu_reservation is over 4096 cores");
  if (limits.memory_limit > (uint64_t{1} << 50))
    return invalid("limits.memory_limit is over 1 PiB");
  if (limits.memory_reservation > (uint64_t{1} << 50))
    return invalid("limits.memory_reservation is over 1 PiB");
  if (limits.pids > 65536) return invalid("limits.pids is over 65536");
  return {};
}

Status check_limits(const Request& request, size_t count) {
  BRIDLE_CHECK(check_uuid(request, count));
  return check_bounds(request.limits);
}

Status check_grow(const Request& request, size_t count) {
  BRIDLE_CHECK(check_uuid(request, count));
  if (request.file_size == 0) return invalid("file_size is 0");
  return {};
}

// files[0 .. file_count) are named uses, the rest unused; descriptors are the memfd and the files.
Status check_files(const Request& request, size_t count, size_t most_tpm_keys) {
  if (request.file_count > max_files)
    return invalid("file_count is over " + std::to_string(max_files));
  size_t tpm_keys = 0;
  for (unsigned i = 0; i < max_files; ++i) {
    const FileUse use = request.files[i];
    const bool tpm = use == FileUse::tpm_key && ++tpm_keys <= most_tpm_keys;
    const bool named = use == FileUse::inherit || use == FileUse::bind || tpm;
    if (i < request.file_count ? !named : use != FileUse::unused)
      return invalid("files[" + std::to_string(i) + "] has a use that does not fit file_count");
  }
  if (count != 1 + size_t{request.file_count})
    return invalid("came with " + std::to_string(count) + " descriptors, announces " +
                   std::to_string(1 + request.file_count));
  return {};
}

// vhost_user needs to know whose switch connects.
Status check_attachments(const Request& request) {
  bool switched = false;
  for (unsigned i = 0; i < max_interfaces; ++i) {
    const bool vhost_user = request.attachments[i] == GuestAttachment::vhost_user;
    if (!vhost_user && request.attachments[i] != GuestAttachment::datagram)
      return invalid("attachments[" + std::to_string(i) + "] is unknown");
    if (vhost_user && i >= request.interface_count)
      return invalid("attachments[" + std::to_string(i) + "] is of no interface");
    switched = switched || vhost_user;
  }
  if (request.zone > Layout::max_zone)
    return invalid("zone must be 1 .. " + std::to_string(Layout::max_zone));
  if (switched && request.zone == 0) return invalid("zone is 0, and a vhost_user interface is its");
  return {};
}

Status check_start(const Request& request, size_t count) {
  BRIDLE_CHECK(check_limits(request, count));
  BRIDLE_CHECK(check_files(request, count, 1));
  if (request.slot < 1 || request.slot > Layout::max_slot)
    return invalid("slot must be 1 .. " + std::to_string(Layout::max_slot));
  if (request.interface_count > max_interfaces)
    return invalid("interface_count is over " + std::to_string(max_interfaces));
  if (request.use_kvm > 1) return invalid("use_kvm must be 0 or 1");
  return check_attachments(request);
}

Status check_zone(const Request& request, size_t) {
  if (request.zone < 1 || request.zone > Layout::max_zone)
    return invalid("zone must be 1 .. " + std::to_string(Layout::max_zone));
  return {};
}

Status check_switch_start(const Request& request, size_t count) {
  BRIDLE_CHECK(check_zone(request, count));
  if ((request.switch_flags & ~switch_restart) != 0) return invalid("switch_flags are unknown");
  return check_bounds(request.limits);
}

Status check_switch_stop(const Request& request, size_t count) {
  BRIDLE_CHECK(check_zone(request, count));
  if ((request.switch_flags & ~switch_forget) != 0) return invalid("switch_flags are unknown");
  return {};
}

Status check_port(const Request& request, size_t count) {
  BRIDLE_CHECK(check_zone(request, count));
  if (request.port == 0) return invalid("port is 0");
  return {};
}

Status check_port_open(const Request& request, size_t) {
  return validate_port(request.zone, request.port, port_order_of(request));
}

Status check_forwards(const Request& request, size_t count) {
  BRIDLE_CHECK(check_port(request, count));
  if (request.forward_count > max_forwards)
    return invalid("forward_count is over " + std::to_string(max_forwards));
  return validate_forwards(forwards_of(request));
}

Status check_helper(const Request& request, size_t count) {
  BRIDLE_CHECK(check_uuid(request, count));
  BRIDLE_CHECK(check_files(request, count, 0));
  const auto kind = static_cast<uint16_t>(request.helper);
  if (kind < static_cast<uint16_t>(HelperKind::fetch) ||
      kind > static_cast<uint16_t>(HelperKind::convert))
    return invalid("helper: unknown kind " + std::to_string(kind));
  return {};
}

struct Rule {
  Verb verb;
  std::string_view name;
  bool takes_descriptors;
  Status (*check)(const Request&, size_t);
  size_t (*body_size)(const Request&) = [](const Request&) -> size_t { return 0; };
};

size_t order_size(const Request&) { return sizeof(PortOrder); }
size_t forwards_size(const Request& request) {
  return std::min<size_t>(request.forward_count, max_forwards) * sizeof(NatForward);
}

constexpr std::array<Rule, 20> rules{{
    {Verb::hello, "hello", false, check_nothing},
    {Verb::start, "start", true, check_start},
    {Verb::signal, "signal", false, check_signal},
    {Verb::limits, "limits", false, check_limits},
    {Verb::list, "list", false, check_nothing},
    {Verb::release, "release", false, check_uuid},
    {Verb::place, "place", false, check_uuid},
    {Verb::helper, "helper", true, check_helper},
    {Verb::exited, "exited", false, nullptr},  // the jail's own word
    {Verb::usage, "usage", false, check_uuid},
    {Verb::grow, "grow", false, check_grow},
    {Verb::forget, "forget", false, check_uuid},
    {Verb::tpm_lost, "tpm_lost", false, nullptr},
    {Verb::switch_start, "switch_start", false, check_switch_start},
    {Verb::switch_stop, "switch_stop", false, check_switch_stop},
    {Verb::switch_list, "switch_list", false, check_nothing},
    {Verb::port_open, "port_open", false, check_port_open, order_size},
    {Verb::port_close, "port_close", false, check_port},
    {Verb::port_list, "port_list", false, check_zone},
    {Verb::nat_forwards, "nat_forwards", false, check_forwards, forwards_size},
}};

const Rule* rule_of(Verb verb) {
  const auto found =
      std::find_if(rules.begin(), rules.end(), [&](const Rule& r) { return r.verb == verb; });
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace

std::string_view verb_name(Verb verb) {
  const Rule* rule = rule_of(verb);
  return rule == nullptr ? "unknown" : rule->name;
}

Uuid uuid_of(const Request& request) {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), request.uuid, uuid.bytes.size());
  return uuid;
}

Status validate(const Request& request, size_t descriptor_count) {
  if (request.magic != magic) return invalid("not a record of Bridle's jail");
  if (request.version != version)
    return invalid("protocol version " + std::to_string(request.version) + ", expected " +
                   std::to_string(version));
  const Rule* rule = rule_of(request.verb);
  if (rule == nullptr || rule->check == nullptr)
    return invalid("unknown verb " + std::to_string(static_cast<unsigned>(request.verb)));
  if (!rule->takes_descriptors && descriptor_count != 0)
    return invalid(std::string(rule->name) + " takes no descriptors");
  const auto is_zero = [](uint8_t byte) { return byte == 0; };
  const auto behind = std::span(request.body).subspan(rule->body_size(request));
  if (!std::ranges::all_of(request.reserved0, is_zero) ||
      !std::ranges::all_of(request.reserved1, is_zero) || !std::ranges::all_of(behind, is_zero))
    return invalid("reserved bytes are not zero");
  return rule->check(request, descriptor_count).context(rule->name);
}

Result<std::vector<std::string>> split_arguments(std::string_view bytes) {
  if (bytes.size() > max_argument_bytes)
    return invalid("arguments are larger than " + std::to_string(max_argument_bytes) + " bytes");
  if (!bytes.empty() && bytes.back() != '\0')
    return invalid("arguments do not end with a NUL byte");
  std::vector<std::string> arguments;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\0');
    if (arguments.size() == max_arguments)
      return invalid("more than " + std::to_string(max_arguments) + " arguments");
    arguments.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
  }
  return arguments;
}

}  // namespace bridle::jail
