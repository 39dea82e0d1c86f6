#include "cli/table.h"

#include <algorithm>

#include "cli/human.h"

namespace bridle::cli {
namespace {

constexpr size_t gap = 2;
constexpr size_t least_shrunk = 8;

size_t total(const std::vector<size_t>& widths) {
  size_t sum = widths.empty() ? 0 : gap * (widths.size() - 1);
  for (const size_t w : widths) sum += w;
  return sum;
}

}  // namespace

std::vector<size_t> Table::widths(size_t width, bool headings) const {
  std::vector<size_t> out(columns_.size(), 0);
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (headings) out[i] = columns_[i].heading.size();
    for (const auto& row : rows_) out[i] = std::max(out[i], columns_of(printable(row[i].text)));
  }
  if (width == 0) return out;
  for (size_t i = columns_.size(); i-- > 0 && total(out) > width;) {
    if (!columns_[i].shrinks) continue;
    const size_t over = total(out) - width;
    const size_t spare = out[i] > least_shrunk ? out[i] - least_shrunk : 0;
    out[i] -= std::min(over, spare);
  }
  return out;
}

std::string Table::render(size_t width, const Style& style, bool headings) const {
  const std::vector<size_t> sizes = widths(width, headings);
  std::string out;
  const auto line = [&](auto&& text_of, auto&& tone_at) {
    size_t at = 0, pending = 0;  // pending: blanks owed before the next text
    for (size_t i = 0; i < columns_.size(); ++i) {
      const size_t room = width == 0 ? sizes[i] : at < width ? std::min(sizes[i], width - at) : 0;
      const std::string text = cut(printable(text_of(i)), room);
      const size_t blanks = sizes[i] - std::min(sizes[i], columns_of(text));
      if (columns_[i].right) pending += blanks;
      if (!text.empty()) out += std::string(pending, ' ') + style.paint(tone_at(i), text);
      if (!text.empty()) pending = 0;
      pending += gap + (columns_[i].right ? 0 : blanks);
      at += sizes[i] + gap;
    }
    out += '\n';
  };
  if (headings)
    line([&](size_t i) { return columns_[i].heading; }, [](size_t) { return Tone::strong; });
  for (const auto& row : rows_)
    line([&](size_t i) { return row[i].text; }, [&](size_t i) { return row[i].tone; });
  return out;
}

}  // namespace bridle::cli
