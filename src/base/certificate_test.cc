#include "base/certificate.h"

#include <gtest/gtest.h>

#include "base/endpoint.h"

namespace bridle {
namespace {

constexpr int64_t day = 86'400'000'000'000;
const WallTime now{1'760'000'000'000'000'000};

struct Made {
  Signer signer;
  std::string key;
};

Made made() {
  Made out;
  out.signer.key = *make_key();
  out.signer.certificate =
      *make_authority(out.signer.key, "Bridle alpha", now, {now.ns + 100 * day});
  out.key = *make_key();
  return out;
}

TEST(Certificate, AuthoritySignsLeaves) {
  const Made m = made();
  const auto authority = read_certificate(m.signer.certificate);
  ASSERT_TRUE(authority.ok());
  EXPECT_TRUE(authority->is_authority);
  EXPECT_EQ(authority->common_name, "Bridle alpha");
  const LeafPlan plan{"alpha", true, {"alpha", "127.0.0.1", "::1"}, now, {now.ns + day}};
  const auto leaf = sign_leaf(plan, *public_key(m.key), m.signer);
  ASSERT_TRUE(leaf.ok()) << leaf.error().message();
  const auto facts = read_certificate(*leaf);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->common_name, "alpha");
  EXPECT_EQ(facts->issuer, "Bridle alpha");
  EXPECT_EQ(facts->names, plan.names);
  EXPECT_EQ(facts->from.ns, now.ns);
  EXPECT_EQ(facts->until.ns, now.ns + day);
  EXPECT_FALSE(facts->is_authority);
  EXPECT_FALSE(facts->serial.empty());
  EXPECT_TRUE(belongs_together(*leaf, m.key));
  EXPECT_FALSE(belongs_together(*leaf, m.signer.key));
  EXPECT_FALSE(
      sign_leaf({std::string(65, 'a'), false, {}, now, now}, *public_key(m.key), m.signer).ok());
}

TEST(Certificate, RequestsGiveTheirKeyAndNothingElse) {
  const Made m = made();
  const auto request = make_request(m.key, "ann");
  ASSERT_TRUE(request.ok());
  const auto key = key_of_request(*request);
  ASSERT_TRUE(key.ok()) << key.error().message();
  EXPECT_EQ(*key, *public_key(m.key));
  std::string broken = *request;
  const size_t middle = broken.size() / 2;
  broken[middle] = broken[middle] == 'A' ? 'B' : 'A';
  for (const std::string& bad :
       {broken, std::string(), m.key, m.signer.certificate, request->substr(0, request->size() / 2),
        *request + std::string(max_pem, ' ')}) {
    const auto refused = key_of_request(bad);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Code::invalid);
  }
}

TEST(Certificate, RefusesWhatIsNone) {
  for (const std::string& bad : {std::string(), std::string("x"), *make_key()}) {
    const auto refused = read_certificate(bad);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Code::invalid);
    // Nothing of what was given comes back in the error.
    EXPECT_EQ(refused.error().message(), "expected a certificate in PEM");
  }
  EXPECT_FALSE(public_key("").ok());
  EXPECT_FALSE(make_request("no key", "ann").ok());
}

TEST(Certificate, FingerprintsAreReadAsTheyArePrinted) {
  const Sha256 digest = sha256("x");
  const std::string text = fingerprint_text(digest);
  EXPECT_EQ(text.size(), 95u);
  for (const std::string& spelled :
       {text, "SHA256:" + text, hex(digest), "sha256:" + hex(digest)}) {
    const auto read = parse_fingerprint(spelled);
    ASSERT_TRUE(read.ok()) << spelled;
    EXPECT_EQ(*read, digest);
  }
  for (const std::string& bad :
       {std::string(), text + "00", text.substr(3), "g" + text.substr(1), "2:D" + text.substr(3)})
    EXPECT_FALSE(parse_fingerprint(bad).ok()) << bad;
}

TEST(Endpoint, ReadsHostAndPort) {
  for (const auto& [text, host, port] : {std::tuple{"alpha.example:7443", "alpha.example", 7443},
                                         {"127.0.0.1:1", "127.0.0.1", 1},
                                         {"[::1]:65535", "::1", 65535},
                                         {"a:80", "a", 80}}) {
    const auto read = parse_endpoint(text);
    ASSERT_TRUE(read.ok()) << text;
    EXPECT_EQ(read->host, host);
    EXPECT_EQ(read->port, port);
    EXPECT_EQ(read->text(), text);
  }
  for (const char* bad :
       {"", "a", ":80", "a:", "a:0", "a:65536", "a:-1", "a:80x", "::1:80", "[a]:80", "[]:80",
        "a b:80", "-a:80", "a..b:80", "a_b:80", "[::1]80", "https://a:80"})
    EXPECT_FALSE(parse_endpoint(bad).ok()) << bad;
  EXPECT_FALSE(parse_endpoint(std::string_view("1.1.1.1\0x:80", 12)).ok());
}

}  // namespace
}  // namespace bridle
