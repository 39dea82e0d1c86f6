// rooms: base model
// Text of users to documents: parse_documents() never fails badly, keeps to its bounds, and what it
// gives survives being written as YAML and as JSON.
#include <cstdlib>

#include "model/yaml.h"

using namespace bridle::model;

namespace {

void check(bool good) {
  if (!good) std::abort();
}

void round_trip(const json::value& value) {
  const auto from_yaml = parse_documents(to_yaml(value), "again.yaml");
  check(from_yaml.ok());
  check(value.is_null() ? from_yaml->empty()
                        : from_yaml->size() == 1 && from_yaml->front().value == value);
  const auto from_json = parse_json(json::serialize(value));
  check(from_json.ok() && *from_json == value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  TextLimits limits;
  limits.bytes = 64 << 10;
  limits.nodes = 2000;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto documents = parse_documents(text, "fuzz.yaml", limits);
  if (!documents) {
    check(!documents.error().message().empty());
    return 0;
  }
  for (const Document& document : *documents) {
    round_trip(document.value);
    document.source.locate("spec.disks[1].volume");
  }
  return 0;
}
