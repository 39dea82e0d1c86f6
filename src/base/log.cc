#include "base/log.h"

#include <unistd.h>

#include "base/clock.h"

namespace bridle::log {
namespace {

std::string process_name = "bridle";
Level least = Level::info;

bool needs_quotes(std::string_view value) {
  return value.empty() || value.find_first_of(" \"=\\\n\r\t") != std::string_view::npos;
}

void append_value(std::string& line, std::string_view value) {
  if (!needs_quotes(value)) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') line += '\\';
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      line += '?';
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

void set_up(std::string_view process, Level threshold) {
  process_name = process;
  least = threshold;
}

void write(Level level, std::string_view what, std::initializer_list<Field> fields) {
  if (level > least) return;
  SystemClock clock;
  std::string line = "<" + std::to_string(static_cast<int>(level)) + ">" + clock.wall().text() +
                     " " + process_name + " " + std::string(what);
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    append_value(line, value);
  }
  line += '\n';
  // No crash point: nobody depends on a log line.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace bridle::log
