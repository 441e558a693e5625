#!/usr/bin/python3
"""Break everything at random under load; no promise may break.

usage: main.py [--seed N] [--seconds S] [--web nginx|lighttpd] [--build DIR]
               [--rounds N] [--patience S] [--only KIND,…] [--keep]

A run is a private stack (two workers, daemons, handler pools, notifiers),
senders, receivers, and faults planned from the seed. In each round faults are
injected under load, everything is healed, and then the history must keep every
promise of docs/guarantees.md. Long runs are cut into episodes with a fresh
stack and the next seed each. Exit status: 0 kept, 1 a promise was broken, 2 it
did not run.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tools")]

import accounts  # noqa: E402
import burdens  # noqa: E402
import clients  # noqa: E402
import closures  # noqa: E402
import providing  # noqa: E402
import pushes  # noqa: E402
import remains  # noqa: E402
import revoked  # noqa: E402
from clocks import Clocks  # noqa: E402
from devkit.process import StartError, adopt_orphans  # noqa: E402
from devkit.redis import RedisError  # noqa: E402
from devkit.stack import WEB_SERVERS, no_limits  # noqa: E402
from faults import KINDS, SANITIZER_STATUS, Faults, plan  # noqa: E402
from history import Violation, check  # noqa: E402
from history import History  # noqa: E402
from outside import Outside  # noqa: E402
from successions import LinkedStack  # noqa: E402

SLOWNESS = int(os.environ.get("WAYPOST_TEST_SLOWNESS", "1"))
# How long settling may take; all of it is waiting for an event, so a sound
# run does not notice how generous these are.
READY_S = 60 * SLOWNESS
# A heartbeat is 3 s; a fault lasts 14 s at most, and two may follow.
POKE_BOUND_S = 60 * SLOWNESS
PROBES = 2
EPISODE_S, ROUND_S = 240, 30
PARTITIONS = 4
WORKERS = WEBSOCKETS = POOLS = ACCOUNTS = NOTIFIERS = 2
AWAY = 4
# Some of the programs that clients meet limit them, and closely.
LIMITED = ("handlers-1", "websocket-1")
# Of each program one is as it is by itself.
PROCESSES = {"websocket-1": 2}
INSTANCES = WEBSOCKETS - len(PROCESSES) + sum(PROCESSES.values())
# A stop and a take-over are not to take most of a round.
MOVE_MS = 1000
LIMITS = "send=10/20,pull=10/20,ack=10/20"
DISK_MB = 256
CLOCK_PROOF_S = 1000
EVIDENCE = 6  # violations of a kind that are told in full

_say_lock = threading.Lock()


def say(text):
    with _say_lock:
        print(text, flush=True)


class SmallDisk:
    """A little file system for the state, so that it can be full."""

    def __init__(self, path):
        self.path = path
        self.is_mounted = False

    def mount(self):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0700",
             "waypost-fault", self.path], capture_output=True, text=True,
            check=False) if shutil.which("mount") else None
        self.is_mounted = done is not None and done.returncode == 0
        if not self.is_mounted:
            why = done.stderr.strip() if done else "no mount program"
            say(f"SKIPPED: disk-full, a tmpfs cannot be mounted: {why}")
        return self.is_mounted

    def unmount(self):
        if self.is_mounted:
            subprocess.run(["umount", "-l", self.path], check=False)
            self.is_mounted = False


class Episode:
    """One stack, one seed, from start to verdict."""

    def __init__(self, options, seed, seconds, rounds):
        self.options = options
        self.seed = seed
        self.seconds = seconds
        self.rounds = rounds
        self.found = []
        self.told = set()
        self.poke_ms = []
        self.others = []  # who got a message beside all the rest
        self.cannot = []  # kinds of faults that cannot be done here
        self.clocks = None
        self.outside = None
        self.provider = None
        self.stack = None
        self.faults = None
        self.context = None

    def run(self):
        folder = tempfile.mkdtemp(prefix="wpf")
        disk = SmallDisk(folder)
        try:
            if not disk.mount():
                self.cannot.append("disk-full")
            self.clocks = Clocks(os.path.join(
                self.options.build, "tests", "fault", "stepped_clock.so"),
                os.path.join(folder, "clocks"))
            if not self.clocks.are_there:
                self.cannot += ["clock-step", "clock-death"]
                say("SKIPPED: clock-step, clock-death, there is no " +
                    self.clocks.library)
            self.outside = Outside(folder)
            self.provider = providing.find(folder, os.path.join(
                self.options.build, "tests", "push", "hosts.so"), say)
            self.cannot += [kind for kind in providing.Provider.faults
                            if kind not in self.provider.faults]
            self.stack = LinkedStack(
                os.path.join(folder, "s"), self.options.web,
                build=self.options.build, workers=WORKERS,
                websockets=WEBSOCKETS, pools=POOLS, notifiers=NOTIFIERS,
                config={"mailbox": {"partitions": PARTITIONS},
                        "auth": self.outside.settings(),
                        # Cheap: this is not about what a hash costs.
                        "accounts": {"enabled": True, "registration": "open",
                                     "argon2_memory_kib": 7168,
                                     "argon2_passes": 1},
                        "worker": {"sweep_interval_ms": 100},
                        # Else daemons that live have left something.
                        "websocket": {"canary_interval_seconds": 0,
                                      "drain_ms": MOVE_MS},
                        "push": {**pushes.SETTINGS, **self.provider.settings},
                        "bus": {"push": self.provider.bus},
                        "limits": no_limits()},
                program_env=self.program_env, slowness=SLOWNESS)
            self.stack.start(READY_S)
            self.outside.enter(self.stack)
            self.provider.enter(self.stack)
            if self.clocks.are_there:
                self.see_clock_step()
            self.play()
        finally:
            if self.faults:
                self.faults.end()
            if self.context:
                self.context.is_over.set()
            if self.stack:
                self.stack.stop()
                self.see_names()
            if self.faults:
                self.faults.release()
            if self.stack:
                self.keep_or_remove()
            if self.outside:
                self.outside.end()
            if self.provider:
                self.provider.leave()
            disk.unmount()
            shutil.rmtree(folder, ignore_errors=True)
        return self.found

    def see_names(self):
        """Whoever had a name, by whatever way, has taken it away."""
        for name in remains.in_sockets(self.stack.sockets):
            self.add("left_over", name)

    def program_env(self, name):
        env = self.clocks.env(name)
        if name in PROCESSES:
            env["WAYPOST_WEBSOCKET_PROCESSES"] = str(PROCESSES[name])
        if name in LIMITED:
            env["WAYPOST_LIMITS_RATES"] = LIMITS
        if name.startswith("notifier"):
            env.update(self.provider.env())
        return env

    def see_clock_step(self):
        """A clock that cannot be set would make its faults mean nothing."""
        with self.stack.redis() as redis:
            before = int(redis("TIME")[0])
            self.clocks.set("redis", CLOCK_PROOF_S)
            after = int(redis("TIME")[0])
            self.clocks.set("redis", 0)
        if after - before < CLOCK_PROOF_S:
            raise StartError("the clock of redis cannot be set; see "
                             "stepped_clock.c")

    def keep_or_remove(self):
        if self.options.keep:
            kept = tempfile.mkdtemp(prefix=f"wpf-seed{self.seed}-")
            shutil.copytree(self.stack.path("log"), kept, dirs_exist_ok=True)
            say(f"logs kept in {kept}")
        self.stack.remove()

    def play(self):
        self.context = clients.Context(self.stack, History(), self.seed,
                                       send_pause_s=0.15)
        self.context.outside = self.outside
        self.context.provider = self.provider
        self.context.seen = pushes.Seen(self.context)
        self.context.processes = PROCESSES
        self.faults = Faults(self.context, say, self.clocks)
        self.faults.start()
        self.senders, self.receivers = clients.cast(self.context)
        self.prober = clients.Prober(self.context)
        self.flooder = burdens.Flooder(self.context)
        self.leaving = [kind(self.context, SLOWNESS, POKE_BOUND_S)
                        for kind in (revoked.Revoked, accounts.Leaver,
                                     closures.ClosedOut, closures.LoggedOut)]
        self.accounts = [accounts.Accounts(self.context, number)
                         for number in range(ACCOUNTS)]
        self.accounts.append(closures.Closer(self.context, 0))
        self.away = [pushes.Away(self.context, number)
                     for number in range(AWAY)]
        self.damage = burdens.Damage(self.stack, PARTITIONS)
        self.damage.do()
        for client in self.everybody():
            client.start()
        for number in range(1, self.rounds + 1):
            self.round(number)
            if self.found:
                break
        self.finish()
        self.summary()

    def everybody(self):
        return self.senders + self.receivers + [
            self.flooder] + self.leaving + self.accounts + self.away

    # ---- a round ----

    def round(self, number):
        seconds = self.seconds / self.rounds
        self.mark(f"round {number} of {self.rounds} begins")
        for receiver in self.receivers:
            receiver.must_stay.clear()
        self.context.is_sending.set()
        for one in self.leaving:
            one.is_quiet.clear()
        self.faults.run(
            plan(self.seed, number, seconds, list(self.stack.programs),
                 self.cannot, self.options.only), seconds)
        self.settle()
        if not self.context.history.overdue:
            self.probe()
            self.probe_absent()
        self.look_everywhere()
        self.wake_sleepers()
        self.see_all_out()
        if not self.await_all(lambda: all(one.refused > 0
                                          for one in self.leaving)):
            self.add("stuck", "nobody whose session was revoked is refused")
        if not self.await_all(lambda: all(one.refused > 0
                                          for one in self.accounts)):
            self.add("stuck", "nobody logs in and out again")
        self.judge()

    def mark(self, text):
        self.context.history.mark(self.context.now(), text)
        say(f"{self.context.now():8.2f}  -- {text}")

    def await_all(self, claim):
        """Poll; whether claim() came true in time."""
        deadline = time.monotonic() + self.options.patience * SLOWNESS
        while not claim():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def settle(self):
        """Everything runs again, nobody sends, everybody has been told."""
        for receiver in self.receivers:
            receiver.must_stay.set()
        if not self.faults.heal(READY_S):
            self.add("not_ready", "not READY after healing: " +
                     self.faults.notes[-1])
        self.mark("healed")
        for one in self.leaving:
            one.is_quiet.set()
        self.see_others_move()
        self.context.is_sending.clear()
        if not self.await_all(lambda: all(sender.is_idle.is_set()
                                          for sender in self.senders)):
            names = [sender.name for sender in self.senders
                     if not sender.is_idle.is_set()]
            self.add("stuck", f"sends of {', '.join(names)} are not accepted "
                     "although everything runs")
        told = self.told_ones()
        if not self.await_all(lambda: all(r.connection for r in told)):
            self.add("stuck", "cannot connect: " + ", ".join(
                r.recipient for r in told if not r.connection))
        self.await_told({r.recipient for r in told}, "settling")
        if not self.await_all(lambda: not self.seen(remains.deaf)):
            self.add("deaf", "nobody listens any more to " +
                     ", ".join(self.seen(remains.deaf)))
        if not self.await_all(lambda: not self.seen(remains.stranded)):
            self.add("stranded", "not connected, and still in Redis: " +
                     ", ".join(self.seen(remains.stranded)))
        if not self.await_all(lambda: not self.absent(told)):
            self.add("absent", "connected, and offline to others: " +
                     ", ".join(self.absent(told)))
        for one in self.away:
            self.await_all(one.all_told)  # judge() says who was not
        self.mark("settled")

    def absent(self, told):
        """Whom others see as offline, of those who are connected."""
        return sorted({one.recipient for one in told
                       if self.prober.status(one.recipient) != "online"})

    def see_others_move(self):
        """While the flooder goes on, an ordinary absent user's mail moves."""
        name = f"x-other-{len(self.others)}"
        self.others.append(name)
        user = self.context.user(name)
        sent = self.await_all(
            lambda: (answer := self.prober.call("other", user.send, name,
                                                b"x")) is not None and
            answer.status == 202)
        if not sent:
            self.add("stuck", f"a message for {name} is not accepted")
        elif not self.await_all(lambda: self.seen(
                lambda redis: burdens.is_moved(redis, name)) is True):
            self.add("delayed", f"the mail of {name} does not move to disk "
                     "while others are flooded or damaged")

    def seen(self, look):
        """What look(redis) finds."""
        try:
            with self.stack.redis() as redis:
                return look(redis)
        except (OSError, RedisError) as error:
            return [str(error)]

    def told_ones(self):
        return [receiver for receiver in self.receivers if receiver.is_told]

    def await_told(self, names, what):
        """Whoever is told by pokes gets everything without being asked."""
        history = self.context.history
        if self.await_all(lambda: not any(map(history.missing, names))):
            return
        for name in names:
            missing = history.missing(name)
            if missing:
                say(f"{what}: {len(missing)} did not reach {name} by pokes")
                history.add_overdue(name, missing, self.context.now())

    def send_probes(self):
        """One message to each who is told; {name: send}."""
        sent = {}
        for name in sorted({r.recipient for r in self.told_ones()}):
            send = self.prober.probe(name)
            if send.id is None:
                self.add("stuck", f"a probe for {name} is not accepted")
            else:
                sent[name] = send
        return sent

    def probe(self):
        """All is quiet: now a poke has no excuse."""
        history = self.context.history
        for _ in range(PROBES):
            sent = self.send_probes()
            self.await_told(list(sent), "probe")
            self.poke_ms += [self.first_poke_ms(send)
                             for send in sent.values()
                             if history.has_received(send.recipient, send.id)]

    def probe_absent(self):
        """What has come meanwhile is told to who connects, by that alone."""
        told = self.told_ones()
        for receiver in told:
            receiver.must_go.set()
        if not self.await_all(lambda: not any(r.connection for r in told)):
            self.add("stuck", "somebody does not hang up")
        sent = self.send_probes()
        if not self.await_all(lambda: self.seen(remains.unrouted) is False):
            self.add("stuck", "probes are not routed")
        for receiver in told:
            receiver.must_go.clear()
        self.await_told(list(sent), "coming back")

    def first_poke_ms(self, send):
        pokes = [at for connection in self.context.history.connections
                 if connection.recipient == send.recipient
                 for at in (connection.pokes[-50:] + connection.sent[-50:])
                 if at >= send.started]
        return (min(pokes) - send.started) * 1000 if pokes else 0.0

    # ---- looking ----

    def users(self):
        return sorted({receiver.recipient for receiver in self.receivers})

    def reader(self, name):
        """Pulls in the name of a user, from the main thread."""
        return clients.Receiver(self.context, name, device="main",
                                ack_share=0.0)

    def look_everywhere(self):
        """Pull everything that waits, ack nothing."""
        for name in self.users():
            reader = self.reader(name)
            if not self.await_all(reader.pull_all):
                self.add("stuck", f"{name} cannot pull although all runs")
        missing = [name for name in self.users()
                   if self.context.history.missing(name)]
        # What was routed meanwhile is in the next answer.
        self.await_all(lambda: all(
            self.reader(name).pull_all() and
            not self.context.history.missing(name) for name in missing))

    def wake_sleepers(self):
        """Nobody has read it, and its time is not over."""
        for sleeper, ids in self.faults.sleepers:
            there = []

            def is_all_there(user=sleeper, wanted=ids, found=there):
                answer = self.prober.call("wake", user.pull, limit=100)
                found[:] = [message["id"]
                            for message in answer.json()["messages"]] \
                    if answer is not None and answer.status == 200 else []
                return found == wanted
            if not self.await_all(is_all_there):
                self.add("expired_early", f"{sleeper.name}: {len(there)} of "
                         f"{len(ids)} are left")

            def is_acked(user=sleeper, wanted=ids):
                answer = self.prober.call("wake", user.ack, wanted)
                return answer is not None and answer.status == 204
            if ids and not self.await_all(is_acked):
                self.add("stuck", f"{sleeper.name} cannot ack")
        self.faults.sleepers.clear()

    def see_all_out(self):
        """Whose session was revoked is unknown to nobody who begins later."""
        self.faults.begin_anew("handlers")
        if not self.faults.heal(READY_S):
            self.add("not_ready", "not READY with new handlers: " +
                     self.faults.notes[-1])
        for one in self.leaving:
            one.ask_all()
            if not self.await_all(one.stays_out):
                self.add("stuck", f"{one.name}: who was revoked is not "
                         "answered")

    def judge(self):
        for one in self.leaving:
            found, one.found = one.found, []
            for text in found:
                self.add("revoked", text)
        for one in self.accounts:
            found, one.found = one.found, []
            for kind, text in found:
                self.add(kind, text)
        for one in self.away:
            for kind, text in one.judge():
                self.add(kind, text)
        for text in self.context.seen.leaked(
                [bout for one in self.away for bout in one.bouts]):
            self.add("leaked", text)
        history = self.context.history.frozen()
        self.take(check(history, self.context.now(), POKE_BOUND_S,
                        is_drained=True), history)

    # ---- the end ----

    def finish(self):
        """Ack everything, leave, and see that nothing is left over."""
        if not self.found:
            self.drain_all()
        self.context.is_over.set()
        for client in self.everybody():
            client.join(30)
        if self.found:
            return  # what is left over would only repeat it
        self.left = ["not looked"]
        if not self.await_all(self.is_clean):
            for text in self.left[:20]:
                self.add("left_over", text)
        for name in self.stack.programs:
            if name.startswith("worker"):
                for text in remains.repairs(self.stack.read_log(name)):
                    if not self.is_excused(text):
                        self.add("repaired", f"{name} {text}")
        if not self.await_all(self.stack.is_ready):
            self.add("not_ready", "/readyz is not 200 at the end")
        self.lose_everything()

    def is_excused(self, text):
        """By a clock that is ahead what waits has expired, and nobody is told
        of it; when it is put right, an audit finds that."""
        return "nobody is to tell of" in text and any(
            kind.startswith("clock") for kind in self.faults.done)

    def lose_everything(self):
        """Nobody has to log in again, and nobody is let in who left."""
        self.mark("Redis forgets everything")
        accounts.lose_everything(self.stack)
        for one in self.accounts:
            one.found.clear()
            one.ask_all()
            if not self.await_all(one.holds):
                self.add("stuck", f"{one.name}: sessions are not answered")
            for kind, text in one.found:
                self.add(kind, text)

    def drain_all(self):
        self.mark("draining")
        for one in self.leaving:
            one.stop()
        for one in self.accounts:
            one.stop()
            one.ask_all()
            if not self.await_all(one.holds):
                self.add("stuck", f"{one.name}: sessions are not answered")
        for one in self.away:
            one.stop()
            if not self.await_all(one.ack_all):
                self.add("stuck", f"{one.name} cannot ack")
        for name in self.users():
            if not self.await_all(lambda one=name: self.drain(one)):
                self.add("stuck", f"{name} cannot be drained")
        if not self.await_all(lambda: self.flooder.drain(
                self.others + self.faults.departed)):
            self.add("stuck", "what was flooded cannot be drained")
        self.damage.mend()
        self.judge()

    def drain(self, name):
        """True when everything is acked and nothing comes any more."""
        reader = self.reader(name)
        while True:
            page = reader.pull(limit=500)
            if page is None:
                return False
            if not page[0]:
                return not self.context.history.missing(name)
            if not reader.ack(page[0]):
                return False

    def is_clean(self):
        try:
            with self.stack.redis() as redis:
                self.left = remains.in_redis(redis, INSTANCES)
                self.hints = remains.hints(redis)
            self.left += remains.in_cold(self.stack.path("waypost.db"))
            self.left += remains.in_keys(self.stack.path("keys"))
        except (OSError, RedisError) as error:
            self.left = [str(error)]
        return not self.left

    # ---- telling ----

    def add(self, kind, text):
        self.take([Violation(kind, text)], self.context.history)

    def take(self, violations, history):
        """Tell what is new."""
        counts = {}
        for violation in violations:
            key = violation.kind, violation.text.split(" is missing")[0]
            if key in self.told:
                continue
            self.told.add(key)
            self.found.append(violation)
            counts[violation.kind] = counts.get(violation.kind, 0) + 1
            if counts[violation.kind] > EVIDENCE:
                continue
            say(f"VIOLATION (seed {self.seed}, {self.options.web}) "
                f"{violation}")
            for one in violation.ids[:2]:
                for line in history.story(one):
                    say("    " + line)
        for kind, count in counts.items():
            if count > EVIDENCE:
                say(f"… and {count - EVIDENCE} more of kind {kind}")

    def summary(self):
        for text in self.faults.crashes:
            self.add("crash", text)
        for text in self.context.odd:
            self.add("odd_answer", text)
        counts = self.context.history.counts()
        say("counts: " + ", ".join(f"{k} {v}" for k, v in counts.items()))
        say("answers: " + clients.as_text(self.context.statuses))
        say("faults: " + clients.as_text(self.faults.done) +
            f", skipped {self.faults.skipped} on busy targets")
        if self.poke_ms:
            self.poke_ms.sort()
            say(f"quiet pokes: {len(self.poke_ms)}, median "
                f"{self.poke_ms[len(self.poke_ms) // 2]:.0f} ms, worst "
                f"{self.poke_ms[-1]:.0f} ms")
        if not self.found:
            say(f"hints that stayed: {self.hints}")
        for note in self.faults.notes:
            say("note: " + note.splitlines()[0])
        by_kind = {}
        for violation in self.found:
            by_kind[violation.kind] = by_kind.get(violation.kind, 0) + 1
        say(f"seed {self.seed} {self.options.web}: " +
            (", ".join(f"{n} {kind}" for kind, n in sorted(by_kind.items()))
             if by_kind else "all promises kept"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60,
                        help="of faults under load; settling comes on top")
    parser.add_argument("--web", choices=WEB_SERVERS, default="nginx")
    parser.add_argument("--build", help="folder with the programs",
                        default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--rounds", type=int,
                        help=f"default: one per {ROUND_S} s")
    parser.add_argument("--patience", type=float, default=60, metavar="S",
                        help="how long settling may wait for something")
    parser.add_argument("--only", type=lambda text: text.split(","),
                        help="kinds of faults, as kill or kill:redis: " +
                        ", ".join(KINDS))
    parser.add_argument("--keep", action="store_true",
                        help="keep the logs, and say where")
    options = parser.parse_args()
    for kind in options.only or ():
        if kind.split(":")[0] not in KINDS:
            parser.error(f"no such fault: {kind}")
    return options


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        os.environ.setdefault(name, f"exitcode={SANITIZER_STATUS}")
    # The clock is preloaded, and so comes before the sanitizer.
    os.environ["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    options = arguments()
    adopt_orphans()
    left, seed, failed = options.seconds, options.seed, []
    while left > 0:
        seconds = min(left, EPISODE_S)
        rounds = options.rounds or max(1, round(seconds / ROUND_S))
        say(f"seed {seed}, {options.web}, {seconds:g} s in {rounds} rounds")
        try:
            if Episode(options, seed, seconds, rounds).run():
                failed.append(seed)
        except StartError as error:
            say(f"did not run: {error}")
            return 2
        left -= seconds
        seed += 1
    if failed:
        say(f"FAILED with seed {', '.join(map(str, failed))}")
    say(f"fault result: {seed - options.seed - len(failed)} passed, "
        f"{len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
