// The escape stand-in: what runs where QEMU, a helper or bridled would, and tries to get out.
//
//   escape FD PROBE...     answers each probe (probe.h) with a line "PROBE\tANSWER" on FD
//
// Words before the first number are skipped: the arguments that its role gets anyway ("--root R").
// Linked statically: it needs nothing of the root that it finds itself in.
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "probe.h"

namespace {

bool write_line(int fd, const std::string& line) {
  return ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bridle::confinement;
  int at = 1;
  while (at < argc && (argv[at][0] < '0' || argv[at][0] > '9')) ++at;
  if (at >= argc) return 2;
  const int fd = std::atoi(argv[at]);
  for (++at; at < argc; ++at) {
    const std::string word = argv[at];
    if (!write_line(fd, word + "\t" + answer_text(probe(word)) + "\n")) return 3;
  }
  return 0;
}
