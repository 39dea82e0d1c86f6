// Crash points: the places where a process of Bridle's is about to change something that outlives
// it or that another process sees (a write, a sync, a rename, a fork, an exec, a hand-over of
// descriptors, a send). A test kills the process there and looks at what the others make of it
// (docs/crash-points.md).
//
//   BRIDLE_CRASH_POINT("ledger.sync");
//   if (::fdatasync(log) != 0) ...
//
// The name is a literal, ROOM-OR-THING.STEP, and stands directly before the system call. In every
// build but one this is nothing at all. Built with BRIDLE_CRASH_POINTS (tools/build crash) each
// point enters itself into a section of the program, bridle_crash_points, from which the program
// lists its points, and the build keeps that list beside it (NAME.crash-points); a point whose
// function the linker dropped is not in it.
//
// At run time, in that build only: the environment's BRIDLE_CRASH_POINTS is "list" (print the list
// and end) or the path of a file of slots (crash_point.cc), which is mapped and shared with the
// test: a point counts that it was reached, and kills its process where the test has armed it.
// Forked children share the mapping.
//
// Thread class: any thread, also between fork and exec.
#pragma once

#ifdef BRIDLE_CRASH_POINTS

#include <cstdint>

namespace bridle::crash {

struct Slot {
  char name[120];    // PROGRAM:POINT, ended by a zero byte
  uint32_t reached;  // how often
  uint32_t armed;    // 1: the next one to reach it is killed; N: the Nth; 0: nobody
};
static_assert(sizeof(Slot) == 128);

struct Point {
  const char* name;
  const char* file;
  unsigned line;
  Slot* slot = nullptr;
};

void reached(Point& point);

// Lets the program that this process is about to become share the slots. Programs with an
// environment of their own get them as a descriptor of a number that nobody else uses.
void hand_on();

}  // namespace bridle::crash

// The section's entry is tied to the code around it ("o"), so that both are kept or dropped
// together.
#define BRIDLE_CRASH_POINT(point_name)                                                    \
  do {                                                                                    \
    static constinit ::bridle::crash::Point bridle_point{point_name, __FILE__, __LINE__}; \
    asm volatile(                                                                         \
        ".Lbridle_crash_point%=:\n"                                                       \
        ".pushsection bridle_crash_points,\"awo\",@progbits,.Lbridle_crash_point%=\n"     \
        ".balign 8\n"                                                                     \
        ".quad %c0\n"                                                                     \
        ".popsection" ::"i"(&bridle_point));                                              \
    ::bridle::crash::reached(bridle_point);                                               \
  } while (false)
#define BRIDLE_HAND_ON_CRASH_POINTS() ::bridle::crash::hand_on()

#else

#define BRIDLE_CRASH_POINT(point_name) static_cast<void>(0)
#define BRIDLE_HAND_ON_CRASH_POINTS() static_cast<void>(0)

#endif
