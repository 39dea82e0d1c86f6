#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/job.h"
#include "agent/reply.h"
#include "agent/request.h"

namespace bridle::agent {
namespace {

Request parsed(std::string_view line) {
  Request request;
  std::string problem;
  EXPECT_TRUE(parse_request(line, request, problem)) << problem;
  return request;
}

std::string problem_of(std::string_view line) {
  Request request;
  std::string problem;
  EXPECT_FALSE(parse_request(line, request, problem)) << line;
  return problem;
}

TEST(Request, DecodesExec) {
  const Request r =
      parsed(R"({"id":2,"do":"exec","argv":["/bin/echo","a b\n\u00e9\ud83d\ude00"],"timeout":7})");
  EXPECT_EQ(r.id, 2u);
  EXPECT_EQ(r.action, "exec");
  ASSERT_EQ(r.argv.size(), 2u);
  EXPECT_EQ(r.argv[1], "a b\n\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(r.timeout, 7u);
}

TEST(Request, SkipsUnknownKeys) {
  EXPECT_EQ(parsed(R"({"x":{"y":[1,-2.5e3,null,true,{"z":"w"}]},"do":"ping", "id": 5 })").id, 5u);
}

TEST(Request, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(problem_of(""), "expected '{' at byte 0");
  EXPECT_EQ(problem_of("{}"), "no \"do\" in the request at byte 2");
  EXPECT_EQ(problem_of(R"({"do":"ping"} x)"), "bytes after the request at byte 14");
  EXPECT_EQ(problem_of(R"({"do":"exec","argv":["a\u0000b"]})"), "NUL in an argument at byte 31");
  EXPECT_EQ(problem_of(R"({"do":"\ud800"})"), "half of a surrogate pair at byte 13");
  EXPECT_EQ(problem_of(R"({"do":"ping","timeout":3601})"), "number too large at byte 26");
  EXPECT_EQ(problem_of("{\"do\":\"a\nb\"}"), "control character in a string at byte 9");
  EXPECT_EQ(problem_of("{\"a\":" + std::string(64, '[')), "nested too deep at byte 22");
  EXPECT_EQ(problem_of(std::string(longest_line + 1, ' ')), "line longer than 65536 bytes");
}

TEST(Reply, EscapesAndRepairs) {
  std::string out;
  EXPECT_TRUE(put_string(out, "a\"\\\n\x01\xff\xc3\xa9\xed\xa0\x80", 200));
  EXPECT_EQ(out, R"("a\"\\\n\u0001\ufffd\u00e9\ufffd\ufffd\ufffd")");
}

TEST(Reply, StaysWithinItsBound) {
  std::string out;
  EXPECT_FALSE(put_string(out, std::string(1000, '\x01'), 100));
  EXPECT_LE(out.size(), 100u);
}

// Runs the job to its end and gives its line.
std::string run(const Request& request) {
  Job job;
  std::string problem;
  if (!job.start(request, problem)) return problem;
  int status = 0;
  while (::waitpid(job.pid(), &status, WNOHANG) == 0) {
    job.read_output();
    if (now_ms() >= job.deadline()) {
      std::string line = job.expire();
      ::waitpid(-1, &status, 0);
      return line;
    }
    ::usleep(1000);
  }
  return job.finish(status);
}

TEST(Job, GivesStatusAndBothStreams) {
  EXPECT_EQ(run({7, "exec", {"sh", "-c", "echo out; echo err >&2; exit 3"}, 10}),
            "{\"id\":7,\"ok\":true,\"status\":3,\"out\":\"out\\n\",\"err\":\"err\\n\"}\n");
}

TEST(Job, SaysWhyAProgramCannotStart) {
  EXPECT_EQ(run({1, "exec", {"/no/such"}, 10}),
            "{\"id\":1,\"ok\":true,\"status\":127,\"out\":\"\","
            "\"err\":\"/no/such: No such file or directory\\n\"}\n");
  EXPECT_EQ(run({1, "exec", {}, 10}), "exec needs \"argv\" with a program");
}

TEST(Job, KillsAtTheDeadline) {
  const int64_t begin = now_ms();
  EXPECT_EQ(run({1, "exec", {"sleep", "60"}, 1}),
            "{\"id\":1,\"ok\":false,\"error\":\"no end after 1 s; it was killed\"}\n");
  EXPECT_LT(now_ms() - begin, 5000);
}

TEST(Job, BoundsTheLineWhateverTheOutput) {
  const std::string line =
      run({1, "exec", {"sh", "-c", "head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2"}, 20});
  EXPECT_LE(line.size(), longest_line + 1);
  EXPECT_NE(line.find(",\"truncated\":true}\n"), std::string::npos);
}

}  // namespace
}  // namespace bridle::agent
