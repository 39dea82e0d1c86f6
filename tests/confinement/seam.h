// The seam of the confinement tests: the jail's own code, linked with the calls by which it puts
// layers on replaced at link time (ld --wrap, the list is in CMakeLists.txt). Each replacement does
// what the real one does, unless its layer is named in Orders::without. Nothing of it is in a
// shipped program: docs/decisions/0005-link-seam.md.
//
// Layers:
//   root mount-ns pid-ns net-ns ipc-ns uts-ns user-ns uid gid groups bounding capset nnp filter
//   read-only nosuid nodev sealed noexec descriptors environment cgroup
//   core nofile fsize data msgqueue rtprio nice
//
// Thread class: one thread; forked children inherit the orders.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <set>
#include <string>
#include <vector>

namespace bridle::confinement {

struct Orders {
  std::set<std::string> without;
  int program = -1;                       // what is executed instead; -1: what the jail says
  std::vector<std::string> words;         // added to its arguments
  std::vector<std::string> fixed_words;   // instead of swtpm's or bridle-switch's
  std::vector<std::string> in_attendant;  // probes that the attendant makes instead of attending
};
extern Orders orders;

// What an attendant's probes answered: memory shared with it, for it has no descriptor to tell by.
struct AttendantAnswers {
  std::atomic<pid_t> pid;  // the first attendant's; later ones attend
  std::atomic<bool> done;
  char text[4000];
};
extern AttendantAnswers* attendant_answers;

// Of the last child that was reaped: waitpid's status.
extern int last_status;

}  // namespace bridle::confinement
