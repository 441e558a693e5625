#!/usr/bin/python3
"""What push costs whoever sends: POST /api/send of 1 KiB by 2,000 users who
take turns, each to one of them, all away. With push on nobody has a device, or
everybody; push.mode is log. Take short turns and many: the two of a round are
of nearly the same seconds.
"""
import time

from contestants import Waypost
from kit import Bench, spread
from meters import Meter
from senders import COLUMNS, tokens, turn

USERS, IDLE_S = 2000, 5
APPS = ["demo kind=fcm credentials_file=/nowhere/account.json"]


class Told(Waypost):
    """Push is on, and has_devices says of whom there is somebody to tell."""

    def __init__(self, bench, has_devices=False):
        super().__init__(bench, config={"push": {
            "enabled": True, "mode": "log", "apps": APPS}})
        self.has_devices = has_devices

    def start(self, folder):
        super().start(folder)
        if self.has_devices:
            for user in users():
                self.register(user)

    def register(self, user):
        done = self.http().request(
            "POST", "/api/devices",
            f'{{"kind":"fcm","token":"token-of-{user}","deviceId":"d"}}',
            {"Authorization": "Bearer " + self.token(user),
             "Content-Type": "application/json"})
        if done.status != 201:
            raise SystemExit(f"register: {done.status} {done.body}")


def users():
    return [f"u{user:04}" for user in range(USERS)]


def idle(contestant):
    """Parts of a processor."""
    meter = Meter(contestant.programs)
    start = time.monotonic()
    time.sleep(IDLE_S)
    return meter.cpu_s()["redis"] / (time.monotonic() - start)


def turn_of(bench, contestant, number):
    result = turn(bench, contestant, number,
                  ["-J", tokens(bench, contestant, users()), "-n", USERS])
    result["redis_us"] = result["cpu_us"]["redis"]
    result["all_us"] = sum(result["cpu_us"].values())
    if number == bench.options.rounds - 1:
        result["idle"] = idle(contestant)
    return result


def ratios(bench):
    """Above 1: push costs nothing that is seen."""
    lines = ["| off : on | messages/s, on : off | Redis' time | all of it |",
             "| --- | --- | --- | --- |"]
    for name in bench.names():
        if name != "off":
            lines.append("| " + " | ".join([
                name, spread(bench.ratios(name, "off", "messages/s")),
                spread(bench.ratios("off", name, "redis_us")),
                spread(bench.ratios("off", name, "all_us"))]) + " |")
    lines += ["", "Redis at rest, of a processor: " + ", ".join(
        f"{name} {bench.values(name, 'idle')[0] * 100:.2f} %"
        for name in bench.names())]
    return "\n".join(lines)


def main():
    bench = Bench("push-cost", __doc__, {
        "off": Waypost, "on": Told,
        "on, devices": lambda bench: Told(bench, True),
    })
    bench.run(turn_of)
    bench.write(ratios(bench),
                bench.table(COLUMNS, "off", "messages/s", "messages/s"),
                bench.cpu_table("message"))


if __name__ == "__main__":
    main()
