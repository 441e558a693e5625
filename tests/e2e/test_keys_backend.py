"""Keys of back ends: what each opens, and a file of them that changes."""
import hashlib
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import time

from harness import (E2eTest, PATIENCE_S, Refused, User, WEB, envelope,
                     in_threads, new_stack, scratch, wait_for)

SCOPES = ("send", "notify", "presence", "revoke", "accounts")
# Of each route: a good request, whether users may, and which scope does.
ROUTES = (
    ("POST", "/api/send", envelope("bob"), True, "send"),
    ("POST", "/send", envelope("bob"), True, "send"),
    ("POST", "/api/send/batch", {"envelopes": [envelope("bob")]}, True,
     "send"),
    ("GET", "/api/messages", None, True, None),
    ("GET", "/messages", None, True, None),
    ("POST", "/api/messages/ack", {"messageIds": []}, True, None),
    ("GET", "/api/presence?users=bob", None, True, "presence"),
    ("POST", "/api/notify", {"user": "bob", "type": "t"}, False, "notify"),
    ("POST", "/api/ticket", {}, True, None),
    ("GET", "/api/devices", None, True, None),
    ("POST", "/api/devices", {"token": "x", "platform": "web"}, True, None),
    ("DELETE", "/api/devices?deviceId=x", None, True, None),
    ("POST", "/register-device", {"token": "x", "platform": "web"}, True,
     None),
    ("GET", "/api/push/preferences", None, True, None),
    ("PUT", "/api/push/preferences", {}, True, None),
    ("POST", "/api/admin/revoke", {"user": "nobody"}, False, "revoke"),
    # There are no accounts here; tests/e2e/test_accounts_admin.py has some.
    ("POST", "/api/admin/accounts", {"username": "bob"}, False, "accounts"),
    ("POST", "/api/admin/accounts/state",
     {"username": "bob", "state": "disabled"}, False, "accounts"),
    ("POST", "/api/admin/accounts/reset-code", {"username": "bob"}, False,
     "accounts"),
    ("POST", "/api/admin/invites", {}, False, "accounts"),
)
UNKNOWN = {"error": "the key is unknown, or has expired",
           "code": "unauthorized"}


class KeysTest(E2eTest):
    """A stack of its own, with a file of keys. One process answers, which
    knows all that is in the file as soon as it knows the last that was added.
    """

    config = {}
    processes = 1

    @classmethod
    def make_stack(cls):
        folder = scratch()
        cls.path = os.path.join(folder, "api-keys")
        cls.write_file("")
        return new_stack({"auth": {"api_keys_file": cls.path},
                          "handlers": {"processes": cls.processes},
                          **cls.config})

    @classmethod
    def write_file(cls, text):
        """Put a file in its place, as whoever distributes files does."""
        aside = cls.path + ".aside"
        with open(aside, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(aside, 0o640)
        os.rename(aside, cls.path)

    def tool(self, *words):
        """What `waypost key` says, and how it ended."""
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "key", *words],
            env=self.stack.base_env, capture_output=True, text=True,
            check=False)
        return done.returncode, done.stdout, done.stderr

    def add(self, *scopes, name="billing", expires=None):
        """A new key, as its back end shows it."""
        status, said, wrong = self.tool(
            "add", "--name", name, "--scope", ",".join(scopes),
            *(["--expires", expires] if expires else []))
        self.assertEqual(status, 0, wrong)
        self.assertRegex(said, r"^wpk_[a-z0-9]{10}_[A-Za-z0-9_-]{43}\n$")
        return said.strip()

    def ids(self):
        """The ids of all keys, as the command line lists them."""
        status, said, wrong = self.tool("list", "--json")
        self.assertEqual(status, 0, wrong)
        return [key["id"] for key in json.loads(said)]

    def back_end(self, key, name="billing"):
        return User(self.stack, "urn:waypost:service:" + name, token=key)

    def status(self, key):
        """What a send with this key is answered."""
        return self.back_end(key).send(self.user(), b"x").status

    def wait_until(self, key, status):
        wait_for(lambda: self.status(key) == status,
                 f"{status} with this key")


class Scopes(KeysTest):
    # Nobody may know of anybody, but back ends.
    config = {"presence": {"visibility": "none"},
              "accounts": {"enabled": False}}

    def test_each_scope_opens_its_routes_and_no_other(self):
        keys = {scope: self.add(scope) for scope in SCOPES}
        every = self.add(*SCOPES)
        self.wait_until(every, 202)

        for method, path, body, is_for_users, wanted in ROUTES:
            for scope in SCOPES:
                with self.subTest(f"{scope} {path}"):
                    answer = self.back_end(keys[scope]).call(
                        method, path, body)
                    if scope == wanted:
                        self.assert_opened(answer, wanted)
                    else:
                        self.assert_error(answer, 403, "forbidden")
            with self.subTest(f"all {path}"):
                answer = self.back_end(every).call(method, path, body)
                if wanted:
                    self.assert_opened(answer, wanted)
                else:
                    self.assert_error(answer, 403, "forbidden")
            with self.subTest(f"user {path}"):
                answer = self.user().call(method, path, body)
                if not is_for_users:
                    self.assert_error(answer, 403, "forbidden")
                elif "presence" in path:
                    self.assert_error(answer, 403, "forbidden")
                else:
                    self.assertLess(answer.status, 300, answer)

    def assert_opened(self, answer, scope):
        if scope == "accounts":
            self.assert_error(answer, 404, "not_found")
        else:
            self.assertLess(answer.status, 300, answer)

    def test_a_key_opens_no_connection(self):
        key = self.add(*SCOPES)
        self.wait_until(key, 202)
        for shown in (key, key + "x", "wpk_"):  # the daemon knows no keys
            with self.assertRaises(Refused) as caught:
                self.back_end(shown).connect()
            self.assert_error(caught.exception.response, 403, "forbidden")

    def test_bad_keys_are_told_one_sentence(self):
        key = self.add("send")
        self.wait_until(key, 202)
        last = "A" if key[-1] != "A" else "B"
        unknown = ("0" if key[4] != "0" else "1") + key[5:]
        for bad in (key[:-1] + last, "wpk_" + unknown, key[:-1], key + "A",
                    "wpk_", "wpk_" + "a" * 9000):
            for method, path, body, _, _ in ROUTES:
                with self.subTest(f"{bad[:30]} {path}"):
                    answer = self.back_end(bad).call(method, path, body)
                    self.assert_error(answer, 401, "unauthorized")
                    self.assertEqual(answer.json(), UNKNOWN)
        # It is a key only where a token is looked for, and as one.
        for header in (key, "Basic " + key, "Bearer Bearer " + key,
                       "Bearer " + key + ", Bearer " + key):
            self.assert_error(self.stack.http().request(
                "GET", "/api/presence?users=bob",
                headers={"Authorization": header}), 401)

    def test_presence_is_told_to_a_key(self):
        bob = self.user()
        key = self.add("presence")
        with self.connect(bob) as socket:
            socket.expect("connected")
            answer = wait_for(
                lambda: (lambda a: a if a.status == 200 else None)(
                    self.back_end(key).call(
                        "GET", "/api/presence?users=" + bob.urn)),
                "the key is known")
            self.assertEqual(answer.json()["users"],
                             [{"user": bob.urn, "status": "online"}])

    def test_a_send_is_a_message_of_the_name(self):
        bob = self.user()
        first, second = self.add("send"), self.add("send")
        other = self.add("send", name="shipping")
        for key in (first, second, other):
            self.wait_until(key, 202)

        again = {"Idempotency-Key": "parcel-7"}
        ids = [self.assert_accepted(self.back_end(key).send(bob, b"x", again))
               for key in (first, second, other)]

        # Keys of one name are one sender, so that one may replace the other.
        self.assertEqual(ids[0], ids[1])
        self.assertNotEqual(ids[0], ids[2])
        self.assertEqual(self.message_ids(bob, 2), [ids[0], ids[2]])


class Notify(KeysTest):
    def setUp(self):
        self.key = self.add("send", "notify")
        self.wait_until(self.key, 202)

    def notify(self, body):
        return self.back_end(self.key).call("POST", "/api/notify", body)

    def test_all_connections_of_the_user_get_it_unchanged(self):
        bob, carol = self.user(), self.user()
        sockets = [self.connect(bob), self.connect(bob)]
        others = self.connect(carol)
        for socket in (*sockets, others):
            socket.expect("connected")
        payload = {"deep": [1.0e2, None, "ä\u2028", {"a": []}], "": "x"}

        answer = self.notify({"user": bob.urn, "type": "parcel",
                              "payload": payload})
        self.assert_status(answer, 202)
        self.assert_common_headers(answer)
        self.assertEqual(answer.body, b"")
        for socket in sockets:
            frame = socket.expect("parcel")
            self.assertEqual(sorted(frame), ["payload", "timestamp", "type"])
            self.assertEqual(frame["payload"], payload)

        # A legacy id; and what carol got is hers alone.
        self.assert_status(self.notify({"user": carol.name, "type": "t"}),
                           202)
        frame = others.expect("t")
        self.assertIsNone(frame["payload"])

    def test_nobody_is_there_and_nothing_is_kept(self):
        bob = self.user()
        self.assert_status(self.notify({"user": bob.urn, "type": "missed"}),
                           202)
        socket = self.connect(bob)
        socket.expect("connected")
        self.assert_status(self.notify({"user": bob.urn, "type": "seen"}),
                           202)
        self.assertEqual(socket.recv_json()["type"], "seen")
        self.assert_nothing_waits(bob)

    def test_a_payload_of_the_longest(self):
        bob = self.user()
        socket = self.connect(bob)
        socket.expect("connected")
        self.assert_status(self.notify(
            {"user": bob.urn, "type": "t", "payload": "x" * (32768 - 2)}),
            202)
        self.assertEqual(len(socket.expect("t")["payload"]), 32766)
        for size in (32768 - 1, 100000, 5 << 20):
            self.assert_error(self.notify(
                {"user": bob.urn, "type": "t", "payload": "x" * size}),
                413, "payload_too_large")

    def test_what_is_no_notification(self):
        for body, code in (
                ("", "invalid_json"), ("{", "invalid_json"),
                (b'{"user":"bob","type":"\xff"}', "invalid_json"),
                ("[]", "invalid_notification"),
                ({"type": "t"}, "invalid_notification"),
                ({"user": "bob"}, "invalid_notification"),
                ({"user": "a:b", "type": "t"}, "invalid_notification"),
                ({"user": "*", "type": "t"}, "invalid_notification"),
                ({"user": "bob", "type": 1}, "invalid_notification"),
                ('{"user":"bob","user":"eve","type":"t"}',
                 "invalid_notification")):
            with self.subTest(str(body)):
                self.assert_error(self.notify(body), 400, code)
        self.assert_error(self.back_end(self.key).call(
            "POST", "/api/notify", {"user": "bob", "type": "t"},
            {"Content-Type": "text/plain"}), 415)

    def test_without_redis_it_is_503(self):
        self.stack.kill("redis")
        try:
            self.assert_error(self.notify({"user": "bob", "type": "t"}), 503)
        finally:
            self.stack.restart("redis")
        self.wait_all_ready()


class Revoke(KeysTest):
    def setUp(self):
        self.key = self.add("send", "revoke")
        self.wait_until(self.key, 202)

    def revoke(self, **whom):
        return self.back_end(self.key).call("POST", "/api/admin/revoke",
                                            whom)

    def is_out(self, user):
        """Is he refused, whichever process is asked?"""
        answers = [user.pull() for _ in range(8)]
        return all(answer.status == 401
                   and answer.json()["code"] == "token_revoked"
                   for answer in answers)

    def test_what_a_user_has_ends(self):
        bob, amy = self.user(), self.user()
        sockets = [self.connect(bob), self.connect(amy)]
        for socket in sockets:
            socket.expect("connected")

        answer = self.revoke(user=bob.name)
        self.assert_status(answer, 204)
        self.assert_common_headers(answer)
        self.assertEqual(sockets[0].wait_closed(PATIENCE_S), 4403)
        wait_for(lambda: self.is_out(bob), "bob is refused")
        sockets[1].send_json({"type": "ping"})
        sockets[1].expect("pong")
        self.assert_status(amy.pull(), 200)

    def test_with_a_user_his_devices_end(self):
        bob, amy = self.user(), self.user()
        for user in (bob, amy):
            self.assert_status(user.call("POST", "/api/devices", {
                "token": user.name, "platform": "web"}), 201)

        self.assert_status(self.revoke(user=bob.urn), 204)

        with sqlite3.connect(self.stack.path("waypost.db"),
                             timeout=30) as file:
            left = file.execute("SELECT urn FROM push_token WHERE urn IN "
                                "(?, ?)", [bob.urn, amy.urn]).fetchall()
        file.close()
        self.assertEqual(left, [(amy.urn,)])

    def test_a_subject_and_a_session_of_an_issuer(self):
        issuer = "https://id.example"
        users = [User(self.stack, name, token=self.stack.token(
            name, iss=issuer, sid="s-" + name)) for name in ("sub-7", "sub-8",
                                                            "sub-9")]
        self.assert_status(self.revoke(issuer=issuer, subject="sub-7"), 204)
        self.assert_status(self.revoke(issuer=issuer, session="s-sub-8"), 204)
        wait_for(lambda: self.is_out(users[0]) and self.is_out(users[1]),
                 "both are refused")
        self.assert_status(users[2].pull(), 200)

    def test_the_key_itself_goes_on(self):
        self.assert_status(self.revoke(user="urn:waypost:service:billing"),
                           204)
        bob = self.user()
        self.assert_status(self.revoke(user=bob.urn), 204)
        wait_for(lambda: self.is_out(bob), "bob is refused")
        self.assertEqual(self.status(self.key), 202)

    def test_what_is_left_open_revokes_nothing(self):
        bob = self.user()
        for body, code in (({}, "bad_request"), ("", "invalid_json"),
                           ({"user": bob.urn, "issuer": "x"}, "bad_request"),
                           ({"user": bob.urn, "all": True}, "bad_request"),
                           ({"issuer": "x"}, "bad_request"),
                           ({"user": "a:b"}, "bad_request")):
            self.assert_error(self.back_end(self.key).call(
                "POST", "/api/admin/revoke", body), 400, code)
        self.assert_error(self.back_end(self.key).call(
            "POST", "/api/admin/revoke", {"user": "x" * 9000}), 413)
        self.assert_status(bob.pull(), 200)


class Several(KeysTest):
    processes = 3

    def wait_everywhere(self, key, status):
        """Each process looks for itself, so many answers must agree."""
        wait_for(lambda: all(self.status(key) == status for _ in range(20)),
                 f"{status} with this key")

    def test_each_process_looks(self):
        key = self.add("send")
        self.wait_everywhere(key, 202)
        self.assertEqual(self.tool("remove", key[4:14])[0], 0)
        self.wait_everywhere(key, 401)


class File(KeysTest):
    def test_a_key_is_good_and_refused_without_a_restart(self):
        old = self.add("send")
        self.wait_until(old, 202)
        new = self.add("send")
        self.wait_until(new, 202)

        status, said, _ = self.tool("remove", old[4:14])
        self.assertEqual((status, said), (0, f"removed {old[4:14]}\n"))
        self.wait_until(old, 401)
        self.wait_until(new, 202)
        self.assertEqual(self.tool("remove", old[4:14])[0], 1)

    def test_a_broken_file_leaves_the_keys_of_before(self):
        key = self.add("send")
        self.wait_until(key, 202)
        with open(self.path, encoding="utf-8") as file:
            good = file.read()
        for text, why in ((good + "rubbish", "has no end"),
                          (good + "rubbish\n", "must be <id>"),
                          (good + good, "two keys with the id")):
            with self.subTest(why):
                self.write_file(text)
                # Though nobody shows a key.
                wait_for(lambda why=why: why in
                         self.stack.read_log("handlers"),
                         "it is told in the log")
                self.assertEqual(self.status(key), 202)
                # Nor may the command line make it worse.
                for words in (("list",), ("remove", key[4:14]),
                              ("add", "--name", "x", "--scope", "send")):
                    status, _, wrong = self.tool(*words)
                    self.assertEqual(status, 1)
                    self.assertIn(why, wrong)
        os.chmod(self.path, 0o666)
        self.write_file(good)
        os.chmod(self.path, 0o666)
        self.assertEqual(self.tool("list")[0], 1)
        os.chmod(self.path, 0o640)
        new = self.add("send")
        self.wait_until(new, 202)
        self.wait_until(key, 202)

    def test_an_empty_file_is_no_keys(self):
        key = self.add("send")
        self.wait_until(key, 202)
        self.write_file("# gone\n")
        self.wait_until(key, 401)

    def test_a_day_that_is_over(self):
        secret = secrets.token_urlsafe(32)
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
        today = self.add("send", expires=time.strftime(
            "%Y-%m-%d", time.gmtime(time.time() + 86400)))
        self.wait_until(today, 202)
        with open(self.path, encoding="utf-8") as file:
            good = file.read()
        digest = hashlib.sha256(secret.encode()).hexdigest()
        self.write_file(f"{good}# by hand\nabcdefghij:{digest}:send:{day}:x\n")
        new = self.add("send")  # keeps the others, and the remark
        self.wait_until(new, 202)
        self.assertEqual(self.status("wpk_abcdefghij_" + secret), 401)
        with open(self.path, encoding="utf-8") as file:
            self.assertIn("# by hand\n", file.read())
        listed = json.loads(self.tool("list", "--json")[1])
        self.assertEqual([key["state"] for key in listed
                          if key["id"] == "abcdefghij"], ["expired"])

    def test_several_at_once_lose_nothing(self):
        before = self.ids()
        keys = in_threads([lambda: self.add("send") for _ in range(24)])
        after = self.ids()
        self.assertEqual(sorted(after),
                         sorted(before + [key[4:14] for key in keys]))
        in_threads([lambda key=key: self.tool("remove", key[4:14])
                    for key in keys])
        self.assertEqual(self.ids(), before)

    def test_killed_anywhere_it_leaves_a_whole_file(self):
        """kill -9 at a moment that moves through the life of `key add`."""
        start = time.monotonic()
        shown = [self.add("send")]
        life_s = time.monotonic() - start
        for i in range(40):
            tool = subprocess.Popen(
                [os.path.join(self.stack.build, "waypost"), "--config",
                 self.stack.path("waypost.yaml"), "key", "add", "--name",
                 "killed", "--scope", "send"],
                env=self.stack.base_env, stdout=subprocess.PIPE, text=True)
            try:
                tool.wait(life_s * 1.2 * i / 40)
            except subprocess.TimeoutExpired:
                tool.send_signal(signal.SIGKILL)
            with tool.stdout as out:
                said = out.read()
            tool.wait()
            if said:
                shown.append(said.strip())
            ids = self.ids()  # fails unless every line is whole
            for key in shown:
                self.assertIn(key[4:14], ids)
        last = self.add("send")
        self.wait_until(last, 202)
        for key in shown:
            self.assertEqual(self.status(key), 202)
        left = [name for name in os.listdir(os.path.dirname(self.path))
                if name != os.path.basename(self.path)]
        self.assertEqual(left, [])

    def test_owner_group_and_mode_stay(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        os.chown(self.path, 0, 4711)
        os.chmod(self.path, 0o440)
        self.add("send")
        found = os.stat(self.path)
        self.assertEqual((found.st_uid, found.st_gid, found.st_mode & 0o7777),
                         (0, 4711, 0o440))
        os.chown(self.path, 0, 0)
        os.chmod(self.path, 0o640)

    def test_no_log_and_no_file_has_a_secret(self):
        key = self.add("send", "notify", "presence")
        self.wait_until(key, 202)
        for method, path, body, _, _ in ROUTES:
            self.back_end(key).call(method, path, body)
            self.back_end(key + "x").call(method, path, body)
        with self.assertRaises(Refused):
            self.back_end(key).connect("/connect?token=" + key)
        secret = key[15:]
        for folder, _, names in os.walk(self.stack.state):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.isfile(path):
                    continue  # a socket
                with open(path, "rb") as file:
                    self.assertNotIn(secret.encode(), file.read(),
                                     f"{name} ({WEB})")
        with open(self.path, encoding="utf-8") as file:
            self.assertNotIn(secret, file.read())


class Start(E2eTest):
    def test_a_start_without_the_file_is_refused(self):
        folder = scratch()
        path = os.path.join(folder, "keys")
        for make, part in (
                (lambda: None, "cannot be read: No such file"),
                (lambda: os.mkdir(path), "is no plain file")):
            make()
            for arguments in ([], ["--check"]):
                status, said = self.run_beside(
                    "waypost-handlers", *arguments,
                    WAYPOST_AUTH_API_KEYS_FILE=path)
                self.assertEqual(status, 1, said)
                self.assertIn("auth.api_keys_file: " + path, said)
                self.assertIn(part, said)
        status, said = self.run_beside("waypost-handlers", "--check",
                                       WAYPOST_AUTH_API_KEYS_FILE="keys")
        self.assertEqual(status, 1, said)
        self.assertIn("auth.api_keys_file: must be an absolute path", said)

    def test_without_the_setting_there_are_no_keys(self):
        answer = self.stack.http().request(
            "POST", "/api/send", b"{}",
            {"Authorization": "Bearer wpk_abcdefghij_" + "x" * 43})
        self.assert_error(answer, 401, "unauthorized")
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "key", "list"],
            env=self.stack.base_env, capture_output=True, text=True,
            check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("auth.api_keys_file is not set", done.stderr)
