#!/usr/bin/python3
"""Is the judge awake? Synthetic histories, sound ones and broken ones."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from history import (History, band_of, check, entry_of, make_id,  # noqa: E402
                     place_of)

A, B, C, D = (make_id(1000 + n) for n in range(4))
HIGH = make_id(2000, band=1)


class Script:
    """A history written by hand; every step takes one second."""

    def __init__(self):
        self.history = History()
        self.now = 0.0
        self.numbers = {}

    def tick(self):
        self.now += 1.0
        return self.now

    def send(self, message_id, recipient="bob", outcome="accepted", **how):
        send = self.history.begin_send("alice", recipient,
                                       len(self.history.sends), self.tick(),
                                       **how)
        self.numbers[message_id] = send.number
        if outcome == "accepted":
            self.history.accept(send, message_id, self.tick())
        elif outcome == "refused":
            send.refuse(self.tick())
        return send

    def pull(self, *ids, recipient="bob", after=None, has_more=False,
             meant_for=None):
        messages = [(one, ("alice", self.numbers.get(one, 999),
                           meant_for or recipient)) for one in ids]
        started = self.tick()
        self.history.add_pull(recipient, started, self.tick(), after,
                              messages, has_more)

    def connect(self, recipient="bob"):
        return self.history.connect(recipient, self.tick())

    def frames(self, connection, *ids):
        for one in ids:
            self.history.add_frame(
                connection, (one, ("alice", self.numbers.get(one, 999),
                                   connection.recipient)), self.tick())

    def ack(self, *ids, recipient="bob", is_confirmed=True):
        ack = self.history.begin_ack(recipient, ids, self.tick())
        if is_confirmed:
            ack.confirm(self.tick())

    def kinds(self, **how):
        how.setdefault("is_drained", True)
        found = check(self.history, self.now, **how)
        return sorted({violation.kind for violation in found})


class HistoryTest(unittest.TestCase):
    def setUp(self):
        self.script = Script()

    def sent(self, *ids, **how):
        for one in ids:
            self.script.send(one, **how)
        return self.script

    def assert_kinds(self, *kinds, **how):
        self.assertEqual(self.script.kinds(**how), sorted(kinds))


class Ids(unittest.TestCase):
    def test_real_id_is_taken_apart(self):
        one = make_id(0x0193, (1 << 28) + 5, band=1, partition=7)
        self.assertEqual(entry_of(one), (0x0193, (1 << 28) + 5))
        self.assertEqual(band_of(one), 1)
        self.assertRegex(one, r"^00000000-0193-7001-8[0-9a-f]{3}-")

    def test_high_band_comes_first(self):
        self.assertLess(place_of(HIGH), place_of(A))
        self.assertLess(place_of(A), place_of(B))


class Sound(HistoryTest):
    def test_everything_read_acked_and_gone(self):
        script = self.sent(A, B, HIGH)
        script.pull(HIGH, A, B)
        script.ack(HIGH, A, B)
        script.pull()
        self.assert_kinds()

    def test_unacked_message_comes_again(self):
        script = self.sent(A, B)
        script.pull(A, B)
        script.ack(A)
        script.pull(B)
        self.assert_kinds()

    def test_pages_go_on_where_they_ended(self):
        script = self.sent(A, B, C)
        script.pull(A, B, has_more=True)
        script.pull(C, after=B)
        self.assert_kinds()

    def test_new_high_message_may_come_before_the_position(self):
        script = self.sent(A, B)
        script.pull(A, has_more=True)
        script.send(HIGH)
        script.pull(B, after=A)
        script.pull(HIGH, A, B)
        self.assert_kinds()

    def test_unconfirmed_ack_may_or_may_not_have_worked(self):
        script = self.sent(A, B)
        script.pull(A, B)
        script.ack(A, B, is_confirmed=False)
        script.pull(A)
        script.pull(B)
        self.assert_kinds()

    def test_ephemeral_message_may_stay_away(self):
        script = self.sent(A, is_ephemeral=True)
        script.pull()
        self.assert_kinds()

    def test_ephemeral_message_may_vanish_after_it_was_seen(self):
        script = self.sent(A, is_ephemeral=True)
        script.pull(A)
        script.pull()
        self.assert_kinds()

    def test_unknown_send_may_arrive_or_not(self):
        script = self.sent(A, B, outcome="unknown")
        script.pull(A)
        self.assert_kinds()

    def test_pull_that_began_before_the_204_may_still_have_it(self):
        script = self.sent(A)
        script.pull(A)
        ack = script.history.begin_ack("bob", [A], script.tick())
        started = script.tick()
        ack.confirm(script.tick())
        script.history.add_pull("bob", started, script.tick(), None,
                                [(A, ("alice", 0, "bob"))], False)
        self.assert_kinds()

    def test_two_devices_that_cross(self):
        script = self.sent(A, B)
        ended = script.now + 10
        for messages in ([A, B], [A]):
            script.history.add_pull(
                "bob", script.now, ended, None,
                [(one, ("alice", script.numbers[one], "bob"))
                 for one in messages], False)
        self.assert_kinds()


class Lost(HistoryTest):
    def test_accepted_and_never_seen(self):
        script = self.sent(A, B)
        script.pull(B)
        self.assert_kinds("lost")

    def test_only_when_all_has_been_pulled(self):
        self.sent(A)
        self.assert_kinds(is_drained=False)

    def test_seen_by_another_is_not_seen(self):
        script = self.sent(A)
        script.pull(A, recipient="eve", meant_for="bob")
        self.assert_kinds("lost", "misrouted")

    def test_seen_and_then_gone_without_an_ack(self):
        script = self.sent(A, B)
        script.pull(A, B)
        script.pull(B)
        self.assert_kinds("vanished")

    def test_missing_from_a_page_that_covers_it(self):
        script = self.sent(A, B, C)
        script.pull(A, B, C)
        script.pull(A, C, has_more=True)
        self.assert_kinds("vanished")


class Reordered(HistoryTest):
    def test_earlier_one_comes_later(self):
        script = self.sent(A, B)
        script.pull(B)
        script.pull(A, B)
        self.assert_kinds("reordered")

    def test_earlier_one_comes_after_the_later_was_acked(self):
        script = self.sent(A, B)
        script.pull(B)
        script.ack(B)
        script.pull(A)
        self.assert_kinds("reordered")

    def test_page_in_wrong_order(self):
        script = self.sent(A, B)
        script.pull(B, A)
        self.assert_kinds("reordered")

    def test_standard_before_high_in_one_page(self):
        script = self.sent(A, HIGH)
        script.pull(A, HIGH)
        self.assert_kinds("reordered")

    def test_one_id_twice_in_a_page(self):
        script = self.sent(A)
        script.pull(A, A)
        self.assert_kinds("reordered")

    def test_ids_of_sequential_sends_fall(self):
        script = self.sent(B, A)
        script.pull(A, B)
        self.assert_kinds("reordered")

    def test_ids_of_overlapping_sends_may_fall(self):
        script = self.script
        first = script.send(B, outcome="unknown")
        second = script.send(A, outcome="unknown")
        for send, one in ((first, B), (second, A)):
            script.history.accept(send, one, script.tick())
        script.pull(A, B)
        self.assert_kinds()


class Claims(HistoryTest):
    def test_message_of_another(self):
        script = self.sent(A)
        script.pull(A)
        script.pull(A, recipient="eve", meant_for="bob")
        self.assert_kinds("misrouted")

    def test_ack_did_not_hold(self):
        script = self.sent(A)
        script.pull(A)
        script.ack(A)
        script.pull(A)
        self.assert_kinds("resurrected")

    def test_ack_did_not_hold_for_one_of_two(self):
        script = self.sent(A, B)
        script.pull(A, B)
        script.ack(A, B)
        script.pull(B)
        self.assert_kinds("resurrected")

    def test_retried_send_became_two(self):
        script = self.sent(A)
        script.numbers[B] = script.numbers[A]
        script.pull(A, B)
        self.assert_kinds("duplicated")

    def test_refused_and_delivered(self):
        script = self.sent(A, outcome="refused")
        script.pull(A)
        self.assert_kinds("phantom")

    def test_never_sent(self):
        self.script.pull(A)
        self.assert_kinds("phantom")

    def test_unreadable(self):
        self.script.history.add_pull("bob", 1, 2, None, [(A, None)], False)
        self.assert_kinds("phantom")


class Inbox(HistoryTest):
    def handed(self, *ids):
        for one in ids:
            send = self.script.send(one, outcome="unknown")
            self.script.history.hand_over(send, self.script.tick())
        return self.script

    def test_delivered_under_ids_that_nobody_was_told(self):
        script = self.handed(A, B)
        self.assertEqual(script.history.missing("bob"),
                         ["0 of alice", "1 of alice"])
        script.pull(A, B)
        self.assertEqual(script.history.missing("bob"), [])
        self.assert_kinds()

    def test_handed_over_and_never_seen(self):
        script = self.handed(A, B)
        script.pull(B)
        self.assert_kinds("lost")

    def test_read_in_another_order(self):
        script = self.handed(B, A)
        script.pull(A, B)
        self.assert_kinds("reordered")

    def test_accepted_after_what_was_sent_later(self):
        script = self.handed(B)
        script.send(A)
        script.pull(A, B)
        self.assert_kinds()

    def test_twice(self):
        script = self.handed(A)
        script.numbers[B] = script.numbers[A]
        script.pull(A, B)
        self.assert_kinds("duplicated")


class Pokes(HistoryTest):
    def connected(self):
        return self.script.history.connect("bob", self.script.tick())

    def wait(self):
        self.script.now += 100

    def test_told_in_time(self):
        connection = self.connected()
        self.script.send(A)
        connection.poke(self.script.tick())
        self.wait()
        self.script.pull(A)
        self.assert_kinds(poke_bound_s=10)

    def test_not_told(self):
        self.connected()
        self.script.send(A)
        self.wait()
        self.script.pull(A)
        self.assert_kinds("missed_poke", poke_bound_s=10)

    def test_told_too_late(self):
        connection = self.connected()
        self.script.send(A)
        self.wait()
        connection.poke(self.script.tick())
        self.script.pull(A)
        self.assert_kinds("missed_poke", poke_bound_s=10)

    def test_told_of_the_one_before_only(self):
        connection = self.connected()
        self.script.send(A)
        connection.poke(self.script.tick())
        self.script.pull(A)
        self.script.send(B)
        self.wait()
        self.script.pull(A, B)
        self.assert_kinds("missed_poke", poke_bound_s=10)

    def test_waiting_already_when_it_connected(self):
        self.script.send(A)
        self.connected()
        self.wait()
        self.script.pull(A)
        self.assert_kinds("missed_poke", poke_bound_s=10)

    def test_fetched_without_being_told(self):
        self.connected()
        self.script.send(A)
        self.script.pull(A)
        self.wait()
        self.assert_kinds(poke_bound_s=10)

    def test_connection_ended_before_it_was_due(self):
        connection = self.connected()
        self.script.send(A)
        connection.close(self.script.tick())
        self.wait()
        self.script.pull(A)
        self.assert_kinds(poke_bound_s=10)

    def test_settled_and_still_not_told(self):
        self.connected()
        self.script.send(A)
        self.script.history.add_overdue("bob", [A], self.script.tick())
        self.script.pull(A)
        self.assert_kinds("missed_poke")

    def test_settled_and_not_there_at_all_is_lost(self):
        self.connected()
        self.script.send(A)
        self.script.history.add_overdue("bob", [A], self.script.tick())
        self.assert_kinds("lost")


class Inline(HistoryTest):
    """A connection that is sent its messages."""

    def test_each_band_in_its_order(self):
        script = self.sent(A, B, C, HIGH)
        connection = script.connect()
        script.frames(connection, A, HIGH, B, C)
        self.assert_kinds()

    def test_again_on_another_connection(self):
        script = self.sent(A, B)
        script.frames(script.connect(), A, B)
        script.frames(script.connect(), A, B)
        self.assert_kinds()

    def test_again_on_the_same_one(self):
        script = self.sent(A, B)
        connection = script.connect()
        script.frames(connection, A, B, A)
        self.assert_kinds("reordered")

    def test_earlier_one_comes_later(self):
        script = self.sent(A, B)
        script.frames(script.connect(), B, A)
        self.assert_kinds("reordered")

    def test_one_that_waited_is_passed_over(self):
        script = self.sent(A, B)
        script.pull(A, B)
        script.frames(script.connect(), B)
        self.assert_kinds("vanished")

    def test_one_that_was_acked_meanwhile_may_be(self):
        script = self.sent(A, B)
        script.pull(A, B)
        connection = script.connect()
        script.ack(A)
        script.frames(connection, B)
        self.assert_kinds()

    def test_one_of_the_other_band_is_not_passed_over(self):
        script = self.sent(A, HIGH)
        script.pull(HIGH, A)
        script.frames(script.connect(), A, HIGH)
        self.assert_kinds()

    def test_acked_before_it_was_opened(self):
        script = self.sent(A)
        script.frames(script.connect(), A)
        script.ack(A)
        script.frames(script.connect(), A)
        self.assert_kinds("resurrected")

    def test_not_sent_in_time(self):
        script = self.sent(A)
        script.connect()
        script.now += 100
        script.pull(A)
        self.assertIn("missed_poke", script.kinds(poke_bound_s=50))


class Evidence(HistoryTest):
    def test_story_has_times_ids_and_faults(self):
        script = self.sent(A, B)
        script.history.mark(script.now, "kill redis")
        script.pull(B)
        script.pull(A, B)
        script.ack(A)
        story = "\n".join(script.history.story(A))
        for part in ("accepted from alice", "NOT in a pull of bob",
                     "in a pull of bob", "204 at", "kill redis"):
            self.assertIn(part, story)

    def test_missing_is_known_at_any_time(self):
        script = self.sent(A, B)
        script.pull(A)
        self.assertEqual(script.history.missing("bob"), [B])
        self.assertEqual(script.history.counts()["received"], 1)


if __name__ == "__main__":
    unittest.main()
