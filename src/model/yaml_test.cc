#include "model/yaml.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "model/utf8.h"

namespace bridle::model {
namespace {

std::string as_json(const std::string& text) {
  const auto documents = parse_documents(text, "");
  if (!documents) return documents.error().message();
  std::string out;
  for (const Document& document : *documents) out += json::serialize(document.value) + ";";
  return out;
}

struct Case {
  std::string text, expected;
};

TEST(Yaml, ScalarsFollowTheCoreSchema) {
  const Case cases[] = {
      {"[~, null, Null, NULL, ]", "[null,null,null,null];"},
      {"[true, True, TRUE, false]", "[true,true,true,false];"},
      {"[yes, no, on, off, y]", R"(["yes","no","on","off","y"];)"},
      {"[12, -3, +4, 0o17, 0xfF, 007]", "[12,-3,4,15,255,7];"},
      {"[1.5, 1e3, .5, 2.]", "[1.5E0,1E3,5E-1,2E0];"},
      {"[1_000, 2026-01-02, 52:54:00:12:34:56, 1:30]",
       R"(["1_000","2026-01-02","52:54:00:12:34:56","1:30"];)"},
      {"['12', \"true\", '']", R"(["12","true",""];)"},
      {"- 18446744073709551615", "[18446744073709551615];"},
      {"- 18446744073709551616", "1:3: YAML: a number over 64 bits"},
      {"- .inf", "1:3: YAML: a number that is infinite or none; put text in quotes"},
      {"- 1e999", "1:3: YAML: a number beyond what a double can hold"},
  };
  for (const Case& one : cases) EXPECT_EQ(as_json(one.text), one.expected) << one.text;
}

TEST(Yaml, StructureAndDocuments) {
  const Case cases[] = {
      {"a: 1\nb:\n  - x\n  - y: z\n", R"({"a":1,"b":["x",{"y":"z"}]};)"},
      {"a: 1\n---\n---\n# nothing\n---\nb: 2\n...\n", R"({"a":1};{"b":2};)"},
      {"", ""},
      {"text: |\n  one\n  two\n", R"({"text":"one\ntwo\n"};)"},
      {"a: &x {b: 1}\nc: *x\n", R"({"a":{"b":1},"c":{"b":1}};)"},
      {"\xef\xbb\xbf"
       "a: 1\n",
       R"({"a":1};)"},
      {"{a: 1}\n", R"({"a":1};)"},
      {"{\"a\": 1}\n{\"b\": 2} [3]", R"({"a":1};{"b":2};[3];)"},
      {"{\"a\": \"\\ud83d\\ude00\\/\"}", "{\"a\":\"\xf0\x9f\x98\x80/\"};"},
      {"1: a\n", R"({"1":"a"};)"},
  };
  for (const Case& one : cases) EXPECT_EQ(as_json(one.text), one.expected) << one.text;
}

TEST(Yaml, RefusalsNameThePlace) {
  const Case cases[] = {
      {"a: 1\nb: 2\na: 3\n", "3:1: YAML: a: the key is there twice"},
      {"x:\n  a: 1\n  a: 3\n", "3:3: YAML: x.a: the key is there twice"},
      {"{\"a\": 1,\n \"a\": 2}", "2:2: JSON: a: the key is there twice"},
      {"a: !!str 1\n", "1:4: YAML: tag \"tag:yaml.org,2002:str\"; tags are not taken"},
      {"a: !python/object {}\n", "1:4: YAML: tag \"!python/object\"; tags are not taken"},
      {"a: &x [*x]\n", "1:8: YAML: an alias inside of what it names"},
      {"? [a]\n: 1\n", "1:3: YAML: a list as a key; expected text"},
      {": 1\n", "1:1: YAML: a key is missing"},
      {"a: \x01\n", "1:4: a control character"},
      {"a: \xff\n", "1:4: not UTF-8"},
      {"a: b: c\n", "1:5: YAML: illegal map value"},
      {"{\"a\": \"\xc0\x80\"}", "1:8: not UTF-8"},
  };
  for (const Case& one : cases) EXPECT_EQ(as_json(one.text), one.expected) << one.text;
  EXPECT_EQ(parse_documents("a: 1\na: 2\n", "f.yaml").error().message(),
            "f.yaml:2:1: YAML: a: the key is there twice");
  EXPECT_TRUE(
      parse_documents("{\"a\": }", "f.json").error().message().starts_with("f.json:1:7: JSON: "));
}

TEST(Yaml, EscapesAreUtf8) {
  EXPECT_EQ(as_json(R"({"\N": ["\_", "a\N\_\L\P", "\x85\xA0", "\u0085\xe9"], })"),
            "{\"\xc2\x85\":[\"\xc2\xa0\",\"a\xc2\x85\xc2\xa0\xe2\x80\xa8\xe2\x80\xa9\","
            "\"\xc2\x85\xc2\xa0\",\"\xc2\x85\xc3\xa9\"]};");
  const auto many = parse_documents("[\"" + std::string(1 << 20, ' ') + "\\N\", ]", "f.yaml");
  ASSERT_TRUE(many.ok());
  EXPECT_TRUE(many->front().value.at(0).as_string().ends_with("\xc2\x85"));
}

TEST(Yaml, BoundsHold) {
  EXPECT_EQ(as_json(std::string(40, '[') + std::string(40, ']')),
            "1:33: JSON: nested more than 32 deep");
  EXPECT_EQ(as_json("a:\n  " + std::string(40, '[') + std::string(40, ']')),
            "2:34: YAML: nested more than 32 deep");
  EXPECT_EQ(parse_documents(std::string(5 << 20, ' '), "f").error().code(), Code::exhausted);
  std::string laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) laughs += (j == 0 ? "" : ", ") + below;
    laughs += "]\n";
  }
  EXPECT_NE(as_json(laughs).find("too many values"), std::string::npos) << as_json(laughs);
  EXPECT_NE(as_json(std::string(200, 'k') + ": 1\n").find("a key of 200 bytes"), std::string::npos);
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "---\na: 1\n";
  EXPECT_EQ(parse_documents(many, "f").error().code(), Code::exhausted);
}

TEST(Yaml, SourceMapKnowsKeysItemsAndParents) {
  const auto documents = parse_documents(
      "spec:\n  disks:\n    - name: a\n    - name: b\n      volume: v\n  'x.y': 1\n", "f");
  ASSERT_TRUE(documents.ok());
  const SourceMap& source = documents->front().source;
  const auto where = [&](std::string_view path) { return place("", source.locate(path)); };
  EXPECT_EQ(where("spec"), "1:1: ");
  EXPECT_EQ(where("spec.disks"), "2:3: ");
  EXPECT_EQ(where("spec.disks[1]"), "4:7: ");
  EXPECT_EQ(where("spec.disks[1].volume"), "5:7: ");
  EXPECT_EQ(where("spec.disks[1].missing"), "4:7: ");
  EXPECT_EQ(where("spec[\"x.y\"]"), "6:3: ");
}

TEST(Yaml, SourceMapOfJson) {
  const auto documents = parse_documents(
      "{\"spec\":\n  {\"a\": [10,\n   {\"b\": \"x\"}], \"n\": 12}}\n{\"k\":1}", "f");
  ASSERT_TRUE(documents.ok()) << documents.error().message();
  const SourceMap& source = documents->front().source;
  const auto where = [&](std::string_view path) { return place("", source.locate(path)); };
  EXPECT_EQ(where("spec"), "1:2: ");
  EXPECT_EQ(where("spec.a"), "2:4: ");
  EXPECT_EQ(where("spec.a[0]"), "2:10: ");
  EXPECT_EQ(where("spec.a[1]"), "3:4: ");
  EXPECT_EQ(where("spec.a[1].b"), "3:5: ");
  EXPECT_EQ(where("spec.n"), "3:17: ");
  EXPECT_EQ(place("", documents->back().source.locate("k")), "4:2: ");
}

TEST(Yaml, WritingIsReadable) {
  const json::value value = json::parse(
      R"({"kind":"Machine","count":12,"no":"no","num":"12","empty":{},"none":[],"text":"a: b",
          "lines":"one\ntwo\n","list":[{"a":1,"b":[2,3]},"x"],"mac":"52:54:00:12:34:56"})");
  EXPECT_EQ(
      to_yaml(value),
      "kind: Machine\ncount: 12\n\"no\": \"no\"\nnum: \"12\"\nempty: {}\nnone: []\n"
      "text: \"a: b\"\nlines: |\n  one\n  two\nlist:\n  - a: 1\n    b:\n      - 2\n      - 3\n"
      "  - x\nmac: \"52:54:00:12:34:56\"\n");
}

void expect_round_trip(const json::value& value) {
  const std::string text = to_yaml(value);
  const auto documents = parse_documents(text, "");
  ASSERT_TRUE(documents.ok()) << text << documents.error().message();
  ASSERT_EQ(documents->size(), 1u) << text;
  EXPECT_EQ(json::serialize(documents->front().value), json::serialize(value)) << text;
}

TEST(Yaml, NastyTextSurvives) {
  for (const std::string_view text : {"",
                                      " ",
                                      "a ",
                                      " a",
                                      "#",
                                      "a #b",
                                      "a: b",
                                      "a:",
                                      ":",
                                      "-",
                                      "- a",
                                      "?",
                                      "!x",
                                      "&x",
                                      "*x",
                                      "%",
                                      "@",
                                      "`",
                                      "|",
                                      ">",
                                      "'",
                                      "\"",
                                      "\\",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      ",",
                                      "null",
                                      "~",
                                      "true",
                                      "No",
                                      "0x1f",
                                      "0o7",
                                      "1e5",
                                      ".5",
                                      "-",
                                      "---",
                                      "...",
                                      "a\nb",
                                      "a\nb\n",
                                      "a\n\n",
                                      "\na",
                                      "a\n b",
                                      " a\nb",
                                      "a \nb",
                                      "a\n\tb",
                                      "\t",
                                      "a\tb",
                                      "\r\n",
                                      "a\x7f",
                                      "\xc2\x85",
                                      "\xe2\x80\xa8",
                                      "\xef\xbb\xbf",
                                      "\xf0\x9f\x98\x80",
                                      "\xc3\xa9t\xc3\xa9",
                                      "<<",
                                      "=",
                                      "a\n---\nb",
                                      "a\n...\nb\n",
                                      "a\n# c\nb",
                                      "1:30",
                                      "190:20:30",
                                      "2026-01-02"}) {
    expect_round_trip(json::array{text});
    expect_round_trip(json::object{{"k", text}, {"l", json::array{json::object{{"m", text}}}}});
    if (!text.empty() && text.find_first_of("\n\t\r\x7f") == std::string_view::npos)
      expect_round_trip(json::object{{text, 1}});
  }
}

// Text of up to 12 pieces that mean something to YAML. The same for the same seed.
std::string hostile_text(uint64_t seed) {
  static constexpr std::string_view pieces[] = {"a",
                                                "B",
                                                "0",
                                                "9",
                                                ".",
                                                "-",
                                                "+",
                                                "e",
                                                "x",
                                                "_",
                                                ":",
                                                ": ",
                                                " ",
                                                "#",
                                                " #",
                                                "\n",
                                                "\t",
                                                "'",
                                                "\"",
                                                "\\",
                                                "{",
                                                "}",
                                                "[",
                                                "]",
                                                ",",
                                                "&",
                                                "*",
                                                "!",
                                                "|",
                                                ">",
                                                "%",
                                                "@",
                                                "`",
                                                "?",
                                                "~",
                                                "null",
                                                "true",
                                                "\r",
                                                "\x01",
                                                "\xc3\xa9",
                                                "\xc2\x85",
                                                "\xe2\x80\xa9",
                                                "\xf0\x9f\x98\x80",
                                                "\n  ",
                                                "\n- ",
                                                "&a ",
                                                "*a"};
  SeededRandom random(seed);
  std::string text;
  for (uint64_t left = random.below(13); left > 0; --left)
    text += pieces[random.below(std::size(pieces))];
  return text;
}

TEST(Yaml, AnyTextRoundTripsInAnyPlace) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    const std::string text = hostile_text(seed);
    expect_round_trip(json::array{text});
    expect_round_trip(json::object{{"k", text}});
    expect_round_trip(
        json::object{{"k", json::array{json::array{text}, json::object{{"m", text}}}}});
  }
}

TEST(Yaml, AnyBytesEndInAValueOrAnError) {
  size_t accepted = 0, stuck = 0;
  for (uint64_t seed = 0; seed < 20000; ++seed) {
    SCOPED_TRACE(seed);
    const auto documents = parse_documents(hostile_text(seed), "f");
    if (!documents) {
      ASSERT_TRUE(documents.error().message().starts_with("f:")) << documents.error().message();
      stuck += documents.error().message().ends_with("expected a value") ? 1 : 0;
      continue;
    }
    for (const Document& document : *documents) expect_round_trip(document.value);
    accepted += documents->size();
  }
  EXPECT_GT(accepted, 1000u);
  EXPECT_GT(stuck, 10u);  // where yaml-cpp alone would never end
}

TEST(Json, OneValueAndNothingAfterIt) {
  EXPECT_TRUE(parse_json(" {\"a\": [1, 2]} \n").ok());
  EXPECT_EQ(*parse_json("12"), json::value(12));
  // Too long for 64 bits; the next number is not a part of it.
  EXPECT_EQ(*parse_json("[999299999999999999999999999,1,0.1]"),
            (json::array{9.99299999999999999999999999e26, 1, 0.1}));
  for (const std::string_view text : {"", " ", "{} {}", "{}x", "{\"a\":1,}", "[1", "01", "'a'",
                                      "{\"a\":1,\"a\":1}", "nul", "\"\xff\"", "1e999", "// c\n1"})
    EXPECT_FALSE(parse_json(text).ok()) << text;
}

TEST(Utf8, OnlyWellFormedSequences) {
  for (const std::string_view good :
       {"a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_EQ(utf8_length(good), good.size());
  for (const std::string_view bad :
       {"", "\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"})
    EXPECT_EQ(utf8_length(bad), 0u);
  EXPECT_EQ(find_bad_utf8("ab\xff"), 2u);
}

}  // namespace
}  // namespace bridle::model
