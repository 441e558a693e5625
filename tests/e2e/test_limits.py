"""How fast a user and an address may go, over all processes.

Loopback has no limit of addresses, so the web server here is told that
loopback is a proxy: clients come from wherever X-Forwarded-For says.
"""
import json
import re
import threading
import time
import unittest

from harness import (SLOWNESS, WEB, E2eTest, Refused, envelope, in_threads,
                     new_stack, wait_for)
from test_sessions import key_folder

RATE, BURST = 40, 80
CREDIT = BURST // 20
POOLS, PROCESSES = 2, 2
SECONDS = 4
FAILS = 3  # of an address, at once
BEHIND_A_PROXY = {
    "nginx": ("server_tokens off;",
              "server_tokens off;\n"
              "\tset_real_ip_from 127.0.0.1;\n"
              "\treal_ip_header X-Forwarded-For;"),
    "lighttpd": ('server.modules = ( "mod_accesslog" )',
                 'server.modules = ( "mod_accesslog", "mod_extforward" )\n'
                 'extforward.forwarder = ( "127.0.0.1" => "trust" )'),
}
# Time that gives back one unit: none, as far as a test is concerned.
NEVER = 0.001


def bare_item(text):
    """The value at the beginning of text, and what is behind it: an integer
    or a string of RFC 9651."""
    match = re.match(r'(-?\d{1,15})(?![\d.])|"((?:[^"\\\x00-\x1f\x7f-\xff]|'
                     r'\\["\\])*)"', text)
    if not match:
        raise ValueError(f"no item: {text}")
    value = (int(match[1]) if match[1] is not None
             else re.sub(r"\\(.)", r"\1", match[2]))
    return value, text[match.end():]


def parse_item(text):
    """(value, {parameter: value}) of a structured field that is an item."""
    value, rest = bare_item(text)
    parameters = {}
    while rest:
        match = re.match(r"; *([a-z*][a-z0-9_.*-]*)=", rest)
        if not match:
            raise ValueError(f"no parameter: {rest}")
        parameters[match[1]], rest = bare_item(rest[match.end():])
    return value, parameters


class LimitsTest(E2eTest):
    def first_refusal(self, user):
        """Of pulls, of which three are too many; what some process says."""
        return wait_for(lambda: next(filter(
            lambda answer: answer.status == 429, (user.pull(),)), None),
            "it is refused")

    def refuse(self, response):
        self.assert_error(response, 429, "rate_limited")

    def ask_from(self, address, path="/api/messages"):
        return self.stack.http().request(
            "GET", path, headers={"X-Forwarded-For": address})


class OfUsers(LimitsTest):
    @classmethod
    def make_stack(cls):
        return new_stack({
            "handlers": {"processes": PROCESSES},
            "limits": {"rates": [f"send={RATE}/{BURST}",
                                 f"pull={NEVER}/3"]},
        }, pools=POOLS)

    def test_rate_of_one_user_holds_over_all_processes(self):
        alice, bob = self.user(), self.user()
        is_over = threading.Event()

        def send_on():
            accepted = 0
            while not is_over.is_set():
                answer = alice.send(bob)
                if answer.status == 202:
                    accepted += 1
                else:
                    self.refuse(answer)
            return accepted

        timer = threading.Timer(SECONDS, is_over.set)
        start = time.monotonic()
        timer.start()
        counts = in_threads([send_on] * 4)
        took_s = time.monotonic() - start

        most = RATE * took_s + BURST + POOLS * PROCESSES * 2 * CREDIT + 4
        self.assertLessEqual(sum(counts), most)
        # Nobody could be so slow that the rate was not asked for, but a host.
        if SLOWNESS == 1:
            self.assertGreaterEqual(sum(counts), RATE * SECONDS)
        self.messages(bob, min(sum(counts), 500))

    def test_what_is_refused_costs_redis_nothing(self):
        alice = self.user()
        self.first_refusal(alice)

        def scripts_called():
            with self.stack.redis() as redis:
                stats = redis("INFO", "commandstats").decode()
            return int(re.search(r"cmdstat_evalsha:calls=(\d+)", stats)[1])

        def in_the_time_of(work):
            before, start = scripts_called(), time.monotonic()
            work()
            took_s = time.monotonic() - start
            during = scripts_called() - before
            before = scripts_called()
            time.sleep(took_s)  # as long, and nobody asks for anything
            return during, scripts_called() - before

        def ask():
            for _ in range(300):
                alice.pull()  # a process that was not asked may let it in

        during, beside = in_the_time_of(ask)

        self.assertLess(during, beside + 150)

    def test_others_and_other_classes_are_not_refused(self):
        alice, bob = self.user(), self.user()
        self.first_refusal(alice)

        self.assert_accepted(alice.send(bob))
        self.assert_status(bob.pull(), 200)

    def test_limit_is_told_in_structured_fields(self):
        answer = self.user().send(self.user())

        self.assertEqual(parse_item(answer.header("RateLimit-Policy")),
                         ("send", {"q": BURST, "w": BURST // RATE}))
        name, told = parse_item(answer.header("RateLimit"))
        self.assertEqual((name, sorted(told)), ("send", ["r", "t"]))
        self.assertEqual((told["r"], told["t"]), (BURST - 1, 1))

    def test_refusal_says_when_to_come_back(self):
        refusal = self.first_refusal(self.user())

        seconds = int(refusal.header("Retry-After"))

        # Of all processes together more may have been let through than three.
        self.assertGreaterEqual(seconds, 1 / NEVER - SECONDS * 100 * SLOWNESS)

    def test_nothing_names_who_is_limited(self):
        alice = self.user("limited-alice")
        for _ in range(12):
            alice.pull()

        with self.stack.redis() as redis:
            keys = redis("KEYS", "*rate:*")
        self.assertTrue(keys)
        for key in keys:
            self.assertRegex(key, rb"^wp:\{\d+\}:rate:[a-z]+:[0-9a-f]{16}$")
        for pool in self.stack.pools:
            self.assertNotIn("limited-alice", self.stack.read_log(pool))

class OneOfHandlers(LimitsTest):
    """Whose numbers are all that there are."""

    @classmethod
    def make_stack(cls):
        return new_stack({
            "handlers": {"processes": PROCESSES},
            "limits": {"rates": [f"pull={NEVER}/3", "send=0.01/200",
                                 f"connect={NEVER}/2", "frames=20/10"]}})

    def test_batch_costs_what_is_in_it(self):
        alice, bob = self.user(), self.user()
        batch = {"envelopes": [envelope(bob.urn)] * 100}

        for _ in range(2):
            self.assert_status(
                alice.call("POST", "/api/send/batch", batch), 202)
        statuses = [alice.send(bob).status for _ in range(60)]

        # A process that has not served one yet lets a credit through.
        self.assertLessEqual(statuses.count(202),
                             PROCESSES * (200 // 20) + 1)
        self.assertEqual(set(statuses) - {202}, {429})

    def test_socket_and_http_share_a_limit(self):
        alice, bob = self.user(), self.user()
        socket = self.connect(alice)
        socket.expect("connected")
        batch = {"envelopes": [envelope(bob.urn)] * 100}
        for _ in range(2):
            self.assert_status(
                alice.call("POST", "/api/send/batch", batch), 202)

        codes = []
        for ref in range(20):
            socket.send_json({"type": "send", "ref": ref,
                              "envelope": envelope(bob.urn)})
            answer = socket.recv_json()
            self.assertEqual(answer["ref"], ref)
            codes.append(answer.get("code"))
            if codes[-1] == "rate_limited":
                self.assertGreater(answer["retryAfterSeconds"], 1)

        # Until the first credit is paid the daemon knows of nothing.
        self.assertEqual(codes[:200 // 20 - 1], [None] * (200 // 20 - 1))
        self.assertEqual(codes[-5:], ["rate_limited"] * 5)

    def test_user_who_connects_too_often_is_refused_before_the_upgrade(self):
        alice = self.user()
        for _ in range(2):
            self.connect(alice).expect("connected")

        with self.assertRaises(Refused) as refused:
            self.connect(alice)
        self.refuse(refused.exception.response)
        self.connect(self.user()).expect("connected")

    def test_frames_beyond_the_rate_are_read_later(self):
        socket = self.connect(self.user())
        socket.expect("connected")
        start = time.monotonic()

        for _ in range(40):
            socket.send_json({"type": "ping"})
        for _ in range(40):
            socket.expect("pong")

        # Ten at once, the others at 20 a second; a tick is a tenth of one.
        self.assertGreater(time.monotonic() - start, (40 - 10) / 20 - 0.2)

    def metric(self, name):
        text = self.stack.metrics("handlers")
        return int(re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)[1])

    def test_full_redis_limits_nobody_wrongly(self):
        alice, bob = self.user(), self.user()
        before = self.metric("waypost_limit_errors_total")

        with self.stack.redis() as redis:
            limit = redis("CONFIG", "GET", "maxmemory")[1]
            redis("CONFIG", "SET", "maxmemory", "1")
            self.addCleanup(self.restore, limit)
            self.assert_status(bob.pull(), 200)
            self.assert_error(alice.send(bob), 503, "overloaded")
            wait_for(lambda: self.metric(
                "waypost_limit_errors_total") > before, "it is counted")

    def restore(self, limit):
        with self.stack.redis() as redis:
            redis("CONFIG", "SET", "maxmemory", limit)
        wait_for(lambda: self.user().send(self.user()).status == 202,
                 "sends are accepted")

    def test_what_was_refused_is_counted(self):
        alice = self.user()
        name = 'waypost_limited_total{class="pull"}'
        before = self.metric(name)

        statuses = [alice.pull().status for _ in range(30)]

        self.assertGreater(statuses.count(429), 10)
        self.assertEqual(self.metric(name), before + statuses.count(429))


class OfAddresses(LimitsTest):
    @classmethod
    def make_stack(cls):
        return new_stack({
            "handlers": {"processes": 1},  # each limits by itself
            "limits": {"rates": [f"failed={NEVER}/{FAILS}"],
                       "trusted_proxies": ["127.0.0.1"]},
        }, web_edits=[BEHIND_A_PROXY[WEB]])

    def wear_out(self, *addresses):
        """Fail until each process has had enough."""
        def is_refused():
            answers = [self.ask_from(address).status
                       for address in addresses for _ in range(4)]
            self.assertLessEqual(set(answers), {401, 429})
            return set(answers) == {429}
        wait_for(is_refused, "it is refused")

    def test_who_fails_often_is_refused_until_later(self):
        alice, bob = self.user(), self.user()
        self.wear_out("192.0.2.1")

        for path in ("/api/messages", "/api/nothing", "/messages"):
            self.refuse(self.ask_from("192.0.2.1", path))
        answer = alice.call("POST", "/api/send", envelope(bob.urn),
                            {"X-Forwarded-For": "192.0.2.1"})
        self.refuse(answer)
        self.assert_status(self.ask_from("192.0.2.2"), 401)
        self.assert_status(self.ask_from("192.0.2.1", "/healthz"), 200)

    def test_address_that_a_client_makes_up_changes_nothing(self):
        self.wear_out("203.0.113.9, 192.0.2.3", "203.0.113.8, 192.0.2.3")

        self.refuse(self.ask_from("203.0.113.7, 192.0.2.3"))
        self.assert_status(self.ask_from("203.0.113.9"), 401)

    def test_one_host_of_ipv6_has_one_limit(self):
        self.wear_out("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:0:3::")

        self.refuse(self.ask_from("2001:db8::4"))
        self.assert_status(self.ask_from("2001:db8:0:1::1"), 401)

    def test_loopback_is_not_limited(self):
        for _ in range(8 * FAILS):
            self.assert_status(self.stack.http().request(
                "GET", "/api/messages"), 401)

    def test_who_fails_at_the_socket_is_refused_too(self):
        def connect_from(address):
            return self.ask_from(address, "/connect").status
        for _ in range(FAILS):
            self.assertIn(connect_from("203.0.113.5, 192.0.2.77"), (401, 426))

        self.assertEqual(connect_from("203.0.113.6, 192.0.2.77"), 429)
        self.assertNotEqual(connect_from("192.0.2.78"), 429)

    def test_many_users_behind_one_address_are_not_refused(self):
        users = [self.user() for _ in range(300)]
        bob = self.user()

        def send_some(part):
            return [user.call("POST", "/api/send", envelope(bob.urn),
                              {"X-Forwarded-For": "198.51.100.7"}).status
                    for user in part]
        statuses = sum(in_threads([
            lambda part=users[i::4]: send_some(part) for i in range(4)]), [])

        self.assertEqual(set(statuses), {202})


PASSWORD = "correct horse battery staple"
WRONG = "incorrect horse battery staple"
REGISTERED = 2
MADE_UP = 10
BEGUN = 16
FREE_GUESSES = 5  # login_begin.lua


class OfLogins(LimitsTest):
    @classmethod
    def make_stack(cls):
        return new_stack({
            "handlers": {"processes": 1},
            "accounts": {"enabled": True, "registration": "open",
                         "argon2_memory_kib": 7168, "argon2_passes": 1},
            "auth": {"key_dir": key_folder("waypost")},
            "limits": {"rates": [f"login={NEVER}/{FAILS}",
                                 f"register={NEVER}/{REGISTERED}",
                                 f"refresh={NEVER}/{FAILS}",
                                 f"begin={NEVER}/{BEGUN}",
                                 f"session={NEVER}/{MADE_UP}"]},
        }, web_edits=[BEHIND_A_PROXY[WEB]])

    def ask(self, what, body, address=None, token=None):
        headers = {"Content-Type": "application/json"}
        if address:
            headers["X-Forwarded-For"] = address
        if token:
            headers["Authorization"] = "Bearer " + token
        return self.stack.http().request(
            "POST", "/api/auth/" + what, json.dumps(body), headers)

    def register(self, name, address=None):
        return self.ask("register", {"username": name, "password": PASSWORD},
                        address)

    def login(self, name, address, password=PASSWORD):
        return self.ask("login", {"username": name, "password": password},
                        address)

    def test_who_guesses_is_refused_and_who_knows_is_not(self):
        self.assert_status(self.register("gus"), 201)
        for _ in range(4 * FAILS):
            self.assert_status(self.login("gus", "192.0.2.1"), 200)

        # Each another name: what is counted by name is something else.
        for i in range(FAILS - 1):
            self.assert_error(self.login(f"nobody-{i}", "192.0.2.1", WRONG),
                              401, "invalid_credentials")
        self.assert_error(self.ask("password/reset", {
            "username": "nobody", "code": "a" * 26,
            "newPassword": PASSWORD}, "192.0.2.1"), 400, "invalid_code")

        for path in ("login", "password/reset"):
            self.refuse(self.ask(path, {}, "192.0.2.1"))
        self.refuse(self.login("gus", "192.0.2.1"))
        self.assert_status(self.login("gus", "192.0.2.2"), 200)
        self.assert_status(self.register("gil", "192.0.2.1"), 201)
        for i in range(4):  # nor is it another process' business
            self.assert_error(self.login(f"nobody-{i}", None, WRONG), 401)

    def test_names_are_registered_a_few_at_a_time(self):
        self.assert_status(self.register("hal", "192.0.2.3"), 201)
        self.assert_error(self.ask("register", {
            "username": "hans", "password": "short"}, "192.0.2.3"), 400,
            "weak_password")
        self.assert_error(self.register("hal", "192.0.2.3"), 409)

        self.refuse(self.register("hope", "192.0.2.3"))
        self.assert_status(self.register("hope", "192.0.2.4"), 201)

    def test_a_session_is_refreshed_a_few_times_at_once(self):
        made = self.register("ida").json()
        other = self.login("ida", None).json()
        for _ in range(FAILS):
            self.assert_status(self.ask("refresh", {
                "refreshToken": made["refreshToken"]}), 200)

        answer = self.ask("refresh", {"refreshToken": made["refreshToken"]})
        self.refuse(answer)
        self.assertIn('"refresh"', answer.header("RateLimit-Policy"))
        self.assert_status(self.ask("refresh", {
            "refreshToken": other["refreshToken"]}), 200)
        # What there is to end is ended; that is said again for a while.
        for body in made, other:
            self.assert_status(self.log_out(body), 204)
        self.refuse(self.log_out(made))
        for _ in range(FAILS - 1):
            self.assert_status(self.log_out(other), 204)
        self.refuse(self.log_out(other))

    def test_sessions_of_a_user_begin_a_few_at_a_time(self):
        code = self.register("kit").json()["recoveryCode"]
        begun = 0
        answer = self.login("kit", None)
        while answer.status == 200 and begun <= BEGUN:
            begun += 1
            self.assert_status(self.log_out(answer.json()), 204)
            answer = self.login("kit", None)

        self.assertEqual(begun, BEGUN)
        self.refuse(answer)
        self.assertIn('"begin"', answer.header("RateLimit-Policy"))
        # Who does not know the password is not told.
        answer = self.login("kit", None, WRONG)
        self.assert_error(answer, 401)
        self.assertIsNone(answer.header("RateLimit-Policy"))
        # A code is not used up by who may not begin a session, nor was he
        # guessing.
        for _ in range(FREE_GUESSES + 1):
            self.refuse(self.ask("password/reset", {
                "username": "kit", "code": code, "newPassword": WRONG}))
        self.refuse(self.login("kit", None))
        self.assert_status(self.register("kim"), 201)
        self.assert_status(self.login("kim", None), 200)

    def log_out(self, session):
        return self.ask("logout", {"refreshToken": session["refreshToken"]})

    def end(self, session, ids):
        return self.ask("sessions/revoke", {"sessions": ids}, None,
                        session["accessToken"])

    def test_ids_that_are_made_up_count_as_a_request_each(self):
        made = self.register("joy").json()
        for _ in range(3):
            one = self.login("joy", None).json()
            self.assert_status(self.end(made, [one["sessionId"]]), 204)
        self.assert_status(self.end(made, [f"{i:032x}" for i in
                                           range(MADE_UP)]), 204)
        self.refuse(self.end(made, [f"{0:032x}"]))


@unittest.skipIf(WEB == "lighttpd", "it limits connections only")
class OfTheWebServer(LimitsTest):
    @classmethod
    def make_stack(cls):
        return new_stack(web_edits=[BEHIND_A_PROXY[WEB]])

    def test_web_server_limits_an_address(self):
        self.change("waypost-upstreams.conf", "zone=waypost_api:10m "
                    "rate=200r/s", "zone=waypost_api:10m rate=1r/m")
        self.change("waypost.conf", "burst=400", "burst=4")
        self.change("waypost-upstreams.conf", "zone=waypost_connect:10m "
                    "rate=20r/s", "zone=waypost_connect:10m rate=1r/m")
        self.change("waypost.conf", "burst=100", "burst=2")
        self.change("waypost-upstreams.conf", "zone=waypost_auth:10m "
                    "rate=20r/s", "zone=waypost_auth:10m rate=1r/m")
        self.stack.restart("web")
        alice, bob = self.user(), self.user()

        def send_from(address, user=alice):
            return user.call("POST", "/api/send", envelope(bob.urn),
                             {"X-Forwarded-For": address})
        for _ in range(5):
            self.assert_accepted(send_from("198.51.100.1"))
        refusal = send_from("198.51.100.1", self.user())
        self.refuse(refusal)
        self.assertIsNone(refusal.header("RateLimit"))
        for path in ("/healthz", "/messages", "/api/x"):
            self.refuse(self.ask_from("198.51.100.1", path))
        self.assert_accepted(send_from("198.51.100.2"))
        self.assert_accepted(send_from("2001:db8:1::1"))
        for host in range(2, 6):
            self.assert_accepted(send_from(f"2001:db8:1::{host}"))
        self.refuse(send_from("2001:db8:1::7"))
        for _ in range(8):
            self.assert_accepted(send_from("127.0.0.1"))
            self.assert_accepted(alice.send(bob))
        for _ in range(3):
            self.ask_from("198.51.100.1", "/connect")
        for path in ("/connect", "/ws"):
            self.refuse(self.ask_from("198.51.100.1", path))
        for path in ("/api/auth/login", "/auth/register", "/api/auth/x"):
            self.assertIn(self.ask_from("198.51.100.3", path).status,
                          (404, 405))
        self.refuse(self.ask_from("198.51.100.3", "/api/auth/login"))
        self.assert_status(self.ask_from(
            "198.51.100.3", "/api/auth/backchannel-logout"), 405)

    def change(self, name, old, new):
        path = self.stack.path(name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
