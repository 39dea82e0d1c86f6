"""backup: `bridle backup` of all objects while bridled runs, encrypted, as a whole command."""
import os
import subprocess
import tempfile
import time

from host import Failed
from report import Result

LIMIT_S = 2


def sample(host, folder, number):
    began = time.perf_counter()
    done = subprocess.run([f"{host.programs}/bridle", "--root", host.root, "backup",
                           f"{folder}/{number}", "--key-file", f"{folder}/key"],
                          capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode != 0:
        raise Failed(f"backup: {done.stderr}")
    return took


def measure(host, objects, samples):
    with tempfile.TemporaryDirectory(prefix="bridle-bench-backup-") as folder:
        with open(f"{folder}/key", "wb") as file:
            file.write(os.urandom(32))
        figures = [sample(host, folder, number) for number in range(samples)]
    return Result("backup", "s", figures, f"{LIMIT_S} s ({objects} objects)", LIMIT_S)
