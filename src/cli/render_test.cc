// Renderers against golden texts.
#include <gtest/gtest.h>

#include "cli/columns.h"
#include "cli/describe.h"
#include "cli/doctor.h"
#include "cli/human.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/top_view.h"

namespace bridle::cli {
namespace {

const Style no_style(false);

json::value machine(const std::string& name, const std::string& phase, const std::string& more) {
  return json::parse(R"({"kind":"Machine","metadata":{"name":")" + name +
                     R"(","project":"lab","owner":"alice","created":"2026-01-02T03:00:00.000Z"},)"
                     R"("spec":{"power":"running","image":"tiny","cpus":1,"memory":"128MiB"},)"
                     R"("status":{"phase":")" +
                     phase + "\"" + more + "}}");
}

WallTime at_time(const char* text) { return *WallTime::parse(text); }
const WallTime now = at_time("2026-01-02T03:05:00.000Z");

TEST(Human, printable_disarms_what_a_terminal_obeys) {
  EXPECT_EQ(printable("web\x1b[2Jx\r\n\x7f"), "web?[2Jx? ?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "?31m");
  EXPECT_EQ(printable("a\xff\xc0\x80\xed\xa0\x80z"), "a??????z");
  EXPECT_EQ(printable("\xe2\x80\xaeyx"), "?yx");
  EXPECT_EQ(printable("größe 東"), "größe 東");
  EXPECT_EQ(columns_of("größe 東"), 8u);
}

TEST(Human, quantities) {
  EXPECT_EQ(age(std::chrono::seconds(119)), "119s");
  EXPECT_EQ(age(std::chrono::minutes(3)), "3m");
  EXPECT_EQ(age(std::chrono::hours(5)), "5h");
  EXPECT_EQ(age(std::chrono::hours(24 * 12)), "12d");
  EXPECT_EQ(age(-std::chrono::seconds(5)), "0s");
  EXPECT_EQ(bytes(0), "0");
  EXPECT_EQ(bytes(1023), "1KiB");
  EXPECT_EQ(bytes(512), "512B");
  EXPECT_EQ(bytes(128u << 20), "128MiB");
  EXPECT_EQ(bytes(1610612736), "1.5GiB");
  EXPECT_EQ(percent(0.003), "0.3%");
  EXPECT_EQ(percent(1.87), "187%");
  EXPECT_EQ(percent(0), "0%");
  EXPECT_EQ(rate(0.5), "-");
  EXPECT_EQ(cut("abcdef", 4), "abc…");
  EXPECT_EQ(bar(0.5, 10), "[#####-----]");
  EXPECT_EQ(sparkline(std::vector<double>{0, 0.5, 1}, 1, 5), "   ▄█");
}

TEST(Table, aligns_and_leaves_no_trailing_blanks) {
  Table table({{"NAME"}, {"SIZE", true}, {"NOTE", false, true}});
  table.add({"web", "128MiB", "a long note that has to give way"});
  table.add({"database", "1GiB", ""});
  EXPECT_EQ(table.render(0, no_style),
            "NAME        SIZE  NOTE\n"
            "web       128MiB  a long note that has to give way\n"
            "database    1GiB\n");
  EXPECT_EQ(table.render(34, no_style),
            "NAME        SIZE  NOTE\n"
            "web       128MiB  a long note tha…\n"
            "database    1GiB\n");
}

TEST(Columns, machines) {
  const std::vector<json::value> machines{
      machine("web", "running", R"(,"engine":"tcg")"),
      machine("db", "failed", R"(,"message":"image tampered","next":"")"),
      machine("new", "defined", ""),
  };
  EXPECT_EQ(object_table(model::Kind::machine, machines, {false, now}).render(0, no_style),
            "NAME  PHASE    IMAGE  CPUS  MEMORY  ENGINE  OWNER  AGE  NOTE\n"
            "web   running  tiny      1  128MiB  tcg     alice   5m\n"
            "db    failed   tiny      1  128MiB          alice   5m  image tampered\n"
            "new   defined  tiny      1  128MiB          alice   5m  wanted: running\n");
}

TEST(Columns, projects_show_what_is_used_of_what) {
  const json::value lab =
      json::parse(R"({"kind":"Project","metadata":{"name":"lab","owner":"ann"},)"
                  R"("spec":{"quota":{"guests":2,"memory":"1GiB"}},"status":{"usage":)"
                  R"({"guests":2,"cpus":3,"memory":"256MiB","disk":"0","operations":0}}})");
  const std::string text =
      object_table(model::Kind::project, {lab}, {false, WallTime{}}).render(0, Style(false));
  EXPECT_NE(text.find("2/2"), std::string::npos) << text;
  EXPECT_NE(text.find("256MiB/1GiB"), std::string::npos) << text;
  const std::string page = description(lab, {}, WallTime{}, 0, Style(false));
  EXPECT_NE(page.find("Quota"), std::string::npos) << page;
  EXPECT_NE(page.find("1GiB"), std::string::npos) << page;
  EXPECT_EQ(page.find("Guest CPU"), std::string::npos) << page;
  EXPECT_EQ(page.find("Events"), std::string::npos) << page;
}

TEST(Columns, survive_objects_of_any_shape) {
  for (const char* text : {"null", "[]", "{}", R"({"metadata":[],"spec":3,"status":"x"})",
                           R"({"kind":7,"metadata":{"name":{}},"status":{"phase":[1]}})"})
    for (const auto& kind : model::all_kinds()) {
      const json::value value = json::parse(text);
      EXPECT_FALSE(object_table(kind.kind, {value}, {true, now}).render(80, no_style).empty());
      EXPECT_FALSE(description(value, {value}, now, 80, no_style).empty());
    }
}

TEST(Describe, tells_state_next_step_and_events) {
  const json::value event = json::parse(
      R"({"spec":{"at":"2026-01-02T03:04:00.000Z","level":"error","reason":"Killed","message":"signal 9"}})");
  const std::string page =
      description(machine("web", "failed", R"(,"reason":"Killed","message":"QEMU was killed")"),
                  {event}, now, 80, no_style);
  for (const char* part :
       {"Machine web\n", "  Owner             alice\n", "  Phase             failed\n",
        "  Reason            Killed\n", "  Message           QEMU was killed\n",
        "  Next              nothing by itself; when the cause is gone: bridle machine\n"
        "                    start web\n",
        "  60s  error  Killed  signal 9\n"})
    EXPECT_NE(page.find(part), std::string::npos) << part << "---\n" << page;
}

TEST(Progress, line_with_and_without_a_bar) {
  EXPECT_EQ(progress_line("image/tiny", {0.5, "unpacking"}, std::chrono::seconds(12), 80),
            "image/tiny  [########--------]  50%  12s  unpacking");
  EXPECT_EQ(progress_line("machine/web", {-1, "starting"}, std::chrono::seconds(3), 24),
            "machine/web  3s  starti…");
}

TEST(Top, rates_come_from_two_readings) {
  TopModel model;
  const auto usage = [](double vcpu, double read) {
    return json::value{
        {"machines",
         {{{"project", "lab"},
           {"name", "web"},
           {"vcpuNs", vcpu},
           {"readBytes", read},
           {"memoryBytes", 64 << 20}}}},
        {"processes",
         {{{"name", "bridled"}, {"pid", 7}, {"rssBytes", 20 << 20}, {"cpuNs", vcpu / 100}}}}};
  };
  const std::vector<json::value> machines{machine("web", "running", "")};
  TopScreen first = model.step(usage(1e9, 0), machines, Tick{0});
  EXPECT_FALSE(first.has_rates);
  const TopScreen screen = model.step(usage(2e9, 4096), machines, Tick{2'000'000'000});
  ASSERT_EQ(screen.guests.size(), 1u);
  EXPECT_DOUBLE_EQ(screen.guests[0].vcpu, 0.5);
  EXPECT_DOUBLE_EQ(screen.guests[0].read, 2048);
  EXPECT_EQ(
      render_top(screen, {0, 0, TopOrder::cpu, false, "project lab", "10:22:31", false}, no_style),
      "project lab  1 of 1 guests running  CPU 0.50  memory 64MiB  Bridle: CPU 0.01, 20MiB  "
      "10:22:31\n\n"
      "NAME  PHASE    CPU  QEMU  BRIDLE  MEMORY      OF    READ  WRITE\n"
      "web   running  50%    0%      0%   64MiB  128MiB  2KiB/s      -\n\n"
      "PROCESS  PID   CPU  MEMORY\n"
      "bridled    7  0.5%   20MiB\n");
  // A counter that falls belongs to a new run: no negative rate.
  EXPECT_DOUBLE_EQ(model.step(usage(5, 0), machines, Tick{3'000'000'000}).guests[0].vcpu, 0);
}

TEST(Doctor, each_fault_names_what_fixes_it) {
  HostFacts facts;
  facts.root = "/x";
  facts.qemu_version_text = "QEMU emulator version 7.2.11 (Debian)\n";
  for (const auto& check : judge(facts)) {
    EXPECT_FALSE(check.ok) << check.name;
    EXPECT_FALSE(check.fix.empty()) << check.name;
  }
  facts = {"QEMU emulator version 10.0.2 (Debian 1:10.0.2)\n",
           true,
           true,
           true,
           false,
           1000,
           uint64_t{9} << 30,
           uint64_t{4} << 30,
           true,
           "/x"};
  auto checks = judge(facts);
  for (const auto& check : checks) EXPECT_TRUE(check.ok) << check.name;
  EXPECT_EQ(checks[0].message, "QEMU 10.0.2");
  merge(
      checks,
      json::parse(
          R"({"checks":[{"name":"kvm","ok":false,"message":"hangs","fix":""},{"name":"jail","ok":true}]})"));
  EXPECT_EQ(checks.size(), 7u);
  EXPECT_FALSE(checks[1].ok);
  // What bridled checks too is told once.
  merge(checks, json::parse(R"({"checks":[{"name":"qemu","ok":true},{"name":"cgroups","ok":true},
                              {"name":"disk","ok":true},{"name":"memory","ok":true}]})"));
  EXPECT_EQ(checks.size(), 7u);
}

}  // namespace
}  // namespace bridle::cli
