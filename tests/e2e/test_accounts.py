"""Who has an account changes it, comes back by a code, and deletes it."""
import json
import os
import sqlite3
import threading

from accounts import CODE, PASSWORD, Routes
from harness import (E2eTest, PATIENCE_S, in_threads, new_stack, scratch,
                     wait_for)
from test_sessions import key_folder


class Changing(Routes):

    NEW = "a quite different password"

    def change(self, session, old=PASSWORD, new=NEW):
        return self.post("/api/auth/password",
                         {"oldPassword": old, "newPassword": new},
                         session["accessToken"])

    def test_another_password_ends_every_other_session(self):
        name, first = self.newcomer()
        second = self.login(name).json()
        self.assert_error(self.change(second, "a wrong password, really"),
                          401, "invalid_credentials")
        self.assert_error(self.change(second, new="short"), 400,
                          "weak_password")
        self.assert_status(self.change(second), 204)
        self.assert_error(self.refresh(first), 401, "session_ended")
        self.assert_status(self.refresh(second), 200)
        self.assert_error(self.login(name), 401)
        self.assert_status(self.login(name, self.NEW), 200)

    def cut_off(self, session):
        """As an end leaves it that got as far as the file."""
        with sqlite3.connect(self.file, timeout=30) as file:
            file.execute("DELETE FROM session WHERE sid = ?",
                         (bytes.fromhex(session["sessionId"]),))
        file.close()

    def test_what_an_end_has_left_ends_with_the_next_one(self):
        name, left = self.newcomer()
        code = left["recoveryCode"]
        session = self.login(name).json()
        self.cut_off(left)
        self.assert_status(self.change(session), 204)
        self.assert_error(self.refresh(left), 401, "session_ended")
        self.assert_status(self.refresh(session), 200)

        self.cut_off(session)
        answer = self.reset(name, code, PASSWORD)
        self.assert_status(answer, 200)
        self.assert_error(self.refresh(session), 401, "session_ended")
        session = answer.json()
        self.assert_lives(session)

        self.cut_off(session)
        self.assert_status(self.post("/api/auth/account/delete",
                                     {"password": PASSWORD},
                                     session["accessToken"]), 204)
        self.assert_error(self.refresh(session), 401, "session_ended")

    def test_what_an_end_has_left_ends_with_the_next_login(self):
        """So whom a new password lets in knows that the others are out."""
        name, left = self.newcomer()
        other = self.login(name).json()
        self.cut_off(left)
        self.assert_status(self.refresh(left), 200)
        self.assert_status(self.login(name), 200)
        self.assert_error(self.refresh(left), 401, "session_ended")
        wait_for(lambda: self.pull(left).status == 401, "it is revoked")
        self.assert_status(self.refresh(other), 200)
        self.assert_lives(other)

    def test_whoever_ends_all_voids_claims(self):
        """Of those whose rows went with somebody who was cut off."""
        name, session = self.newcomer()
        token, code = session["accessToken"], session["recoveryCode"]
        other, _ = self.newcomer()

        def closed():
            with self.stack.redis() as redis:
                return sum(int(redis("GET", key)) for user in (name, other)
                           for key in redis("KEYS", f"wp:*:closed:*:{user}"))
        ways = (
            ("login", lambda: self.login(name)),
            ("others", lambda: self.post("/api/auth/sessions/revoke",
                                         {"sessions": "others"}, token)),
            ("password", lambda: self.change(session)),
            ("reset", lambda: self.reset(name, code, PASSWORD)),
            ("revoke", lambda: self.tool("revoke", "--user", session["user"],
                                         noun="session")),
            ("account/delete", lambda: self.post(
                "/api/auth/account/delete", {"password": PASSWORD},
                self.login(name).json()["accessToken"])),
            ("disable", lambda: self.tool("disable", other)),
        )
        for what, close in ways:
            with self.subTest(what):
                before = closed()
                close()
                self.assertGreater(closed(), before)

    def test_a_deletion_that_was_cut_off_is_repeated(self):
        name, session = self.newcomer()
        other = self.login(name).json()
        with sqlite3.connect(self.file, timeout=30) as file:
            file.execute("UPDATE account SET state = 2, m = 0, t = 0, "
                         "salt = x'', tag = x'' WHERE name = ?", (name,))
            file.execute("DELETE FROM session WHERE name = ?", (name,))
        file.close()
        self.assert_status(self.refresh(other), 200)
        self.assert_status(self.post("/api/auth/account/delete",
                                     {"password": PASSWORD},
                                     session["accessToken"]), 204)
        for each in (session, other):
            self.assert_error(self.refresh(each), 401, "session_ended")
            wait_for(lambda gone=each: self.pull(gone).status == 401,
                     "it is revoked")

    def test_a_session_that_ends_while_it_begins_does_not_begin(self):
        """Somebody ends all of a user, whose login has its row by then and is
        about to tell Redis."""
        name, _ = self.newcomer()
        file = sqlite3.connect(self.file, isolation_level=None, timeout=30)
        self.addCleanup(file.close)
        with self.stack.redis() as redis:
            known = set(redis("KEYS", "wp:*:session:*"))
            file.execute("BEGIN IMMEDIATE")
            answers = []
            thread = threading.Thread(
                target=lambda: answers.append(self.login(name)))
            thread.start()
            wait_for(lambda: set(redis("KEYS", "wp:*:session:*")) - known,
                     "it has a claim")
            # The row will go at once, and the claim goes now.
            file.execute("CREATE TRIGGER ends AFTER INSERT ON session BEGIN "
                         "DELETE FROM session WHERE sid = new.sid; END")
            self.addCleanup(file.execute, "DROP TRIGGER IF EXISTS ends")
            redis("DEL", *(set(redis("KEYS", "wp:*:session:*")) - known))
            file.execute("COMMIT")
            thread.join(PATIENCE_S)
            file.execute("DROP TRIGGER ends")
        self.assert_error(answers[0], 503, "unavailable")
        self.assert_status(self.login(name), 200)

    def test_of_two_changes_at_once_one_holds(self):
        name, session = self.newcomer()
        works = [lambda i=i: self.change(session, new=f"{self.NEW} {i}")
                 for i in range(3)]
        statuses = [answer.status for answer in in_threads(works)]
        self.assertEqual(statuses.count(204), 1, statuses)
        self.assertEqual(statuses.count(401), 2, statuses)
        winner = statuses.index(204)
        self.assert_status(self.login(name, f"{self.NEW} {winner}"), 200)

    def test_nothing_is_done_without_a_token(self):
        for path in ("/api/auth/password", "/api/auth/recovery",
                     "/api/auth/account/delete"):
            self.assert_error(self.post(path, {"password": PASSWORD}), 401,
                              "unauthorized")

    def test_guesses_with_a_stolen_token_are_counted_too(self):
        name, session = self.newcomer()
        recovery, delete = "/api/auth/recovery", "/api/auth/account/delete"

        def guess(path):
            return self.post(path, {"password": "a wrong password, really"},
                             session["accessToken"])
        for path in (recovery, delete, recovery, delete, recovery):
            self.assert_error(guess(path), 401)
        self.press(name)
        self.assert_error(guess(delete), 429, "too_many_attempts")
        self.assert_error(self.login(name), 429)

    def reset(self, name, code, new=NEW):
        return self.post("/api/auth/password/reset", {
            "username": name, "code": code, "newPassword": new})

    def test_a_recovery_code_is_good_once_and_gives_another(self):
        name, session = self.newcomer()
        code = session["recoveryCode"]
        typed = "-".join(code[i:i + 4] for i in range(0, 26, 4)).upper()
        answer = self.reset(name, typed)
        self.assert_status(answer, 200)
        self.assert_lives(answer.json())
        self.assertNotEqual(answer.json()["recoveryCode"], code)
        self.assert_error(self.refresh(session), 401, "session_ended")
        self.assert_status(self.login(name, self.NEW), 200)
        self.assert_error(self.reset(name, code), 400, "invalid_code")
        self.assert_status(self.reset(name, answer.json()["recoveryCode"],
                                      PASSWORD), 200)

    def test_a_wrong_name_and_a_wrong_code_are_one(self):
        name, session = self.newcomer()
        wrong = self.reset(name, "a" * 26)
        nobody = self.reset(self.name(), session["recoveryCode"])
        nonsense = self.reset("!", session["recoveryCode"])
        for answer in (wrong, nobody, nonsense):
            self.assert_error(answer, 400, "invalid_code")
            self.assertEqual(answer.body, wrong.body)
        for _ in range(4):
            self.reset(name, "b" * 26)
        self.press(name)
        self.assert_error(self.reset(name, session["recoveryCode"]), 429)

    def test_a_code_of_the_operator_is_good_once_and_for_one(self):
        name, _ = self.newcomer()
        other, _ = self.newcomer()
        status, said, wrong = self.tool("reset-code", name)
        self.assertEqual(status, 0, wrong)
        code = said.strip()
        self.assertRegex(code, f"^{CODE}$")
        self.assert_error(self.reset(other, code), 400, "invalid_code")
        answer = self.reset(name, code)
        self.assert_status(answer, 200)
        self.assertNotIn("recoveryCode", answer.json())
        self.assert_error(self.reset(name, code, PASSWORD), 400,
                          "invalid_code")
        self.assert_status(self.login(name, self.NEW), 200)
        self.assert_refused("no such account", "reset-code", "nobody-at-all")

    def test_a_new_recovery_code_voids_the_old_one(self):
        name, session = self.newcomer()
        answer = self.post("/api/auth/recovery", {"password": PASSWORD},
                           session["accessToken"])
        self.assert_status(answer, 200)
        self.assertEqual(list(answer.json()), ["recoveryCode"])
        self.assert_error(self.reset(name, session["recoveryCode"]), 400)
        self.assert_status(self.reset(name, answer.json()["recoveryCode"]),
                           200)

    def test_who_deletes_his_account_is_gone_and_nobody_gets_the_name(self):
        name, session = self.newcomer()
        answer = self.post("/api/auth/account/delete",
                           {"password": PASSWORD}, session["accessToken"])
        self.assert_status(answer, 204)
        self.assert_error(self.refresh(session), 401, "session_ended")
        self.assert_error(self.login(name), 401, "invalid_credentials")
        self.assert_error(self.register(name), 409, "username_taken")
        self.assert_error(self.reset(name, session["recoveryCode"]), 400)


class Keyless(Routes):
    """There is no waypost-keys that has made a key, yet."""

    @classmethod
    def make_stack(cls):
        cls.folder = scratch()
        return new_stack({"accounts": {
            "enabled": True, "registration": "open",
            "argon2_memory_kib": 7168, "argon2_passes": 1},
            # One process, so that what one knows of keys all know.
            "auth": {"key_dir": cls.folder},
            "handlers": {"processes": 1}}, keys=False)

    def lay_down(self):
        made = key_folder("waypost")
        for file in os.listdir(made):
            os.rename(os.path.join(made, file),
                      os.path.join(self.folder, file))

    def take_away(self):
        for file in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, file))

    def until_signed(self, call):
        """Every process looks for itself, once a second."""
        answers = []
        wait_for(lambda: answers.append(call()) or answers[-1].status != 503,
                 "a key")
        return answers[-1]

    def test_without_a_key_to_sign_with_nothing_is_half_done(self):
        name = self.name()
        self.assert_error(self.register(name), 503, "identity_unavailable")
        self.lay_down()
        session = self.until_signed(lambda: self.register(name))
        self.assert_status(session, 201)
        self.take_away()
        wait_for(lambda: all(self.login(name).status == 503
                             for _ in range(4)), "no key")
        reset = {"username": name, "code": session.json()["recoveryCode"],
                 "newPassword": PASSWORD + "!"}
        self.assert_error(self.post("/api/auth/password/reset", reset), 503,
                          "identity_unavailable")
        self.lay_down()
        # The code is as good as before.
        self.assert_status(self.until_signed(
            lambda: self.post("/api/auth/password/reset", reset)), 200)


class Off(E2eTest):

    def test_where_accounts_are_off_there_is_nothing(self):
        for path in ("/api/auth/register", "/api/auth/login", "/auth/login",
                     "/auth/register", "/api/auth/password/reset"):
            answer = self.stack.http().request(
                "POST", path, json.dumps({"username": "bob"}),
                [("Content-Type", "application/json")])
            self.assert_error(answer, 404, "not_found")
