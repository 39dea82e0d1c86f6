#!/usr/bin/env python3
"""Builds the images and boots them under plain QEMU: console, agent, seed, power button.

usage: image_test.py [tiny] [debian]      (both by default; programs of BRIDLE_BIN)

Images are kept in BRIDLE_TEST_IMAGES (default /var/tmp/bridle-test-images), so that a second run
builds nothing. Needs root, and the network for what is not cached yet.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Agent, Guest, parts_of, seed_iso  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("BRIDLE_TEST_IMAGES", "/var/tmp/bridle-test-images")
SEED = """#cloud-config
hostname: seeded
users:
  - name: ann
    shell: /bin/bash
    passwd: '$6$salt$hash'
    lock_passwd: false
    ssh_authorized_keys:
      - 'ssh-ed25519 AAAA it''s ann'
package_update: true
runcmd:
  - 'echo one $((20+3)) > /tmp/one'
  - "echo two\\necho three > /tmp/three"
"""
passed = []


def check(what, condition, detail=""):
    if not condition:
        raise AssertionError(f"{what}: {detail}")
    passed.append(what)
    print(f"ok  {what} {detail}", flush=True)


def check_agent(guest):
    agent = Agent(guest)
    ready = agent.read()
    check("agent is ready", ready.get("event") == "ready", ready)
    check("agent pings", agent.ask(do="ping") == {"id": 1, "ok": True})
    reply = agent.ask(do="exec", argv=["/bin/sh", "-c", "echo $((6*7)); echo e >&2; exit 5"])
    check("agent runs a command",
          (reply["status"], reply["out"], reply["err"]) == (5, "42\n", "e\n"), reply)
    reply = agent.ask(do="exec", argv=["sleep", "60"], timeout=1)
    check("agent kills at the deadline", reply["ok"] is False, reply)
    reply = agent.ask(do="exec", argv=["head", "-c", "200000", "/dev/zero"])
    check("agent bounds its output", reply.get("truncated") is True and len(reply["out"]) < 65536)
    check("agent refuses what it does not know", agent.ask(do="fly")["ok"] is False)
    agent.link.sendall(b"garbage\n")
    check("agent refuses garbage", agent.read()["ok"] is False)
    agent.close()
    time.sleep(0.2)
    again = Agent(guest)
    check("agent greets the next host", again.read().get("event") == "ready")
    return again


def check_console(guest, prompt):
    guest.type("echo answer-$((1234*5678))")
    guest.expect("answer-7006652", 20)
    guest.expect(prompt, 20)
    guest.type("sleep 30 & kill %1; echo job-$?")
    guest.expect("job-0", 20)
    check("console computes and has job control", True)


def check_button(guest):
    guest.command("system_powerdown")
    check("power button ends the guest", True, f"in {guest.ended(60):.1f} s")


def test_tiny(folder):
    manifest, parts = parts_of(ROOT, "tiny")
    with Guest(parts["kernel"], parts["initrd"], manifest["kernel_arguments"]) as guest:
        ready = guest.expect("bridle: tiny guest ready", 60)
        prompt = guest.expect("tiny:~# ", 20)
        check("tiny boots", prompt < 60, f"ready {ready:.1f} s, prompt {prompt:.1f} s")
        check_console(guest, "tiny:~# ")
        agent = check_agent(guest)
        info = agent.ask(do="info")
        check("tiny tells of itself", info["hostname"] == "tiny" and "boot_id" in info, info)
        check_button(guest)
    iso = seed_iso(folder, "instance-id: i1\nlocal-hostname: meta\n", SEED)
    with Guest(parts["kernel"], parts["initrd"], manifest["kernel_arguments"],
               [(iso, "raw", True)]) as guest:
        guest.expect("tiny:~# ", 80)
        agent = Agent(guest)
        info = agent.ask(do="info")
        check("tiny reads its seed", info["hostname"] == "seeded", info)
        check("tiny reports what it does not know", "package_update" in info.get("seed", ""),
              info.get("seed"))
        reply = agent.ask(do="exec", argv=["cat", "/tmp/one", "/tmp/three"])
        check("tiny runs the seed's commands", reply["out"] == "one 23\nthree\n", reply)
        check("shutdown is accepted", agent.ask(do="shutdown")["ok"])
        check("agent's shutdown ends the guest", True, f"in {guest.ended(60):.1f} s")


def overlay(folder, disk, name):
    path = f"{folder}/{name}.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", disk, path, "3G"],
                   check=True)
    return (path, "qcow2", False)


def test_debian(folder):
    manifest, parts = parts_of(ROOT, "debian")
    boot = (parts["kernel"], parts["initrd"], manifest["kernel_arguments"])
    root = overlay(folder, parts["disk"], "root")
    iso = seed_iso(folder, "instance-id: i1\nlocal-hostname: meta\n", SEED)
    with Guest(*boot, [root, (iso, "raw", True)], memory="512M") as guest:
        ready = guest.expect("bridle: debian guest ready", 120)
        prompt = guest.expect("root@seeded:~# ", 60)
        check("debian boots", True, f"ready {ready:.1f} s, prompt {prompt:.1f} s")
        check_console(guest, "root@seeded:~# ")
        agent = check_agent(guest)

        def run(*argv):
            return agent.ask(do="exec", argv=list(argv))["out"]

        check("dpkg database is whole", run("dpkg", "--audit") == "" and
              "openssh-server" in run("dpkg-query", "-W", "openssh-server"))
        check("root is locked", run("passwd", "-S", "root").split()[1] == "L")
        check("ann has her hash", "ann:$6$salt$hash:" in run("grep", "^ann:", "/etc/shadow"))
        check("ann has her key",
              run("cat", "/home/ann/.ssh/authorized_keys") == "ssh-ed25519 AAAA it's ann\n")
        check("seed's commands ran", run("cat", "/tmp/one", "/tmp/three") == "one 23\nthree\n")
        check("unknown keys are reported", "package_update" in agent.ask(do="info").get("seed", ""))
        size = int(run("sh", "-c", "df -k / | awk 'NR==2 {print $2}'"))
        check("root file system grew to the volume", size > 2600000, f"{size} KiB")
        banner = run("bash", "-c", "for i in $(seq 60); do exec 3<>/dev/tcp/127.0.0.1/22 && break;"
                     " sleep 0.5; done 2>/dev/null; head -n1 <&3")
        check("sshd answers", banner.startswith("SSH-2.0-OpenSSH"), banner.strip())
        identity = run("cat", "/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub")
        check("modules load", run("modprobe", "-v", "dummy").startswith("insmod"))
        check_button(guest)
    with Guest(*boot, [root, (iso, "raw", True)], memory="512M") as guest:
        guest.expect("root@seeded:~# ", 120)
        agent = Agent(guest)
        again = agent.ask(do="exec", argv=["cat", "/etc/machine-id",
                                           "/etc/ssh/ssh_host_ed25519_key.pub"])["out"]
        check("identity survives a restart", again == identity and len(identity) > 60)
        out = agent.ask(do="exec", argv=["sh", "-c", "ls /tmp/one; dmesg | grep -c recovery"])
        check("file system was closed cleanly, seed ran once", out["out"].strip() == "0", out)
    with Guest(*boot, [overlay(folder, parts["disk"], "other")], memory="512M") as guest:
        guest.expect("root@debian:~# ", 120)
        agent = Agent(guest)
        other = agent.ask(do="exec", argv=["bash", "-c", "for i in $(seq 60); do test -s /etc/ssh/"
                          "ssh_host_ed25519_key.pub && break; sleep 0.5; done; cat /etc/machine-id "
                          "/etc/ssh/ssh_host_ed25519_key.pub"])["out"]
        same = set(re.findall(r"\S{30,}", identity)) & set(re.findall(r"\S{30,}", other))
        check("two copies share no identity", len(other) > 60 and not same, same)


def test_current(helper):
    """The second build is none; a part that was changed is built again, though mtime is as before."""
    images = os.stat(f"{ROOT}/images").st_uid
    words = ["setpriv", "--reuid", str(images), "--regid", str(images), "--clear-groups", helper]

    def run(*argv):
        return subprocess.run([*words, argv[0], "--root", ROOT, *argv[1:]], text=True,
                              stdout=subprocess.PIPE, check=False)

    _, parts = parts_of(ROOT, "tiny")
    check("an unchanged image is current", run("current", "--recipe", "tiny").returncode == 0)
    part = parts["initrd"]
    times = os.stat(part)
    with open(part, "rb+") as file:
        byte = file.read(1)
        file.seek(0)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    reply = run("digest", os.path.basename(part))
    check("a changed part is found", reply.returncode == 1 and "was changed on disk" in reply.stdout,
          reply.stdout.strip())
    check("a changed image is not current", run("current", "--recipe", "tiny").returncode == 1)
    subprocess.run([f"{HERE}/make_image", helper, ROOT, "tiny"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    check("the same bytes are built again", run("digest", os.path.basename(part)).returncode == 0)


def main():
    helper = os.path.join(os.environ.get("BRIDLE_BIN", f"{HERE}/../../build/release/bin"),
                          "bridle-image-helper")
    for recipe in sys.argv[1:] or ["tiny", "debian"]:
        subprocess.run([f"{HERE}/make_image", helper, ROOT, recipe], check=True)
        folder = tempfile.mkdtemp(prefix="bt-image-", dir="/tmp")
        try:
            {"tiny": test_tiny, "debian": test_debian}[recipe](folder)
        finally:
            shutil.rmtree(folder)
        if recipe == "tiny":
            test_current(helper)
    print(f"{len(passed)} passed, 0 failed")


main()
