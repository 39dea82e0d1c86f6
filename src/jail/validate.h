// What the privileged side accepts, as pure functions: no descriptor is touched, nothing is
// allocated from an untrusted number. Fuzzed by fuzz/jail_fuzz.cc.
//
// Thread class: free functions; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "jail/protocol.h"

namespace bridle::jail {

constexpr size_t max_argument_bytes = 256 << 10;
constexpr size_t max_arguments = 4096;

// Whether `request`, which came with so many descriptors, may be acted upon at all: known verb,
// bounds, exactly the descriptors it announces, zero padding. Code::invalid says which rule broke.
Status validate(const Request& request, size_t descriptor_count);

// The content of an arguments memfd: NUL-terminated strings, an empty one is an empty argument. A
// missing last NUL is Code::invalid: the content was cut.
Result<std::vector<std::string>> split_arguments(std::string_view bytes);

// The rules of a port alone: what is read from run/s/ZONE/port.ID must keep them, too.
Status validate_port(uint32_t zone, uint32_t port, const PortOrder& order);
Status validate_forwards(std::span<const NatForward> forwards);

// REQUIRES: validated, of that verb.
PortOrder port_order_of(const Request& request);
std::vector<NatForward> forwards_of(const Request& request);
Uuid uuid_of(const Request& request);
std::string_view verb_name(Verb verb);

}  // namespace bridle::jail
