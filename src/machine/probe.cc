#include "machine/probe.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "base/units.h"
#include "machine/pin.h"

namespace bridle::machine {
namespace {

namespace json = boost::json;

constexpr uint64_t probe_memory = 256ull << 20;

// The value of a line "key   : value" of /proc/cpuinfo; the first CPU's.
std::string_view cpuinfo_value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.starts_with(key)) continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos ||
        line.substr(key.size(), colon - key.size()).find_first_not_of(" \t") !=
            std::string_view::npos)
      continue;
    line.remove_prefix(colon + 1);
    const size_t first = line.find_first_not_of(' ');
    return first == std::string_view::npos ? std::string_view() : line.substr(first);
  }
  return {};
}

std::string seconds(Duration duration) {
  const int64_t tenths = duration.count() / 100'000'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

Result<std::string> text_member(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const json::string* text = value ? value->if_string() : nullptr;
  if (!text) return Error(Code::corrupt, "the probe's record has no " + std::string(key));
  return std::string(*text);
}

}  // namespace

std::string cpu_model_of(std::string_view cpuinfo) {
  std::string model(cpuinfo_value(cpuinfo, "vendor_id"));
  for (const std::string_view key : {"cpu family", "model", "stepping", "microcode"}) {
    model += key == "cpu family" ? " " : "/";
    model += cpuinfo_value(cpuinfo, key);
  }
  // Flags change with what the host's own hypervisor passes on.
  model += " " + hex(sha256(cpuinfo_value(cpuinfo, "flags"))).substr(0, 16);
  return model;
}

std::string probe_key(const HostFacts& host, std::string_view kernel_digest,
                      std::string_view initrd_digest) {
  // One fact a line: no fact holds a newline, so no two hosts share a text.
  std::string facts = "bridle probe 1\n";
  for (const std::string_view fact :
       {std::string_view(host.kernel_release), std::string_view(host.cpu_model), kernel_digest,
        initrd_digest}) {
    facts += fact;
    facts += '\n';
  }
  facts += std::to_string(host.qemu_size) + "\n" + std::to_string(host.qemu_mtime_ns) + "\n";
  return hex(sha256(facts));
}

std::string encode(const ProbeRecord& record) {
  return json::serialize(json::object{
             {"version", 1},
             {"key", record.key},
             {"boots", record.boots},
             {"why", record.why},
             {"tookMs",
              std::chrono::duration_cast<std::chrono::milliseconds>(record.took).count()}}) +
         "\n";
}

Result<ProbeRecord> decode_probe_record(std::string_view text) {
  boost::system::error_code bad;
  const json::value value = json::parse(text, bad);
  const json::object* object = bad ? nullptr : value.if_object();
  const json::value* version = object ? object->if_contains("version") : nullptr;
  if (!version || !version->is_int64() || version->get_int64() != 1)
    return Error(Code::corrupt, "the probe's record is not of version 1");
  ProbeRecord record;
  BRIDLE_TRY(record.key, text_member(*object, "key"));
  BRIDLE_TRY(record.why, text_member(*object, "why"));
  const json::value* boots = object->if_contains("boots");
  const json::value* took = object->if_contains("tookMs");
  if (!boots || !boots->is_bool() || !took || !took->is_int64() || took->get_int64() < 0 ||
      took->get_int64() > 3'600'000)
    return Error(Code::corrupt, "the probe's record has no boots or tookMs");
  record.boots = boots->get_bool();
  record.took = std::chrono::milliseconds(took->get_int64());
  return record;
}

EngineChoice choose_engine(const HostFacts& host, std::string_view key,
                           const std::optional<ProbeRecord>& cached) {
  if (!host.kvm)
    return {Engine::tcg, false, "there is no /dev/kvm on this host: guests run under TCG"};
  if (!cached || cached->key != key)
    return {Engine::tcg, true, "KVM was not tried yet with this kernel, QEMU and CPU"};
  if (cached->boots) return {Engine::kvm, false, "KVM boots the packaged kernel: " + cached->why};
  return {Engine::tcg, false, "KVM is here and does not boot the packaged kernel: " + cached->why};
}

std::string probe_nonce(Random& random) {
  std::array<uint8_t, 16> bytes{};
  random.fill(bytes);
  return hex(bytes.data(), bytes.size());
}

Result<Launch> probe_launch(const Uuid& uuid, std::string_view kernel_path,
                            std::string_view initrd_path, std::string_view kernel_arguments,
                            std::string_view nonce) {
  LaunchPlan plan;
  plan.uuid = uuid;
  plan.name = "bridle-probe";
  plan.engine = Engine::kvm;
  plan.spec.memory = probe_memory;
  plan.kernel = kernel_path;
  plan.initrd = initrd_path;
  plan.kernel_arguments = kernel_arguments;
  plan.spec.kernel_arguments = "bridle.nonce=" + std::string(nonce);
  BRIDLE_TRY(plan.pinned, pin(uuid, plan.spec, {}));
  return launch(plan);
}

Probe::Probe(std::string key, std::string nonce)
    : key_(std::move(key)), line_("bridle-probe " + std::move(nonce)) {}

std::optional<Tick> Probe::deadline() const {
  if (phase_ != Phase::booting) return std::nullopt;
  return std::min(heard_ + patience, began_ + longest);
}

// One row an input: what it does while the guest boots; a late one changes nothing.
std::vector<ProbeAction> Probe::step(Tick now, const ProbeInput& input) {
  std::vector<ProbeAction> out;
  if (std::holds_alternative<ProbeBegin>(input)) {
    BRIDLE_ASSERT(phase_ == Phase::idle);
    phase_ = Phase::booting;
    began_ = heard_ = now;
    guest_lives_ = true;
    out.emplace_back(std::in_place_type<ProbeStart>);
    return out;
  }
  if (phase_ != Phase::booting) return out;
  if (const auto* serial = std::get_if<ProbeSerial>(&input)) {
    heard_ = now;
    if (see(serial->bytes))
      finish(now, true, "its initramfs answered after " + seconds(now - began_), out);
  } else if (const auto* exited = std::get_if<ProbeExited>(&input)) {
    guest_lives_ = false;
    finish(now, false, "QEMU ended: " + exited->how, out);
  } else if (std::holds_alternative<ProbeTick>(input) && now >= *deadline()) {
    finish(now, false,
           "it printed " + std::to_string(seen_bytes_) + " bytes and no answer within " +
               seconds(now - began_),
           out);
  }
  return out;
}

void Probe::finish(Tick now, bool boots, std::string why, std::vector<ProbeAction>& out) {
  phase_ = Phase::done;
  // Also one that ended is released by the jail.
  out.emplace_back(std::in_place_type<ProbeEnd>, ProbeEnd{guest_lives_});
  out.push_back(ProbeDone{{key_, boots, std::move(why), now - began_}});
}

// Looks for the line, also across two reads.
bool Probe::see(std::string_view bytes) {
  seen_bytes_ += bytes.size();
  tail_ += bytes;
  if (tail_.find(line_) != std::string::npos) return true;
  if (tail_.size() >= line_.size()) tail_.erase(0, tail_.size() - line_.size() + 1);
  return false;
}

}  // namespace bridle::machine
