// rooms: base model
// Documents to objects: decode() accepts only what it can print and read again unchanged, the typed
// views take whatever it accepts, and its messages never show a Secret's value.
#include <cstdlib>

#include "model/event.h"
#include "model/host.h"
#include "model/image.h"
#include "model/machine.h"
#include "model/operation.h"
#include "model/project.h"
#include "model/role.h"
#include "model/schema.h"
#include "model/secret.h"
#include "model/yaml.h"

using namespace bridle::model;

namespace {

void check(bool good) {
  if (!good) std::abort();
}

bool view_takes(const Object& object) {
  switch (object.kind) {
    case Kind::host:
      return host_spec(object.spec).ok();
    case Kind::image:
      return image_spec(object.spec).ok();
    case Kind::volume:
      return volume_spec(object.spec).ok();
    case Kind::machine:
      return machine_spec(object.spec).ok();
    case Kind::secret:
      return secret_spec(object.spec).ok();
    case Kind::role:
      return role_spec(object.spec).ok();
    case Kind::operation:
      return operation_spec(object.spec).ok();
    case Kind::event:
      return event_spec(object.spec).ok();
    case Kind::project:
      return project_spec(object.spec).ok();
    case Kind::binding:
      return binding_spec(object.spec).ok();
  }
  return false;
}

void accepted(const Object& object) {
  check(view_takes(object));
  const Decoded again = decode(to_json(object));
  check(again.violations.empty() && to_json(again.object) == to_json(object));
  const auto stored = decode_spec(object.kind, encode_spec(object));
  check(stored.ok() && stored->spec == object.spec);
  Object shown = object;
  redact(shown);
  check(decode(to_json(shown)).violations.empty());
  check(object.kind != Kind::secret || !shown.spec.contains("data"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  TextLimits limits;
  limits.bytes = 64 << 10;
  limits.nodes = 2000;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto documents = parse_documents(text, "fuzz.yaml", limits);
  if (!documents) return 0;
  for (const Document& document : *documents) {
    const Decoded decoded = decode(document.value);
    if (decoded.violations.empty()) {
      accepted(decoded.object);
    } else {
      check(!report(decoded.violations, document.source).empty());
    }
  }
  return 0;
}
