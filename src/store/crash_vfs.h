// Crash points in SQLite (base/crash_point.h): in the build that has them, a VFS that is SQLite's
// own with a point before each write, sync, cut and removal of a file. Elsewhere there is none of
// it.
#pragma once

namespace bridle::store {

#ifdef BRIDLE_CRASH_POINTS
const char* crash_vfs();  // its name, for sqlite3_open_v2
#else
constexpr const char* crash_vfs() { return nullptr; }
#endif

}  // namespace bridle::store
