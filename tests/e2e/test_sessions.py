"""Sessions of accounts: refresh, logout, and where I am logged in.

Rows of sessions are put into the file of accounts by hand, and tokens are made
here: a second opinion on what a refresh token is. What Redis remembers of the
time is set back, so nobody waits for a minute to pass.
"""
import base64
import hashlib
import hmac
import json
import os
import secrets
import signal
import sqlite3
import struct
import subprocess
import threading
import time

from harness import (E2eTest, PATIENCE_S, User, in_threads, new_stack,
                     scratch)
from devkit.token import mint

GRACE_S, ROTATE_S, DAY_S = 60, 120, 86400
ORIGIN = "https://app.example"
FIELDS = ["accessToken", "deviceId", "expiresInSeconds", "sessionId",
          "tokenType", "user"]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def key_folder(issuer):
    """A signing key and its public half, as waypost-keys leaves them."""
    folder = scratch()

    def openssl(*words, text=None):
        return subprocess.run(["openssl", *words], input=text, check=True,
                              capture_output=True).stdout

    def write(name, mode, text):
        fd = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT,
                     mode)
        with os.fdopen(fd, "wb") as file:
            file.write(text)
    pem = openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                  "ec_paramgen_curve:P-256")
    public = openssl("pkey", "-pubout", "-outform", "DER", text=pem)
    kid = hashlib.sha256(public).hexdigest()[:16]
    write(f"sign-{int(time.time())}-{kid}.pem", 0o600, pem)
    name = hashlib.sha256(issuer.encode()).hexdigest()[:32]
    write(f"issuer-{name}.json", 0o640, json.dumps({
        "issuer": issuer, "jwks_uri": "", "etag": "",
        "fetched_ms": int(time.time() * 1000),
        "keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid,
                  "x": b64(public[-64:-32]), "y": b64(public[-32:])}],
    }).encode())
    return folder


class SessionsTest(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({
            "accounts": {"enabled": True},
            "auth": {"key_dir": key_folder("waypost")},
            "cors": {"allowed_origins": [ORIGIN],
                     "allow_credentials": True},
        })

    # ---- sessions, as they lie there ----

    def rows(self, statement, *values):
        with sqlite3.connect(self.stack.path("accounts.db"),
                             timeout=30) as file:
            found = file.execute(statement, values).fetchall()
        file.close()
        return found

    def make_session(self, name=None, state=0, created_s=None, seen_day=None):
        """A row, and its account. Returns (name, sid)."""
        name = name or "user" + secrets.token_hex(4)
        now = int(time.time())
        sid = secrets.token_bytes(16)
        if not os.path.exists(self.stack.path("accounts.db")):
            self.refresh(self.token(b"\0" * 16, 0, 0))
        self.rows("INSERT OR IGNORE INTO account VALUES (?, ?, ?, ?, 19456, 2,"
                  " zeroblob(16), zeroblob(32), NULL, ?, ?)", name,
                  secrets.token_bytes(16), "urn:sm:user:" + name, state, now,
                  now)
        self.rows("INSERT INTO session VALUES (?, ?, 'phone', 'My phone', ?,"
                  " ?)", sid, name, now if created_s is None else created_s,
                  now // DAY_S if seen_day is None else seen_day)
        return name, sid

    def locked(self, how):
        """Nobody else writes until the test ends, or this commits."""
        lock = sqlite3.connect(self.stack.path("accounts.db"),
                               isolation_level=None, timeout=30)
        self.addCleanup(lock.close)
        lock.execute(how)
        return lock

    def handler_children(self):
        parent = self.stack.programs["handlers"].pid
        with open(f"/proc/{parent}/task/{parent}/children",
                  encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def has_row(self, sid):
        return bool(self.rows("SELECT 1 FROM session WHERE sid = ?", sid))

    def partition(self, name):
        crc = 0xffffffff
        for byte in ("urn:sm:user:" + name).encode():
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
        return (crc ^ 0xffffffff) % 8

    def token(self, sid, generation, partition):
        key = hmac.new(self.stack.store_secret.encode(),
                       b"refresh token, version 1", hashlib.sha256).digest()
        body = struct.pack(">H16sI", partition, sid, generation)
        mac = hmac.new(key, body, hashlib.sha256).digest()[:16]
        return "wpr_" + b64(body + mac)

    def begin(self, **how):
        """A session with its first token: (name, sid, token)."""
        name, sid = self.make_session(**how)
        return name, sid, self.token(sid, 0, self.partition(name))

    def key_of(self, name, sid):
        return f"wp:{{{self.partition(name)}}}:session:{sid.hex()}"

    def passes(self, name, sid, seconds):
        with self.stack.redis() as redis:
            redis("HINCRBY", self.key_of(name, sid), "r", -seconds * 1000)

    def field(self, name, sid, field):
        with self.stack.redis() as redis:
            value = redis("HGET", self.key_of(name, sid), field)
        return None if value is None else value.decode()

    # ---- what clients do ----

    def post(self, path, body, headers=()):
        return self.stack.http().request(
            "POST", "/api/auth/" + path,
            body if isinstance(body, (bytes, str)) else json.dumps(body),
            {"Content-Type": "application/json", **dict(headers)})

    def refresh(self, token, headers=()):
        return self.post("refresh", {"refreshToken": token}, headers)

    def logout(self, token):
        return self.post("logout", {"refreshToken": token})

    def assert_given(self, answer, generation, is_new):
        """200; returns the refresh token in it, if there is to be one."""
        self.assert_status(answer, 200)
        self.assert_common_headers(answer)
        body = answer.json()
        fields = sorted(FIELDS + ["refreshToken"] * is_new)
        self.assertEqual(sorted(body), fields)
        claims = claims_of(body["accessToken"])
        self.assertEqual(claims["gen"], generation)
        self.assertEqual(claims["sub"], body["user"])
        self.assertEqual(claims["sid"], body["sessionId"])
        self.assertEqual(claims["device_id"], body["deviceId"])
        self.assertEqual(claims["exp"] - claims["iat"],
                         body["expiresInSeconds"])
        return body.get("refreshToken")

    def assert_ended(self, answer):
        self.assert_error(answer, 401, "session_ended")

    def rotated(self):
        """A session whose first token has a child: (name, sid, both)."""
        name, sid, first = self.begin()
        self.assert_given(self.refresh(first), 0, False)
        self.passes(name, sid, ROTATE_S + 5)
        second = self.assert_given(self.refresh(first), 1, True)
        return name, sid, first, second


class Refresh(SessionsTest):
    def test_token_is_kept_then_rotated(self):
        name, sid, first, second = self.rotated()

        self.assertEqual(second, self.token(sid, 1, self.partition(name)))
        self.assert_given(self.refresh(second), 1, False)
        self.passes(name, sid, ROTATE_S + 5)
        self.assert_given(self.refresh(second), 2, True)
        self.assertNotEqual(first, second)

    def test_whoever_did_not_hear_gets_the_same_child_much_later(self):
        name, sid, first, second = self.rotated()

        self.passes(name, sid, 3600)
        self.assertEqual(self.assert_given(self.refresh(first), 1, True),
                         second)

    def test_parent_behind_the_used_child_ends_it_for_both(self):
        name, sid, first, second = self.rotated()

        given = self.refresh(second)
        self.assert_given(given, 1, False)
        socket = self.connect(User(self.stack, name,
                                   given.json()["accessToken"]))
        socket.expect("connected")
        self.assert_given(self.refresh(first), 1, True)
        self.passes(name, sid, GRACE_S + 5)
        self.assert_ended(self.refresh(first))
        self.assertEqual(socket.wait_closed(PATIENCE_S), 4403)
        self.assert_ended(self.refresh(second))
        self.assertFalse(self.has_row(sid))
        self.assertEqual(self.redis_keys(f"*{sid.hex()}*"), [])
        self.assert_ended(self.refresh(first))

    def test_fifty_tabs_at_once_get_one_child(self):
        name, sid, first = self.begin()
        self.assert_given(self.refresh(first), 0, False)
        self.passes(name, sid, ROTATE_S + 5)

        answers = in_threads([lambda: self.refresh(first)] * 50)

        self.assertEqual({self.assert_given(answer, 1, True)
                          for answer in answers},
                         {self.token(sid, 1, self.partition(name))})

    def test_fifty_tabs_at_once_after_redis_lost_everything(self):
        name, sid, first = self.begin()
        self.assert_given(self.refresh(first), 0, False)
        with self.stack.redis() as redis:
            redis("DEL", self.key_of(name, sid))

        answers = in_threads([lambda: self.refresh(first)] * 50)

        for answer in answers:
            self.assert_given(answer, 0, False)

    def test_forged_tokens_are_refused_without_redis_or_disk(self):
        name, sid, first = self.begin()
        self.assert_given(self.refresh(first), 0, False)
        with self.stack.redis() as redis:
            before = int(redis("INFO", "commandstats").decode()
                         .split("cmdstat_evalsha:calls=")[1].split(",")[0])
        other = self.token(sid, 0, (self.partition(name) + 1) % 8)
        mixed = first[:30] + other[30:]
        for bad in (mixed, first[:-1], first + "A", first[4:], "wpr_", "x",
                    first[:-2] + ("AA" if first[-2:] != "AA" else "BB"),
                    "wpk_" + first[4:], first.lower(), first + "\0"):
            with self.subTest(bad):
                self.assert_ended(self.refresh(bad))
        with self.stack.redis() as redis:
            after = int(redis("INFO", "commandstats").decode()
                        .split("cmdstat_evalsha:calls=")[1].split(",")[0])
        self.assertLess(after - before, 200)  # what programs do by themselves
        self.assert_given(self.refresh(first), 0, False)

    def test_our_own_token_of_another_partition_finds_nothing(self):
        name, sid, _ = self.begin()

        wrong = self.token(sid, 0, (self.partition(name) + 1) % 8)
        # Its row is there, but for a partition that is not its user's.
        self.assert_ended(self.refresh(wrong))
        self.assert_ended(self.refresh(self.token(sid, 0, 8)))

    def test_unknown_expired_idle_and_disabled_have_ended(self):
        now = int(time.time())
        ghost = self.token(secrets.token_bytes(16), 0, 3)
        self.assert_ended(self.refresh(ghost))
        for how in ({"created_s": now - 181 * DAY_S},
                    {"seen_day": now // DAY_S - 31}, {"state": 1}):
            with self.subTest(how):
                _, sid, token = self.begin(**how)
                self.assert_ended(self.refresh(token))
                self.assertFalse(self.has_row(sid))

    def test_bodies_that_are_none(self):
        for body, status, code in (
                (b"", 400, "invalid_json"), (b"[]", 400, "bad_request"),
                (b'{"refreshToken":5}', 400, "bad_request"),
                (b'{"refreshToken":"a","refreshToken":"b"}', 400,
                 "bad_request"),
                (b"{}", 400, "bad_request"),
                (b'{"refreshToken":""}', 400, "bad_request"),
                (b'{"x":"' + b"a" * 9000 + b'"}', 413, "payload_too_large")):
            with self.subTest(body[:40]):
                self.assert_error(self.post("refresh", body), status, code)
        answer = self.stack.http().request(
            "POST", "/api/auth/refresh", b"{}",
            {"Content-Type": "text/plain"})
        self.assert_error(answer, 415)

    def test_the_store_hears_once_a_day_and_says_when_it_has_ended(self):
        name, sid, token = self.begin(seen_day=int(time.time()) // DAY_S - 3)

        self.assert_given(self.refresh(token), 0, False)
        day = self.rows("SELECT seen_day FROM session WHERE sid = ?", sid)
        self.assertEqual(day[0][0], int(time.time()) // DAY_S)
        self.assertEqual(self.field(name, sid, "y"), str(day[0][0]))
        # Half an end: the row is gone, Redis does not know. Nobody asks today.
        self.rows("DELETE FROM session WHERE sid = ?", sid)
        self.assert_given(self.refresh(token), 0, False)
        with self.stack.redis() as redis:
            redis("HSET", self.key_of(name, sid), "y", day[0][0] - 1)
        self.assert_ended(self.refresh(token))
        self.assertEqual(self.redis_keys(f"*{sid.hex()}*"), [])

    def test_tokens_are_in_no_log(self):
        name, sid, first, second = self.rotated()
        access = self.refresh(second).json()["accessToken"]
        self.passes(name, sid, ROTATE_S + GRACE_S)
        self.assert_ended(self.refresh(first))

        logs = self.stack.path("log")
        for file in os.listdir(logs):
            with open(os.path.join(logs, file), "rb") as log:
                text = log.read()
            for secret in (first, second, access, access.split(".")[2]):
                self.assertNotIn(secret.encode(), text, file)


class Ending(SessionsTest):
    def test_logout_ends_it_whatever_became_of_the_token(self):
        for generation in (0, 1, 2):
            with self.subTest(generation):
                name, sid, first, second = self.rotated()
                self.passes(name, sid, ROTATE_S + 5)
                third = self.assert_given(self.refresh(second), 2, True)
                token = (first, second, third)[generation]
                answer = self.logout(token)
                self.assert_status(answer, 204)
                self.assertFalse(self.has_row(sid))
                self.assertEqual(self.redis_keys(f"*{sid.hex()}*"), [])
                for each in (first, second, third):
                    self.assert_ended(self.refresh(each))
                self.assert_status(self.logout(token), 204)

    def test_logout_wants_a_token_of_ours(self):
        self.assert_ended(self.logout("wpr_" + "A" * 51))
        self.assert_error(self.post("logout", {}), 400, "bad_request")

    def test_half_an_end_is_finished_by_the_next_one(self):
        name, sid, first, _ = self.rotated()
        self.rows("DELETE FROM session WHERE sid = ?", sid)

        self.assert_status(self.logout(first), 204)
        self.assertEqual(self.redis_keys(f"*{sid.hex()}*"), [])

    def test_flushall_restores_all_and_none_of_the_ended(self):
        alive = [self.begin() for _ in range(10)]
        ended = [self.begin() for _ in range(10)]
        for _, _, token in alive + ended:
            self.assert_given(self.refresh(token), 0, False)
        for _, _, token in ended:
            self.assert_status(self.logout(token), 204)
        with self.stack.redis() as redis:
            meta = redis("HGETALL", "wp:meta")
            redis("FLUSHALL")
            redis("HSET", "wp:meta", *meta)

        for _, _, token in ended:
            self.assert_ended(self.refresh(token))
        for name, sid, token in alive:
            self.assert_given(self.refresh(token), 0, False)
            self.passes(name, sid, ROTATE_S + 5)
            self.assert_given(self.refresh(token), 1, True)

    def test_redis_that_lost_its_tail_brings_no_ended_session_back(self):
        name, sid, first, second = self.rotated()
        key = self.key_of(name, sid)
        with self.stack.redis() as redis:
            fields = redis("HGETALL", key)
        self.assert_status(self.logout(second), 204)
        with self.stack.redis() as redis:
            redis("HSET", key, *fields, "v", "another life")

        self.assert_ended(self.refresh(second))
        self.assert_ended(self.refresh(first))

    def test_killed_between_its_steps_it_is_never_restored(self):
        """The file of accounts is locked; handlers die while they wait."""
        name, sid, first, second = self.rotated()
        lock = self.locked("BEGIN IMMEDIATE")
        thread = threading.Thread(target=lambda: self.logout(second),
                                  daemon=True)
        thread.start()
        for child in self.handler_children():
            os.kill(child, signal.SIGKILL)
        thread.join(60)
        # As if they had come so far.
        lock.execute("DELETE FROM session WHERE sid = ?", (sid,))
        lock.execute("COMMIT")
        self.wait_all_ready()
        with self.stack.redis() as redis:
            redis("DEL", self.key_of(name, sid))

        self.assert_ended(self.refresh(second))
        self.assert_ended(self.refresh(first))

    def test_refresh_goes_on_while_the_file_is_locked(self):
        name, sid, first, second = self.rotated()
        self.locked("BEGIN EXCLUSIVE")

        self.assert_given(self.refresh(second), 1, False)
        self.passes(name, sid, ROTATE_S + 5)
        self.assert_given(self.refresh(second), 2, True)


class Mine(SessionsTest):
    def me(self, count=3):
        """A user with sessions: (headers, name, [(sid, token)]). The token is
        one of the operator's, and of no session."""
        name, sid, token = self.begin()
        sessions = [(sid, token)]
        for _ in range(count - 1):
            _, sid, token = self.begin(name=name)
            sessions.append((sid, token))
        access = mint(self.stack.jwt_secret, name)
        return {"Authorization": "Bearer " + access}, name, sessions

    def revoke(self, headers, what):
        return self.post("sessions/revoke", {"sessions": what}, headers)

    def test_list_says_where_and_since_when(self):
        mine, _, sessions = self.me()

        answer = self.stack.http().request("GET", "/api/auth/sessions",
                                           headers=mine)
        self.assert_status(answer, 200)
        listed = answer.json()["sessions"]
        self.assertEqual({each["id"] for each in listed},
                         {sid.hex() for sid, _ in sessions})
        for each in listed:
            self.assertEqual(sorted(each), ["createdAt", "current", "deviceId",
                                            "deviceName", "id", "lastUsedDay"])
            self.assertEqual(each["deviceName"], "My phone")
            self.assertIs(each["current"], False)
            self.assertRegex(each["createdAt"],
                             r"^\d{4}(-\d\d){2}T\d\d(:\d\d){2}Z$")
            self.assertTrue(each["createdAt"].startswith(each["lastUsedDay"]))

    def test_some_end_and_others_do_not(self):
        mine, _, sessions = self.me()
        _, _, theirs = self.me(1)

        answer = self.revoke(mine, [sessions[1][0].hex(),
                                    theirs[0][0].hex(), "0" * 32])
        self.assert_status(answer, 204)
        self.assert_ended(self.refresh(sessions[1][1]))
        self.assert_given(self.refresh(sessions[2][1]), 0, False)
        self.assert_given(self.refresh(theirs[0][1]), 0, False)

    def test_all_end_also_those_that_lost_their_rows(self):
        mine, name, sessions = self.me()
        for _, token in sessions:
            self.assert_given(self.refresh(token), 0, False)
        self.rows("DELETE FROM session WHERE sid = ?", sessions[1][0])

        self.assert_status(self.revoke(mine, "all"), 204)
        for _, token in sessions:
            self.assert_ended(self.refresh(token))
        self.assertEqual(self.redis_keys(f"*:sessions:*{name}"), [])

    def test_bodies_that_are_none(self):
        mine, _, sessions = self.me(1)
        many = [f"{i:032x}" for i in range(51)]
        for bad in (5, None, {}, "mine", "others", ["x"], [5], ["0" * 31],
                    ["g" * 32], many):
            with self.subTest(bad):
                self.assert_error(self.revoke(mine, bad), 400, "bad_request")
        self.assert_error(self.post("sessions/revoke", {}, mine), 400)
        self.assert_error(self.post("sessions/revoke", b"{", mine), 400,
                          "invalid_json")
        self.assertTrue(self.has_row(sessions[0][0]))

    def test_tokens_are_needed(self):
        self.assert_error(
            self.stack.http().request("GET", "/api/auth/sessions"), 401)
        self.assert_error(self.revoke({}, "all"), 401)

    def test_whoever_has_no_account_has_no_sessions(self):
        user = self.user()
        self.assertEqual(user.call("GET", "/api/auth/sessions").json(),
                         {"sessions": []})


class Cookies(SessionsTest):
    def test_token_in_a_cookie_comes_back_in_a_cookie(self):
        name, sid, first = self.begin()
        self.assert_given(self.refresh(first), 0, False)
        self.passes(name, sid, ROTATE_S + 5)

        answer = self.post("refresh", {}, {"Cookie": "wp_refresh=" + first,
                                           "Origin": ORIGIN})
        self.assert_given(answer, 1, False)
        cookie = answer.header("Set-Cookie")
        value, *rest = cookie.split("; ")
        self.assertEqual(value, "wp_refresh=" +
                         self.token(sid, 1, self.partition(name)))
        self.assertEqual(sorted(rest), ["HttpOnly", "Max-Age=2592000",
                                        "Path=/api/auth", "SameSite=Strict"])

    def test_cookie_counts_from_our_own_pages_only(self):
        _, sid, first = self.begin()
        host = f"127.0.0.1:{self.stack.port}"
        for origin, is_ok in ((ORIGIN, True), ("http://" + host, True),
                              ("https://" + host, True), (None, False),
                              ("https://evil.example", False),
                              ("null", False), ("http://" + host + "0", False),
                              (ORIGIN + ".evil.example", False)):
            headers = {"Cookie": "a=b; wp_refresh=" + first, "Host": host}
            if origin is not None:
                headers["Origin"] = origin
            with self.subTest(origin):
                for path in ("refresh",) if is_ok else ("refresh", "logout"):
                    answer = self.post(path, {}, headers)
                    if is_ok:
                        self.assert_given(answer, 0, False)
                    else:
                        self.assert_error(answer, 403, "forbidden")
        self.assertTrue(self.has_row(sid))

    def test_logout_takes_the_cookie_away(self):
        _, _, first = self.begin()
        headers = {"Cookie": "wp_refresh=" + first, "Origin": ORIGIN}

        answer = self.post("logout", {}, headers)
        self.assert_status(answer, 204)
        self.assertTrue(answer.header("Set-Cookie")
                        .startswith("wp_refresh=; Max-Age=0;"))
        answer = self.post("refresh", {}, headers)
        self.assert_ended(answer)
        self.assertTrue(answer.header("Set-Cookie")
                        .startswith("wp_refresh=; Max-Age=0;"))


class WellKnown(SessionsTest):
    def test_keys_are_published(self):
        answer = self.stack.http().request("GET", "/.well-known/jwks.json")
        self.assert_status(answer, 200)
        self.assertEqual(answer.header_all("Cache-Control"),
                         ["public, max-age=900"])
        keys = answer.json()["keys"]
        _, _, token = self.begin()
        access = self.refresh(token).json()["accessToken"]
        head = access.split(".")[0]
        head = json.loads(base64.urlsafe_b64decode(head + "=="))
        self.assertIn(head["kid"], [key["kid"] for key in keys])
        for key in keys:
            self.assertNotIn("d", key)

    def test_metadata_is_of_issuers_that_are_urls(self):
        self.assert_error(self.stack.http().request(
            "GET", "/.well-known/oauth-authorization-server"), 404)


class WithUrl(E2eTest):
    @classmethod
    def make_stack(cls):
        issuer = "https://chat.example/w/"
        return new_stack({"accounts": {"enabled": True, "issuer": issuer},
                          "auth": {"key_dir": key_folder(issuer)}})

    def test_metadata_says_where_the_keys_are(self):
        answer = self.stack.http().request(
            "GET", "/.well-known/oauth-authorization-server")
        self.assert_status(answer, 200)
        self.assertEqual(answer.json(), {
            "issuer": "https://chat.example/w/",
            "jwks_uri": "https://chat.example/w/.well-known/jwks.json",
            "response_types_supported": []})


class Off(E2eTest):
    def test_without_accounts_there_is_nothing(self):
        for method, path in (("POST", "/api/auth/refresh"),
                             ("POST", "/api/auth/logout"),
                             ("GET", "/.well-known/jwks.json"),
                             ("GET", "/.well-known/oauth-authorization-server")
                             ):
            with self.subTest(path):
                answer = self.stack.http().request(
                    method, path, b"{}" if method == "POST" else None,
                    {"Content-Type": "application/json"})
                self.assert_error(answer, 404, "not_found")
