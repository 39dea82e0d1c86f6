#include "api/metrics.h"

#include <gtest/gtest.h>

#include "api/testing.h"

namespace bridle::api {
namespace {

using testing::Reply;
using testing::World;

TEST(MetricText, WritesFamiliesAndQuotesLabels) {
  MetricText text;
  text.family("bridle_x", "gauge", "An x.");
  text.sample({{"a", "plain"}, {"b", "q\"b\\n\n"}}, 0.25);
  text.sample({}, 3e15);
  EXPECT_EQ(text.text(),
            "# HELP bridle_x An x.\n# TYPE bridle_x gauge\n"
            "bridle_x{a=\"plain\",b=\"q\\\"b\\\\n\\n\"} 0.25\nbridle_x 3e+15\n");
}

TEST(Histogram, BucketsAreCumulative) {
  Histogram histogram;
  histogram.observe(std::chrono::microseconds(50));
  histogram.observe(std::chrono::milliseconds(3));
  histogram.observe(std::chrono::seconds(60));
  MetricText text;
  histogram.write(text, "h", "Help.");
  EXPECT_NE(text.text().find("h_bucket{le=\"1e-04\"} 1\n"), std::string::npos) << text.text();
  EXPECT_NE(text.text().find("h_bucket{le=\"10\"} 2\n"), std::string::npos);
  EXPECT_NE(text.text().find("h_bucket{le=\"+Inf\"} 3\nh_sum 60.0030"), std::string::npos)
      << text.text();
}

struct Metrics : ::testing::Test {
  Metrics() {
    model::Usage used;
    used.vcpu_ns = 2'500'000'000;
    world.backend.usage_report.machines = {{"lab", "web", {}, used, "running"},
                                           {"other", "hidden", {}, used, "failed"}};
    world.backend.usage_report.processes = {
        {{"name", "bridled"}, {"pid", 7}, {"rssBytes", 4096}, {"cpuNs", 1'000'000'000}}};
  }
  std::string text(const Caller& caller) {
    const Reply reply = world.ask(caller, "GET", "/metrics");
    EXPECT_EQ(reply.status, 200);
    EXPECT_TRUE(reply.response.content_type.starts_with("text/plain; version=0.0.4"));
    return reply.response.body;
  }
  World world;
};

TEST_F(Metrics, TenantsSeeTheirGuestsOnly) {
  world.have_role("t", "tenant", 1000, R"(["lab"])");
  const std::string seen = text({1000, 1000, {}});
  EXPECT_NE(seen.find("bridle_guest_vcpu_seconds_total{project=\"lab\",machine=\"web\""),
            std::string::npos);
  EXPECT_NE(seen.find("bridle_guests{phase=\"running\"} 1\n"), std::string::npos);
  EXPECT_NE(seen.find("bridle_guests{phase=\"failed\"} 0\n"), std::string::npos);
  for (const char* hidden : {"hidden", "other", "bridle_process", "bridle_http", "bridle_store"})
    EXPECT_EQ(seen.find(hidden), std::string::npos) << hidden;
}

TEST_F(Metrics, AuditorsOfEveryProjectSeeTheHost) {
  world.have_role("a", "auditor", 1000, R"(["*"])");
  world.ask({1000, 1000, {}}, "GET", "/nowhere");
  const std::string seen = text({1000, 1000, {}});
  for (const char* there :
       {"machine=\"hidden\"", "bridle_process_cpu_seconds_total{process=\"bridled\",pid=\"7\"} 1\n",
        "bridle_store_revision 7\n",
        "bridle_http_requests_total{route=\"none\",method=\"GET\",code=\"404\"} 1\n"})
    EXPECT_NE(seen.find(there), std::string::npos) << there << "\n" << seen;
}

TEST_F(Metrics, StrangersGetNothing) {
  EXPECT_EQ(world.ask({1000, 1000, {}}, "GET", "/metrics").status, 401);
}

}  // namespace
}  // namespace bridle::api
