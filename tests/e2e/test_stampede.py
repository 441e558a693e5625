"""Everybody reconnects at once: late perhaps, but all; nobody else waits."""
import resource
import threading

from devkit.websocket import Closed, Refused
from harness import SLOWNESS, User, new_stack, wait_for
from test_faults import LOAD_ERRORS, FaultTest

CROWD, THREADS = 400, 16
PATIENCE_S = 60 * SLOWNESS


def in_parallel(work, items):
    """work(item) for all, in a few threads; failures are raised."""
    items = list(items)
    failures = []

    def run():
        while items and not failures:
            try:
                work(items.pop())
            except IndexError:
                return
            except Exception as error:  # raised below
                failures.append(error)
    threads = [threading.Thread(target=run, daemon=True)
               for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE_S)
    if failures:
        raise failures[0]


class Member(User):
    """Reconnects at once and again and again, which no client should do."""

    def __init__(self, stack, name):
        super().__init__(stack, name)
        self.socket = None
        self.incarnation = None  # of the daemon that it is connected to

    def be_connected(self):
        def attempt():
            try:
                self.socket = self.connect()
                return self.socket.expect("connected")
            except (Refused, Closed, AssertionError, *LOAD_ERRORS):
                return None
        frame = wait_for(attempt, f"{self.name} is connected", PATIENCE_S)
        self.incarnation = frame["connectionId"].rsplit(".", 1)[0]

    def has_waiting(self, count):
        answer = self.pull()
        return (answer.status == 200
                and len(answer.json()["messages"]) == count)

    def leave(self):
        if self.socket is not None:
            self.socket.abort()


class Stampede(FaultTest):
    timeout_s = 240

    @classmethod
    def make_stack(cls):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return new_stack(websockets=2)

    def gather(self):
        crowd = [Member(self.stack, self.user("crowd").name)
                 for _ in range(CROWD)]
        for member in crowd:
            self.addCleanup(member.leave)
        in_parallel(Member.be_connected, crowd)
        return crowd

    def online(self, crowd):
        with self.stack.redis() as redis:
            keys = {key.split(b":online:")[1].decode()
                    for key in redis("KEYS", "wp:*:online:*")}
        return sum(member.urn in keys for member in crowd)

    def test_all_come_back_to_the_daemon_that_is_left(self):
        crowd = self.gather()
        sender = self.user()
        for member in crowd:
            self.assert_accepted(sender.send(member))
        bystander = self.connect(self.user("bystander"), unix_path=(
            self.stack.socket_path("websocket-1.sock")))
        who = bystander.expect("connected")["user"]

        dead = self.incarnation("websocket-0")
        gone = [member for member in crowd if member.incarnation == dead]
        self.assertGreater(len(gone), CROWD // 4)
        self.stack.kill("websocket-0")
        returning = threading.Thread(daemon=True, target=in_parallel,
                                     args=(Member.be_connected, gone))
        returning.start()
        while returning.is_alive():
            self.assert_accepted(sender.send(who))
            bystander.expect("poke")
        returning.join()

        self.assertEqual(self.online(crowd), CROWD)
        for member in crowd:
            self.assert_accepted(sender.send(member))
            member.socket.expect("poke", PATIENCE_S)
            wait_for(lambda m=member: m.has_waiting(2), "two messages")
        self.stack.restart("websocket-0")
        self.recovers()

    def test_all_are_registered_and_poked_after_a_restart_of_redis(self):
        crowd = self.gather()
        sender = self.user()
        for member in crowd:
            self.assert_accepted(sender.send(member))
            member.socket.expect("poke", PATIENCE_S)

        self.stack.kill("redis")
        self.stack.restart("redis")
        self.recovers()

        for member in crowd:
            member.socket.expect("poke", PATIENCE_S)
        wait_for(lambda: self.online(crowd) == CROWD, "all are registered")
