"""Each process of the daemon sends itself something, and /readyz of it fails
when that does not come back."""
import http.client
import json
import os
import re
import signal
import socket
import threading
import time

from harness import E2eTest, new_stack, wait_for

DAEMON, WORKER = "websocket-0", "worker-0"
PROCESSES = 2
KINDS = ("notification", "message")
CANARIES = "urn:sm:canary:"
LOST = {"message": "no message that the daemon sends itself comes back; is a "
                   "worker running?",
        "notification": "no notification that the daemon sends itself comes "
                        "back"}


class Canary(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"processes": PROCESSES,
                                        "heartbeat_ms": 200,
                                        "canary_interval_seconds": 1},
                          "worker": {"reap_after_ms": 1000},
                          "push": {"enabled": True}})

    def metric(self, name):
        found = re.search(rf"^{re.escape(name)} (\S+)$",
                          self.stack.metrics(DAEMON), re.M)
        return float(found.group(1))

    def backs(self, kind):
        return self.metric("waypost_ws_canary_duration_seconds_count"
                           f'{{kind="{kind}"}}')

    def ready(self):
        """(status, sentence) by one of the processes."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(10)
            peer.connect(self.stack.socket_path(DAEMON + ".sock"))
            peer.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            body = answer.read().decode()
        return (answer.status, None if answer.status == 200
                else json.loads(body)["error"])

    def wait_ready(self, *expected):
        """Enough times in a row to have asked each process."""
        wait_for(lambda: all(self.ready() == expected for _ in range(10)),
                 lambda: f"{expected}; it is {self.ready()}")

    def wait_for_more(self, *kinds):
        """Of each process: one has no two in the time of another's one."""
        before = {kind: self.backs(kind) for kind in kinds}
        wait_for(lambda: all(
            self.backs(kind) >= before[kind] + PROCESSES + 1
            for kind in kinds), f"{kinds} to come back")

    def left(self):
        """Keys in which there is something of a canary."""
        with self.stack.redis() as redis:
            return [key for key in self.redis_keys("wp:*")
                    if CANARIES in key and ":online:" not in key
                    and ":seen:" not in key or
                    redis("TYPE", key) == b"zset" and
                    any(CANARIES.encode() in name
                        for name in redis("ZRANGE", key, 0, -1)) or
                    key.endswith(":ingress") and redis("XLEN", key)]

    def test_comes_back_and_is_nobody(self):
        self.wait_ready(200, None)
        self.wait_for_more(*KINDS)
        for kind in KINDS:
            self.assertEqual(
                self.metric(f'waypost_ws_canary_up{{kind="{kind}"}}'), 1)
        self.assertEqual(self.metric("waypost_ws_users"), 0)
        self.assertEqual(self.metric("waypost_ws_connections"), 0)
        for result in ("forwarded", "not_connected"):
            self.assertEqual(self.metric(
                f'waypost_ws_notifications_total{{result="{result}"}}'), 0)
        self.assertEqual(self.metric(
            'waypost_delivery_duration_seconds_count{door="ws"}'), 0)
        # One is there at a time, for milliseconds.
        wait_for(lambda: not self.left(), lambda: f"nothing in {self.left()}")
        log = self.stack.read_log(DAEMON)
        self.assertNotIn(CANARIES, log)

    def waiting(self):
        """Ids of what is accepted and not routed."""
        with self.stack.redis() as redis:
            return {entry[0] for key in redis("KEYS", "wp:*:ingress")
                    for entry in redis("XRANGE", key, "-", "+")}

    def test_says_so_while_no_worker_routes(self):
        self.wait_for_more("message")
        worker = self.stack.programs[WORKER]
        self.addCleanup(self.stack.wait_ready)
        self.addCleanup(lambda: worker.is_running() or worker.start())
        self.stack.kill(WORKER)

        self.wait_ready(503, LOST["message"])
        wait_for(lambda: self.metric(
            'waypost_ws_canary_up{kind="message"}') == 0, "to be told of")
        self.assertEqual(self.metric(
            'waypost_ws_canary_up{kind="notification"}'), 1)
        # Who is connected, or comes, is served all the same.
        self.connect(self.user()).expect("connected")
        # What was given up does not stay.
        first = wait_for(self.waiting, "one to wait")
        wait_for(lambda: self.waiting() and first.isdisjoint(self.waiting()),
                 "others to wait, and they alone")
        self.assertLessEqual(len(self.waiting()), PROCESSES)

        # Without one nothing is known, and with the next one in its time.
        self.addCleanup(self.reload, 1)
        self.reload(0)
        self.wait_ready(200, None)
        self.assertEqual(self.redis_keys(f"wp:*:online:{CANARIES}*"), [])
        self.reload(1)
        self.assertEqual(self.ready()[0], 200)
        self.wait_ready(503, LOST["message"])

        worker.start()
        self.wait_ready(200, None)

    def test_says_so_when_nothing_can_be_published(self):
        self.wait_ready(200, None)
        self.addCleanup(self.acl, "clearselectors", "allchannels")
        # To hear there is allowed, to publish is not.
        self.acl("resetchannels", "&wp:*",
                 "(~* &user_noti:* +psubscribe +punsubscribe)")

        self.wait_ready(503, LOST["notification"])

        self.acl("clearselectors", "allchannels")
        self.wait_ready(200, None)

    def acl(self, *rights):
        with self.stack.redis() as redis:
            redis("ACL", "SETUSER", "default", *rights)

    def reload(self, seconds):
        path = self.stack.path("waypost.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub("canary_interval_seconds: [0-9]+",
                              f"canary_interval_seconds: {seconds}", text))
        done = self.stack.read_log(DAEMON).count('"settings reloaded"')
        self.stack.programs[DAEMON].signal(signal.SIGHUP)
        wait_for(lambda: self.stack.read_log(DAEMON).count(
            '"settings reloaded"') > done + PROCESSES, "all to have reloaded")

    def test_what_came_in_time_is_not_late_by_a_new_interval(self):
        self.addCleanup(self.reload, 1)
        self.reload(60)
        self.wait_ready(200, None)
        # By an interval of 1 s all is too old then; by the one of now the next
        # one has not set out.
        old = time.monotonic() + 4
        wait_for(lambda: time.monotonic() > old, "what came back to be old")
        first = self.ask_while(lambda: self.reload(1))
        self.assertEqual(first, {(200, None)})

    def ask_while(self, does):
        """All that /readyz says while that is done, and some more."""
        heard, is_over = set(), threading.Event()

        def ask():
            while not is_over.is_set():
                heard.add(self.ready())
            heard.update(self.ready() for _ in range(50))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            does()
        finally:
            is_over.set()
            asking.join()
        return heard

    def test_goes_with_its_process(self):
        pid = self.stack.programs[DAEMON].process.pid
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as file:
            victim = int(file.read().split()[0])
        old = self.redis_keys(f"wp:*:online:{CANARIES}*")
        self.assertEqual(len(old), PROCESSES)

        os.kill(victim, signal.SIGKILL)

        wait_for(lambda: len(set(self.redis_keys(
            f"wp:*:online:{CANARIES}*")) & set(old)) == PROCESSES - 1,
            "the dead one to be forgotten")
        self.stack.wait_ready()
        self.wait_ready(200, None)
        self.assertEqual(len(self.redis_keys(f"wp:*:online:{CANARIES}*")),
                         PROCESSES)
