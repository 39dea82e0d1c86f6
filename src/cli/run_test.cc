// Whole invocations against a scripted daemon: what is asked, what is printed, the exit code.
#include "cli/run.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/command.h"
#include "cli/documents.h"
#include "cli/fake_server.h"

namespace bridle::cli {
namespace {

struct Ran {
  int code = -1;
  std::string out, err;
};

Ran bridle_at(const std::string& root, std::vector<std::string> words) {
  words.insert(words.begin(), {"--root", root, "-p", "lab"});
  std::ostringstream out, err;
  const Environment environment{out, err, Terminal{}, [](const char*) { return std::string(); }};
  Ran ran;
  ran.code = run(words, environment);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

const std::string web =
    R"({"apiVersion":"bridle/v1","kind":"Machine","metadata":{"name":"web","project":"lab","owner":"a",)"
    R"("generation":2,"resourceVersion":9},"spec":{"power":"running","image":"tiny","cpus":1,)"
    R"("memory":"128MiB"},"status":{"phase":"running","observedGeneration":2}})";

std::string daemon_of_web(const std::string& request) {
  const std::string base = "/api/v1/projects/lab/machines/web";
  if (request.starts_with("GET " + base + " ") || request.starts_with("POST " + base + "/actions/"))
    return FakeServer::answer(200, web);
  if (request.starts_with("PUT " + base)) return FakeServer::answer(200, web);
  if (request.starts_with("GET /api/v1/projects/lab/machines?"))
    return FakeServer::answer(
        200, R"({"kind":"MachineList","resourceVersion":9,"items":[)" + web + "]}");
  return FakeServer::answer(404, R"({"error":{"code":"not_found","message":"there is none"}})");
}

TEST(Run, lists_gets_and_acts) {
  FakeServer server(daemon_of_web);
  Ran ran = bridle_at(server.root(), {"get", "machines", "-o", "name"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "machine/web\n");
  ran = bridle_at(server.root(), {"get", "machine", "web", "-o", "json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(json::parse(ran.out), json::parse(web));
  ran = bridle_at(server.root(), {"machine", "start", "web", "--wait"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "machine/web running\n");
  ran = bridle_at(server.root(), {"machine", "start", "web", "nosuch"});
  EXPECT_EQ(ran.code, Exit::not_found);
  EXPECT_EQ(ran.out, "machine/web starting\n");
  EXPECT_EQ(ran.err, "bridle: machine/nosuch: there is none\n");
  ran = bridle_at(server.root(),
                  {"wait", "machine", "web", "--for", "phase=paused", "--timeout", "50ms"});
  EXPECT_EQ(ran.code, Exit::failed);
  EXPECT_NE(ran.err.find("gave up waiting after 50ms (it is running)"), std::string::npos)
      << ran.err;
}

TEST(Run, exit_codes_follow_the_daemon) {
  const std::pair<std::string, int> cases[] = {
      {"not_found", Exit::not_found}, {"refused", Exit::refused},
      {"conflict", Exit::conflict},   {"unauthorized", Exit::unauthorized},
      {"invalid", Exit::failed},      {"exhausted", Exit::refused}};
  for (const auto& [code, exit] : cases) {
    FakeServer server([&](const std::string&) {
      return FakeServer::answer(500,
                                R"({"error":{"code":")" + code + R"(","message":"no \u001b[2J"}})");
    });
    const Ran ran = bridle_at(server.root(), {"machine", "start", "web"});
    EXPECT_EQ(ran.code, exit) << code;
    EXPECT_EQ(ran.err, "bridle: no ?[2J\n");
    EXPECT_EQ(ran.out, "");
  }
  EXPECT_EQ(bridle_at("/tmp/bt-none", {"get", "machines"}).code, Exit::unreachable);
  EXPECT_EQ(bridle_at("/tmp/bt-none", {"get"}).code, Exit::wrong_use);
  EXPECT_EQ(bridle_at("relative", {"get", "machines"}).code, Exit::wrong_use);
}

TEST(Run, wrong_words_are_wrong_use_and_name_what_was_meant) {
  struct Case {
    std::vector<std::string> words;
    std::string said;
  };
  const Case cases[] = {
      {{"get", "foo"}, "no such kind: \"foo\"; there are: "},
      {{"get", "machnes"}, "did you mean machines?"},
      {{"delete", "volme", "data"}, "did you mean volume"},
      {{"explain", "machin.spec"}, "did you mean machine"},
      {{"wait", "machine", "web", "--for", "bogus"}, "expected deleted, phase=WORD"},
      {{"wait", "machine", "web", "--for", "deletd"}, "did you mean deleted?"},
      {{"wait", "machine", "web", "--for", "phase=runing"}, "did you mean running?"},
      {{"wait", "image", "tiny", "--for", "status.phase=redy"}, "did you mean ready?"},
      {{"wait", "machine", "web", "--for", "deleted", "--timeout", "x"}, "--timeout"},
      {{"describe", "machine"}, "which one?"},
      {{"delete", "machine"}, "Names are missing, or --selector"},
      {{"delete", "machine", "web", "-l", "a=b"}, "not both"},
      {{"delete", "machine", "-l", ""}, "--selector is empty"}};
  for (const Case& each : cases) {
    const Ran ran = bridle_at("/tmp/bt-none", each.words);
    EXPECT_EQ(ran.code, Exit::wrong_use) << each.said;
    EXPECT_NE(ran.err.find(each.said), std::string::npos) << ran.err;
    EXPECT_EQ(ran.out, "");
  }
}

TEST(Run, delete_by_selector_shows_what_it_chooses) {
  std::string asked;
  FakeServer server([&](const std::string& request) {
    asked += request.substr(0, request.find(" HTTP")) + "\n";
    return request.starts_with("DELETE ") ? FakeServer::answer(200, web) : daemon_of_web(request);
  });
  Ran ran = bridle_at(server.root(), {"delete", "machines", "-l", "tier=web", "--dry-run"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.err, "tier=web chooses machine/web\n");
  EXPECT_EQ(ran.out, "machine/web would be deleted\n");
  EXPECT_NE(asked.find("DELETE /api/v1/projects/lab/machines/web?dryRun=true\n"),
            std::string::npos);
  asked.clear();
  ran = bridle_at(server.root(), {"delete", "machines", "-l", "tier=web"});
  EXPECT_EQ(ran.out, "machine/web deleted\n");
  EXPECT_NE(asked.find("DELETE /api/v1/projects/lab/machines/web\n"), std::string::npos);
}

TEST(Run, the_only_host_needs_no_name) {
  const std::string host =
      R"({"apiVersion":"bridle/v1","kind":"Host","metadata":{"name":"one"},"spec":{}})";
  FakeServer server([&](const std::string& request) {
    if (request.starts_with("GET /api/v1/hosts/one ")) return FakeServer::answer(200, host);
    if (request.starts_with("GET /api/v1/hosts?") || request.starts_with("GET /api/v1/hosts "))
      return FakeServer::answer(200, R"({"items":[)" + host + "]}");
    return FakeServer::answer(200, R"({"items":[]})");
  });
  const Ran ran = bridle_at(server.root(), {"describe", "host"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("one"), std::string::npos) << ran.out;
}

TEST(Run, images_of_project_shared_are_listed_and_marked) {
  const auto image = [](const std::string& project, const std::string& name) {
    return R"({"apiVersion":"bridle/v1","kind":"Image","metadata":{"name":")" + name +
           R"(","project":")" + project + R"("},"spec":{"recipe":"tiny"}})";
  };
  FakeServer server([&](const std::string& request) {
    const bool shared = request.find("/projects/shared/") != std::string::npos;
    return FakeServer::answer(
        200, R"({"items":[)" + (shared ? image("shared", "tiny") : image("lab", "own")) + "]}");
  });
  Ran ran = bridle_at(server.root(), {"image", "list", "-o", "name"});
  EXPECT_EQ(ran.out, "image/own\nimage/shared/tiny\n");
  ran = bridle_at(server.root(), {"image", "list"});
  EXPECT_TRUE(ran.out.starts_with("PROJECT")) << ran.out;
  EXPECT_NE(ran.out.find("\nshared "), std::string::npos) << ran.out;
}

TEST(Run, a_refused_build_leaves_no_image) {
  std::string asked;
  FakeServer server([&](const std::string& request) {
    asked += request.substr(0, request.find(' ')) + " ";
    if (request.starts_with("GET "))
      return FakeServer::answer(404, R"({"error":{"code":"not_found","message":"none"}})");
    if (request.starts_with("POST "))
      return FakeServer::answer(403, R"({"error":{"code":"unauthorized","message":"no right"}})");
    return FakeServer::answer(200, R"({"kind":"Image"})");
  });
  const Ran ran = bridle_at(server.root(), {"image", "build", "tiny"});
  EXPECT_EQ(ran.code, Exit::unauthorized);
  EXPECT_EQ(ran.err, "bridle: no right\n");
  EXPECT_EQ(asked, "GET PUT POST DELETE ");
}

TEST(Run, a_volume_has_an_owner) {
  std::string body;
  FakeServer server([&](const std::string& request) {
    if (!request.starts_with("PUT ")) return daemon_of_web(request);
    body = request.substr(request.find("\r\n\r\n") + 4);
    return FakeServer::answer(201, body);
  });
  const Ran ran =
      bridle_at(server.root(), {"volume", "create", "data", "--size", "1GiB", "--owner", "ann"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(text_at(json::parse(body), "metadata.owner"), "ann");
}

TEST(Run, auth_asks_and_exits_with_the_answer) {
  std::string asked;
  FakeServer server([&](const std::string& request) {
    asked = request.substr(0, request.find(" HTTP"));
    if (request.starts_with("GET /api/v1/auth/whoami"))
      return FakeServer::answer(200, R"({"identity":"uid:1000","grants":[{"role":"operator",)"
                                     R"("everywhere":false,"projects":["lab"],"owner":true}]})");
    const bool yes = request.find("verb=start") != std::string::npos;
    return FakeServer::answer(200, std::string(R"({"allowed":)") + (yes ? "true}" : "false}"));
  });
  Ran ran = bridle_at(server.root(), {"auth", "can-i", "start", "machine", "web"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "yes\n");
  EXPECT_EQ(asked, "GET /api/v1/auth/can-i?verb=start&kind=machine&name=web&project=lab");
  ran = bridle_at(server.root(), {"auth", "can-i", "get", "ledger", "--as", "uid:5,gid:6"});
  EXPECT_EQ(ran.code, Exit::unauthorized);
  EXPECT_EQ(ran.out, "no\n");
  EXPECT_EQ(asked, "GET /api/v1/auth/can-i?verb=get&kind=ledger&as=uid%3A5%2Cgid%3A6");
  ran = bridle_at(server.root(), {"auth", "whoami"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_NE(ran.out.find("uid:1000\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("operator  lab  grant roles"), std::string::npos) << ran.out;
}

TEST(Run, apply_tells_every_fault_with_its_place_and_sends_nothing) {
  std::atomic<int> requests = 0;
  FakeServer server([&](const std::string& request) {
    ++requests;
    return daemon_of_web(request);
  });
  const std::string file = server.root() + "/lab.yaml";
  std::ofstream(file)
      << "apiVersion: bridle/v1\nkind: Machine\nmetadata: {name: web, owner: a}\nspec:\n"
         "  image: tiny\n  memroy: 1GiB\n";
  Ran ran = bridle_at(server.root(), {"apply", "-f", file});
  EXPECT_EQ(ran.code, Exit::failed);
  EXPECT_NE(ran.err.find("lab.yaml:6:3: spec.memroy"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("memory"), std::string::npos) << ran.err;
  EXPECT_EQ(requests, 0);
  std::ofstream(file)
      << "apiVersion: bridle/v1\nkind: Machine\nmetadata: {name: web, owner: a}\nspec:\n"
         "  image: tiny\n  power: running\n";
  ran = bridle_at(server.root(), {"apply", "-f", file});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "machine/lab/web unchanged\n");
  EXPECT_EQ(requests, 2);
}

TEST(Run, console_off_a_terminal_prints_what_comes) {
  FakeServer server([](const std::string& request) {
    EXPECT_NE(request.find("Upgrade: bridle-stream"), std::string::npos);
    return std::string("HTTP/1.1 101 X\r\n\r\ntiny:~# ");
  });
  testing::internal::CaptureStdout();
  const Ran ran = bridle_at(server.root(), {"machine", "console", "web", "--linger", "50ms"});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "tiny:~# ");
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.err, "bridle: the console of machine/web ended\n");
}

}  // namespace
}  // namespace bridle::cli
