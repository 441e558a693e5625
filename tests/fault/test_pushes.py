#!/usr/bin/python3
"""Is the judge of pushes awake?"""
import base64
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "tools")]

from providing import Told  # noqa: E402
from pushes import EXCUSED_S, LADDER_S, STANDS_STILL_S, VAIN_S  # noqa: E402
from pushes import Bout, Seen, has_failed_twice, in_vain  # noqa: E402
from pushes import push_id, recipient_of, stormed  # noqa: E402
from pushes import twice, unheard, untold  # noqa: E402


def bout(acked=None, began=0.0):
    one = Bout("bob", "device", "push", began)
    one.acked = acked
    return one


def told(at, action="alert", device="device", push="push", **more):
    return Told(at, device, action, push, **more)


class Source:
    """What a provider has seen, and the log of the one that asked it."""

    notifier_count = 1

    def __init__(self, pushes, log=""):
        self.pushes, self.log = pushes, log
        self.provider = self.stack = self

    def new(self):
        pushes, self.pushes = self.pushes, []
        return pushes

    def now(self):
        return 0.0

    def read_log(self, _name):
        return self.log

    def leaked(self):
        return Seen(self).leaked([bout()])


class Pushes(unittest.TestCase):
    def test_the_id_is_what_the_program_says(self):
        self.assertRegex(push_id("secret", "d", "1-2"),
                         r"^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-"
                         r"[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
        self.assertNotEqual(push_id("secret", "d", "1-2"),
                            push_id("secret", "d", "1-3"))

    def test_who_waits_and_was_not_told_is_untold(self):
        for pushes in ([], [told(1, push="other")], [told(1, "clear")],
                       [told(1, was_taken=False)]):
            self.assertEqual(len(untold([bout()], pushes)), 1, pushes)
        self.assertEqual(untold([bout()], [told(1)]), [])
        self.assertEqual(untold([bout(acked=2.0)], []), [])

    def test_of_whom_the_bus_does_not_hear_it_was_not_told(self):
        bob, eve = bout(), bout(acked=2.0)
        bob.urn, eve.urn = "urn:sm:user:bob", "urn:sm:user:eve"
        self.assertEqual(unheard([bob, eve], set()), [bob])
        self.assertEqual(unheard([bob], {eve.urn}), [bob])
        self.assertEqual(unheard([bob], {bob.urn}), [])

    def test_an_entry_of_the_bus_says_whom_it_is_of(self):
        request = base64.b64encode(b'{"recipientId":"urn:sm:user:bob"}')
        self.assertEqual(recipient_of(json.dumps(
            {"id": "x", "payload": request.decode()})), "urn:sm:user:bob")

    def test_only_who_met_two_failures_may_have_failed_twice(self):
        marks = [(5, "provider-down provider 1 s"), (9, "kill redis 1 s")]
        self.assertFalse(has_failed_twice(bout(), marks))
        marks += [(20, "dns-down provider 1 s")]
        self.assertTrue(has_failed_twice(bout(), marks))
        self.assertFalse(has_failed_twice(bout(began=15.0), marks))

    def test_who_is_told_long_after_his_ack_is_told_in_vain(self):
        acked, late = bout(acked=5.0), 5.1 + VAIN_S
        self.assertEqual(len(in_vain([acked], [told(late)], [])), 1)
        for pushes in ([told(4.9 + VAIN_S)], [told(late, "clear")],
                       [told(late, device="other")]):
            self.assertEqual(in_vain([acked], pushes, []), [], pushes)
        self.assertEqual(in_vain([bout()], [told(9)], []), [])

    def test_who_stood_still_may_be_late(self):
        acked, late = bout(acked=5.0), 5.1 + VAIN_S
        for mark, n in (((7, "stop-long notifier-0 4 s"), 0),
                        ((7, "kill notifier-0 1 s"), 1),
                        ((7, "stop redis 1 s"), 1),
                        ((late - STANDS_STILL_S, "stop notifier-0 1 s"), 1)):
            self.assertEqual(len(in_vain([acked], [told(late)], [mark])), n,
                             mark)
            self.assertEqual(len(twice([bout()], [told(late, beside=1)],
                                       [mark])), n, mark)

    def test_the_same_again_is_twice_unless_something_died(self):
        pushes = [told(50), told(54)]
        self.assertEqual(len(twice([bout()], pushes, [])), 1)
        self.assertEqual(len(twice([bout()], pushes, [
            (52, "kill worker-0 1 s"), (54.1, "kill notifier-0 1 s"),
            (49 - EXCUSED_S, "kill redis 1 s")])), 1)
        for text in ("kill notifier-0 1 s", "stop redis 1 s", "kill-all all",
                     "provider-slow provider 2 s", "dns-down provider 2 s"):
            self.assertEqual(twice([bout()], pushes, [(52, text)]), [])
        for other in (told(54, "clear"), told(54, push="other")):
            self.assertEqual(twice([bout()], [told(50), other], []), [])

    def test_two_at_once_are_twice(self):
        self.assertEqual(len(twice([bout()], [told(1, beside=1)], [
            (0.5, "kill notifier-0 1 s")])), 1)

    def test_more_before_its_time_is_a_storm(self):
        def storms(after, push="more", *marks):
            return len(stormed([bout()], [told(9), told(9 + after, push=push)],
                               marks))
        self.assertEqual(storms(LADDER_S - 2), 1)
        self.assertEqual(storms(LADDER_S), 0)
        self.assertEqual(storms(3, "push"), 0)
        self.assertEqual(storms(3, "more", (10, "kill notifier-0 1 s")), 0)
        self.assertEqual(storms(3, "more", (10, "kill worker-0 1 s")), 1)

    def test_what_says_more_than_that_mail_waits_has_leaked(self):
        for source in (Source([told(1, text="urn:sm:user:x")]),
                       Source([told(1, text='"account":"bob"')]),
                       Source([told(1, members=["id", "sender"])]),
                       Source([], "asked push.fault.test"),
                       Source([], "of urn:sm:user:x")):
            self.assertEqual(len(source.leaked()), 1)
        self.assertEqual(Source([told(1, text="{}", members=["id"])],
                                "told device").leaked(), [])


if __name__ == "__main__":
    unittest.main()
