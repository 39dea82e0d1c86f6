#include "daemon/processes.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "base/file.h"

namespace bridle::daemon {
namespace {

constexpr std::array<std::string_view, 3> programs{"bridled", "bridle-jail", "bridle-supervise"};

std::vector<std::string> arguments_of(const std::string& folder) {
  std::vector<std::string> arguments;
  const auto text = read_file(folder + "/cmdline", 1 << 20);
  if (!text.ok()) return arguments;
  size_t start = 0;
  while (start < text->size()) {
    const size_t end = text->find('\0', start);
    arguments.push_back(text->substr(start, end - start));
    if (end == std::string::npos) break;
    start = end + 1;
  }
  return arguments;
}

bool has_root(const std::vector<std::string>& arguments, const std::string& root) {
  for (size_t i = 1; i + 1 < arguments.size(); ++i)
    if (arguments[i] == "--root" && arguments[i + 1] == root) return true;
  return false;
}

uint64_t cpu_ns_of(const std::string& folder) {
  const auto stat = read_file(folder + "/stat", 4096);
  if (!stat.ok()) return 0;
  // The name in parentheses may hold anything: fields are counted from the last ')'.
  const size_t after_name = stat->rfind(')');
  unsigned long long user = 0, system = 0;
  if (after_name == std::string::npos ||
      std::sscanf(stat->c_str() + after_name + 1,
                  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
    return 0;
  static const auto ticks = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  return (user + system) * (1'000'000'000 / ticks);
}

uint64_t rss_of(const std::string& folder) {
  const auto statm = read_file(folder + "/statm", 4096);
  unsigned long long pages = 0;
  if (!statm.ok() || std::sscanf(statm->c_str(), "%*u %llu", &pages) != 1) return 0;
  static const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return pages * page;
}

}  // namespace

std::vector<ProcessCost> bridle_processes(const std::string& root) {
  std::vector<ProcessCost> found;
  const auto entries = list_folder("/proc");
  if (!entries.ok()) return found;
  for (const std::string& entry : *entries) {
    if (entry.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string folder = "/proc/" + entry;
    const auto arguments = arguments_of(folder);
    if (arguments.empty() || !has_root(arguments, root)) continue;
    const std::string name = arguments[0].substr(arguments[0].rfind('/') + 1);
    if (std::find(programs.begin(), programs.end(), name) == programs.end()) continue;
    found.push_back({name, std::stoi(entry), rss_of(folder), cpu_ns_of(folder)});
  }
  return found;
}

boost::json::array to_json(const std::vector<ProcessCost>& processes) {
  boost::json::array out;
  for (const auto& p : processes)
    out.push_back(
        {{"name", p.name}, {"pid", p.pid}, {"rssBytes", p.rss_bytes}, {"cpuNs", p.cpu_ns}});
  return out;
}

uint64_t host_millicores() {
  return static_cast<uint64_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))) * 1000;
}

uint64_t host_memory_bytes() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "host";
  // As an object's name: lower case, anything else a dash.
  std::string out;
  for (const char* c = name; *c != '\0' && *c != '.' && out.size() < 63; ++c) {
    const char lower = (*c >= 'A' && *c <= 'Z') ? static_cast<char>(*c - 'A' + 'a') : *c;
    const bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    out += plain ? lower : '-';
  }
  while (!out.empty() && out.front() == '-') out.erase(0, 1);
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "host" : out;
}

}  // namespace bridle::daemon
