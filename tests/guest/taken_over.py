#!/usr/bin/python3
"""What stands in for bridle-image-helper in convert_taken_over_test.py: as if a hostile file had taken the
converter over. `receive` takes the upload as it should; `convert` tries what the upload lists, and tells in
its error what it got. Started by the jail as the real one is."""
import collections
import errno
import json
import os
import socket
import sys

CONNECTION, UPLOAD, DISK = 21, 22, 22


def receive(size):
    os.write(CONNECTION, b"bridle-upload 1 0\n")
    while size:
        data = os.read(CONNECTION, min(size, 65536))
        os.write(UPLOAD, data)
        size -= len(data)
    os.write(CONNECTION, b"done\n")


def connect(path):
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)


def reach(port):
    with socket.create_connection(("127.0.0.1", int(port)), 5):
        pass


def descriptor(number):
    if int(number) not in (0, 1, 2, 20, 21, 22):
        os.fstat(int(number))
    else:
        raise OSError(errno.EBADF, "")


TRIES = {"read": lambda p: os.close(os.open(p, os.O_RDONLY)), "write": lambda p: os.close(os.open(p, os.O_WRONLY)),
         "create": lambda p: os.close(os.open(p + "/new", os.O_CREAT | os.O_WRONLY)), "list": os.listdir,
         "connect": connect, "reach": reach, "signal": lambda pid: os.kill(int(pid), 0), "descriptor": descriptor,
         "write-upload": lambda _: os.pwrite(21, b"x", 0)}


def convert():
    tries = json.loads(os.pread(21, 16 << 20, 0))
    refused, opened = collections.Counter(), []
    for verb, target in tries:
        try:
            TRIES[verb](target)
            opened.append(f"{verb} {target}")
        except OSError as error:
            refused[errno.errorcode[error.errno]] += 1
    print("error refused " + json.dumps({"tried": len(tries), "opened": opened[:5], "refused": refused}), flush=True)
    sys.exit(1)


def main():
    words = sys.argv[1:]
    if words[0] == "receive":
        return receive(int(words[words.index("--size") + 1]))
    if words[0] == "convert":
        return convert()
    return None


if __name__ == "__main__":
    os.dup2(20, 1)
    main()
