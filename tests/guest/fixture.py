#!/usr/bin/env python3
"""ctest fixture of the guest tier: `fixture.py up` starts the shared host and builds its image,
`fixture.py down` ends it and leaves nothing."""
import os
import sys

import host

def up():
    if os.path.exists(host.SHARED_ROOT):
        down()
    # Images of the project "shared" are everyone's.
    shared = host.Host(project="shared").start()
    print(shared.run("image", "build", "tiny", "--no-progress", timeout=900).stdout)
    image = shared.get("image", "tiny")
    assert image["status"]["phase"] == "ready", image


def down():
    if os.path.exists(host.SHARED_ROOT):
        host.Host().end()
    assert not os.path.exists(host.SHARED_ROOT)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
