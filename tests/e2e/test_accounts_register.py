"""Who gets an account, and what is left of what he said."""
import glob
import json
import os
import re
import subprocess

from accounts import CODE, PASSWORD, Routes
from harness import in_threads, wait_for


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
        self.assert_forgotten(passing=b"passing")

    def test_nothing_that_was_given_stays_in_memory(self):
        """Whatever was answered, and shown again, in whichever way."""
        secrets = {}
        tokens = ("refreshToken", "deviceProof")
        name = self.name()
        self.keep(secrets, "register", self.register(name), "recoveryCode",
                  *tokens)
        first = self.keep(secrets, "login", self.login(name), *tokens)
        self.assert_status(self.refresh(first), 200)
        answer = self.login(name, refreshIn="cookie")
        cookie = answer.header("Set-Cookie").split(";")[0]
        secrets["cookie"] = cookie.split("=")[1].encode()
        self.assert_status(self.post("/api/auth/refresh", {}, headers=[
            ("Cookie", cookie), ("Host", "here.example"),
            ("Origin", "http://here.example")]), 200)
        code = self.keep(secrets, "recovery", self.post(
            "/api/auth/recovery", {"password": PASSWORD},
            first["accessToken"]), "recoveryCode")["recoveryCode"]
        last = self.keep(secrets, "reset", self.post(
            "/api/auth/password/reset", {
                "username": name, "code": code,
                "newPassword": "a third horse is here"}),
            "recoveryCode", *tokens)
        self.assert_status(self.post("/api/auth/logout", {
            "refreshToken": last["refreshToken"]}), 204)
        self.assert_forgotten(**secrets)


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
        self.assertRegex(self.stack.metrics("handlers"),
                         r"waypost_http_hash_duration_seconds_count [1-9]")


class Closed(Routes):

    registration = "closed"

    def test_nobody_comes_in_but_whom_the_operator_made(self):
        self.assert_error(self.register(), 403, "registration_closed")
        name = self.name()
        self.create(name)
        self.assert_status(self.login(name), 200)
