#!/usr/bin/python3
"""What the closers make of answers, without anybody who answers."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "tools")]

from accounts import PASSWORD, Session  # noqa: E402
from clients import Context  # noqa: E402
from closures import (CHANGED, INTRUSIONS_MAX, Closer, Outcome,  # noqa: E402
                      Person, word_of)
from devkit.http import Response  # noqa: E402
from history import History  # noqa: E402

NEW = CHANGED + "bob"


class NoStack:
    host, port = "127.0.0.1", 0

    def token(self, *_):
        return ""

    def http(self):
        return self


def answer(status, code=None, **body):
    if code is not None:
        body["code"] = code
    return Response(status, [], json.dumps(body).encode())


def session(number):
    return Session({"sessionId": str(number), "user": "urn:sm:user:bob",
                    "refreshToken": f"wpr_{number}", "accessToken": "x"}, 0)


def session_answer(number, status=200):
    return answer(status, refreshToken="r", accessToken="a",
                  sessionId=str(number), user="urn:sm:user:bob",
                  recoveryCode="c")


WRONG = answer(401, "invalid_credentials")
ENDED = answer(401, "session_ended")


class World(Closer):
    """Everything that is asked is answered by accounts of its own.

    good:  the passwords that let bob in
    alive: refresh tokens that go on
    says:  {what is asked: answers, before the usual ones}
    """

    def __init__(self, good=(PASSWORD,), alive=()):
        context = Context(NoStack(), History(), 1, 0)
        super().__init__(context, "test")
        self.good, self.alive_tokens = set(good), set(alive)
        self.says = {}
        self.asked = []

    def pause(self, seconds):
        pass

    def post(self, what, **body):
        self.asked.append(what)
        if self.says.get(what):
            return self.says[what].pop(0)
        if what == "login":
            return session_answer(9) if body["password"] in self.good \
                else WRONG
        if what == "refresh":
            return session_answer(8) if body["refreshToken"] in \
                self.alive_tokens else ENDED
        return answer(409, "username_taken")

    def known_of(self, *_):
        return "nothing"

    def as_user(self, mine, what, **body):
        return self.says[what].pop(0)

    def as_back_end(self, what, **body):
        return self.says[what].pop(0)

    def kinds(self):
        return [kind for kind, _ in self.found]


def bob():
    person = Person("bob")
    person.sessions = [session(n) for n in range(3)]
    return person


class Words(unittest.TestCase):
    def test_a_code_that_lets_in_is_not_told(self):
        self.assertEqual(word_of(answer(201, "abc")), "201")
        self.assertEqual(word_of(WRONG), "401 invalid_credentials")


class Passwords(unittest.TestCase):
    def test_a_change_says_who_is_out_and_who_goes_on(self):
        world, person = World(), bob()
        world.says["password"] = [answer(204)]
        outcome = world.change_password(person)
        self.assertEqual([str(s) for s in outcome.ended], ["1", "2"])
        self.assertEqual(str(outcome.goes_on), "0")
        self.assertEqual((outcome.right, outcome.wrong), (NEW, (PASSWORD,)))
        self.assertTrue(outcome.shuts)

    def test_the_right_password_must_not_be_refused(self):
        world = World(alive=["wpr_0"])
        world.says["password"] = [WRONG]
        self.assertIsNone(world.change_password(bob()))
        self.assertEqual(world.kinds(), ["shut_out"])

    def test_after_a_lost_answer_the_new_one_may_be_good(self):
        world = World(good=[NEW], alive=["wpr_0"])
        world.says["password"] = [None, answer(503, "unavailable"), WRONG]
        outcome = world.change_password(bob())
        self.assertEqual(world.found, [])
        self.assertEqual([str(s) for s in outcome.ended], ["1", "2"])
        self.assertEqual((outcome.right, outcome.wrong), (NEW, (PASSWORD,)))
        self.assertFalse(outcome.is_told)

    def test_after_a_lost_answer_one_of_them_is_good(self):
        world = World(good=[], alive=["wpr_0"])
        world.says["password"] = [None, WRONG]
        self.assertIsNone(world.change_password(bob()))
        self.assertEqual(world.kinds(), ["shut_out"])

    def test_the_new_one_may_become_good_while_both_are_tried(self):
        world = World(good=[NEW])
        world.says["login"] = [WRONG, WRONG]
        self.assertEqual(world.which("bob", PASSWORD, NEW), NEW)
        self.assertEqual(world.found, [])

    def test_who_changes_it_is_not_logged_out(self):
        world = World()
        world.says["password"] = [answer(401, "token_revoked")]
        self.assertIsNone(world.change_password(bob()))
        self.assertEqual(world.kinds(), ["logged_out"])

    def test_a_code_that_was_given_is_good(self):
        world, person = World(), bob()
        person.recovery = "c"
        for refused in (answer(400, "invalid_code"),) * 20:
            world.says["accounts/reset-code"] = [answer(201, "c")]
            world.says["password/reset"] = [refused]
            person.may_be_late = False
            self.assertIsNone(world.reset(person))
        self.assertEqual(set(world.kinds()), {"shut_out"})


class Confirmed(unittest.TestCase):
    def check(self, world, outcome, person=None):
        world.check(person or bob(), outcome)
        return world.kinds()

    def test_all_is_as_it_should_be(self):
        world, person = World(good=[NEW], alive=["wpr_0"]), bob()
        person.password = NEW
        self.assertEqual(self.check(world, Outcome(
            person.sessions[1:], person.sessions[0], NEW, (PASSWORD,)),
            person), [])
        self.assertEqual(world.refused, 2)
        self.assertEqual(len(world.alive), 1)

    def test_who_is_out_is_let_in(self):
        self.assertEqual(self.check(World(alive=["wpr_1"]), Outcome(
            [session(1), session(2)], right=PASSWORD))[0], "let_in")

    def test_who_is_not_out_is_logged_out(self):
        self.assertEqual(self.check(World(), Outcome(
            [session(1)], session(0), PASSWORD)), ["logged_out"])

    def test_the_old_password_lets_in(self):
        self.assertEqual(self.check(World(good=[PASSWORD, NEW]), Outcome(
            [], right=NEW, wrong=(PASSWORD,))), ["let_in"])

    def test_the_right_password_does_not(self):
        self.assertEqual(self.check(World(good=[]), Outcome(
            [], right=PASSWORD)), ["shut_out"])

    def test_a_name_is_given_out_again(self):
        world = World(good=[])
        world.says["register"] = [session_answer(1, 201)]
        world.says["accounts/state"] = [answer(204)]
        self.assertEqual(self.check(world, Outcome(
            [], wrong=(PASSWORD,), is_gone=True)), ["let_in", "let_in"])

    def test_who_is_enabled_logs_in_unless_something_is_late(self):
        for is_late, kinds in ((False, ["shut_out"]), (True, [])):
            world, person = World(good=[]), bob()
            world.set_state = lambda *_: True
            world.random.random = lambda: 0.9
            person.may_be_late = is_late
            self.assertEqual(self.check(world, Outcome(
                [], wrong=(PASSWORD,)), person), kinds)
            self.assertEqual(world.out, [])

    def test_what_nobody_answers_says_nothing(self):
        world = World(good=[])
        world.says["refresh"] = [None, answer(503), None]
        world.is_to_end = lambda: True
        self.assertEqual(self.check(world, Outcome(
            [session(1)], right=PASSWORD, wrong=(PASSWORD,))), [])

    def test_who_logged_in_meanwhile_is_out(self):
        world, person = World(), bob()

        def disable(closer, _):
            while closer.asked.count("login") < INTRUSIONS_MAX:
                pass
            return Outcome([], wrong=(PASSWORD,), shuts=True)
        world.WAYS = (disable,)
        self.assertEqual(len(world.close(person).ended), INTRUSIONS_MAX)

    def test_when_all_is_quiet_each_is_tried_once(self):
        world = World(good=[PASSWORD])
        world.out = [("bob", PASSWORD), ("ann", NEW)]
        world.must_stop.set()
        world.ask_all()
        self.assertTrue(world.holds())
        self.assertEqual(world.kinds(), ["let_in"])
        self.assertEqual(world.asked, ["login", "login"])


if __name__ == "__main__":
    unittest.main()
