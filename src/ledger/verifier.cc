#include "ledger/verifier.h"

namespace bridle::ledger {
namespace {

std::string line_name(uint64_t line) { return "line " + std::to_string(line) + ": "; }

}  // namespace

Status Verifier::fail(const std::string& reason) {
  failed_ = Error(Code::corrupt, reason);
  return *failed_;
}

Status Verifier::check_signature(const Head& head) const {
  if (key_.verify(head.signed_text(), head.signature)) return {};
  return Error(Code::corrupt, "the signature is not by key " + key_.fingerprint());
}

Status Verifier::expect(const Head& head) {
  BRIDLE_CHECK(check_signature(head).context("the head of entry " + std::to_string(head.seq)));
  const auto [at, fresh] = expected_.emplace(head.seq, head);
  if (fresh || at->second == head) return {};
  return Error(Code::corrupt, "two heads of entry " + std::to_string(head.seq) +
                                  " were signed: the host told two stories");
}

Status Verifier::line(std::string_view line) {
  const std::string name = line_name(lines() + 1);
  const auto accepted = chain_.accept(line);
  if (!accepted) return fail(name + accepted.error().message());
  const Head& head = accepted->head;
  if (head.seq == 1 && accepted->record.entry.detail.find(key_.fingerprint()) == std::string::npos)
    return fail(name + "this ledger was begun with another key than " + key_.fingerprint());
  if (signatures_ == Signatures::every) {
    const Status signature = check_signature(head);
    if (!signature) return fail(name + signature.error().message());
  }
  const auto expected = expected_.find(head.seq);
  if (expected != expected_.end() && expected->second.hash != head.hash)
    return fail(name + "the entry is not the one that a witness saw");
  if (visitor_) visitor_(*accepted);
  return {};
}

Status Verifier::feed(std::string_view bytes) {
  if (failed_) return *failed_;
  if (cutter_.feed(bytes, [this](std::string_view next) { return line(next).ok(); })) return {};
  if (failed_) return *failed_;
  return fail(line_name(lines() + 1) + "longer than " + std::to_string(max_line) + " bytes");
}

Status Verifier::finish() {
  if (failed_) return *failed_;
  if (!cutter_.partial().empty())
    return fail(line_name(lines() + 1) + "it has no end: the file was cut");
  if (lines() == 0) return fail("the ledger is empty");
  const Status signature = check_signature(chain_.head());
  if (!signature) return fail(line_name(lines()) + signature.error().message());
  if (!expected_.empty() && expected_.rbegin()->first > lines())
    return fail("the ledger ends with entry " + std::to_string(lines()) +
                ", but a witness saw entry " + std::to_string(expected_.rbegin()->first) +
                ": the tail was cut off");
  return {};
}

}  // namespace bridle::ledger
