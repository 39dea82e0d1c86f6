// The probe: decisions, the cache's key and record, and boots that end in every way.
#include "machine/probe.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace bridle::machine {
namespace {

using namespace std::chrono_literals;

HostFacts facts() {
  return {true, "6.1.0-53 #1 SMP", "GenuineIntel 6/143/8/0x2b 1234", 23456789, 1763780000123456789};
}

TEST(Probe, TheKeyChangesWithEveryFact) {
  const std::string key = probe_key(facts(), "aa", "bb");
  EXPECT_EQ(key.size(), 64u);
  EXPECT_EQ(key, probe_key(facts(), "aa", "bb"));
  std::vector<std::string> keys{key, probe_key(facts(), "ab", "bb"), probe_key(facts(), "aa", "b"),
                                probe_key(facts(), "a", "abb")};
  for (int i = 0; i < 4; ++i) {
    HostFacts other = facts();
    if (i == 0) other.kernel_release += "x";
    if (i == 1) other.cpu_model += "x";
    if (i == 2) other.qemu_size += 1;
    if (i == 3) other.qemu_mtime_ns += 1;
    keys.push_back(probe_key(other, "aa", "bb"));
  }
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::unique(keys.begin(), keys.end()), keys.end());
}

TEST(Probe, ReadsTheCpuModel) {
  const std::string cpuinfo =
      "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n"
      "model name\t: AMD EPYC\nstepping\t: 1\nmicrocode\t: 0xa101148\nflags\t\t: fpu vme\n\n"
      "processor\t: 1\nvendor_id\t: Other\n";
  const std::string model = cpu_model_of(cpuinfo);
  EXPECT_EQ(model.substr(0, model.rfind(' ')), "AuthenticAMD 25/17/1/0xa101148");
  std::string other = cpuinfo;
  other.replace(other.find("fpu vme"), 7, "fpu svm");
  EXPECT_NE(cpu_model_of(other), model);
  EXPECT_FALSE(cpu_model_of("").empty());
}

TEST(Probe, ThisHostHasFacts) {
  const auto host = host_facts();
  if (!host.ok()) {
    EXPECT_EQ(host.error().code(), Code::not_found);  // no QEMU here
    return;
  }
  EXPECT_FALSE(host->kernel_release.empty());
  EXPECT_GT(host->qemu_size, 1u << 20);
}

TEST(Probe, RecordsSurviveAndDamageIsSeen) {
  const ProbeRecord record{std::string(64, 'a'), true, "it \"answered\"", 1234ms};
  const auto again = decode_probe_record(encode(record));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->key, record.key);
  EXPECT_EQ(again->boots, record.boots);
  EXPECT_EQ(again->why, record.why);
  EXPECT_EQ(again->took, record.took);
  const std::string bad[] = {"",
                             "{}",
                             "[]",
                             R"({"version":2})",
                             R"({"version":1,"key":"a","why":"b","boots":1,"tookMs":1})",
                             R"({"version":1,"key":"a","why":"b","boots":true,"tookMs":-1})"};
  for (const auto& text : bad) EXPECT_FALSE(decode_probe_record(text).ok()) << text;
}

TEST(Probe, ChoosesByWhatIsKnown) {
  HostFacts host = facts();
  host.kvm = false;
  EXPECT_EQ(choose_engine(host, "k", {}).engine, Engine::tcg);
  EXPECT_FALSE(choose_engine(host, "k", {}).must_probe);
  host.kvm = true;
  EXPECT_TRUE(choose_engine(host, "k", {}).must_probe);
  EXPECT_EQ(choose_engine(host, "k", {}).engine, Engine::tcg);
  EXPECT_TRUE(choose_engine(host, "k", ProbeRecord{"old", true, "", {}}).must_probe);
  EXPECT_EQ(choose_engine(host, "k", ProbeRecord{"k", true, "", {}}).engine, Engine::kvm);
  const auto hung = choose_engine(host, "k", ProbeRecord{"k", false, "it hung", {}});
  EXPECT_EQ(hung.engine, Engine::tcg);
  EXPECT_FALSE(hung.must_probe);
  EXPECT_NE(hung.why.find("it hung"), std::string::npos);
}

TEST(Probe, BootsTheKernelUnderKvmWithTheNonce) {
  SeededRandom random(3);
  const std::string nonce = probe_nonce(random);
  EXPECT_EQ(nonce.size(), 32u);
  const auto made =
      probe_launch(Uuid::random(random), "/i/kernel", "/i/initrd", "console=ttyS0", nonce);
  ASSERT_TRUE(made.ok()) << made.error().message();
  const auto has = [&](const std::string& word) {
    return std::find(made->argv.begin(), made->argv.end(), word) != made->argv.end();
  };
  EXPECT_TRUE(has("kvm"));
  EXPECT_TRUE(has("console=ttyS0 bridle.nonce=" + nonce));
  EXPECT_EQ(made->files.size(), 2u);
  EXPECT_EQ(made->interface_count, 0u);
}

// Runs a probe; what came out of it.
struct ProbeRun {
  Probe probe{"key", "N0"};
  Tick now{100};
  int starts = 0, ends = 0;
  bool killed = false;
  std::optional<ProbeRecord> record;

  void feed(const ProbeInput& input) {
    for (auto& action : probe.step(now, input)) {
      starts += std::holds_alternative<ProbeStart>(action);
      if (auto* end = std::get_if<ProbeEnd>(&action)) {
        ++ends;
        killed = end->kill;
      }
      if (auto* done = std::get_if<ProbeDone>(&action)) record = done->record;
    }
  }
};

TEST(Probe, TheLineProvesThatItBoots) {
  ProbeRun run;
  run.feed(ProbeBegin{});
  EXPECT_EQ(run.starts, 1);
  EXPECT_EQ(*run.probe.deadline() - run.now, 60s);
  run.feed(ProbeSerial{"Command line: console=ttyS0 bridle.nonce=N0\r\nbridle-pro"});
  EXPECT_FALSE(run.record.has_value());
  run.now = run.now + 2s;
  run.feed(ProbeSerial{"be N0\r\n"});
  ASSERT_TRUE(run.record.has_value());
  EXPECT_TRUE(run.record->boots);
  EXPECT_EQ(run.record->key, "key");
  EXPECT_EQ(run.record->took, 2s);
  EXPECT_EQ(run.ends, 1);
  EXPECT_TRUE(run.killed);
  run.feed(ProbeExited{"signal 9"});
  EXPECT_EQ(run.ends, 1);
  EXPECT_FALSE(run.probe.deadline().has_value());
}

TEST(Probe, AnotherNonceProvesNothing) {
  ProbeRun run;
  run.feed(ProbeBegin{});
  run.feed(ProbeSerial{"bridle-probe N1\n"});
  EXPECT_FALSE(run.record.has_value());
}

TEST(Probe, SilenceAndHangsFailAfterAMinute) {
  ProbeRun run;
  run.feed(ProbeBegin{});
  run.feed(ProbeSerial{"Linux version 6.1.0\n"});
  run.now = run.now + 59s;
  run.feed(ProbeTick{});
  EXPECT_FALSE(run.record.has_value());
  run.now = run.now + 1s;
  run.feed(ProbeTick{});
  ASSERT_TRUE(run.record.has_value());
  EXPECT_FALSE(run.record->boots);
  EXPECT_NE(run.record->why.find("20 bytes"), std::string::npos) << run.record->why;
  EXPECT_TRUE(run.killed);
}

TEST(Probe, AKernelThatGoesOnPrintingHasFiveMinutes) {
  ProbeRun run;
  run.feed(ProbeBegin{});
  for (int i = 0; i < 5; ++i) {
    run.now = run.now + 55s;
    run.feed(ProbeTick{});
    run.feed(ProbeSerial{"still starting\n"});
    ASSERT_FALSE(run.record.has_value()) << i;
  }
  EXPECT_EQ(*run.probe.deadline() - run.now, 25s);
  ProbeRun slow = run;
  slow.feed(ProbeSerial{"bridle-probe N0\n"});
  ASSERT_TRUE(slow.record.has_value());
  EXPECT_TRUE(slow.record->boots);
  run.now = run.now + 25s;
  run.feed(ProbeTick{});
  ASSERT_TRUE(run.record.has_value());
  EXPECT_FALSE(run.record->boots);
  EXPECT_TRUE(run.killed);
}

TEST(Probe, AnExitFailsAndIsReleasedWithoutAKill) {
  ProbeRun run;
  run.feed(ProbeBegin{});
  run.feed(ProbeExited{"exit 1"});
  ASSERT_TRUE(run.record.has_value());
  EXPECT_FALSE(run.record->boots);
  EXPECT_EQ(run.ends, 1);
  EXPECT_FALSE(run.killed);
}

}  // namespace
}  // namespace bridle::machine
