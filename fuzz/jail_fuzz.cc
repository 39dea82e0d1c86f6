// rooms: jail
// fuzz: -max_len=2048
// Everything that the privileged side or an attendant reads from somebody it does not trust: a
// request, an arguments memfd, a record and an exit note on disk, a console's first line, a reply.
// The first byte picks the surface.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "base/layout.h"
#include "jail/client.h"
#include "jail/console.h"
#include "jail/console_ring.h"
#include "jail/record.h"
#include "jail/switch_record.h"
#include "jail/validate.h"
#include "wire/socket.h"

namespace {

using namespace bridle;
using namespace bridle::jail;

void require(bool holds) {
  if (!holds) std::abort();
}

// What validate() accepts keeps every bound that the code behind it relies on.
void try_request(std::string_view bytes) {
  Request request{};
  std::memcpy(&request, bytes.data(), std::min(bytes.size(), sizeof request));
  const size_t descriptors = bytes.size() > sizeof request ? bytes[sizeof request] & 63 : 1;
  if (!validate(request, descriptors).ok()) return;
  require(request.verb != Verb::exited);
  if (request.verb == Verb::start) {
    require(request.slot >= 1 && request.slot <= Layout::max_slot);
    require(request.interface_count <= max_interfaces);
  }
  if (request.verb == Verb::start || request.verb == Verb::helper) {
    require(request.file_count <= max_files && descriptors == request.file_count + 1);
    for (unsigned i = 0; i < request.file_count; ++i) require(request.files[i] != FileUse::unused);
  } else {
    require(descriptors == 0);
  }
  if (request.verb == Verb::port_open)
    require(validate_port(request.zone, request.port, port_order_of(request)).ok());
  if (request.verb == Verb::nat_forwards)
    require(request.forward_count == forwards_of(request).size() &&
            validate_forwards(forwards_of(request)).ok());
}

void try_arguments(std::string_view bytes) {
  const auto arguments = split_arguments(bytes);
  if (!arguments) return;
  require(arguments->size() <= max_arguments);
  require(*join_arguments(*arguments) == bytes);
}

void try_record(std::string_view bytes) {
  if (const auto record = decode_record(bytes)) require(*decode_record(encode(*record)) == *record);
  if (const auto record = decode_switch_record(bytes)) require(encode(*record) == bytes);
  if (const auto state = decode_port_state(bytes)) {
    require(validate_port(state->zone, state->port, state->order).ok());
    require(validate_forwards(state->forwards).ok());
  }
}

void try_exit_note(std::string_view bytes) {
  if (const auto tpm = decode_tpm(bytes)) require(encode(*tpm) == bytes);
  if (const auto note = decode_exit_note(bytes)) require(note->last_words.size() <= 180);
}

void try_greeting(std::string_view bytes) {
  if (const auto mode = parse_mode(bytes)) require(mode->scrollback <= ConsoleRing::capacity);
}

void try_reply(std::string_view bytes) {
  const auto answer = parse_reply({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  if (answer) require(answer->last_words.size() <= 192);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr void (*surfaces[])(std::string_view) = {try_request,   try_arguments, try_record,
                                                    try_exit_note, try_greeting,  try_reply};
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  surfaces[data[0] % 6](bytes);
  return 0;
}
