#include "cli/top_view.h"

#include <algorithm>
#include <cstdio>

#include "cli/columns.h"
#include "cli/human.h"
#include "cli/table.h"
#include "model/quantity.h"

namespace bridle::cli {
namespace {

std::string key_of(const json::value& row) {
  return text_at(row, "project") + "/" + text_at(row, "name");
}

std::string cores(double value) {
  char out[40];
  std::snprintf(out, sizeof out, "%.2f", value);
  return out;
}

double measure(const GuestRates& guest, TopOrder order) {
  switch (order) {
    case TopOrder::cpu:
      return guest.vcpu + guest.emulator;
    case TopOrder::memory:
      return guest.memory;
    case TopOrder::io:
      return guest.read + guest.write;
    case TopOrder::name:
      return 0;
  }
  return 0;
}

void sort(std::vector<GuestRates>& guests, TopOrder order) {
  std::sort(guests.begin(), guests.end(), [order](const GuestRates& a, const GuestRates& b) {
    const double left = measure(a, order), right = measure(b, order);
    if (left != right) return left > right;
    return std::pair(a.project, a.name) < std::pair(b.project, b.name);
  });
}

std::string headline(const TopScreen& screen, const TopLook& look) {
  double cpu = 0, memory = 0;
  size_t running = 0;
  for (const auto& guest : screen.guests) {
    cpu += guest.vcpu + guest.emulator;
    memory += guest.memory;
    running += guest.phase == "running" ? 1 : 0;
  }
  double own_cpu = 0, own_memory = 0;
  for (const auto& process : screen.processes) {
    own_cpu += process.cpu;
    own_memory += process.memory;
  }
  std::string out = look.title + "  " + std::to_string(running) + " of " +
                    std::to_string(screen.guests.size()) + " guests running  CPU " +
                    (screen.has_rates ? cores(cpu) : "-") + "  memory " +
                    bytes(static_cast<uint64_t>(memory));
  if (!screen.processes.empty())
    out += "  Bridle: CPU " + (screen.has_rates ? cores(own_cpu) : "-") + ", " +
           bytes(static_cast<uint64_t>(own_memory));
  return out + "  " + look.time;
}

Tone cpu_tone(double fraction) {
  return fraction > 0.9 ? Tone::bad : fraction > 0.5 ? Tone::busy : Tone::good;
}

Table guest_table(const TopScreen& screen, const TopLook& look, size_t most_rows) {
  const bool bars = look.live && look.width >= 90;
  const bool sparks = look.live && look.width >= 120;
  std::vector<Column> columns;
  if (look.with_project) columns.push_back({"PROJECT"});
  columns.insert(columns.end(), {{"NAME", false, true}, {"PHASE"}, {"CPU", true}});
  if (bars) columns.push_back({""});
  if (sparks) columns.push_back({"LAST MINUTES"});
  columns.insert(columns.end(), {{"QEMU", true},
                                 {"BRIDLE", true},
                                 {"MEMORY", true},
                                 {"OF", true},
                                 {"READ", true},
                                 {"WRITE", true}});
  Table table(std::move(columns));
  for (size_t i = 0; i < screen.guests.size() && i < most_rows; ++i) {
    const GuestRates& guest = screen.guests[i];
    const double load = guest.vcpu / std::max(guest.cpus, 1.0);
    const auto share = [&](double value) { return screen.has_rates ? percent(value) : "-"; };
    Row row;
    if (look.with_project) row.emplace_back(guest.project);
    row.emplace_back(guest.name);
    row.emplace_back(guest.phase, tone_of(guest.phase));
    row.emplace_back(share(guest.vcpu), cpu_tone(load));
    if (bars) row.emplace_back(bar(load, 10), cpu_tone(load));
    if (sparks)
      row.emplace_back(sparkline(guest.history, std::max(guest.cpus, 1.0), 24), Tone::good);
    row.emplace_back(share(guest.emulator));
    row.emplace_back(share(guest.bridle));
    row.emplace_back(bytes(static_cast<uint64_t>(guest.memory)));
    row.emplace_back(bytes(static_cast<uint64_t>(guest.memory_size)));
    row.emplace_back(rate(guest.read));
    row.emplace_back(rate(guest.write));
    table.add(std::move(row));
  }
  return table;
}

Table process_table(const TopScreen& screen) {
  Table table({{"PROCESS"}, {"PID", true}, {"CPU", true}, {"MEMORY", true}});
  for (const auto& process : screen.processes)
    table.add({process.name, std::to_string(process.pid),
               screen.has_rates ? percent(process.cpu) : "-",
               bytes(static_cast<uint64_t>(process.memory))});
  return table;
}

// Attendants and their like are many: one row a name.
std::vector<ProcessRates> folded(const std::vector<ProcessRates>& processes) {
  std::vector<ProcessRates> out;
  std::map<std::string, std::pair<size_t, size_t>> seen;  // name -> index, count
  for (const auto& process : processes) {
    const auto [it, fresh] = seen.try_emplace(process.name, out.size(), 0);
    ++it->second.second;
    if (fresh) {
      out.push_back(process);
      continue;
    }
    ProcessRates& sum = out[it->second.first];
    sum.cpu += process.cpu;
    sum.memory += process.memory;
  }
  for (const auto& [name, place] : seen)
    if (place.second > 1) out[place.first].name += " (" + std::to_string(place.second) + ")";
  return out;
}

}  // namespace

double TopModel::rate(const std::string& key, double value, double seconds) {
  current_[key] = value;
  const auto before = last_.find(key);
  // A counter that fell belongs to a new run of QEMU.
  if (before == last_.end() || seconds <= 0 || value < before->second) return 0;
  return (value - before->second) / seconds;
}

TopScreen TopModel::step(const json::value& usage, const std::vector<json::value>& machines,
                         Tick now) {
  const double seconds = first_ ? 0 : static_cast<double>((now - last_at_).count()) / 1e9;
  TopScreen screen;
  screen.has_rates = seconds > 0;
  current_.clear();
  std::map<std::string, const json::value*> rows;
  if (const auto* list = at(usage, "machines").if_array())
    for (const auto& row : *list) rows[key_of(row)] = &row;
  for (const auto& machine : machines) {
    GuestRates guest;
    guest.project = text_at(machine, "metadata.project");
    guest.name = text_at(machine, "metadata.name");
    guest.phase = phase_of(machine);
    guest.cpus = number_at(machine, "spec.cpus");
    if (const auto size = model::bytes_of(at(machine, "spec.memory")); size.ok())
      guest.memory_size = static_cast<double>(*size);
    const std::string key = guest.project + "/" + guest.name;
    if (const auto row = rows.find(key); row != rows.end()) {
      const auto counter = [&](const char* name) {
        return rate(key + "/" + name, number_at(*row->second, name), seconds);
      };
      guest.vcpu = counter("vcpuNs") / 1e9;
      guest.emulator = counter("emulatorNs") / 1e9;
      guest.bridle = counter("bridleNs") / 1e9;
      guest.read = counter("readBytes");
      guest.write = counter("writeBytes");
      guest.memory = number_at(*row->second, "memoryBytes");
    }
    auto& past = histories_[key];
    if (screen.has_rates) past.push_back(guest.vcpu);
    if (past.size() > history) past.pop_front();
    guest.history.assign(past.begin(), past.end());
    screen.guests.push_back(std::move(guest));
  }
  if (const auto* list = at(usage, "processes").if_array())
    for (const auto& row : *list) {
      const auto pid = static_cast<uint64_t>(number_at(row, "pid"));
      const double cpu = rate("pid/" + std::to_string(pid), number_at(row, "cpuNs"), seconds) / 1e9;
      const double memory = std::max(number_at(row, "pssBytes"), number_at(row, "rssBytes"));
      screen.processes.push_back({text_at(row, "name"), pid, cpu, memory});
    }
  last_ = current_;
  last_at_ = now;
  first_ = false;
  return screen;
}

std::string render_top(TopScreen screen, const TopLook& look, const Style& style) {
  sort(screen.guests, look.order);
  const std::string title = headline(screen, look);
  std::string out =
      style.paint(Tone::strong, look.width == 0 ? title : cut(title, look.width)) + "\n\n";
  screen.processes = folded(screen.processes);
  const size_t below = screen.processes.empty() ? 0 : screen.processes.size() + 2;
  const size_t fixed = 3 + below + (look.live ? 2 : 0);  // title, blank, headings
  size_t rows = screen.guests.size();
  if (look.height > 0) rows = look.height > fixed + 1 ? look.height - fixed - 1 : 1;
  if (screen.guests.empty())
    out += "no guests\n";
  else
    out += guest_table(screen, look, rows).render(look.width, style);
  if (rows < screen.guests.size())
    out += style.paint(Tone::faint,
                       "... and " + std::to_string(screen.guests.size() - rows) + " more") +
           "\n";
  if (!screen.processes.empty()) out += "\n" + process_table(screen).render(look.width, style);
  if (look.live)
    out += "\n" +
           style.paint(Tone::faint,
                       cut("q quit   sort by: c CPU  m memory  d disk  n name", look.width)) +
           "\n";
  return out;
}

}  // namespace bridle::cli
