"""A crowd moves from a daemon to its successor: a piece of bench/rolling.py."""
import json
import os
import subprocess
import sys

from harness import ROOT, SLOWNESS, E2eTest

CONNECTIONS, SPREAD_MS = 500, 2000


class Rolling(E2eTest):
    @classmethod
    def make_stack(cls):
        return None  # it has its own

    @classmethod
    def tearDownClass(cls):
        pass

    def test_nobody_is_refused_or_cut_off_and_no_poke_is_late(self):
        done = subprocess.run(
            [sys.executable, os.path.join(ROOT, "bench", "rolling.py"),
             "--connections", str(CONNECTIONS), "--spread-ms", str(SPREAD_MS),
             "--build", os.environ["WAYPOST_E2E_BUILD"]],
            stdout=subprocess.PIPE, text=True, timeout=60 * SLOWNESS,
            check=True)
        told = json.loads(done.stdout)

        self.assertEqual(told["refused"], 0, told)
        self.assertEqual(told["cut_off"], 0, told)
        self.assertEqual((told["moved"], told["open"]),
                         (CONNECTIONS, CONNECTIONS), told)
        self.assertGreater(told["pokes"], 0, told)
        self.assertLessEqual(told["worst_poke_ms"], SPREAD_MS * SLOWNESS, told)
