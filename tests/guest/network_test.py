#!/usr/bin/env python3
"""The API over the network, of two hosts that listen on the loopback: tokens and client certificates
made, used, expired and revoked; fingerprints at first use; rotation; contexts; refusals recorded."""
import json
import os
import ssl
import time
import unittest

import network_attack
from network_host import Client, NetworkHost, User, folder_of

FIRST, SECOND = NetworkHost("/tmp/bridle-net-a"), NetworkHost("/tmp/bridle-net-b")


def setUpModule():
    unittest.addModuleCleanup(FIRST.end)
    FIRST.start()
    unittest.addModuleCleanup(SECOND.end)
    SECOND.start()


def peer_certificate(client):
    return client.connection.sock.getpeercert(binary_form=True)


class Tokens(unittest.TestCase):
    def test_let_in_until_they_end(self):
        short = FIRST.token("short", expires="60s")
        ends = time.time() + 60
        token = FIRST.token("long", role="operator")
        client = FIRST.client(token=token)
        self.assertEqual(client.status("/api/v1/projects/test/machines"), 200)
        self.assertEqual(client.status("/api/v1/projects/other/machines"), 404)
        self.assertEqual(client.status("/api/v1/ledger"), 403)
        self.assertEqual(client.status("/api/v1/auth/tokens", "POST", "{}"), 403)
        me = json.loads(client.ask("/api/v1/auth/whoami")[2])
        self.assertEqual(me["identity"], "token:long")
        self.assertEqual(FIRST.client(token=short).status("/version"), 200)
        # Nobody at all, and nobody with half of a token.
        for wrong in (None, token[:-1], token[:-1] + ("0" if token[-1] != "0" else "1"), "bridle.x"):
            self.assertEqual(FIRST.client(token=wrong).status("/healthz"), 401, wrong)
        listed = FIRST.run("auth", "token", "list", "-o", "json").stdout
        self.assertNotIn(token.rsplit(".", 1)[1], listed)
        FIRST.run("auth", "token", "revoke", "long")
        # On the same connection, which was let in before.
        self.assertEqual(client.status("/version"), 401)
        time.sleep(max(0, ends + 1 - time.time()))
        self.assertEqual(FIRST.client(token=short).status("/version"), 401)
        self.assertIn("expired", FIRST.run("auth", "token", "list").stdout)

    def test_end_a_watch_when_revoked(self):
        client = FIRST.client(token=FIRST.token("watcher"))
        client.connection.request("GET", "/api/v1/watch?kinds=machines", headers=client.headers)
        answer = client.connection.getresponse()
        self.assertEqual(answer.status, 200)
        FIRST.run("auth", "token", "revoke", "watcher")
        began = time.monotonic()
        while answer.read1(4096):
            self.assertLess(time.monotonic() - began, 20)

    def test_gain_what_a_binding_gives(self):
        client = FIRST.client(token=FIRST.token("guest", scope="elsewhere"))
        self.assertEqual(client.status("/api/v1/projects/test/machines"), 404)
        FIRST.apply({"apiVersion": "bridle/v1", "kind": "Binding",
                     "metadata": {"name": "guest", "project": "test", "owner": "tests"},
                     "spec": {"role": "tenant", "subjects": [{"token": "guest"}]}})
        self.assertEqual(client.status("/api/v1/projects/test/machines"), 200)
        may = FIRST.run("auth", "can-i", "list", "machine", "--as", "token:guest")
        self.assertEqual(may.stdout.split()[0], "yes")
        FIRST.delete("binding", "guest")
        self.assertEqual(client.status("/api/v1/projects/test/machines"), 404)

    def test_need_a_reason_to_look_into_guests_of_others(self):
        client = FIRST.client(token=FIRST.token("everywhere", role="operator", scope="*"))
        agent = "/api/v1/projects/test/machines/none/agent"
        self.assertEqual(client.status(agent, "POST", '{"do":"ping"}'), 422)
        self.assertEqual(client.status(agent, "POST", '{"do":"ping"}',
                                       **{"X-Bridle-Reason": "ticket 7"}), 404)


class Certificates(unittest.TestCase):
    def setUp(self):
        self.user = User(folder_of(self))

    def signed(self, host, name, **options):
        host.run("host", "cert", "sign-client", name, "--scope", "test", "--out", self.user.folder,
                 *[word for key, value in options.items() for word in (f"--{key}", value)])
        return self.user.folder / f"{name}.pem", self.user.folder / f"{name}.key"

    def test_let_in_until_they_are_revoked(self):
        pair = self.signed(FIRST, "ann", role="tenant")
        self.assertEqual(pair[1].stat().st_mode & 0o777, 0o600)
        client = FIRST.client(certificate=pair)
        self.assertEqual(client.status("/api/v1/projects/test/machines"), 200)
        self.assertEqual(client.status("/api/v1/projects/other/machines"), 404)
        # Another host did not sign it.
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            SECOND.client(certificate=pair).status("/version")
        FIRST.run("auth", "token", "revoke", "ann")
        self.assertEqual(client.status("/version"), 401)
        self.assertEqual(FIRST.client(certificate=pair).status("/version"), 401)

    def test_rotate_without_anybody_noticing(self):
        token = FIRST.token("rotating")
        authority, before = FIRST.authority(), FIRST.client(token=token)
        self.assertEqual(before.status("/version"), 200)
        old = peer_certificate(before)
        FIRST.run("host", "cert", "rotate")
        self.assertEqual(before.status("/version"), 200)
        after = Client(FIRST.port, authority, token=token)  # what was accepted once
        self.assertEqual(after.status("/version"), 200)
        self.assertNotEqual(peer_certificate(after), old)

    def test_new_authority_ends_every_pin_and_client_certificate(self):
        pair, old = self.signed(SECOND, "bob"), SECOND.authority()
        self.assertEqual(self.user.add("second", SECOND, "--certificate", pair[0], "--key",
                                       pair[1]).returncode, 0)
        standing = SECOND.client(certificate=pair)
        self.assertEqual(standing.status("/version"), 200)
        SECOND.run("host", "cert", "rotate", "--authority")
        self.assertEqual(standing.status("/version"), 401)
        refused = self.user.run("version")
        self.assertEqual(refused.returncode, 7, refused.stderr)
        with self.assertRaises(ssl.SSLCertVerificationError):
            Client(SECOND.port, old).status("/version")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            SECOND.client(certificate=pair).status("/version")

    def test_keys_are_bridleds_alone(self):
        keys = f"{FIRST.root}/state/tls/keys.json"
        self.assertEqual(os.stat(keys).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.dirname(keys)).st_mode & 0o777, 0o700)
        with open(keys, encoding="ascii") as file:
            needle = json.load(file)["serverKey"].splitlines()[1]
        self.assertNotIn(needle, json.dumps(FIRST.ledger()) + json.dumps(FIRST.certificates()))


class Contexts(unittest.TestCase):
    def setUp(self):
        self.user = User(folder_of(self))

    def test_first_use_shows_the_fingerprint_and_asks(self):
        file = self.user.file("token", FIRST.token("first-use"))
        wanted = ("context", "add", "first", "--server", FIRST.server, "--token-file", file)
        off_terminal = self.user.run(*wanted)
        self.assertEqual(off_terminal.returncode, 7)
        self.assertIn(FIRST.fingerprint(), off_terminal.stderr)
        code, shown = self.user.on_terminal("no", *wanted)
        self.assertEqual(code, 7)
        self.assertIn(FIRST.fingerprint(), shown)
        other = self.user.run(*wanted, "--fingerprint", SECOND.fingerprint())
        self.assertEqual(other.returncode, 7)
        self.assertEqual(self.user.run("context", "list", "-o", "name").stdout, "")
        code, shown = self.user.on_terminal("yes", *wanted)
        self.assertEqual(code, 0, shown)
        kept = self.user.folder / "bridle/contexts.json"
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.user.run("auth", "whoami", "-p", "test").returncode, 0)

    def test_switch_between_hosts(self):
        for name, host in (("one", FIRST), ("two", SECOND)):
            file = self.user.file(name, host.token(f"switch-{name}"))
            added = self.user.add(name, host, "--token-file", file, "-p", "test")
            self.assertEqual(added.returncode, 0, added.stderr)
            host.apply({"apiVersion": "bridle/v1", "kind": "Secret",
                        "metadata": {"name": f"of-{name}", "project": "test", "owner": "tests"},
                        "spec": {"data": {"key": "value"}}})
        secrets = ("get", "secrets", "-o", "name")
        self.assertIn("of-one", self.user.run(*secrets).stdout)  # the first one is used at once
        self.assertEqual(self.user.run("context", "use", "two").returncode, 0)
        self.assertIn("of-two", self.user.run(*secrets).stdout)
        self.assertIn("of-one", self.user.run("--context", "one", *secrets).stdout)
        self.assertNotIn("of-two", self.user.run("--context", "one", *secrets).stdout)
        self.assertEqual(self.user.run("context", "remove", "two").returncode, 0)
        self.assertEqual(self.user.run("context", "list", "-o", "name").stdout.split(), ["one"])


class Record(unittest.TestCase):
    def test_refused_calls_are_in_the_ledger(self):
        token = FIRST.token("curious")
        client = FIRST.client(token=token)
        client.status("/api/v1/ledger")
        client.status("/api/v1/projects/vault/machines")
        status, headers, _ = FIRST.client().ask("/api/v1/usage")
        self.assertEqual(status, 401)
        self.assertEqual(headers["WWW-Authenticate"], "Bearer")
        for _ in network_attack.broken_tls(FIRST.port, "127.0.0.1"):
            pass
        notes = [e for e in FIRST.ledger() if e.get("verb") == "refused"]
        told = " ".join(f"{e['actor']}: {e['detail']}" for e in notes)
        for wanted in ("token:curious", "GET /api/v1/ledger", "vault", "403 from 127.0.0.1",
                       "404 from 127.0.0.1", "stranger", "401 from 127.0.0.1", "TLS"):
            self.assertIn(wanted, told)
        self.assertNotIn(token.rsplit(".", 1)[1], told)
        FIRST.run("ledger", "verify")

    def test_acts_name_who_and_from_where(self):
        client = FIRST.client(token=FIRST.token("actor", role="operator"))
        body = {"apiVersion": "bridle/v1", "kind": "Secret",
                "metadata": {"name": "made", "project": "test", "owner": "tests"},
                "spec": {"data": {"key": "value"}}}
        status, headers, _ = client.ask("/api/v1/projects/test/secrets/made", "PUT",
                                        json.dumps(body))
        self.assertIn(status, (200, 201))
        entry = json.dumps([e for e in FIRST.ledger()
                            if e.get("object") == "secret/test/made"])
        self.assertIn("token:actor (role operator)", entry)
        self.assertIn("127.0.0.1", entry)
        self.assertIn(headers["X-Request-Id"], entry)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
