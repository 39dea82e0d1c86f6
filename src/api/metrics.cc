#include "api/metrics.h"

#include <charconv>

#include "api/api.h"
#include "api/routes.h"

namespace bridle::api {

namespace {

constexpr double ns = 1e-9;

// Shortest text that reads back as the same number.
std::string number(double value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return std::string(digits.data(), end.ptr);
}

std::string quoted(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

Labels labels_of(const MachineUsage& machine) {
  return {{"project", machine.project}, {"machine", machine.name}, {"uid", machine.uid.text()}};
}

double seconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) * ns; }
double bytes(uint64_t count) { return static_cast<double>(count); }

struct UsageFamily {
  std::string_view name, type, help;
  double (*value)(const model::Usage&);
};

constexpr std::array usage_families = {
    UsageFamily{"bridle_guest_vcpu_seconds_total", "counter", "CPU time of the guest's vCPUs.",
                [](const model::Usage& u) { return seconds(u.vcpu_ns); }},
    UsageFamily{"bridle_guest_emulator_seconds_total", "counter",
                "CPU time of the rest of the guest's QEMU.",
                [](const model::Usage& u) { return seconds(u.emulator_ns); }},
    UsageFamily{"bridle_guest_bridle_seconds_total", "counter",
                "CPU time that Bridle's own processes spent for the guest.",
                [](const model::Usage& u) { return seconds(u.bridle_ns); }},
    UsageFamily{"bridle_guest_memory_bytes", "gauge", "Memory that the guest occupies on the host.",
                [](const model::Usage& u) { return bytes(u.memory_bytes); }},
    UsageFamily{"bridle_guest_disk_read_bytes_total", "counter", "Read from the guest's disks.",
                [](const model::Usage& u) { return bytes(u.read_bytes); }},
    UsageFamily{"bridle_guest_disk_written_bytes_total", "counter", "Written to the guest's disks.",
                [](const model::Usage& u) { return bytes(u.write_bytes); }},
};

void write_guests(MetricText& out, const std::vector<MachineUsage>& machines) {
  std::map<std::string, double> phases;
  for (const model::Phase phase :
       {model::Phase::defined, model::Phase::starting, model::Phase::running, model::Phase::paused,
        model::Phase::stopping, model::Phase::failed})
    phases[std::string(model::name(phase))] = 0;
  for (const MachineUsage& machine : machines) ++phases[machine.phase];
  out.family("bridle_guests", "gauge", "Guests that the caller may see, by phase.");
  for (const auto& [phase, count] : phases) out.sample({{"phase", phase}}, count);
  out.family("bridle_guest_up", "gauge", "1 while the guest runs, else 0.");
  for (const MachineUsage& machine : machines)
    out.sample(labels_of(machine), machine.phase == "running" ? 1 : 0);
  for (const UsageFamily& family : usage_families) {
    out.family(family.name, family.type, family.help);
    for (const MachineUsage& machine : machines)
      out.sample(labels_of(machine), family.value(machine.usage));
  }
}

void write_processes(MetricText& out, const json::array& processes) {
  const auto each = [&](std::string_view key, double scale) {
    for (const json::value& process : processes) {
      const auto& p = process.as_object();
      out.sample({{"process", std::string(p.at("name").as_string())},
                  {"pid", std::to_string(p.at("pid").to_number<int64_t>())}},
                 static_cast<double>(p.at(key).to_number<uint64_t>()) * scale);
    }
  };
  out.family("bridle_process_resident_memory_bytes", "gauge",
             "Resident memory of Bridle's own processes; shared pages count in each.");
  each("rssBytes", 1);
  out.family("bridle_process_cpu_seconds_total", "counter", "CPU time of Bridle's own processes.");
  each("cpuNs", ns);
}

void show_metrics(ExchangePtr exchange) {
  UsageReport report = exchange->backend.usage();
  std::erase_if(report.machines, [&](const MachineUsage& machine) {
    return !exchange->access.sees(model::Kind::machine, machine.project);
  });
  MetricText out;
  write_guests(out, report.machines);
  if (exchange->access.may(Right::inspect, {})) {
    write_processes(out, report.processes);
    exchange->backend.write_metrics(out);
    exchange->api.meter().write(out);
  }
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = out.text();
  exchange->answer(std::move(response));
}

}  // namespace

void MetricText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
  text_.append(name).append(" ").append(type).append("\n");
}

void MetricText::sample(std::string_view suffix, const Labels& labels, double value) {
  text_.append(name_).append(suffix);
  char separator = '{';
  for (const auto& [label, text] : labels) {
    text_ += separator;
    text_.append(label).append("=").append(quoted(text));
    separator = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_.append(" ").append(number(value)).append("\n");
}

void MetricText::one(std::string_view name, std::string_view type, std::string_view help,
                     double value) {
  family(name, type, help);
  sample({}, value);
}

void Histogram::observe(Duration took) {
  const double value = static_cast<double>(took.count()) * ns;
  for (size_t i = 0; i < bounds.size(); ++i)
    if (value <= bounds[i]) ++counts_[i];
  ++count_;
  sum_ += value;
}

void Histogram::write(MetricText& out, std::string_view name, std::string_view help) const {
  out.family(name, "histogram", help);
  for (size_t i = 0; i < bounds.size(); ++i)
    out.sample("_bucket", {{"le", number(bounds[i])}}, static_cast<double>(counts_[i]));
  out.sample("_bucket", {{"le", "+Inf"}}, static_cast<double>(count_));
  out.sample("_sum", {}, sum_);
  out.sample("_count", {}, static_cast<double>(count_));
}

void RequestMeter::count(std::string_view route, std::string_view method, int status,
                         Duration took) {
  // A method is the client's word: only known ones become labels.
  constexpr std::array<std::string_view, 5> methods = {"GET", "PUT", "POST", "DELETE", "PATCH"};
  const bool known = std::find(methods.begin(), methods.end(), method) != methods.end();
  ++counts_[{std::string(route), known ? std::string(method) : "other", status}];
  durations_.observe(took);
}

void RequestMeter::write(MetricText& out) const {
  out.family("bridle_http_requests_total", "counter",
             "Answers of the API, by route (operationId), method and status.");
  for (const auto& [key, count] : counts_) {
    const auto& [route, method, status] = key;
    out.sample({{"route", route}, {"method", method}, {"code", std::to_string(status)}},
               static_cast<double>(count));
  }
  durations_.write(out, "bridle_http_request_duration_seconds",
                   "From a whole request to its answer; long requests of agents included.");
}

std::vector<Route> metric_routes() {
  Route route;
  route.method = "GET";
  route.pattern = "/metrics";
  route.right = Right::read;
  route.scope = Scope::filtered;
  route.handler = show_metrics;
  route.id = "getMetrics";
  route.summary =
      "Figures in Prometheus' text format: the guests that the caller may see; the "
      "host's for those who may inspect it";
  route.answer_schema = "PlainText";
  return {route};
}

}  // namespace bridle::api
