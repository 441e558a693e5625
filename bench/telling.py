#!/usr/bin/python3
"""How fast one notifier tells who is away, and what that costs.

usage: bench/telling.py [--kind web|fcm|apns] [--users N] [--hosts N]
                        [--rounds N] [--build DIR]

N users with a device of a kind each get a message while no notifier runs. Then
one is started, and asks push services that take everything
(tests/push/sink.mjs), one for each host (of an app there is one), over HTTP/2
and TLS. From the first tenth of them to the ninth is measured: pushes accepted
a second, and what share of a core each program used meanwhile. With sinks at a
whole core each they are the limit, and a notifier is as fast as its share of a
core says.
"""
import argparse
import os
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tools"), os.path.dirname(
    os.path.abspath(__file__))]

from devkit.names import Names  # noqa: E402
from devkit.provider import NodeProgram, make_apps  # noqa: E402
from devkit.provider import make_certificate, write_secret  # noqa: E402
from devkit.stack import Stack, no_limits  # noqa: E402
from devkit.user import User, envelope  # noqa: E402
from devkit.webpush import Subscription, vapid_pem  # noqa: E402
from kit import machine, spread  # noqa: E402
from meters import cpu_ns  # noqa: E402

ADDRESS, HOST = "127.0.0.1", "push-{}.bench.test"
BATCH, WAIT_S, LOOK_S = 100, 300, 0.05
# So fast that the rate is not what is measured, a ramp's first step included.
RATES = [f"{kind}=100000/100" for kind in ("web", "fcm", "apns")]
PHONE, IPHONE = "bench.android", "bench.ios"
# Of so many parts the first is left out, when connections are made, and the
# last, when those come who were put back for seconds.
PARTS = 10


class Sinks:
    """One at each host, all with one certificate."""

    def __init__(self, folder, count):
        self.hosts = [HOST.format(i) for i in range(count)]
        self.certificate, key = make_certificate(
            folder, "sink", "IP:" + ADDRESS,
            *("DNS:" + host for host in self.hosts))
        self.all = [NodeProgram("sink.mjs", cert=self.certificate, key=key,
                                address=ADDRESS) for _ in self.hosts]
        self.ports = [sink.said["port"] for sink in self.all]

    def endpoint(self, number):
        i = number % len(self.all)
        return f"https://{self.hosts[i]}:{self.ports[i]}/{number}"

    def count(self):
        return sum(sink.ask()["count"] for sink in self.all)

    def stop(self):
        for sink in self.all:
            sink.stop()


def settings(folder, sinks):
    key = write_secret(os.path.join(folder, "vapid.pem"), vapid_pem())
    return {"enabled": True, "mode": "live", "vapid_key_file": key,
            "apps": make_apps(folder, f"https://{ADDRESS}:{sinks.ports[0]}",
                              PHONE, IPHONE),
            "vapid_subject": "mailto:push@bench.test",
            "ca_file": sinks.certificate, "allow_networks": [ADDRESS],
            "web_hosts": ["*"], "web_ports": [str(p) for p in sinks.ports],
            "rates": RATES}


def must(answer, *statuses):
    if answer.status not in statuses:
        raise SystemExit(f"refused: {answer}")


class Device:
    """What users register, of one kind."""

    def __init__(self, kind, sinks):
        self._make = {"web": self._browser, "fcm": self._phone,
                      "apns": self._iphone}[kind]
        self._sinks = sinks
        self._keys = Subscription("").to_json()["keys"]

    def of(self, number):
        return {"deviceId": "device", **self._make(number)}

    def _browser(self, number):
        return {"kind": "webpush", "endpoint": self._sinks.endpoint(number),
                **self._keys}

    def _phone(self, number):
        return {"kind": "fcm", "app": PHONE, "platform": "android",
                "token": f"token-{number}"}

    def _iphone(self, number):
        return {"kind": "apns", "app": IPHONE, "token": f"{number:064x}"}


def register(stack, device, count):
    for i in range(count):
        must(User(stack, f"away-{i}").call("POST", "/api/devices",
                                           device.of(i)), 201)


def send_to_all(stack, count):
    sender = User(stack, "sender")
    for first in range(0, count, BATCH):
        must(sender.call("POST", "/api/send/batch", {"envelopes": [
            envelope(f"urn:sm:user:away-{i}", b"x")
            for i in range(first, min(first + BATCH, count))]}), 202)


def wait_due(stack, count):
    """Until all of them are to be told, and their messages are on disk."""
    end = time.monotonic() + WAIT_S
    with stack.redis() as redis:
        while time.monotonic() < end:
            if sum(redis("ZCARD", key) for key in
                   redis("KEYS", "wp:{*}:pushdue")) >= count and \
                    not redis("KEYS", "wp:{*}:hot:*"):
                return
            time.sleep(1)
    raise SystemExit("not all are due")


def used_by(stack, sinks):
    """Processor time by program, ns."""
    pids = {"notifier": [stack.programs["notifier-0"].pid],
            "Redis": [stack.programs["redis"].pid],
            "sinks": [sink.pid for sink in sinks.all]}
    return {name: sum(map(cpu_ns, each)) for name, each in pids.items()}


def watch(stack, sinks, count):
    """Pushes a second, and shares of a core, between two moments."""
    began = None
    base, end = sinks.count(), time.monotonic() + WAIT_S
    while time.monotonic() < end:
        done = sinks.count() - base
        if began is None and done >= count // PARTS:
            began = time.monotonic(), done, used_by(stack, sinks)
        if done >= count - count // PARTS:
            break
        time.sleep(LOOK_S)
    else:
        raise SystemExit(f"{done} of {count} were told")
    seconds = time.monotonic() - began[0]
    used = used_by(stack, sinks)
    pushes = done - began[1]
    return {"pushes/s": pushes / seconds,
            **{f"{name}, % of a core": (used[name] - before) / seconds / 1e7
               for name, before in began[2].items()},
            "notifier, µs a push":
                (used["notifier"] - began[2]["notifier"]) / pushes / 1e3}


def measure(options):
    with tempfile.TemporaryDirectory(prefix="wpb") as folder:
        names = Names(os.path.join(options.build, "tests", "push", "hosts.so"),
                      os.path.join(folder, "hosts"))
        if not names.are_there:
            raise SystemExit(f"{names.library} is not built")
        sinks = Sinks(folder, options.hosts)
        for host in sinks.hosts:
            names.lead(host, ADDRESS)
        stack = Stack(os.path.join(folder, "s"), build=options.build, config={
            "limits": no_limits(), "accounts": {"enabled": False},
            "push": settings(folder, sinks)}, program_env=lambda name:
            names.env() if name.startswith("notifier") else {})
        stack.start()
        try:
            register(stack, Device(options.kind, sinks), options.users)
            stack.programs["notifier-0"].stop()
            for _ in range(options.rounds):
                send_to_all(stack, options.users)
                wait_due(stack, options.users)
                stack.restart("notifier-0")
                yield watch(stack, sinks, options.users)
                stack.programs["notifier-0"].stop()
                forget(stack)
        finally:
            stack.stop()
            sinks.stop()


def forget(stack):
    """That they were told, as a sign of life would."""
    with stack.redis() as redis:
        for key in redis("KEYS", "wp:{*}:pushed:*"):
            redis("DEL", key)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=("web", "fcm", "apns"),
                        default="web")
    parser.add_argument("--users", type=int, default=20000)
    parser.add_argument("--hosts", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build", default=os.path.join(ROOT, "build",
                                                        "release"))
    options = parser.parse_args()
    rows = list(measure(options))
    print(f"{options.users} users, {options.kind}, {options.hosts} push "
          f"services; {machine()}\n")
    print("| " + " | ".join(rows[0]) + " |\n|" + " --- |" * len(rows[0]))
    print("| " + " | ".join(spread([row[name] for row in rows])
                            for name in rows[0]) + " |")
    median = statistics.median(row["notifier, µs a push"] for row in rows)
    print(f"\na notifier that has half a core: {500000 / median:.0f} pushes/s")


if __name__ == "__main__":
    main()
