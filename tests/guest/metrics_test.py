#!/usr/bin/env python3
"""/metrics of a running host: promtool finds nothing to say, and the figures are the host's."""
import re
import subprocess
import unittest

from host import Host, wait_for

HOST = Host()


def scrape():
    return subprocess.run(["curl", "-sS", "--fail", "--unix-socket", f"{HOST.root}/run/bridled.sock",
                           "http://bridle/metrics"], check=True, capture_output=True, text=True).stdout


def value(text, name, *labels):
    """Of the first sample of that name whose labels hold all of `labels`."""
    for line in text.splitlines():
        if re.match(rf"{name}[{{ ]", line) and all(label in line for label in labels):
            return float(line.rsplit(" ", 1)[1])
    return None


class Metrics(unittest.TestCase):
    def setUp(self):
        self.addCleanup(HOST.delete, "machine", "metered")
        HOST.apply(HOST.machine("metered"))
        HOST.wait_phase("metered", "running")

    def test_promtool_accepts_it(self):
        checked = subprocess.run(["promtool", "check", "metrics"], input=scrape(), text=True,
                                 capture_output=True)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_figures_are_the_hosts(self):
        mine = 'machine="metered"'
        wait_for(lambda: value(scrape(), "bridle_guest_vcpu_seconds_total", mine), 30, "usage")
        text = scrape()
        self.assertEqual(value(text, "bridle_guest_up", mine), 1)
        self.assertGreaterEqual(value(text, "bridle_guests", 'phase="running"'), 1)
        self.assertGreater(value(text, "bridle_guest_memory_bytes", mine), 1 << 20)
        for process in ("bridled", "bridle-jail", "bridle-supervise"):
            self.assertGreater(value(text, "bridle_process_resident_memory_bytes", process), 1 << 20)
        self.assertGreater(value(text, "bridle_loop_lag_seconds_count"), 0)
        self.assertGreater(value(text, "bridle_controller_step_duration_seconds_count"), 0)
        self.assertGreater(value(text, "bridle_ledger_entries"), 0)
        requests = value(text, "bridle_http_requests_total", 'route="getMetrics"', 'code="200"')
        again = value(scrape(), "bridle_http_requests_total", 'route="getMetrics"', 'code="200"')
        self.assertEqual(again, requests + 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
