"""`waypost capacity` computes what docs/capacity.md says, from what it says."""
import json
import os
import re
import subprocess
import unittest

from harness import ROOT, open_terminal

BUILD = os.environ.get("WAYPOST_E2E_BUILD",
                       os.path.join(ROOT, "build", "release"))
NAMES = {"sends a second": "sendsPerSecond", "cores": "cores",
         "maxmemory": "redisMaxmemoryBytes", "memory": "memoryBytes",
         "disk": "diskBytes"}


def numbers(line):
    return [float(text.replace(",", ""))
            for text in re.findall(r"(?<![\w.])\d[\d,.]*", line)]


def compute(*words):
    done = subprocess.run(
        [os.path.join(BUILD, "waypost"), "capacity", "--json", *words],
        stdout=subprocess.PIPE, text=True, check=True,
        env={"PATH": os.environ["PATH"], "WAYPOST_RUN_MODE": "local"})
    return json.loads(done.stdout)


def of(users, messages, size):
    return compute("--users", str(users), "--messages", str(messages),
                   "--size", str(size))


class Capacity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(ROOT, "docs", "capacity.md"),
                  encoding="utf-8") as file:
            cls.page = file.read()

    def rows(self, head):
        """The rows of the table below the line that begins so."""
        lines = self.page[self.page.index(head):].split("\n")[2:]
        return lines[:next(i for i, line in enumerate(lines)
                           if not line.startswith("|"))]

    def test_the_example_is_what_it_computes(self):
        words = re.search(r"waypost (capacity .*?) +#", self.page)[1].split()
        found = compute(*words[1:])
        said = {NAMES[row.split("|")[1].strip()]: numbers(row)[0]
                for row in self.rows("| | at least |")}
        self.assertEqual(said, {name: found[name]
                                for name in NAMES.values()})

    def test_the_rule_covers_what_was_measured(self):
        for row in self.rows("| a message of |"):
            size, hot, _, disk, user = numbers(row)
            one, two = of(1, 10, int(size)), of(1, 20, int(size))
            # Of ten messages more one waits in Redis, for which there is
            # twice as much; and each on disk, for seven days.
            more = {key: two[key] - one[key] for key in NAMES.values()}
            self.assertGreaterEqual(more["redisMaxmemoryBytes"] / 2, hot, row)
            self.assertGreaterEqual(
                more["diskBytes"] - 3 * more["redisMaxmemoryBytes"],
                70 * disk, row)
            self.assertGreaterEqual(
                of(2, 10, int(size))["redisMaxmemoryBytes"] -
                one["redisMaxmemoryBytes"], 2 * user, row)
        for row in self.rows("| one connection more"):
            _, _, daemon, nginx, redis = numbers(row)
            one, two = of(1000, 1, 1), of(2000, 1, 1)
            self.assertGreaterEqual(
                (two["memoryBytes"] - one["memoryBytes"]) / 1000,
                daemon + nginx + redis, row)
        always = numbers(self.rows("| `appendfsync` |")[0])
        self.assertGreater(min(always), 0)

    def test_figures_are_of_this_release(self):
        """Else: make bench-capacity, and what the rule takes from it."""
        day, version = re.search(
            r"begin -->\nOn .*; (\d{4}-\d\d-\d\d),\nWaypost ([\d.]+),",
            self.page).groups()
        found = of(1, 1, 1)
        self.assertEqual((found["measuredOn"], found["measuredWith"]),
                         (day, version))
        ours = subprocess.run(
            [os.path.join(BUILD, "waypost"), "--version"],
            stdout=subprocess.PIPE, text=True, check=True).stdout.split()[1]
        self.assertEqual(version.split(".")[:2], ours.split(".")[:2])

    def test_people_are_told_of_when_it_is(self):
        ours, its = open_terminal()
        with os.fdopen(its, "wb") as terminal:
            subprocess.run(
                [os.path.join(BUILD, "waypost"), "capacity", "--users", "1",
                 "--messages", "1"], stdout=terminal, check=True,
                env={"PATH": os.environ["PATH"], "WAYPOST_RUN_MODE": "local"})
        self.addCleanup(os.close, ours)
        said = b""
        while b"docs/capacity.md\r\n" not in said:
            said += os.read(ours, 4096)
        self.assertIn(b"\r\nby figures of 20", said)

    def test_bounds(self):
        found = of(1000000000, 10000000000, 16777216)
        for name in NAMES.values():
            self.assertGreater(found[name], 0, name)
        self.assertEqual(of(1, 1, 1)["cores"], 2)
        # Ten times the mean, 2,000 a second to a core.
        self.assertEqual(of(1, 86400 * 1000, 1)["cores"], 6)


if __name__ == "__main__":
    unittest.main()
