#include "cli/describe.h"

#include <algorithm>

#include "base/units.h"
#include "cli/columns.h"
#include "cli/human.h"
#include "cli/table.h"

namespace bridle::cli {
namespace {

constexpr size_t label_width = 18;
constexpr size_t most_events = 10;

class Page {
 public:
  Page(size_t width, const Style& style) : width_(width), style_(style) {}

  void section(const std::string& title) {
    out_ += (out_.empty() ? "" : "\n") + style_.paint(Tone::strong, title) + "\n";
  }
  // "  Label         text", the text wrapped by words; nothing when it is empty.
  void row(const std::string& label, const std::string& text, Tone tone = Tone::plain) {
    if (text.empty()) return;
    const std::string name = printable(label);
    const size_t pad = columns_of(name) < label_width ? label_width - columns_of(name) : 1;
    out_ += "  " + name + std::string(pad, ' ') + wrapped(text, tone) + "\n";
  }
  void table(const Table& table) {
    std::string text = table.render(width_ > 2 ? width_ - 2 : 0, style_);
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      out_ += "  " + text.substr(at, end - at + 1);
      at = end + 1;
    }
  }
  void append(const std::string& text) { out_ += text; }
  std::string take() { return std::move(out_); }

 private:
  std::string wrapped(const std::string& text, Tone tone) const {
    const size_t indent = label_width + 2;
    const size_t room =
        width_ == 0 ? std::string::npos : std::max<size_t>(width_, indent + 20) - indent;
    std::string out, line;
    std::string_view rest = text;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find_first_of(" \n"), rest.size());
      const std::string word = printable(rest.substr(0, end));
      if (!line.empty() && columns_of(line) + 1 + columns_of(word) > room) {
        out += style_.paint(tone, line) + "\n" + std::string(indent, ' ');
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return out + style_.paint(tone, line);
  }

  size_t width_;
  const Style& style_;
  std::string out_;
};

std::string since(const std::string& rfc3339, WallTime now) {
  const auto time = WallTime::parse(rfc3339);
  if (!time.ok()) return {};
  return clock_of_day(*time, true) + " (" + age(Duration(now.ns - time->ns)) + " ago)";
}

std::string joined_labels(const json::value& labels) {
  std::string out;
  if (const auto* object = labels.if_object())
    for (const auto& label : *object)
      out += (out.empty() ? "" : ", ") + std::string(label.key()) + "=" + plain(label.value());
  return out;
}

void identity(Page& page, const json::value& object, WallTime now) {
  page.section(text_at(object, "kind") + " " + printable(text_at(object, "metadata.name")));
  page.row("Project", text_at(object, "metadata.project"));
  page.row("Owner", text_at(object, "metadata.owner"));
  page.row("Labels", joined_labels(at(object, "metadata.labels")));
  page.row("Uid", text_at(object, "metadata.uid"));
  page.row("Created", since(text_at(object, "metadata.created"), now));
  page.row("Deleting", since(text_at(object, "metadata.deleting"), now), Tone::busy);
}

void state(Page& page, const json::value& object, WallTime now) {
  const std::string phase = phase_of(object);
  if (phase.empty() && at(object, "status.message").is_null()) return;
  page.section("State");
  page.row("Phase", phase, tone_of(phase));
  page.row("Since", since(text_at(object, "status.since"), now));
  page.row("Reason", text_at(object, "status.reason"));
  page.row("Message", text_at(object, "status.message"),
           phase == "failed" ? Tone::bad : Tone::plain);
  page.row("Error", text_at(object, "status.error"), Tone::bad);
  if (at(object, "status.progress").is_number())
    page.row("Progress", plain(at(object, "status.progress")) + "%");
  page.row("Next", text_at(object, "status.next"), Tone::busy);
  page.row("Last exit", text_at(object, "status.lastExit"));
  if (number_at(object, "status.restarts") > 0)
    page.row("Restarts", plain(at(object, "status.restarts")));
}

// What is wanted and not so yet.
void next_step(Page& page, const json::value& object) {
  if (text_at(object, "kind") != "Machine" || !text_at(object, "status.next").empty()) return;
  const std::string power = text_at(object, "spec.power");
  const std::string name = text_at(object, "metadata.name");
  const std::string phase = phase_of(object);
  if (phase == "defined" && power == "stopped")
    page.row("Next", "nothing, until: bridle machine start " + name);
  if (phase == "failed")
    page.row("Next", "nothing by itself; when the cause is gone: bridle machine start " + name);
  if (phase == "paused" && power == "paused")
    page.row("Next", "nothing, until: bridle machine resume " + name);
}

void usage(Page& page, const json::value& object) {
  const json::value& used = at(object, "status.usage");
  if (!used.is_object() || used.get_object().empty()) return;
  if (text_at(object, "kind") != "Machine") return;
  const auto time = [&](const char* key) {
    return format_duration(Duration(static_cast<int64_t>(number_at(used, key))));
  };
  const auto count = [&](const char* key) {
    return bytes(static_cast<uint64_t>(number_at(used, key)));
  };
  page.section("Usage");
  page.row("Guest CPU", time("vcpuNs"));
  page.row("QEMU CPU", time("emulatorNs"));
  page.row("Bridle CPU", time("bridleNs"));
  page.row("Memory", count("memoryBytes") + " resident");
  if (number_at(used, "guestTotalBytes") > 0)
    page.row("Guest memory", count("guestAvailableBytes") + " available of " +
                                 count("guestTotalBytes") + ", " + count("guestFreeBytes") +
                                 " free; the balloon leaves " + count("balloonBytes"));
  page.row("Disk", count("readBytes") + " read, " + count("writeBytes") + " written");
}

std::string sentence_of(const json::value& value);

// The rest of a status or spec as rows; nested objects in a line each.
void values(Page& page, const json::value& object,
            std::initializer_list<std::string_view> skipped) {
  if (!object.is_object()) return;
  for (const auto& member : object.get_object()) {
    const std::string_view key(member.key().data(), member.key().size());
    if (std::find(skipped.begin(), skipped.end(), key) != skipped.end()) continue;
    page.row(std::string(key), sentence_of(member.value()));
  }
}

std::string sentence_of(const json::value& value) {
  std::string out;
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object)
      out +=
          (out.empty() ? "" : ", ") + std::string(member.key()) + " " + sentence_of(member.value());
    return out;
  }
  if (const auto* array = value.if_array()) {
    for (const auto& item : *array) out += (out.empty() ? "" : "; ") + sentence_of(item);
    return out;
  }
  return plain(value);
}

// What a project uses of what it may.
void quota(Page& page, const json::value& object) {
  if (text_at(object, "kind") != "Project") return;
  page.section("Quota");
  Table table({{"", false}, {"USED", true}, {"LIMIT", true}});
  for (const std::string key : {"guests", "cpus", "memory", "disk", "operations"}) {
    const json::value& limit = at(object, "spec.quota." + key);
    table.add({Cell(key), Cell(plain(at(object, "status.usage." + key))),
               Cell(limit.is_null() ? "none" : plain(limit))});
  }
  page.table(table);
}

void recent(Page& page, std::vector<json::value> events, WallTime now) {
  page.section("Events");
  std::sort(events.begin(), events.end(), [](const json::value& a, const json::value& b) {
    return text_at(a, "spec.at") < text_at(b, "spec.at");
  });
  if (events.size() > most_events)
    events.erase(events.begin(), events.end() - static_cast<long>(most_events));
  if (events.empty()) {
    page.append("  none that are kept\n");
    return;
  }
  Table table({{"AGE", true}, {"LEVEL"}, {"REASON"}, {"MESSAGE", false, true}});
  for (const auto& event : events) {
    const auto time = WallTime::parse(text_at(event, "spec.at"));
    const std::string level = text_at(event, "spec.level");
    table.add({Cell(time.ok() ? age(Duration(now.ns - time->ns)) : ""), Cell(level, tone_of(level)),
               Cell(text_at(event, "spec.reason")), Cell(text_at(event, "spec.message"))});
  }
  page.table(table);
}

}  // namespace

std::string description(const json::value& object, const std::vector<json::value>& events,
                        WallTime now, size_t width, const Style& style) {
  Page page(width, style);
  identity(page, object, now);
  state(page, object, now);
  next_step(page, object);
  const json::value& spec = at(object, "spec");
  if (spec.is_object() && !spec.get_object().empty()) {
    page.section("Spec");
    values(page, spec, {"quota"});
  }
  const json::value& status = at(object, "status");
  const std::initializer_list<std::string_view> shown{"phase", "observedGeneration", "since",
                                                      "reason", "message", "error", "progress",
                                                      "next", "usage", "lastExit", "restarts",
                                                      // The controller's own notes.
                                                      "launched", "held", "accounting"};
  Page body(width, style);
  values(body, status, shown);
  if (const std::string rows = body.take(); !rows.empty()) {
    page.section("Facts");
    page.append(rows);
  }
  usage(page, object);
  quota(page, object);
  const std::string kind = text_at(object, "kind");
  if (kind != "Host" && kind != "Project") recent(page, events, now);
  return page.take();
}

}  // namespace bridle::cli
