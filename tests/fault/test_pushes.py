#!/usr/bin/python3
"""Is the judge of pushes awake?"""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "tools")]

from pushes import EXCUSED_S, VAIN_S, Bout, in_vain, push_id  # noqa: E402
from pushes import twice, untold  # noqa: E402


def bout(acked=None):
    one = Bout("bob", "device", "push")
    one.acked = acked
    return one


def line(at, action="alert", device="device", push="push"):
    return at, device, action, push


class Pushes(unittest.TestCase):
    def test_the_id_is_what_the_program_says(self):
        self.assertRegex(push_id("secret", "d", "1-2"),
                         r"^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-"
                         r"[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
        self.assertNotEqual(push_id("secret", "d", "1-2"),
                            push_id("secret", "d", "1-3"))

    def test_who_waits_and_was_not_told_is_untold(self):
        for lines in ([], [line(1, push="other")], [line(1, "clear")]):
            self.assertEqual(len(untold([bout()], lines)), 1, lines)
        self.assertEqual(untold([bout()], [line(1)]), [])
        self.assertEqual(untold([bout(acked=2.0)], []), [])

    def test_who_is_told_long_after_his_ack_is_told_in_vain(self):
        acked = bout(acked=5.0)
        self.assertEqual(len(in_vain([acked], [line(5.1 + VAIN_S)])), 1)
        for lines in ([line(4.9 + VAIN_S)], [line(9, "clear")],
                      [line(9, device="other")]):
            self.assertEqual(in_vain([acked], lines), [], lines)
        self.assertEqual(in_vain([bout()], [line(9)]), [])

    def test_the_same_again_is_twice_unless_something_died(self):
        lines = [line(50), line(54)]
        self.assertEqual(len(twice([bout()], lines, [])), 1)
        self.assertEqual(len(twice([bout()], lines, [
            (52, "kill worker-0 1 s"), (54.1, "kill notifier-0 1 s"),
            (49 - EXCUSED_S, "kill redis 1 s")])), 1)
        for text in ("kill notifier-0 1 s", "stop redis 1 s", "kill-all all"):
            self.assertEqual(twice([bout()], lines, [(52, text)]), [])
        self.assertEqual(twice([bout()], [line(50), line(54, "clear")], []),
                         [])


if __name__ == "__main__":
    unittest.main()
