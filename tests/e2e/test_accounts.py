"""Accounts: what an operator does with them, and who comes in."""
import fcntl
import glob
import itertools
import json
import os
import re
import secrets
import signal
import sqlite3
import stat
import struct
import subprocess
import threading
import time

from harness import (E2eTest, PATIENCE_S, User, in_threads, new_stack, scratch,
                     wait_for)
from test_sessions import key_folder


PASSWORD = "correct horse battery staple"
CODE = r"[a-z2-7]{26}"
# Stacks and what a sanitizer keeps about memory are larger, and mostly empty.
REGION_BYTES_MAX = 4 << 20


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def memory_of(pid):
    """The heap of a process, and what else it has written that is small."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            begin, end = (int(word, 16)
                          for word in line.split()[0].split("-"))
            if "rw" in line and ("[heap]" in line or
                                 end - begin <= REGION_BYTES_MAX):
                memory.seek(begin)
                yield memory.read(end - begin)


class Accounts(E2eTest):
    """A stack of its own, with a file of accounts."""

    @classmethod
    def make_stack(cls):
        return new_stack({"accounts": cls.settings()})

    @property
    def file(self):
        return self.stack.path("accounts.db")

    @classmethod
    def settings(cls):
        """What else the section says."""
        return {}

    def tool(self, *words, said=None, env=None, noun="account"):
        """Status, standard output and standard error of `waypost account`."""
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), noun, *words],
            env={**self.stack.base_env,
                 "STORE_SECRET": self.stack.store_secret, **(env or {})},
            input=said, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def create(self, name, password=PASSWORD):
        """Make an account; what is told of it."""
        status, said, wrong = self.tool("create", name, "--json",
                                        "--password", "-", said=password)
        self.assertEqual(status, 0, wrong)
        return json.loads(said)

    def assert_refused(self, sentence, *words, **how):
        status, said, wrong = self.tool(*words, **how)
        self.assertEqual((status, said), (1, ""), wrong)
        self.assertIn(sentence, wrong)


class CommandLine(Accounts):

    @classmethod
    def settings(cls):
        path = os.path.join(scratch(), "blocklist")
        with open(path, "w", encoding="ascii") as file:
            file.write("a password that everybody knows\nzz\n")
        os.chmod(path, 0o644)
        return {"blocklist_file": path}

    def test_an_account_is_made_and_what_belongs_to_it_shown_once(self):
        made = self.create("Alice")
        self.assertEqual(made["username"], "alice")
        self.assertRegex(made["recoveryCode"], f"^{CODE}$")
        self.assertNotIn("password", made)
        with open(self.file, "rb") as file:
            kept = file.read()
        self.assertNotIn(made["recoveryCode"].encode(), kept)
        self.assertNotIn(PASSWORD.encode(), kept)

    def test_who_gives_no_password_gets_one(self):
        status, said, wrong = self.tool("create", "bob")
        self.assertEqual(status, 0, wrong)
        self.assertRegex(said, f"^user name      bob\nrecovery code  {CODE}\n"
                               f"password       {CODE}\n$")
        first = re.findall(CODE, said)
        status, said, wrong = self.tool("create", "bob2", "--json")
        self.assertEqual(status, 0, wrong)
        made = json.loads(said)
        self.assertEqual(len({*first, made["password"],
                              made["recoveryCode"]}), 4)
        # However long one must be.
        status, said, wrong = self.tool("create", "bob3", "--json", env={
            "WAYPOST_ACCOUNTS_MIN_PASSWORD_LENGTH": "128"})
        self.assertEqual(status, 0, wrong)
        self.assertRegex(json.loads(said)["password"], "^[a-z2-7]{130}$")

    def test_the_file_is_its_owners_alone(self):
        self.create("carol")
        for name in (self.file, self.file + "-hash.lock"):
            self.assertEqual(stat.S_IMODE(os.stat(name).st_mode), 0o600)
        os.chmod(self.file, 0o644)
        self.addCleanup(os.chmod, self.file, 0o600)
        self.assert_refused("open to others", "enable", "carol")

    def test_of_several_who_want_a_name_one_gets_it(self):
        works = [lambda: self.tool("create", "dave", "--json")] * 6
        statuses = sorted(status for status, _, _ in in_threads(works))
        self.assertEqual(statuses, [0, 1, 1, 1, 1, 1])
        self.assert_refused("the name is taken", "create", "DAVE")

    def test_bad_names_and_passwords_are_refused_and_leave_nothing(self):
        for name, sentence in (("admin", "reserved"), ("Root", "reserved")):
            self.assert_refused(sentence, "create", name)
        for password, sentence in (
                ("fourteen chars", "at least 15 characters"),
                ("x" * 1025, "at most 1024 characters"),
                ("x" * 5000, "at most 1024 characters"),
                ("aaaaaaaaaaaaaaaaaaaa", "5 different"),
                ("passwordpassword", "again and again"),
                ("abcdefghijklmnopq", "sequence"),
                ("qwertyuiopasdfghj", "sequence"),
                ("A Password That Everybody Knows", "list of known"),
                ("a password that everybody knows2026", "list of known")):
            self.assert_refused(sentence, "create", "erin", "--password", "-",
                                said=password)
        self.assert_refused("besides the user name", "create",
                            "bartholomew", "--password", "-",
                            said="Bartholomew1999")
        self.create("erin")
        self.create("bartholomew")

    def test_a_list_that_cannot_be_looked_up_lets_nobody_by(self):
        path = os.path.join(scratch(), "list")
        with open(path, "w", encoding="ascii") as file:
            file.write("b\na\n")
        self.assert_refused("not sorted", "create", "frank", env={
            "WAYPOST_ACCOUNTS_BLOCKLIST_FILE": path})
        self.assert_refused("No such file", "create", "frank", env={
            "WAYPOST_ACCOUNTS_BLOCKLIST_FILE": path + "-"})

    def test_who_is_shut_out_may_be_let_in_again_but_not_who_is_deleted(self):
        self.create("grace")
        status, said, wrong = self.tool("disable", "grace")
        self.assertEqual((status, said, wrong),
                         (0, "grace may not log in any more; sessions "
                             "ended: 0\n", ""))
        status, said, _ = self.tool("enable", "grace")
        self.assertEqual((status, said), (0, "grace may log in\n"))
        status, _, wrong = self.tool("delete", "grace")
        self.assertEqual(status, 2)
        self.assertIn("say --yes", wrong)
        status, said, _ = self.tool("delete", "grace", "--yes")
        self.assertEqual((status, said),
                         (0, "grace is deleted; sessions ended: 0\n"))
        # Whoever was cut off repeats it.
        self.assertEqual(self.tool("delete", "grace", "--yes")[0], 0)
        self.assert_refused("no such account", "enable", "grace")
        self.assert_refused("no such account", "disable", "nobody")
        self.assert_refused("the name is taken", "create", "grace")

    def test_a_hash_costs_what_the_settings_say(self):
        for memory, passes in ((7168, 1), (19456, 3)):
            name = f"cost{passes}"
            status, _, wrong = self.tool("create", name, env={
                "WAYPOST_ACCOUNTS_ARGON2_MEMORY_KIB": str(memory),
                "WAYPOST_ACCOUNTS_ARGON2_PASSES": str(passes)})
            self.assertEqual(status, 0, wrong)
        self.assert_refused("7168 to 1048576", "create", "cost",
                            env={"WAYPOST_ACCOUNTS_ARGON2_MEMORY_KIB": "64"})

    def test_the_store_is_no_file_of_accounts(self):
        self.assert_refused(
            "must not be the file of the cold store", "create", "henry",
            env={"WAYPOST_ACCOUNTS_SQLITE_PATH":
                 self.stack.path("waypost.db"),
                 "WAYPOST_STORE_SQLITE_PATH": self.stack.path("waypost.db")})


class Routes(Accounts):
    """A stack on which accounts are on."""

    registration = "open"
    more = {}
    auth = {}

    @classmethod
    def make_stack(cls):
        return new_stack({
            "accounts": {"enabled": True, "registration": cls.registration,
                         # Cheap: these tests are about what comes out.
                         "argon2_memory_kib": 7168, "argon2_passes": 1,
                         **cls.more},
            "auth": cls.auth,
        })

    def name(self):
        return "u" + secrets.token_hex(6)

    def post(self, path, body, token=None, headers=()):
        pairs = [("Content-Type", "application/json"), *headers]
        if token:
            pairs.append(("Authorization", "Bearer " + token))
        return self.stack.http().request("POST", path, json.dumps(body), pairs)

    def register(self, name=None, password=PASSWORD, **more):
        return self.post("/api/auth/register", {
            "username": name or self.name(), "password": password, **more})

    def login(self, name, password=PASSWORD, **more):
        return self.post("/api/auth/login", {
            "username": name, "password": password, **more})

    def press(self, name):
        """After five guesses: as if they had been fifteen, so that the next
        one may not be made for minutes, however slow this is."""
        with self.stack.redis() as ask:
            [key] = ask("KEYS", f"wp:{{*}}:login:urn:sm:user:{name}")
            n, *rest = ask("GET", key).split(b" ")
            self.assertEqual(n, b"5")
            ask("SET", key, b" ".join((b"15", *rest)), "KEEPTTL")

    def newcomer(self, **more):
        """A name, and the session that it got."""
        name = self.name()
        answer = self.register(name, **more)
        self.assert_status(answer, 201)
        return name, answer.json()

    def assert_lives(self, session):
        self.assert_status(self.pull(session), 200)

    def pull(self, session):
        return self.stack.http().request("GET", "/api/messages", None, [
            ("Authorization", "Bearer " + session["accessToken"])])

    def refresh(self, session):
        return self.post("/api/auth/refresh",
                         {"refreshToken": session["refreshToken"]})

    def user_of(self, name, session):
        return User(self.stack, name, token=session["accessToken"])


class Registering(Routes):

    def test_who_registers_has_a_mailbox_at_once(self):
        name, session = self.newcomer()
        self.assertEqual(sorted(session), [
            "accessToken", "deviceId", "deviceProof", "expiresInSeconds",
            "recoveryCode", "refreshToken", "sessionId", "tokenType", "user"])
        self.assertEqual(session["user"], "urn:sm:user:" + name)
        self.assertEqual(session["tokenType"], "Bearer")
        self.assertRegex(session["recoveryCode"], f"^{CODE}$")
        other, its = self.newcomer()
        sender = self.user_of(other, its)
        self.assert_accepted(sender.send(name, b"hello"))
        self.assertEqual(len(self.messages(self.user_of(name, session), 1)), 1)

    def test_the_seeds_paths_and_members_are_known(self):
        name = self.name()
        made = self.post("/auth/register", {"username": name, "role": "USER",
                                            "password": PASSWORD})
        self.assert_status(made, 201)
        self.assertEqual(made.json()["token"], made.json()["accessToken"])
        came = self.post("/auth/login", {"username": name,
                                         "password": PASSWORD})
        self.assert_status(came, 200)
        self.assertEqual(came.json()["token"], came.json()["accessToken"])
        self.assert_lives(came.json())

    def test_nobody_makes_himself_more_than_a_user(self):
        name = self.name()
        for path in ("/api/auth/register", "/auth/register"):
            for role in ("ADMIN", "admin", "user", ""):
                answer = self.post(path, {"username": name, "role": role,
                                          "password": PASSWORD})
                self.assert_error(answer, 403, "forbidden")
        self.assert_status(self.register(name), 201)

    def test_a_name_is_one_whatever_its_case(self):
        name = self.name()
        works = [lambda: self.register(name),
                 lambda: self.register(name.upper())]
        answers = in_threads(works)
        self.assertEqual(sorted(a.status for a in answers), [201, 409])
        for answer in answers:
            if answer.status == 409:
                self.assert_error(answer, 409, "username_taken")
        self.assert_status(self.login(name.upper()), 200)
        self.assert_status(self.login(name.capitalize()), 200)

    def test_bad_names_and_passwords_are_refused_and_leave_nothing(self):
        for name in ("ab", "a" * 33, "-abc", "a b", "a:b", "ä" * 5, "a\0bc",
                     "admin", "Support", "NULL", "everyone"):
            with self.subTest(name=name):
                self.assert_error(self.register(name), 400,
                                  "invalid_username")
        name = self.name()
        for password in ("", "fourteen chars", "a" * 40, "ab" * 12,
                         "abcdefghijklmnop", "qwertyuiopasdfghjkl",
                         name + "1234567", "correct\ud800horse battery",
                         "x" * 1025):
            with self.subTest(password=password):
                answer = self.register(name, password)
                self.assertEqual(answer.status, 400, answer)
                self.assertIn(answer.json()["code"],
                              ("weak_password", "invalid_json",
                               "bad_request"))
        self.assert_status(self.register(name), 201)

    def test_every_byte_of_a_password_counts(self):
        long = "".join(chr(33 + i * i % 90) for i in range(1024))
        wide = "".join(chr(0x1f600 + i * i % 60) for i in range(30))
        for password in (long, long[:73], wide, "with a \0 in it, and on"):
            name, _ = self.newcomer(password=password)
            self.assert_status(self.login(name, password), 200)
            self.assert_error(self.login(name, password[:-1]), 401)
            self.assert_error(self.login(name, password[:72] + "x"), 401)

    def test_a_body_that_is_none_is_refused(self):
        good = {"username": "someone", "password": PASSWORD}
        for change in ({"username": 7}, {"password": None},
                       {"password": [PASSWORD]}, {"username": {"a": 1}},
                       {"deviceId": "a b"}, {"deviceId": ""},
                       {"deviceId": "x" * 65}, {"deviceName": "x" * 200},
                       {"deviceName": "line\nend"}, {"refreshIn": "pocket"},
                       {"username": "x" * 65}, {"invite": "x" * 200},
                       {"role": "x" * 20}):
            with self.subTest(change=change):
                self.assert_error(self.post("/api/auth/register",
                                            {**good, **change}), 400)
        http = self.stack.http()
        json_type = [("Content-Type", "application/json")]
        for body, kind, status in (
                ("{", json_type, 400), ("", json_type, 400),
                ("[]", json_type, 400), ("null", json_type, 400),
                ('{"username":"a12","username":"a13","password":"x"}',
                 json_type, 400),
                (b'{"username":"a\xff","password":"x"}', json_type, 400),
                (json.dumps({**good, "more": "x" * 8192}), json_type, 413),
                (json.dumps(good), [("Content-Type", "text/plain")], 415)):
            for path in ("/api/auth/register", "/api/auth/login"):
                answer = http.request("POST", path, body, kind)
                self.assert_error(answer, status)
        for path, body in (("/api/auth/login", {"username": "someone"}),
                           ("/api/auth/login", {"password": PASSWORD}),
                           ("/api/auth/password/reset", good)):
            self.assert_error(self.post(path, body), 400, "bad_request")
        self.assert_error(http.request("GET", "/api/auth/login"), 405)

    def test_nothing_secret_is_in_a_log_or_on_disk(self):
        name, session = self.newcomer(password="A very telling password 77")
        self.login(name, "A wrong but telling password 88")
        self.post("/api/auth/password/reset", {
            "username": name, "code": "telling" + "a" * 19,
            "newPassword": "A newer telling password 99"})
        told = [session[member].encode() for member in
                ("accessToken", "refreshToken", "recoveryCode",
                 "deviceProof")]
        told += [b"telling", name.encode()]
        for path in glob.glob(self.stack.path("log", "*")):
            with open(path, "rb") as file:
                text = file.read()
            for word in told:
                self.assertNotIn(word, text, path)
        for path in glob.glob(self.file + "*"):
            with open(path, "rb") as file:
                text = file.read()
            for word in told[:4]:
                self.assertNotIn(word, text, path)


    def test_nothing_secret_stays_in_memory(self):
        name, _ = self.newcomer(password="A very passing password 77")
        self.login(name, "A wrong but passing password 88")
        self.post("/api/auth/password/reset", {
            "username": name, "code": "passing" + "a" * 19,
            "newPassword": "A newer passing password 99"})
        for pid in children_of(self.stack.programs["handlers"].pid):
            with self.subTest(pid=pid):
                self.assertFalse(any(b"passing" in part
                                     for part in memory_of(pid)))


class LoggingIn(Routes):

    def test_a_wrong_name_and_a_wrong_password_are_one(self):
        name, _ = self.newcomer()
        wrong = self.login(name, "a wrong password, really")
        nobody = self.login(self.name(), "a wrong password, really")
        for answer in (wrong, nobody):
            self.assert_error(answer, 401, "invalid_credentials")
        self.assertEqual(wrong.body, nobody.body)

    def test_guesses_are_counted_for_names_that_exist_and_others(self):
        name, session = self.newcomer()
        for who in (name, self.name()):
            for _ in range(5):
                self.assert_error(self.login(who, "a wrong password, really"),
                                  401)
            self.press(who)
            answer = self.login(who, "a wrong password, really")
            self.assert_error(answer, 429, "too_many_attempts")
        # Not even the right one is tried, but from a device that was here.
        self.assert_error(self.login(name), 429)
        known = {"deviceId": session["deviceId"],
                 "deviceProof": session["deviceProof"]}
        self.assert_error(self.login(name, deviceId="another",
                                     deviceProof=session["deviceProof"]), 429)
        came = self.login(name, **known)
        self.assert_status(came, 200)
        self.assertEqual(came.json()["deviceId"], session["deviceId"])

    def test_the_log_says_what_happened_and_not_to_whom(self):
        def about(mark):
            lines = [json.loads(line) for line
                     in self.stack.read_log("handlers").splitlines()]
            return [(line["event"], line["address"]) for line in lines
                    if line.get("account") == mark]

        def mark_of(session):
            known = {json.loads(line)["request_id"]: json.loads(line)
                     for line in self.stack.read_log("handlers").splitlines()
                     if '"event":"logged_in"' in line}
            return known.get(session, {}).get("account")

        name, other = self.name(), self.name()
        answers = [self.register(name), self.register(other)]
        requests = [answer.header("X-Request-Id") for answer in answers]
        wait_for(lambda: all(map(mark_of, requests)), "both lines")
        marks = [mark_of(request) for request in requests]
        self.assertRegex(marks[0], "^[0-9a-f]{8}$")
        self.assertNotEqual(*marks)
        self.login(name, PASSWORD + "r")
        session = self.login(name).json()
        self.post("/api/auth/logout",
                  {"refreshToken": session["refreshToken"]})

        def is_wrong_code_told():
            """Of a crowd of wrong ones only some are."""
            self.post("/api/auth/password/reset", {
                "username": name, "code": "a" * 26,
                "newPassword": "correct horse battery stable"})
            return ("wrong_code", "") in about(marks[0])
        wait_for(is_wrong_code_told, "a line of the code")
        self.post("/api/auth/recovery", {"password": PASSWORD},
                  answers[0].json()["accessToken"])
        self.post("/api/auth/account/delete", {"password": PASSWORD},
                  answers[0].json()["accessToken"])
        wait_for(lambda: ("deleted", "") in about(marks[0]), "the last line")
        told = [line for line, _ in itertools.groupby(about(marks[0]))]
        self.assertEqual(told, [(event, "") for event in (
            "registered", "logged_in", "wrong_password", "logged_in",
            "logged_out", "wrong_code", "recovery_set", "deleted")])

    def test_an_operator_unlocks(self):
        name, _ = self.newcomer()
        for _ in range(5):
            self.login(name, "a wrong password, really")
        self.press(name)
        self.assert_error(self.login(name), 429)
        status, said, wrong = self.tool("unlock", name)
        self.assertEqual((status, said), (0, name + " may try again\n"), wrong)
        self.assert_status(self.login(name), 200)

    def test_of_guesses_at_once_only_so_many_are_hashed(self):
        name, _ = self.newcomer()
        works = [lambda: self.login(name, "a wrong password, really")] * 40
        start = time.monotonic()
        statuses = [answer.status for answer in in_threads(works)]
        # One more after a second, after three, after seven, …
        more = int(time.monotonic() - start + 1).bit_length() - 1
        self.assertLessEqual(statuses.count(401), 5 + more)
        self.assertGreaterEqual(statuses.count(429), 30 - more)

    def test_one_device_has_one_session(self):
        name, first = self.newcomer(deviceId="phone")
        second = self.login(name, deviceId="phone").json()
        self.assert_error(self.refresh(first), 401, "session_ended")
        self.assert_status(self.refresh(second), 200)

    def test_who_is_shut_out_has_no_session_and_gets_none(self):
        name, session = self.newcomer()
        status, said, wrong = self.tool("disable", name)
        self.assertEqual((status, said), (0, f"{name} may not log in any more; "
                                             "sessions ended: 1\n"), wrong)
        self.assert_error(self.login(name), 401, "invalid_credentials")
        self.assert_error(self.refresh(session), 401, "session_ended")
        self.assertEqual(self.tool("enable", name)[0], 0)
        self.assert_status(self.login(name), 200)

    def test_what_was_cut_off_behind_the_file_is_done_by_repeating_it(self):
        for words, state in ((("disable",), 1), (("delete", "--yes"), 2)):
            name, session = self.newcomer()
            user = User(self.stack, session["user"], session["accessToken"])
            self.assert_status(user.pull(), 200)
            with sqlite3.connect(self.file, timeout=30) as file:
                file.execute("UPDATE account SET state = ? WHERE name = ?",
                             (state, name))
                file.execute("DELETE FROM session WHERE name = ?", (name,))
            file.close()
            for sessions in (1, 0):  # and once more behind the second step
                with self.stack.redis() as redis:
                    redis("DEL", "wp:revoked")
                status, said, wrong = self.tool(words[0], name, *words[1:])
                self.assertEqual((status, wrong), (0, ""))
                self.assertIn(f"; sessions ended: {sessions}\n", said)
                with self.stack.redis() as redis:
                    self.assertEqual(redis("XLEN", "wp:revoked"),
                                     1 + sessions)
            wait_for(lambda: user.pull().status == 401, "it is revoked")
            self.assert_error(self.refresh(session), 401, "session_ended")

    def sessions_of(self, name):
        status, said, wrong = self.tool("list", name, "--json", noun="session")
        self.assertEqual((status, wrong), (0, ""))
        return json.loads(said)["sessions"]

    def revoke(self, *words):
        """How many sessions of our own have ended."""
        status, said, wrong = self.tool("revoke", *words, noun="session")
        self.assertEqual((status, wrong), (0, ""))
        return int(re.search(r"^sessions of our own that ended: (\d+)$", said,
                             re.M)[1])

    def test_an_operator_sees_where_somebody_is_logged_in(self):
        device = "Zo\u00eb's \"good\" phone"
        name, session = self.newcomer(deviceId="phone", deviceName=device)
        row, = self.sessions_of(name)
        self.assertRegex(row.pop("createdAt"), r"^\d{4}-\d\d-\d\dT.{8}Z$")
        self.assertRegex(row.pop("lastUsedDay"), r"^\d{4}-\d\d-\d\d$")
        self.assertEqual(row, {
            "id": session["sessionId"], "deviceId": "phone",
            "deviceName": device, "halfEnded": False})
        _, said, _ = self.tool("list", name, noun="session")
        self.assertRegex(said, f"^{session['sessionId']}  begun .*  last used "
                               ".*  phone  \"Zo\u00eb's ")
        # What an end that was cut off has left is told of, and ended.
        with sqlite3.connect(self.file, timeout=30) as file:
            file.execute("DELETE FROM session WHERE name = ?", (name,))
        file.close()
        self.assertEqual(self.sessions_of(name), [
            {"id": session["sessionId"], "halfEnded": True}])
        _, said, _ = self.tool("list", name, noun="session")
        self.assertIn("ended by half", said)
        self.assertEqual(self.revoke("--user", name), 1)
        self.assertEqual(self.sessions_of(name), [])
        status, said, wrong = self.tool("list", "nobody", noun="session")
        self.assertEqual((status, said), (1, ""))
        self.assertIn("no such account", wrong)

    def test_what_an_operator_revokes_is_not_refreshed(self):
        ours = ("--issuer", "waypost")
        for whom in ("user", "subject", "name", "session", "SESSION"):
            name, session = self.newcomer()
            other = self.login(name).json()
            user = User(self.stack, session["user"], session["accessToken"])
            self.assert_status(user.pull(), 200)
            words = {
                "user": ("--user", session["user"]),
                "subject": (*ours, "--subject", session["user"]),
                "name": (*ours, "--subject", name),
                "session": (*ours, "--session", session["sessionId"]),
                "SESSION": (*ours, "--session", session["sessionId"].upper()),
            }[whom]
            with self.subTest(whom=whom):
                is_one = whom.lower() == "session"
                self.assertEqual(self.revoke(*words), 1 if is_one else 2)
                self.assert_error(self.refresh(session), 401, "session_ended")
                wait_for(lambda u=user: u.pull().status == 401, "it is revoked")
                if is_one:
                    self.assert_status(self.refresh(other), 200)
                else:
                    self.assert_error(self.refresh(other), 401,
                                      "session_ended")
                # It may be said again.
                self.assertEqual(self.revoke(*words), 0)

    def test_a_dearer_hash_takes_the_place_of_a_cheap_one(self):
        name = self.name()
        self.assertEqual(self.tool("create", name, "--password", "-",
                                   said=PASSWORD, env={
                                       "WAYPOST_ACCOUNTS_ARGON2_PASSES": "2",
                                   })[0], 0)
        self.assert_status(self.login(name), 200)
        with sqlite3.connect(self.file, timeout=30) as file:
            cost = file.execute("SELECT m, t FROM account WHERE name = ?",
                                (name,)).fetchone()
        file.close()
        self.assertEqual(cost, (7168, 1))
        self.assert_status(self.login(name), 200)

    def test_a_locked_file_is_no_wrong_password(self):
        name, session = self.newcomer()
        file = sqlite3.connect(self.file, timeout=30, isolation_level=None)
        self.addCleanup(file.close)
        file.execute("BEGIN IMMEDIATE")
        self.assert_error(self.login(name), 503, "unavailable")
        self.assert_error(self.register(), 503, "unavailable")
        # Reading waits for nobody, and sends and pulls need no accounts.
        self.assert_error(self.login(name, "a wrong password, really"), 401)
        self.assert_lives(session)
        self.assert_status(self.refresh(session), 200)
        file.execute("ROLLBACK")
        self.assert_status(self.login(name), 200)


class Timing(Routes):
    """Who has an account is not to be told from how long a try takes."""

    def test_a_name_that_exists_takes_no_longer_to_be_refused(self):
        tries = int(os.environ.get("WAYPOST_TIMING_TRIES", "40"))
        known = [self.newcomer()[0] for _ in range(tries)]
        took = {True: [], False: []}
        for name in known:
            for is_known in (True, False):
                begin = time.perf_counter()
                answer = self.login(name if is_known else self.name(),
                                    "a wrong password, really")
                took[is_known].append(time.perf_counter() - begin)
                self.assertEqual(answer.status, 401)
        # Mann and Whitney: how often is one above the other? Far from half of
        # all pairs only when there is something to see.
        above = sum(a > b for a in took[True] for b in took[False])
        mean = tries * tries / 2
        deviation = (tries * tries * (2 * tries + 1) / 12) ** 0.5
        self.assertLess(abs(above - mean), 5 * deviation,
                        {key: sorted(times)[tries // 2]
                         for key, times in took.items()})


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


class Invited(Routes):

    registration = "invite"
    more = {"log_addresses": True}

    def invite(self, *words):
        status, said, wrong = self.waypost("invite", "create", *words)
        self.assertEqual(status, 0, wrong)
        return said.strip()

    def waypost(self, *words):
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), *words],
            env=self.stack.base_env, capture_output=True, text=True,
            check=False)
        return done.returncode, done.stdout, done.stderr

    def test_an_invite_is_used_up(self):
        self.assert_error(self.register(), 403, "registration_closed")
        self.assert_error(self.register(invite="a" * 26), 403,
                          "registration_closed")
        code = self.invite("--uses", "2")
        self.assertRegex(code, f"^{CODE}$")
        works = [lambda: self.register(invite=code)] * 6
        statuses = sorted(answer.status for answer in in_threads(works))
        self.assertEqual(statuses, [201, 201, 403, 403, 403, 403])

    def test_an_invite_is_given_back_when_nothing_came_of_it(self):
        code = self.invite("--uses", "2")
        name, _ = self.newcomer(invite=code)
        self.assert_error(self.register(name, invite=code), 409)
        self.assert_error(self.register(password="short", invite=code), 400)
        self.newcomer(invite=code)
        self.assert_error(self.register(invite=code), 403)

    def test_the_log_has_addresses_where_that_is_wanted(self):
        self.login(self.name())
        wait_for(lambda: re.search(
            r'"event":"wrong_password",.*"address":"127\.0\.0\.1"',
            self.stack.read_log("handlers")), "the line")

    def test_how_long_hashes_took_is_counted(self):
        self.login(self.name())
        text = self.stack.http().request("GET", "/metrics", None, []).body
        self.assertRegex(text.decode(),
                         r"waypost_http_hash_seconds_count [1-9]")


class Closed(Routes):

    registration = "closed"

    def test_nobody_comes_in_but_whom_the_operator_made(self):
        self.assert_error(self.register(), 403, "registration_closed")
        name = self.name()
        self.create(name)
        self.assert_status(self.login(name), 200)


class Crowded(Routes):
    """Hashes that take their time, and one at a time."""

    more = {"hash_slots": 1, "argon2_memory_kib": 19456, "argon2_passes": 8}

    def hold_slot(self):
        """Lock the byte of the slot, as another process would."""
        file = open(self.file + "-hash.lock", "r+b", buffering=0)
        self.addCleanup(file.close)
        lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)

        def have_it():
            try:
                fcntl.fcntl(file, 37, lock)  # F_OFD_SETLK
                return True
            except BlockingIOError:
                return False
        wait_for(have_it, "the slot")
        return file

    def test_who_finds_no_slot_is_told_to_come_again(self):
        name, session = self.newcomer()
        file = self.hold_slot()
        self.assert_error(self.login(name), 503, "overloaded")
        works = [lambda: self.login(self.name())] * 12
        for answer in in_threads(works):
            self.assert_error(answer, 503, "overloaded")
        self.assert_lives(session)
        file.close()
        self.assert_status(self.login(name), 200)

    def test_a_flood_of_logins_leaves_others_alone(self):
        name, session = self.newcomer()
        user = self.user_of(name, session)
        is_over = threading.Event()

        def flood():
            while not is_over.is_set():
                self.login(self.name())
        works = [threading.Thread(target=flood) for _ in range(8)]
        for work in works:
            work.start()
        try:
            for _ in range(30):
                self.assert_accepted(user.send(name, b"x"))
                self.assert_status(user.pull(), 200)
        finally:
            is_over.set()
            for work in works:
                work.join()

    def test_a_process_killed_inside_a_hash_holds_nobody_up(self):
        name, _ = self.newcomer()
        work = threading.Thread(target=lambda: self.login(name), daemon=True)
        work.start()

        def is_hashing():
            with open("/proc/locks", encoding="ascii") as file:
                inode = os.stat(self.file + "-hash.lock").st_ino
                return any(f":{inode} 0 0" in line for line in file)
        wait_for(is_hashing, "a hash")
        pool = self.stack.programs["handlers"].pid
        for pid in children_of(pool):
            os.kill(pid, signal.SIGKILL)
        work.join()
        self.wait_all_ready()
        self.assert_status(self.login(name), 200)


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
