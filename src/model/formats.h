// The spellings that text fields must have. All are pure functions of bounded text.
#pragma once

#include "model/field.h"

namespace bridle::model::formats {

extern const Format name;         // metadata.name and references by name
extern const Format uuid;         // 36 characters
extern const Format time;         // "2026-01-02T03:04:05.678Z"
extern const Format mac;          // unicast, lower or upper case, with colons
extern const Format label_key;    // "app", "example.com/tier"
extern const Format label_value;  // may be empty
extern const Format host_name;    // RFC 1123
extern const Format endpoint;     // "192.0.2.1:7443", "[::]:7443": an address to listen on
extern const Format host_or_address;
extern const Format user_name;       // of an account in the guest
extern const Format ssh_key;         // a line of authorized_keys without options
extern const Format secret_key;      // a key of Secret.spec.data
extern const Format secret_ref;      // "web-login/password": Secret/key
extern const Format project_or_all;  // a project, or "*"
extern const Format verb;            // "build", "reset"
extern const Format kind_word;       // "machine": a kind's singular
extern const Format machine_id;      // "UUID/GENERATION"
extern const Format digest;          // SHA-256 as 64 hexadecimal digits

}  // namespace bridle::model::formats
