// bridle doctor.
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/human.h"
#include "cli/output.h"

namespace bridle::cli {
namespace {

void print_checks(Context& context, const std::vector<Check>& checks) {
  size_t width = 0;
  for (const auto& check : checks) width = std::max(width, columns_of(printable(check.name)));
  const Style style = context.style();
  for (const auto& check : checks) {
    const std::string name = printable(check.name);
    const std::string mark = check.ok      ? style.paint(Tone::good, "ok  ")
                             : check.vital ? style.paint(Tone::bad, "FAIL")
                                           : style.paint(Tone::busy, "warn");
    context.out() << mark << "  " << name << std::string(width - columns_of(name) + 2, ' ')
                  << printable(check.message) << "\n";
    if (!check.ok && !check.fix.empty())
      context.out() << "      " << std::string(width + 2, ' ') << "fix: " << printable(check.fix)
                    << "\n";
  }
}

json::value as_json(const std::vector<Check>& checks) {
  json::array list;
  for (const auto& check : checks)
    list.push_back({{"name", check.name},
                    {"ok", check.ok},
                    {"vital", check.vital},
                    {"message", check.message},
                    {"fix", check.fix}});
  return json::object{{"checks", std::move(list)}};
}

Result<int> run_doctor(Context& context, const Args&) {
  // Of a host that is elsewhere only bridled can tell.
  const auto& host = context.globals().host;
  std::vector<Check> checks = host ? std::vector<Check>() : judge(look(context.globals().root));
  const auto report = context.api().get("/api/v1/doctor");
  if (report.ok()) {
    checks.push_back({"bridled", true, true, "answers", ""});
    merge(checks, *report);
  } else {
    const bool away = report.error().code() == Code::unreachable;
    const bool reserved = report.error().code() == Code::unauthorized;
    checks.push_back({"bridled", reserved, true,
                      reserved ? "answers; what it knows of this host is for its operators"
                      : away && !host
                          ? "does not answer at " + context.globals().root + "/run/bridled.sock"
                          : report.error().message(),
                      away && !host ? "bridle-supervise --root " + context.globals().root : ""});
  }
  if (context.globals().format == Format::table || context.globals().format == Format::name)
    print_checks(context, checks);
  else
    print_value(context, as_json(checks));
  const auto bad = std::count_if(checks.begin(), checks.end(),
                                 [](const Check& check) { return !check.ok && check.vital; });
  return bad == 0 ? Exit::done : Exit::failed;
}

}  // namespace

void add_doctor_commands(CommandTable& table) {
  table.commands.push_back(
      {{"doctor"},
       "Check this host, and name the command that fixes each fault",
       "Works with and without bridled. Exits with 1 when something vital is missing; a warning "
       "means "
       "that guests run, only less well.",
       {},
       {},
       {{"bridle doctor", "what this host can do"}, {"bridle doctor -o json", "for programs"}},
       run_doctor});
}

}  // namespace bridle::cli
