#include <gtest/gtest.h>

#include "cli/api_client.h"
#include "cli/fake_server.h"
#include "cli/http_client.h"
#include "cli/http_response.h"
#include "cli/sse.h"

namespace bridle::cli {
namespace {

struct Outcome {
  bool ok = true;
  Code code = Code::internal;
  int status = 0;
  std::string body;
};

// Fed in pieces of `piece` bytes, then ended.
Outcome parse_all(const std::string& text, size_t piece) {
  ResponseParser parser;
  Outcome out;
  for (size_t i = 0; i < text.size() && out.ok; i += piece) {
    const Status fed = parser.feed(std::string_view(text).substr(i, piece));
    if (!fed.ok()) out = {false, fed.error().code(), 0, {}};
    if (out.ok) out.body += parser.take_body();
  }
  if (!out.ok) return out;
  const Status end = parser.finish();
  if (!end.ok()) return {false, end.error().code(), 0, {}};
  out.status = parser.status();
  out.body += parser.take_body();
  return out;
}

TEST(ResponseParser, reads_every_framing_in_pieces_of_any_size) {
  const std::pair<std::string, std::string> cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
       "hello"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\nA: b\r\n\r\n", ""},
      {"HTTP/1.1 200 OK\r\n\r\nhello", "hello"},
      {"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", ""},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", ""},
  };
  for (const auto& [text, body] : cases)
    for (const size_t piece : {1, 2, 7, 1000}) {
      const Outcome out = parse_all(text, piece);
      EXPECT_TRUE(out.ok) << text;
      EXPECT_EQ(out.body, body) << text;
      EXPECT_EQ(out.status / 100, 2) << text;
    }
}

TEST(ResponseParser, refuses_hostile_answers) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
  std::string many = ok;
  for (int i = 0; i < 200; ++i) many += "A" + std::to_string(i) + ": b\r\n";
  const std::string cases[] = {
      "SSH-2.0-OpenSSH\r\n\r\n",
      "HTTP/2.0 200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 999 OK\r\n\r\n",
      "\r\n\r\n",
      ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
      ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
      ok + "Content-Length: -5\r\n\r\nhello",
      ok + "Content-Length: 99999999999999999999\r\n\r\n",
      ok + "Content-Length: 0x5\r\n\r\nhello",
      ok + "Transfer-Encoding: gzip\r\n\r\nhello",
      ok + "bad header\r\n\r\n",
      ok + "bad name : x\r\n\r\n",
      ok + " folded: x\r\n\r\n",
      ok + "X: a\nb\r\n\r\n",
      many + "\r\n",
      ok + "A: " + std::string(40 << 10, 'x'),
      chunked + "zz\r\n",
      chunked + "ffffffffffffffff\r\n",
      chunked + "3\r\nhello",
      chunked + "3\nhel\r\n",
      chunked + std::string(2000, '1'),
      chunked + "0\r\n" + std::string(600, 'a') + "\r\n" + std::string(600, 'b') + "\r\n",
  };
  for (const auto& text : cases)
    for (const size_t piece : {1, 13, 100000}) {
      const Outcome out = parse_all(text, piece);
      EXPECT_FALSE(out.ok) << text.substr(0, 80);
      EXPECT_EQ(out.code, Code::corrupt) << text.substr(0, 80);
    }
}

TEST(ResponseParser, tells_a_cut_answer_from_a_whole_one) {
  for (const std::string text :
       {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"}) {
    const Outcome out = parse_all(text, 3);
    EXPECT_FALSE(out.ok) << text;
    EXPECT_EQ(out.code, Code::unreachable) << text;
  }
}

TEST(ResponseParser, keeps_what_follows_an_upgrade) {
  ResponseParser parser;
  ASSERT_TRUE(parser.feed("HTTP/1.1 101 Switching\r\nUpgrade: bridle-stream\r\n\r\nlogin: ").ok());
  EXPECT_TRUE(parser.done());
  EXPECT_EQ(parser.header("upgrade"), "bridle-stream");
  EXPECT_EQ(parser.take_rest(), "login: ");
}

TEST(EventParser, reads_events_in_pieces) {
  const std::string text =
      ": hello\n\nid: 7\nevent: put\ndata: {\"a\":\ndata: 1}\n\nevent: nothing\n\nid: 8\r\nevent: "
      "bookmark\r\ndata:{}\r\n\r\ndata: cut";
  for (const size_t piece : {1, 3, 1000}) {
    EventParser parser;
    std::vector<ServerEvent> events;
    for (size_t i = 0; i < text.size(); i += piece) {
      ASSERT_TRUE(parser.feed(std::string_view(text).substr(i, piece)).ok());
      while (auto event = parser.next()) events.push_back(*event);
    }
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0], (ServerEvent{"7", "put", "{\"a\":\n1}"}));
    EXPECT_EQ(events[1], (ServerEvent{"8", "bookmark", "{}"}));
  }
}

TEST(EventParser, bounds_an_event) {
  EventParser parser;
  Status status;
  const std::string piece = "data: " + std::string(1 << 20, 'x') + "\n";
  for (int i = 0; i < 8 && status.ok(); ++i) {
    status = parser.feed(piece);
    if (status.ok()) {
      EXPECT_FALSE(parser.next());
    }
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::exhausted);
}

TEST(HttpClient, tells_how_to_start_the_daemon) {
  const HttpClient client(Server{"/tmp/bt-no-such-root/run/bridled.sock", "/tmp/bt-no-such-root"});
  const auto response = client.request({"GET", "/version"});
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code(), Code::unreachable);
  EXPECT_NE(response.error().message().find("bridle-supervise --root /tmp/bt-no-such-root"),
            std::string::npos);
}

TEST(HttpClient, sends_a_request_and_collects_the_answer) {
  std::string seen;
  FakeServer server([&](const std::string& request) {
    seen = request;
    return FakeServer::answer(200, std::string(300000, 'x'));
  });
  const HttpClient client(Server{server.root() + "/run/bridled.sock", server.root()});
  const auto response = client.request({"PUT", "/a?b=c", "{\"x\":1}"});
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, std::string(300000, 'x'));
  EXPECT_TRUE(seen.starts_with("PUT /a?b=c HTTP/1.1\r\nHost: bridled\r\n")) << seen;
  EXPECT_NE(seen.find("Content-Length: 7\r\n"), std::string::npos);
  EXPECT_TRUE(seen.ends_with("\r\n\r\n{\"x\":1}"));
}

TEST(HttpClient, upgrades_or_gives_the_refusal) {
  bool refuse = false;
  FakeServer server([&](const std::string&) {
    return refuse
               ? FakeServer::answer(409, R"({"error":{"code":"conflict","message":"not running"}})")
               : "HTTP/1.1 101 X\r\nUpgrade: bridle-stream\r\nConnection: Upgrade\r\n\r\ntiny:~# ";
  });
  const HttpClient client(Server{server.root() + "/run/bridled.sock", server.root()});
  auto up = client.upgrade({"GET", "/console"}, "bridle-stream");
  ASSERT_TRUE(up.ok());
  ASSERT_TRUE(up->stream);
  EXPECT_EQ(up->stream->first, "tiny:~# ");
  refuse = true;
  up = client.upgrade({"GET", "/console"}, "bridle-stream");
  ASSERT_TRUE(up.ok());
  ASSERT_FALSE(up->stream);
  const Error error = ApiClient::error_of(up->refusal.status, up->refusal.body);
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_EQ(error.message(), "not running");
}

TEST(ApiClient, understands_errors_of_any_shape) {
  EXPECT_EQ(ApiClient::error_of(404, "<html>").code(), Code::not_found);
  EXPECT_EQ(ApiClient::error_of(401, "").code(), Code::unauthorized);
  EXPECT_EQ(ApiClient::error_of(500, "[]").code(), Code::internal);
  const Error error = ApiClient::error_of(
      400, R"({"error":{"code":"invalid","message":"expected a size","path":"spec.memory"}})");
  EXPECT_EQ(error.message(), "spec.memory: expected a size");
}

TEST(Encode, leaves_only_unreserved_characters) {
  EXPECT_EQ(encode("web-1_a.b~"), "web-1_a.b~");
  EXPECT_EQ(encode("a=b,c!=d/é"), "a%3Db%2Cc%21%3Dd%2F%C3%A9");
}

}  // namespace
}  // namespace bridle::cli
