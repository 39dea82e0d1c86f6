"""The crash points of the programs in build/crash, and the file of slots that they share with a test
(src/base/crash_point.h; docs/crash-points.md)."""
import mmap
import os
import pathlib
import struct

SLOT = 128
NAME = 120
# The processes of a host, and `bridle`, which backs up and restores by itself.
PROGRAMS = ("bridled", "bridle-jail", "bridle-supervise", "bridle-image-helper", "bridle")


def listed(folder):
    """{"PROGRAM:POINT": "FILE:LINE"}, from the lists that the build made of the programs' sections."""
    found = {}
    for program in PROGRAMS:
        for line in pathlib.Path(folder, f"{program}.crash-points").read_text("utf-8").splitlines():
            point, place = line.split()
            found[f"{program}:{point}"] = place.removeprefix("../../")
    return found


class Slots:
    """The file of slots at `path`, one for each of `names`; made for every uid of the root."""

    def __init__(self, path, names):
        self.place = {name: i * SLOT for i, name in enumerate(sorted(names))}
        with open(path, "wb") as file:
            for name in sorted(names):
                assert len(name) < NAME, name
                file.write(name.encode().ljust(SLOT, b"\0"))
        os.chmod(path, 0o666)
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)

    def _read(self, name, offset):
        return struct.unpack_from("<I", self.memory, self.place[name] + NAME + offset)[0]

    def reached(self, name):
        return self._read(name, 0)

    def all_reached(self):
        return {name: self.reached(name) for name in self.place}

    def armed(self, name):
        """Whether nobody has been killed there yet."""
        return self._read(name, 4) != 0

    def arm(self, name, nth):
        """The nth process to reach the point from now on is killed; 0: nobody."""
        struct.pack_into("<I", self.memory, self.place[name] + NAME + 4, nth)
