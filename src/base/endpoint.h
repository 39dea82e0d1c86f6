// Endpoint: "HOST:PORT" as people write it: "alpha.example:7443", "192.0.2.1:7443", "[::1]:7443".
//
// Thread class: values. Errors: Code::invalid, with what was expected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle {

struct Endpoint {
  std::string host;  // a name or an address, without brackets
  uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
  std::string text() const;  // with brackets where the host is an IPv6 address
};

// port 0 is refused.
Result<Endpoint> parse_endpoint(std::string_view text);
bool is_ip_address(const std::string& host);
// A DNS name (letters, digits, '-', '.', labels of 1 to 63) of at most 253 characters.
bool is_host_name(std::string_view host);

}  // namespace bridle
