// Structured logs on standard error, one line an entry, with journald's level prefix:
//
//   <6>2026-01-02T03:04:05.678Z bridled machine started machine=lab/web id=…/3
//
// Values with blanks or quotes are quoted. Never log a Secret.
// Thread class: any thread; one write(2) a line.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace bridle::log {

enum class Level { error = 3, warning = 4, info = 6, debug = 7 };
using Field = std::pair<std::string_view, std::string>;

// The process's name in every line, and the least important level that is written.
void set_up(std::string_view process, Level threshold = Level::info);
void write(Level level, std::string_view what, std::initializer_list<Field> fields);

inline void error(std::string_view what, std::initializer_list<Field> fields = {}) {
  write(Level::error, what, fields);
}
inline void warning(std::string_view what, std::initializer_list<Field> fields = {}) {
  write(Level::warning, what, fields);
}
inline void info(std::string_view what, std::initializer_list<Field> fields = {}) {
  write(Level::info, what, fields);
}
inline void debug(std::string_view what, std::initializer_list<Field> fields = {}) {
  write(Level::debug, what, fields);
}

}  // namespace bridle::log
