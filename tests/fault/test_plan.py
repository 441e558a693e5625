#!/usr/bin/python3
"""A seed must mean the same faults tomorrow, and only faults that exist."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "tools")]

from faults import KINDS, LIFE_S, Faults, plan  # noqa: E402
from mutate import MUTATIONS  # noqa: E402

NAMES = ["redis", "keys", "worker-0", "worker-1", "websocket-0", "websocket-1",
         "handlers",
         "notifier-0", "web"]


def texts(seed, round_no=1, **how):
    return [(step.at, str(step))
            for step in plan(seed, round_no, 300, NAMES, **how)]


class Plan(unittest.TestCase):
    def test_same_seed_same_plan(self):
        self.assertEqual(texts(7), texts(7))

    def test_other_seed_or_round_other_plan(self):
        self.assertNotEqual(texts(7), texts(8))
        self.assertNotEqual(texts(7), texts(7, round_no=2))

    def test_steps_are_in_time_and_in_order(self):
        times = [at for at, _ in texts(7)]
        self.assertEqual(times, sorted(times))
        self.assertLess(times[-1], 300)

    def test_every_kind_happens_to_something_that_runs(self):
        steps = [step for seed in range(20)
                 for step in plan(seed, 1, 300, NAMES)]
        self.assertEqual({step.kind for step in steps}, set(KINDS))
        self.assertLessEqual({step.target for step in steps},
                             {*NAMES, "all", "cold", "accounts", "disk",
                              "provider"})

    def test_every_kind_can_be_done(self):
        for kind in KINDS:
            self.assertTrue(hasattr(Faults, "do_" + kind.split("-")[0]), kind)

    def test_what_cannot_be_done_is_left_out_and_moves_nothing(self):
        cannot = ("disk-full", "clock-step")
        self.assertEqual(
            texts(7, cannot=cannot),
            [(at, text) for at, text in texts(7)
             if text.split()[0] not in cannot])

    def test_a_clock_is_set_far_enough_to_matter(self):
        steps = [step for seed in range(20)
                 for step in plan(seed, 1, 300, NAMES)
                 if step.kind == "clock-step"]
        self.assertTrue(all(abs(step.ahead_s) > 60 for step in steps))
        self.assertTrue(any(step.ahead_s < 0 for step in steps))
        self.assertTrue(any(step.ahead_s > 0 for step in steps))

    def test_a_clock_is_ahead_of_a_life_while_workers_begin(self):
        steps = [step for seed in range(20)
                 for step in plan(seed, 1, 300, NAMES)
                 if step.kind == "clock-death"]
        self.assertTrue(steps)
        self.assertTrue(all(step.ahead_s > LIFE_S for step in steps))

    def test_only_what_was_asked_for(self):
        chosen = {tuple(text.split()[:2])
                  for _, text in texts(7, kinds=[
                      "kill:redis", "stop", "kill:web"])}
        self.assertIn(("kill", "redis"), chosen)
        self.assertEqual({kind for kind, _ in chosen}, {"kill", "stop"})
        self.assertEqual({target for kind, target in chosen
                          if kind == "kill"}, {"redis", "web"})


class Mutations(unittest.TestCase):
    def test_every_planted_bug_still_fits_the_source(self):
        root = os.path.join(HERE, "..", "..")
        for mutation in MUTATIONS:
            for name, old, _ in mutation.edits:
                with open(os.path.join(root, name),
                          encoding="utf-8") as file:
                    self.assertEqual(file.read().count(old), 1,
                                     f"{mutation.name}: {name}")


if __name__ == "__main__":
    unittest.main()
