// Table: rows of text under headings, aligned in columns two blanks apart.
//
//   NAME   PHASE    CPU   MEMORY  AGE
//   web    running    1   128MiB  3m
//
// Rendering is pure: cells are made printable, right-aligned where the column says so, and, when
// the whole is wider than `width`, the columns marked `shrinks` give way (never below 8 columns),
// then the line is cut. No line ends in a blank. width 0: as wide as it gets (pipes).
#pragma once

#include <string>
#include <vector>

#include "cli/style.h"

namespace bridle::cli {

struct Column {
  std::string heading;
  bool right = false;    // numbers
  bool shrinks = false;  // prose: gives way first
};

struct Cell {
  std::string text;
  Tone tone = Tone::plain;
  Cell(std::string t, Tone n = Tone::plain) : text(std::move(t)), tone(n) {}
  Cell(const char* t) : text(t) {}
};

using Row = std::vector<Cell>;

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // REQUIRES: as many cells as columns.
  void add(Row row) { rows_.push_back(std::move(row)); }
  size_t rows() const { return rows_.size(); }

  std::string render(size_t width, const Style& style, bool headings = true) const;

 private:
  std::vector<size_t> widths(size_t width, bool headings) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

}  // namespace bridle::cli
