// Metrics: figures in Prometheus' text format (0.0.4), for GET /metrics. docs/metrics.md names
// them.
//
//   MetricText text;
//   text.family("bridle_guests", "gauge", "Guests by phase.");
//   text.sample({{"phase", "running"}}, 3);
//
// Label values may be anything; names of families and labels are ours. Figures only rise within the
// life of the process that counts them (requests), or of the guest (usage).
//
// Thread class: values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace bridle::api {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

class MetricText {
 public:
  // Begins a family; its samples follow. type: "counter", "gauge", "histogram".
  void family(std::string_view name, std::string_view type, std::string_view help);
  void sample(const Labels& labels, double value) { sample("", labels, value); }
  // suffix: "_bucket", "_sum", "_count".
  void sample(std::string_view suffix, const Labels& labels, double value);
  void one(std::string_view name, std::string_view type, std::string_view help, double value);

  const std::string& text() const { return text_; }

 private:
  std::string name_;
  std::string text_;
};

// How long something took, counted in fixed steps from 0.1 ms to 10 s.
class Histogram {
 public:
  static constexpr std::array<double, 16> bounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                    0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                                    1,      2.5,     5,      10};
  void observe(Duration took);
  void write(MetricText& out, std::string_view name, std::string_view help) const;

 private:
  std::array<uint64_t, bounds.size()> counts_ = {};
  uint64_t count_ = 0;
  double sum_ = 0;
};

// What was asked of the API and how it was answered.
class RequestMeter {
 public:
  // route: its operationId, "none" for what has no route.
  void count(std::string_view route, std::string_view method, int status, Duration took);
  void write(MetricText& out) const;

 private:
  std::map<std::tuple<std::string, std::string, int>, uint64_t> counts_;
  Histogram durations_;
};

}  // namespace bridle::api
