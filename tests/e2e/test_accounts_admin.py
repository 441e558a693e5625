"""A back end makes accounts, and says who may log in."""
import glob
import json
import os
import sqlite3
import subprocess

from harness import PATIENCE_S, in_threads, scratch, wait_for
from accounts import CODE, PASSWORD, Routes


class BackEnd(Routes):
    """Where nobody may register without an invite."""

    registration = "invite"

    @classmethod
    def make_stack(cls):
        path = os.path.join(scratch(), "api-keys")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o640), "wb"):
            pass
        cls.auth = {"api_keys_file": path}
        return super().make_stack()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = subprocess.run(
            [os.path.join(cls.stack.build, "waypost"), "--config",
             cls.stack.path("waypost.yaml"), "key", "add", "--name", "crm",
             "--scope", "accounts,revoke"], env=cls.stack.base_env,
            capture_output=True, text=True, check=True)
        cls.key = done.stdout.strip()
        # Each process looks at the file by itself.
        wait_for(lambda: all(cls.invites_status() == 201 for _ in range(8)),
                 "the key is known")

    @classmethod
    def invites_status(cls):
        return cls.stack.http().request(
            "POST", "/api/admin/invites", "{}",
            [("Content-Type", "application/json"),
             ("Authorization", "Bearer " + cls.key)]).status

    def admin(self, path, body):
        return self.post("/api/admin/" + path, body, self.key)

    def make(self, name, password=PASSWORD):
        answer = self.admin("accounts",
                            {"username": name, "password": password})
        self.assert_status(answer, 201)
        return answer.json()

    def set_state(self, name, state):
        return self.admin("accounts/state", {"username": name,
                                             "state": state})

    def assert_nobody(self, name):
        """The name is to be had, so nothing of it is there."""
        self.make(name)

    def assert_bad(self, path, *bodies):
        for body in bodies:
            with self.subTest(body=body):
                self.assert_error(self.admin(path, body), 400, "bad_request")


class Making(BackEnd):

    def test_who_is_made_may_log_in(self):
        name = self.name()
        made = self.make(name.upper())
        self.assertRegex(made.pop("recoveryCode"), f"^{CODE}$")
        self.assertEqual(made, {"username": name,
                                "user": "urn:sm:user:" + name})
        session = self.login(name)
        self.assert_status(session, 200)
        self.assert_lives(session.json())
        # He has no session but his own.
        listed = self.stack.http().request(
            "GET", "/api/auth/sessions", None,
            [("Authorization", "Bearer " + session.json()["accessToken"])])
        self.assertEqual(len(listed.json()["sessions"]), 1)

    def test_who_is_given_no_password_gets_one(self):
        name = self.name()
        answer = self.admin("accounts", {"username": name})
        self.assert_status(answer, 201)
        made = answer.json()
        self.assertRegex(made["password"], f"^{CODE}$")
        self.assertNotEqual(made["password"], made["recoveryCode"])
        self.assert_status(self.login(name, made["password"]), 200)
        reset = self.post("/api/auth/password/reset", {
            "username": name, "code": made["recoveryCode"],
            "newPassword": "correct horse battery stable"})
        self.assert_status(reset, 200)

    def test_names_and_passwords_are_those_of_who_registers(self):
        for name in ("ab", "a" * 33, "-abc", "a b", "a\0bc", "admin", "NULL",
                     ""):
            with self.subTest(name=name):
                self.assert_error(self.admin("accounts", {"username": name}),
                                  400, "invalid_username")
        name = self.name()
        for password in ("", "fourteen chars", "a" * 40, "abcdefghijklmnop",
                         name + "1234567", "x" * 1025):
            with self.subTest(password=password):
                self.assert_error(self.admin("accounts", {
                    "username": name, "password": password}), 400,
                    "weak_password")
        good = {"username": name, "password": PASSWORD}
        self.assert_bad("accounts", {}, {"username": 7},
                        {"username": name, "pasword": PASSWORD},
                        {**good, "role": "ADMIN"}, {**good, "state": "active"},
                        {**good, "password": None})
        twice = self.stack.http().request(
            "POST", "/api/admin/accounts",
            json.dumps(good)[:-1] + ',"username":"other"}',
            [("Content-Type", "application/json"),
             ("Authorization", "Bearer " + self.key)])
        self.assert_error(twice, 400, "bad_request")
        self.assert_nobody(name)

    def test_of_several_who_want_a_name_one_gets_it(self):
        name = self.name()
        works = [lambda: self.admin("accounts", {"username": name})] * 4
        answers = in_threads(works)
        self.assertEqual(sorted(answer.status for answer in answers),
                         [201, 409, 409, 409])
        for answer in answers:
            if answer.status == 409:
                self.assert_error(answer, 409, "username_taken")

    def test_an_invite_lets_in_as_many_as_it_says(self):
        answer = self.admin("invites", {"uses": 2, "days": 30})
        self.assert_status(answer, 201)
        invite = answer.json()
        code = invite.pop("invite")
        self.assertRegex(code, f"^{CODE}$")
        self.assertEqual(invite, {"uses": 2, "expiresInSeconds": 30 * 86400})
        statuses = [self.register(invite=code).status for _ in range(3)]
        self.assertEqual(statuses, [201, 201, 403])
        answer = self.admin("invites", {})
        self.assertEqual({**answer.json(), "invite": ""},
                         {"invite": "", "uses": 1,
                          "expiresInSeconds": 7 * 86400})
        # Redis forgets it then.
        with self.stack.redis() as redis:
            for key in self.redis_keys("wp:*:invite:*"):
                self.assertGreater(redis("TTL", key), 0)
        self.assert_bad("invites", {"uses": 0}, {"uses": 1001}, {"days": 31},
                        {"days": 0}, {"uses": "many"}, {"uses": 1.5},
                        {"use": 2}, {"days": None}, [], {"uses": -1})

    def test_nothing_secret_is_in_a_log_or_on_disk(self):
        name = self.name()
        made = self.admin("accounts", {"username": name}).json()
        told = [made["recoveryCode"], made["password"], self.key[15:],
                self.admin("invites", {}).json()["invite"],
                self.admin("accounts/reset-code",
                           {"username": name}).json()["code"]]
        for path in (glob.glob(self.stack.path("log", "*")) +
                     glob.glob(self.file + "*")):
            with open(path, "rb") as file:
                text = file.read()
            for word in told:
                self.assertNotIn(word.encode(), text, path)
            if "/log/" in path:
                self.assertNotIn(name.encode(), text, path)


class Stating(BackEnd):

    # Asked in three groups, where nobody knows which it is.
    mailbox = {"partitions": 130}

    def assert_out(self, session):
        """Whichever process is asked."""
        wait_for(lambda: all(self.is_revoked(session) for _ in range(8)),
                 "the token is refused")
        self.assert_error(self.refresh(session), 401, "session_ended")

    def is_revoked(self, session):
        answer = self.pull(session)
        return (answer.status == 401 and
                answer.json()["code"] == "token_revoked")

    def test_who_is_shut_out_may_be_let_in_again(self):
        name = self.name()
        self.make(name)
        session = self.login(name).json()
        socket = self.connect(self.user_of(name, session))
        self.assert_status(self.set_state(name, "disabled"), 204)
        self.assertEqual(socket.wait_closed(PATIENCE_S), 4403)
        self.assert_out(session)
        self.assert_error(self.login(name), 401, "invalid_credentials")
        self.assert_error(self.admin("accounts/reset-code",
                                     {"username": name}), 404, "no_account")
        self.assert_status(self.set_state(name, "disabled"), 204)
        self.assert_status(self.set_state(name, "active"), 204)
        self.assert_status(self.set_state(name, "active"), 204)
        # What was issued in the second of that is good no longer either.
        wait_for(lambda: self.pull(self.login(name).json()).status == 200,
                 "he is let in")
        self.assert_error(self.refresh(session), 401, "session_ended")

    def test_who_is_deleted_stays_so_and_keeps_his_name(self):
        name = self.name()
        self.make(name)
        session = self.login(name).json()
        self.assert_status(self.set_state(name, "deleted"), 204)
        self.assert_out(session)
        self.assert_error(self.login(name), 401, "invalid_credentials")
        for state in ("active", "disabled"):
            self.assert_error(self.set_state(name, state), 404, "no_account")
        self.assert_error(self.admin("accounts", {"username": name}), 409,
                          "username_taken")
        self.assert_status(self.set_state(name, "deleted"), 204)

    def test_an_end_that_was_cut_off_is_finished_by_a_repeat(self):
        for step in ("the file's", "that of Redis"):
            with self.subTest(f"the last one was {step}"):
                name = self.name()
                self.make(name)
                session = self.login(name).json()
                with sqlite3.connect(self.file) as file:
                    file.execute("UPDATE account SET state = 1 "
                                 "WHERE name = ?", (name,))
                    file.execute("DELETE FROM session WHERE name = ?",
                                 (name,))
                file.close()
                if step == "that of Redis":
                    with self.stack.redis() as redis:
                        for key in self.redis_keys(
                                f"wp:*:session*:{session['sessionId']}"):
                            redis("DEL", key)
                        for key in self.redis_keys(
                                f"wp:*:sessions:{session['user']}"):
                            redis("DEL", key)
                self.assert_lives(session)
                self.assert_status(self.set_state(name, "disabled"), 204)
                self.assert_out(session)

    def test_what_is_revoked_is_not_refreshed(self):
        ours = {"issuer": "waypost"}
        for whom in ("user", "subject", "name", "session", "SESSION"):
            name = self.name()
            self.make(name)
            session, other = self.login(name).json(), self.login(name).json()
            body = {
                "user": {"user": session["user"]},
                "subject": {**ours, "subject": session["user"]},
                "name": {**ours, "subject": name},
                "session": {**ours, "session": session["sessionId"]},
                "SESSION": {**ours, "session": session["sessionId"].upper()},
            }[whom]
            for _ in range(2):  # it may be said again
                self.assert_status(self.admin("revoke", body), 204)
            self.assert_error(self.refresh(session), 401, "session_ended")
            if whom.lower() == "session":
                self.assert_status(self.refresh(other), 200)
            else:
                self.assert_error(self.refresh(other), 401, "session_ended")
            wait_for(lambda: self.is_revoked(session), "it is revoked")

    def partition_of(self, session):
        [key] = self.redis_keys(f"wp:*:session:{session['sessionId']}")
        return int(key.split("{")[1].split("}")[0])

    def session_in(self, group):
        """Of somebody whose partition is one of this group of 64."""
        while True:
            name = self.name()
            self.make(name)
            session = self.login(name).json()
            if self.partition_of(session) // 64 == group:
                return session

    def halve(self, session):
        """Its end was cut off behind the row."""
        with sqlite3.connect(self.file) as file:
            file.execute("DELETE FROM session WHERE sid = ?",
                         (bytes.fromhex(session["sessionId"]),))
        file.close()
        self.assert_status(self.refresh(session), 200)

    def test_one_session_that_lost_its_row_ends_when_it_is_repeated(self):
        for group in (0, 1):
            session = self.session_in(group)
            self.halve(session)
            self.assert_status(self.admin("revoke", {
                "issuer": "waypost", "session": session["sessionId"]}), 204)
            self.assert_error(self.refresh(session), 401, "session_ended")
            self.assert_out(session)

    def test_the_command_ends_one_that_lost_its_row(self):
        for group in (0, 1):
            session = self.session_in(group)
            self.halve(session)
            revoke = ("revoke", "--issuer", "waypost", "--session",
                      session["sessionId"])
            for ended in (1, 0):  # of what has no row, if Redis knew it
                status, said, wrong = self.tool(*revoke, noun="session")
                self.assertEqual(status, 0, wrong)
                self.assertIn(f"that ended: {ended}\n", said)
                self.assert_error(self.refresh(session), 401,
                                  "session_ended")
            self.assert_out(session)

    def test_nothing_that_was_given_stays_in_memory(self):
        secrets, name = {}, self.name()
        self.keep(secrets, "made", self.admin("accounts", {"username": name}),
                  "recoveryCode", "password")
        self.keep(secrets, "reset", self.admin("accounts/reset-code",
                                               {"username": name}), "code")
        self.keep(secrets, "invite", self.admin("invites", {}), "invite")
        self.assert_forgotten(**secrets)

    def test_who_is_revoked_is_remembered_for_as_long_as_tokens_live(self):
        name = self.name()
        self.make(name)
        session = self.login(name).json()
        with self.stack.redis() as redis:
            [key] = redis("KEYS", f"wp:*:sessions:{session['user']}")
            # As settings of before gave them.
            redis("SET", key.split(b"sessions:")[0] + b"lives", "100000")
        for body in ({"user": session["user"]},
                     {"issuer": "waypost", "subject": name},
                     {"issuer": "waypost", "session": session["sessionId"]}):
            for _ in range(2):  # also when no session is left
                self.assert_status(self.admin("revoke", body), 204)
                with self.stack.redis() as redis:
                    [[entry, fields]] = redis("XREVRANGE", "wp:revoked", "+",
                                              "-", "COUNT", "1")
                kept_s = int(fields[5]) - int(entry.split(b"-")[0]) // 1000
                self.assertGreaterEqual(kept_s, 100000)

    def test_what_nobody_knows_is_refused(self):
        for state in ("active", "disabled", "deleted"):
            self.assert_error(self.set_state(self.name(), state), 404,
                              "no_account")
        self.assert_error(self.admin("accounts/reset-code",
                                     {"username": self.name()}), 404,
                          "no_account")
        self.assert_error(self.set_state("-", "active"), 400,
                          "invalid_username")
        name = self.name()
        self.make(name)
        session = self.login(name).json()
        whole = {"username": name, "state": "disabled"}
        self.assert_bad("accounts/state", {"username": name},
                        {"state": "disabled"}, {**whole, "state": "gone"},
                        {**whole, "state": ""}, {**whole, "state": 1},
                        {**whole, "state": "disabled\0"},
                        {**whole, "sessions": "all"})
        self.assert_bad("accounts/reset-code", {},
                        {"username": name, "code": "x"})
        self.assert_lives(session)

    def test_a_reset_code_sets_another_password_once(self):
        name = self.name()
        self.make(name)
        session = self.login(name).json()
        answer = self.admin("accounts/reset-code", {"username": name.upper()})
        self.assert_status(answer, 201)
        code = answer.json()["code"]
        self.assertEqual(answer.json(), {"code": code,
                                         "expiresInSeconds": 3600})
        body = {"username": name, "code": code,
                "newPassword": "correct horse battery stable"}
        self.assert_status(self.post("/api/auth/password/reset", body), 200)
        self.assert_error(self.post("/api/auth/password/reset", body), 400,
                          "invalid_code")
        self.assert_error(self.login(name), 401)
        self.assert_status(self.login(name, body["newPassword"]), 200)
        self.assert_error(self.refresh(session), 401, "session_ended")
