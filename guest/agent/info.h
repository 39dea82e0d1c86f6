// What the guest says about itself, and its power switch.
// Thread class: free functions.
#pragma once

#include <cstdint>
#include <string>

namespace bridle::agent {

// The reply to "info": host name, kernel, boot id, uptime, addresses, and what the seed's reader
// did not understand (/run/bridle/seed.report, written at boot).
std::string info_reply(uint64_t id);

// Starts an orderly power-off; the caller goes on until it is killed by it.
void power_off();

}  // namespace bridle::agent
