#include "api/http_parser.h"

#include <gtest/gtest.h>

namespace bridle::api {
namespace {

using State = HttpParser::State;

// All at once, and byte by byte: the same end.
struct Outcome {
  State state;
  int status = 0;
  Request request;
};

Outcome run(const std::string& bytes, size_t limit, size_t step) {
  HttpParser parser;
  for (size_t at = 0; at < bytes.size() && parser.state() != State::failed; at += step) {
    parser.feed(std::string_view(bytes).substr(at, step));
    if (parser.state() == State::head) parser.accept_body(limit);
    if (parser.state() == State::done) break;
  }
  Outcome out{parser.state(), 0, {}};
  if (out.state == State::failed) out.status = parser.failure().status;
  if (out.state == State::done) out.request = parser.take();
  return out;
}

Outcome run(const std::string& bytes, size_t limit = 1024) {
  const Outcome whole = run(bytes, limit, bytes.size());
  const Outcome piecemeal = run(bytes, limit, 1);
  EXPECT_EQ(whole.state, piecemeal.state) << bytes.substr(0, 200);
  EXPECT_EQ(whole.status, piecemeal.status) << bytes.substr(0, 200);
  EXPECT_EQ(whole.request.body, piecemeal.request.body);
  EXPECT_EQ(whole.request.headers, piecemeal.request.headers);
  return whole;
}

std::string get(const std::string& headers) {
  return "GET /a/b?x=1&y=2 HTTP/1.1\r\n" + headers + "\r\n";
}

TEST(HttpParser, ReadsRequest) {
  const Outcome out = run(get("Host: x\r\nX-Thing: a b\r\n"));
  ASSERT_EQ(out.state, State::done);
  EXPECT_EQ(out.request.method, "GET");
  EXPECT_EQ(out.request.path, "/a/b");
  EXPECT_EQ(out.request.query, "x=1&y=2");
  EXPECT_EQ(out.request.header("x-thing"), "a b");
  EXPECT_TRUE(out.request.keep_alive);
  EXPECT_TRUE(out.request.body.empty());
}

TEST(HttpParser, ReadsBodies) {
  EXPECT_EQ(run("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello").request.body,
            "hello");
  EXPECT_EQ(run("PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5\r\nhello\r\n1;ext=1\r\n!\r\n0\r\nTrailer: x\r\n\r\n")
                .request.body,
            "hello!");
  EXPECT_EQ(run("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").state, State::done);
  EXPECT_EQ(run("POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").request.keep_alive,
            false);
}

struct Hostile {
  const char* what;
  std::string bytes;
  int status;
};

TEST(HttpParser, RefusesWhatIsHostile) {
  const std::string host = "Host: x\r\n";
  const std::string post = "POST /a HTTP/1.1\r\n" + host;
  const std::vector<Hostile> cases = {
      {"no host", get(""), 400},
      {"empty host", get("Host:\r\n"), 400},
      {"two hosts", get(host + host), 400},
      {"obs-fold", get(host + "A: b\r\n c\r\n"), 400},
      {"obs-fold by tab", get(host + "A: b\r\n\tc\r\n"), 400},
      {"bare LF", "GET / HTTP/1.1\nHost: x\n\n", 400},
      {"bare LF in a header", get("Host: x\nA: b\r\n"), 400},
      {"CL and TE", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"TE and CL", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {"two CL", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {"same CL twice", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"negative CL", post + "Content-Length: -1\r\n\r\n", 400},
      {"huge CL", post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {"CL over the limit", post + "Content-Length: 1025\r\n\r\n", 413},
      {"unknown TE", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"identity TE", post + "Transfer-Encoding: identity\r\n\r\n", 501},
      {"chunk over the limit", post + "Transfer-Encoding: chunked\r\n\r\n401\r\n", 413},
      {"chunk size overflow", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
       400},
      {"chunk size not hex", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\n\r\n", 505},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"no HTTP", std::string("\x16\x03\x01\x02\x00", 5), 400},
      {"target is no path", "GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"target is not ASCII", "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"blank in a header's name", get(host + "A : b\r\n"), 400},
      {"NUL in a header", get(host + std::string("A: b\0c\r\n", 8)), 400},
      {"long header", get(host + "A: " + std::string(17000, 'a') + "\r\n"), 431},
      {"endless request line", "GET /" + std::string(17000, 'a'), 431},
  };
  for (const Hostile& hostile : cases) {
    const Outcome out = run(hostile.bytes);
    EXPECT_EQ(out.state, State::failed) << hostile.what;
    EXPECT_EQ(out.status, hostile.status) << hostile.what;
  }
}

TEST(HttpParser, RefusesManyHeaders) {
  std::string headers = "Host: x\r\n";
  for (int i = 0; i < 63; ++i) headers += "A: b\r\n";
  EXPECT_EQ(run(get(headers)).state, State::done);
  EXPECT_EQ(run(get(headers + "A: b\r\n")).status, 431);
}

TEST(HttpParser, RefusesChunkBombs) {
  const std::string head = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string tiny;  // many chunks of one byte, each with an extension
  for (int i = 0; i < 900; ++i) tiny += "1;x=" + std::string(100, 'y') + "\r\na\r\n";
  EXPECT_EQ(run(head + tiny + "0\r\n\r\n", 1024, 4096).state, State::failed);
  EXPECT_EQ(run(head + "1;" + std::string(20000, 'y'), 1024, 4096).state, State::failed);
  EXPECT_EQ(run(head + "0\r\n" + std::string(20000, 'y'), 1024, 4096).state, State::failed);
}

TEST(HttpParser, NoBodyWhereNoneIsTaken) {
  EXPECT_EQ(run("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 0).status, 400);
}

TEST(HttpParser, KeepsThePipeline) {
  HttpParser parser;
  parser.feed(get("Host: x\r\n") + "POST /b HTTP/1.1\r\nHost: y\r\nContent-Length: 2\r\n\r\nhiGET");
  ASSERT_EQ(parser.state(), State::head);
  parser.accept_body(0);
  EXPECT_EQ(parser.take().path, "/a/b");
  ASSERT_EQ(parser.state(), State::head);
  EXPECT_EQ(parser.request().path, "/b");
  ASSERT_EQ(parser.accept_body(10), State::done);
  EXPECT_EQ(parser.take().body, "hi");
  EXPECT_EQ(parser.state(), State::header);
  EXPECT_FALSE(parser.idle());
}

}  // namespace
}  // namespace bridle::api
