// The few instructions that system call filters are made of (seccomp.h, kernel_filter.h), and how a
// filter is installed.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace bridle::jail::bpf {

constexpr uint32_t call_offset = offsetof(seccomp_data, nr);
constexpr uint32_t arch_offset = offsetof(seccomp_data, arch);
inline uint32_t argument_offset(int index) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args) + sizeof(uint64_t) * index);
}

inline sock_filter load(uint32_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset); }
inline sock_filter answer(uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
inline sock_filter keep_bits(uint32_t mask) { return BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask); }
// Skips `otherwise` instructions unless the accumulator is `value`.
inline sock_filter unless(uint32_t value, size_t otherwise) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, static_cast<uint8_t>(otherwise));
}

// REQUIRES: no_new_privs, or root. For good: the process and what it starts. `what` is for the
// error.
inline Status install(std::vector<sock_filter> program, const std::string& what) {
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
    return errno_error("installing " + what);
  return {};
}

}  // namespace bridle::jail::bpf
