"""What can go wrong, planned from a seed and done to a running stack.

A plan is a list of (second, fault, target, how long), the same for the same
seed. Each fault puts back what it broke; a supervisor starts again whatever
ended meanwhile, as systemd would.
"""
import contextlib
import itertools
import os
import random
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

from devkit.process import StartError, describe_exit
from devkit.redis import RedisError
from devkit.user import User
from devkit.websocket import Closed, Refused
from successions import Succession

RESTART_PATIENCE_S = 60
SANITIZER_STATUS = 99  # what main.py asks sanitizers for
TARGETS = ("handlers", "worker", "websocket", "redis", "web", "keys",
           "notifier")
# fault: (weight, shortest and longest seconds, what it can be done to)
KINDS = {
    "kill": (8, 0.0, 1.5, TARGETS),
    "kill-child": (2, 0.0, 0.0, ("handlers", "websocket-1")),
    "kill-all": (1, 0.2, 1.5, ("all",)),
    "term": (4, 0.0, 1.0, TARGETS),
    "reload": (5, 0.0, 0.0, ("handlers", "worker", "websocket", "keys",
                               "notifier")),
    "stop": (5, 0.2, 2.0, TARGETS),
    # past the lease (3 s), past the heartbeat limit (9 s)
    "stop-long": (3, 4.0, 6.0, ("handlers", "worker", "redis", "web",
                                  "notifier")),
    "stop-dead": (2, 11.0, 14.0, ("websocket", "worker")),
    "stop-child": (2, 0.2, 4.0, ("websocket-1",)),
    # Another one takes over; cannot; is stopped on the way; one of both dies.
    "succeed": (3, 0.0, 0.0, ("websocket",)),
    "succeed-bad": (1, 0.0, 0.0, ("websocket",)),
    "succeed-stop": (1, 0.0, 2.0, ("websocket",)),
    "succeed-kill-old": (2, 0.0, 0.3, ("websocket",)),
    "succeed-kill-new": (2, 0.0, 0.3, ("websocket",)),
    "redis-pause": (2, 0.3, 4.0, ("redis",)),
    "redis-pause-writes": (1, 0.3, 4.0, ("redis",)),
    "redis-cut": (3, 0.0, 0.0, ("redis",)),
    "redis-cut-pubsub": (2, 0.0, 0.0, ("redis",)),
    "cold-locked": (4, 0.5, 7.0, ("cold",)),
    # long enough for messages to be on their way to it; then workers die
    "cold-death": (2, 0.02, 0.5, ("cold",)),
    "accounts-locked": (2, 0.1, 3.0, ("accounts",)),
    "disk-full": (2, 0.5, 4.0, ("disk",)),
    # ahead or behind, and after a while back again
    "clock-step": (4, 0.5, 8.0, ("redis", "redis", "worker", "websocket",
                                 "handlers")),
    # ahead, and workers that begin meanwhile know no other time
    "clock-death": (3, 0.5, 4.0, ("redis",)),
    # Of pushes: nobody listens; answers are late or never come; connections
    # end, and what was asked with them; its name is not known.
    "provider-down": (2, 0.5, 6.0, ("provider",)),
    "provider-slow": (2, 1.0, 6.0, ("provider",)),
    "provider-goaway": (2, 1.0, 6.0, ("provider",)),
    "dns-down": (1, 1.0, 6.0, ("provider",)),
}
# Enough to matter, less than tokens last.
STEP_S = (90, 2 * 3600)
# Of messages that nobody reads, and by how much more the clock is ahead then.
LIFE_S, DEATH_S = 3600, (3660, 7200)
SLEEPING = 3
# For each word with somebody who departs: less than websocket.grace_ms.
DEPART_S, LOOK_S = 2, 0.02
UNHEARD = (Refused, Closed, AssertionError, OSError, HTTPException, RedisError,
           ValueError)


class Step:
    """at: second of the round; seconds: until it is put back;
    ahead_s: for a clock"""

    def __init__(self, at, kind, target, seconds, ahead_s=0):
        self.at = at
        self.kind = kind
        self.target = target
        self.seconds = seconds
        self.ahead_s = ahead_s

    def __str__(self):
        ahead = f" by {self.ahead_s:+d} s" if self.ahead_s else ""
        return f"{self.kind} {self.target}{ahead} {self.seconds:.2f} s"


def plan(seed, round_no, seconds, names, cannot=(), kinds=None):
    """The steps of one round, by time.

    cannot: kinds that cannot be done here; the others stay where they are
    kinds:  only these, as "kill" or "kill:redis"; None for all
    """
    generator = random.Random(f"faults {seed} {round_no}")
    only = {}
    for text in kinds or ():
        kind, _, target = text.partition(":")
        only.setdefault(kind, []).extend([target] if target else [])
    chosen = [kind for kind in KINDS if not only or kind in only]
    steps, at = [], generator.uniform(0.5, 2)
    while at < seconds:
        kind = generator.choices(chosen,
                                 [KINDS[name][0] for name in chosen])[0]
        _, low, high, targets = KINDS[kind]
        target = generator.choice(only.get(kind) or targets)
        if target in ("worker", "websocket", "handlers", "notifier"):
            target = generator.choice(
                [name for name in names if name.startswith(target)])
        seconds_down = generator.uniform(low, high)
        ahead_s = 0
        if kind == "clock-step":
            ahead_s = generator.choice((-1, 1)) * generator.randint(*STEP_S)
        elif kind == "clock-death":
            ahead_s = generator.randint(*DEATH_S)
        if kind not in cannot:
            steps.append(Step(at, kind, target, seconds_down, ahead_s))
        at += generator.choice((0.1, 1, 1, 2, 2, 3, 5)) * \
            generator.uniform(0.5, 1.5)
    return steps


class Faults:
    """Does the steps, several at a time, never two to one target."""

    def __init__(self, context, say, clocks):
        self.context = context
        self.stack = context.stack
        self.say = say
        self.clocks = clocks
        self.locks = {name: threading.Lock()
                      for name in (*self.stack.programs, "cold", "accounts",
                                   "disk", "provider")}
        self.done = {}
        self.skipped = 0
        self.notes = []
        self.crashes = []
        self._numbers = itertools.count(1)
        self.sleepers = []  # (user, ids of what waits for him)
        self.departed = []  # names of who left mail, and stays away
        self._threads = []
        # A program dies with the thread that started it, so these stay.
        self._starters = ThreadPoolExecutor(len(self.stack.programs))
        self._is_ending = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise,
                                            daemon=True)

    def start(self):
        self._supervisor.start()

    def end(self):
        """No more faults, nothing is started again."""
        self._is_ending.set()
        if self._supervisor.is_alive():
            self._supervisor.join()
        for thread in self._threads:
            thread.join()

    def release(self):
        """Ends what was started here; the stack should be stopped by now."""
        self._starters.shutdown()

    # ---- doing it ----

    def run(self, steps, seconds):
        """All steps of a round; returns when their time is over."""
        started = time.monotonic()
        for step in steps:
            self._wait_until(started + step.at)
            self._begin(step)
        self._wait_until(started + seconds)

    def _wait_until(self, when):
        self._is_ending.wait(max(0, when - time.monotonic()))

    def _begin(self, step):
        names = (list(self.stack.programs) if step.target == "all"
                 else [step.target])
        taken = []
        for name in names:
            if not self.locks[name].acquire(blocking=False):
                break
            taken.append(name)
        if len(taken) < len(names):
            for name in taken:
                self.locks[name].release()
            self.skipped += 1
            return
        self.done[step.kind] = self.done.get(step.kind, 0) + 1
        self.note(str(step))
        thread = threading.Thread(target=self._do, args=(step, taken),
                                  daemon=True)
        self._threads.append(thread)
        thread.start()

    def note(self, text):
        self.context.history.mark(self.context.now(), text)
        self.say(f"{self.context.now():8.2f}  {text}")

    def _do(self, step, taken):
        try:
            getattr(self, "do_" + step.kind.split("-")[0])(step)
        except (OSError, HTTPException, RedisError, sqlite3.Error,
                StartError) as error:
            self.notes.append(f"{step}: {error}")
        finally:
            for name in taken:
                self.locks[name].release()

    def heal(self, timeout_s):
        """Wait until every fault has been put back and all is ready."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        deadline = time.monotonic() + timeout_s
        last = ["no answer"]
        while time.monotonic() < deadline:
            if self.stack.is_ready(last) and self._are_whole(last):
                return True
            time.sleep(0.05)
        self.notes.append(f"not ready: {last[0]}")
        return False

    def _are_whole(self, last):
        """Each that has several processes has all of them."""
        for name, wanted in self.context.processes.items():
            program = self.stack.programs[name]
            last[0] = f"{name} has not {wanted} processes"
            if not program.is_running() or \
                    len(self._children(program)) != wanted:
                return False
        return True

    # ---- the kinds ----

    def _programs(self, step):
        if step.target == "all":
            return list(self.stack.programs.values())
        return [self.stack.programs[step.target]]

    def _start_again(self, programs):
        list(self._starters.map(self._start_one, programs))

    def _start_one(self, program):
        """A program that needs another one may need several attempts."""
        deadline = time.monotonic() + RESTART_PATIENCE_S
        while not self._is_ending.is_set():
            try:
                program.kill()
                program.start()
                return
            except StartError as error:
                if time.monotonic() > deadline:
                    self.crashes.append(
                        f"{program.name} does not start: {error}")
                    return
                self._is_ending.wait(0.2)

    def do_kill(self, step):
        if step.kind == "kill-child":
            self._kill_child(self.stack.programs[step.target])
            return
        programs = self._programs(step)
        for program in programs:
            program.kill()
        time.sleep(step.seconds)
        self._start_again(programs)

    def _kill_child(self, program):
        children = self._children(program)
        if children:
            os.kill(children[0], signal.SIGKILL)

    @staticmethod
    def _children(program):
        with open(f"/proc/{program.pid}/task/{program.pid}/children",
                  encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def do_term(self, step):
        for program in self._programs(step):
            was_running = program.is_running()
            status = program.stop()
            if was_running and status != 0:
                self._ended_badly(program, "after SIGTERM: " +
                                  describe_exit(status), status)
        time.sleep(step.seconds)
        self._start_again(self._programs(step))

    def begin_anew(self, kind):
        """Programs of this kind end and start, and know nothing of before.
        Not to be called while faults are done."""
        for name in self.stack.programs:
            if name.startswith(kind):
                with self.locks[name]:
                    self.do_term(Step(0.0, "term", name, 0.0))

    def do_reload(self, step):
        self.stack.programs[step.target].signal(signal.SIGHUP)

    def do_stop(self, step):
        program = self.stack.programs[step.target]
        if not program.is_running():
            return
        send, whom = os.killpg, program.group
        if step.kind == "stop-child":
            children = self._children(program)
            if not children:
                return
            send, whom = os.kill, children[0]
        send(whom, signal.SIGSTOP)
        try:
            time.sleep(step.seconds)
        finally:
            send(whom, signal.SIGCONT)

    def do_succeed(self, step):
        program = self.stack.programs[step.target]
        one = Succession(program,
                         lambda: self.stack.read_log(program.name))
        how = step.kind.partition("-")[2]
        if not one.can_be():
            return
        if how == "bad":
            self._fail_to_succeed(one)
            return
        if not one.begin():
            return
        if how == "stop":
            one.signal_new(signal.SIGSTOP)
            time.sleep(step.seconds)
            one.signal_new(signal.SIGCONT)
        elif how.startswith("kill"):
            time.sleep(step.seconds)
            if how == "kill-old":
                one.kill_old()
            else:
                one.signal_new(signal.SIGKILL)
        if not one.settle():
            self._start_again([program])

    def _fail_to_succeed(self, one):
        told = one.fail()
        if not one.program.is_running():
            self.crashes.append(
                f"{self.context.now():.2f} {one.program.name} has given way "
                "to a successor that cannot start")
            self._start_again([one.program])
        elif not told:
            self.notes.append(f"{one.program.name} has tried no successor")

    def do_redis(self, step):
        with self.stack.redis() as redis:
            if step.kind == "redis-cut":
                redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            elif step.kind == "redis-cut-pubsub":
                redis("CLIENT", "KILL", "TYPE", "pubsub")
            else:
                what = "WRITE" if step.kind.endswith("writes") else "ALL"
                redis("CLIENT", "PAUSE", int(step.seconds * 1000), what)
                time.sleep(step.seconds)
                # Its clock may have been set, and the end be far away.
                redis("CLIENT", "UNPAUSE")

    def do_clock(self, step):
        if step.kind == "clock-death":
            self._send_to_sleeper()
        self._set_clock(step.target, step.ahead_s)
        try:
            if step.kind == "clock-death":
                self._kill_workers()
            if step.kind == "clock-step" and step.target == "redis":
                with self._departing():
                    time.sleep(step.seconds)
            else:
                time.sleep(step.seconds)
        finally:
            self._set_clock(step.target, 0)

    def _set_clock(self, name, ahead_s):
        self.clocks.set(name, ahead_s)
        self.context.set_clock(name, ahead_s != 0)

    def _send_to_sleeper(self):
        """Messages that must wait until somebody asks for them."""
        sleeper = User(self.stack, f"sleeper-{next(self._numbers)}")
        self.sleepers.append((sleeper, [
            answer.json()["id"] for answer in [
                User(self.stack, "lullaby").send(
                    sleeper, query=f"?expiresInSeconds={LIFE_S}")
                for _ in range(SLEEPING)] if answer.status == 202]))

    @contextlib.contextmanager
    def _departing(self):
        """Somebody comes and gets a message, and leaves it when all else is
        done, while Redis' clock is still wrong: what is written down then must
        not keep it from moving. Other faults may prevent that."""
        name = f"x-departed-{next(self._numbers)}"
        user, socket = self.context.user(name), None
        user.http.timeout_s = DEPART_S
        self.departed.append(name)
        try:
            socket = user.connect()
            socket.expect("connected")
            user.send(name, b"x")
            socket.expect("poke")  # it is in the hot queue now
        except UNHEARD:
            self.context.count("departing", "prevented")
        yield
        if socket is not None:
            self._hang_up(name, socket)

    def _hang_up(self, name, socket):
        """Cleanly: there is a time then until his mail is to move."""
        try:
            socket.close()
            with self.stack.redis() as redis:
                gone_by = time.monotonic() + DEPART_S
                while redis("KEYS", f"wp:*:online:urn:sm:user:{name}") and \
                        time.monotonic() < gone_by:
                    time.sleep(LOOK_S)
        except UNHEARD:
            self.context.count("departing", "unheard")

    def _kill_workers(self, meanwhile=lambda: None):
        """All whom nothing else is done to; meanwhile() while none runs."""
        names = [name for name in self.stack.programs
                 if name.startswith("worker") and
                 self.locks[name].acquire(blocking=False)]
        try:
            programs = [self.stack.programs[name] for name in names]
            for program in programs:
                program.kill()
            meanwhile()
            self._start_again(programs)
        finally:
            for name in names:
                self.locks[name].release()

    def do_cold(self, step):
        """Another writer that takes its time."""
        database = sqlite3.connect(self.stack.path("waypost.db"), timeout=10,
                                   isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
            time.sleep(step.seconds)
            if step.kind == "cold-death":
                self._kill_workers(lambda: database.execute("ROLLBACK"))
            else:
                database.execute("ROLLBACK")
        finally:
            database.close()

    def do_accounts(self, step):
        database = sqlite3.connect(self.stack.path("accounts.db"), timeout=10,
                                   isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
            time.sleep(step.seconds)
            database.execute("ROLLBACK")
        finally:
            database.close()

    def do_provider(self, step):
        provider = self.context.provider
        begin, end = {
            "provider-down": (provider.go_down, provider.come_up),
            "provider-slow": (provider.be_slow, provider.be_well),
            "provider-goaway": (provider.go_away, provider.be_well),
        }[step.kind]
        begin()
        try:
            time.sleep(step.seconds)
        finally:
            end()

    def do_dns(self, step):
        names = self.context.provider.names
        names.go_down()
        try:
            time.sleep(step.seconds)
        finally:
            names.come_up()

    def do_disk(self, step):
        path = self.stack.path("filler")
        try:
            fill_disk(path)
            time.sleep(step.seconds)
        finally:
            os.unlink(path)

    # ---- who ends by himself ----

    def _supervise(self):
        while not self._is_ending.wait(0.2):
            for name, program in self.stack.programs.items():
                lock = self.locks[name]
                if program.is_running() or not lock.acquire(blocking=False):
                    continue
                try:
                    if not program.is_running() and not program.follow():
                        self._ended_by_itself(program)
                finally:
                    lock.release()

    def _ended_by_itself(self, program):
        text = "ended by itself: " + program.exit_text()
        self.note(f"{program.name} {text}")
        self._ended_badly(program, text, program.process.returncode)
        self._start_again([program])

    def _ended_badly(self, program, text, status):
        """A crash, a hang at the end, or just an error that was told?"""
        text = f"{self.context.now():.2f} {program.name} {text}"
        is_ours = program.name not in ("redis", "web")
        if is_ours and (status < 0 or status == SANITIZER_STATUS):
            self.crashes.append(text + "\n" + program.log_tail(30))
        else:
            self.notes.append(text)


def fill_disk(path):
    """Leave not one byte on the file system of path."""
    block = b"\0" * (1 << 20)
    with open(path, "wb", buffering=0) as file:
        while len(block) > 0:
            try:
                written = file.write(block)
                if written < len(block):
                    block = block[:len(block) // 2]
            except OSError:
                block = block[:len(block) // 2]
