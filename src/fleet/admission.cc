#include "fleet/admission.h"

#include <algorithm>

#include "base/units.h"

namespace bridle::fleet {
namespace {

// "machine/lab/" of "machine/lab/web": what is shown of others ends at the project.
std::string_view neighbourhood(std::string_view ref) { return ref.substr(0, ref.rfind('/') + 1); }

// Who holds the rest. The text goes to people of `wanted`'s project: they see no other's names.
std::string holders(std::string_view wanted, const std::vector<Holding>& held,
                    uint64_t Holding::*amount, std::string (*format)(uint64_t)) {
  std::vector<const Holding*> order;
  uint64_t elsewhere = 0;
  for (const Holding& each : held) {
    if (each.*amount == 0) continue;
    if (neighbourhood(each.ref) == neighbourhood(wanted))
      order.push_back(&each);
    else
      elsewhere += each.*amount;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](auto* a, auto* b) { return a->*amount > b->*amount; });
  if (order.empty() && elsewhere == 0) return "nothing is set aside";
  std::string text = "held by ";
  for (size_t i = 0; i < order.size() && i < 3; ++i)
    text += (i == 0 ? "" : ", ") + order[i]->ref + " (" + format(order[i]->*amount) + ")";
  if (order.size() > 3) text += " and " + std::to_string(order.size() - 3) + " more";
  if (elsewhere != 0)
    text += (order.empty() ? "" : " and ") + ("other projects (" + format(elsewhere) + ")");
  return text;
}

Status fits(std::string_view what, const Holding& asking, uint64_t total,
            const std::vector<Holding>& held, uint64_t Holding::*amount,
            std::string (*format)(uint64_t)) {
  const uint64_t wanted = asking.*amount;
  uint64_t used = 0;
  for (const Holding& each : held) used += each.*amount;
  uint64_t free = total > used ? total - used : 0;
  if (wanted <= free) return {};
  return Error(Code::refused, "needs " + format(wanted) + " of " + std::string(what) + ", " +
                                  format(free) + " of " + format(total) + " are free; " +
                                  holders(asking.ref, held, amount, format));
}

std::string cores_text(uint64_t millicores) { return format_cores(millicores) + " cores"; }

uint64_t memory_for_guests(const HostFacts& host) {
  return host.memory_bytes > host.memory_reserved ? host.memory_bytes - host.memory_reserved : 0;
}

}  // namespace

Holding holding_of(std::string ref, const model::MachineSpec& spec, const HostFacts& host) {
  return {std::move(ref), spec.cpu.reservation,
          spec.memory_share.reservation + host.guest_overhead};
}

Status check_shape(const model::MachineSpec& spec, const HostFacts& host) {
  const model::Share& cpu = spec.cpu;
  const model::Share& memory = spec.memory_share;
  if (cpu.limit != 0 && cpu.limit < cpu.reservation)
    return Error(Code::refused, "the CPU limit (" + cores_text(cpu.limit) +
                                    ") is less than the reservation (" +
                                    cores_text(cpu.reservation) + ")");
  if (memory.limit != 0 && memory.limit < memory.reservation)
    return Error(Code::refused, "the memory limit (" + format_bytes(memory.limit) +
                                    ") is less than the reservation (" +
                                    format_bytes(memory.reservation) + ")");
  if (cpu.reservation > uint64_t{spec.cpus} * 1000)
    return Error(Code::refused, "reserves " + cores_text(cpu.reservation) + " for " +
                                    std::to_string(spec.cpus) + " virtual CPUs");
  if (memory.reservation > spec.memory)
    return Error(Code::refused, "reserves " + format_bytes(memory.reservation) +
                                    " of memory for a guest of " + format_bytes(spec.memory));
  if (spec.memory > host.memory_bytes)
    return Error(Code::refused, "asks for " + format_bytes(spec.memory) +
                                    " of memory; this host has " + format_bytes(host.memory_bytes));
  Holding alone = holding_of("", spec, host);
  return admit(alone, {}, host);
}

Status check_image(const model::MachineSpec& spec, const std::string& image,
                   const model::ImageStatus& status) {
  if (spec.memory >= status.least_memory) return {};
  return Error(Code::refused, "spec.memory: " + image + " needs at least " +
                                  format_bytes(status.least_memory) + " to come up; this is " +
                                  format_bytes(spec.memory));
}

Status admit(const Holding& wanted, const std::vector<Holding>& held, const HostFacts& host) {
  if (Status cpu = fits("CPU", wanted, host.cpu_millicores, held, &Holding::cpu, &cores_text);
      !cpu.ok())
    return cpu;
  return fits("memory", wanted, memory_for_guests(host), held, &Holding::memory, &format_bytes);
}

Result<uint32_t> free_slot(const std::vector<uint32_t>& used, const HostFacts& host) {
  uint32_t slot = 1;
  for (uint32_t each : used) {
    if (each > slot) break;
    if (each == slot) ++slot;
  }
  if (slot <= host.slots) return slot;
  return Error(Code::exhausted, "all " + std::to_string(host.slots) +
                                    " guest slots of this host are taken; delete a machine");
}

namespace {

constexpr uint64_t most_overhead = 128 << 20;  // TCG: 64 MiB of translated code, 40 of QEMU

}  // namespace

Limits limits_of(const model::MachineSpec& spec) {
  Limits limits;
  limits.cpu_shares = spec.cpu.shares;
  limits.cpu_quota = spec.cpu.limit;
  limits.cpu_reservation = spec.cpu.reservation;
  // The limit is the guest's; the cgroup also holds QEMU with its translated code.
  if (spec.memory_share.limit != 0) limits.memory_limit = spec.memory_share.limit + most_overhead;
  limits.memory_reservation = spec.memory_share.reservation;
  return limits;
}

}  // namespace bridle::fleet
