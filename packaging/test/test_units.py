#!/usr/bin/python3
"""Units: what they take away, and how programs start, end and come back."""
import re

import boot
from installed import REDIS, binds, expect, install, run_tests, set_up
from installed import wait_ready

SERVICES = ("handlers", "ws", "worker", "keys", "notifier")
RUNNING = ("waypost-handlers", "waypost-ws", "waypost-worker")
EXPOSURE_MAX = 2.0
# What a program may do of what probe.py tries.
MAY = {"handlers": {"jwt-secret", "store-secret", "state"},
       "ws": {"jwt-secret", "store-secret", "state"},
       "worker": {"store-secret", "state"},
       "keys": {"state"}, "notifier": {"store-secret", "state"}}
ALL = {"writes-outside", "sees-others", "namespace", "writes-code", "netlink",
       "jwt-secret", "store-secret", "state"}


def probe(machine, lines):
    """What a unit with these lines can do."""
    machine.run("cat >/run/systemd/system/probe.service <<'END'\n" + lines +
                "\nEND\nsystemctl daemon-reload && systemctl start probe")
    said = machine.run("journalctl -n 20 -o cat -u probe --no-pager").stdout
    return set(re.findall(r"^can:(.*)$", said, re.M)[-1].split())


def what_a_program_may_not(base, folder):
    with boot.Machine(base, binds(debs=folder)) as machine:
        install(machine, "/debs")
        run = "/usr/bin/python3 /load/probe.py"
        machine.run("install -d -m 1777 /srv/open")
        # As the same user, but free: each of these is possible here at all.
        free = probe(machine, "[Service]\nType=oneshot\nUser=waypost\n"
                              f"ExecStart={run}")
        expect(free == ALL, f"only {free} can be tried here")
        for name in SERVICES:
            unit = machine.run(f"systemctl cat waypost-{name}").stdout
            unit = re.sub(r"^Requires=.*$|^After=.*$", "", unit, flags=re.M)
            unit = re.sub(r"^Restart.*$|^WatchdogSec.*$|^NotifyAccess.*$", "",
                          unit, flags=re.M)
            unit = re.sub(r"^Type=.*$", "Type=oneshot", unit, flags=re.M)
            unit = re.sub(r"^ExecStart=.*$", f"ExecStart={run}", unit,
                          flags=re.M)
            could = probe(machine, unit)
            expect(could == MAY[name], f"waypost-{name} can {could}")
            judged = machine.run("systemd-analyze security --no-pager "
                                 f"waypost-{name}.service").stdout
            exposure = float(re.search(r"exposure level.*: (\S+)",
                                       judged).group(1))
            expect(exposure <= EXPOSURE_MAX,
                   f"waypost-{name}: exposure {exposure}\n{judged}")
        said = machine.run(
            "systemd-analyze verify waypost.target waypost-worker@2.service " +
            " ".join(f"waypost-{name}.service" for name in SERVICES))
        expect(not said.stdout + said.stderr,
               f"systemd-analyze verify: {said.stdout}{said.stderr}")


def who_starts_whom(base, folder):
    with boot.Machine(base, binds(debs=folder)) as machine:
        set_up(machine, "/debs")
        started = machine.run("systemctl show -P Result -P ExecMainStatus "
                              "waypost-keys").stdout.split()
        expect(started == ["success", "0"],
               f"waypost-keys has nothing to do, and ended with {started}")
        machine.run("systemctl start waypost-worker@2")
        for port in (9850, 9851, 9852, 9862):
            machine.until(f"curl -sf http://127.0.0.1:{port}/metrics | "
                          "grep -q waypost_build_info", "no metrics")
        machine.run("systemctl reload " + " ".join(RUNNING))
        # Killed, or stopped alone: the next request has it started again.
        machine.run("systemctl kill -s KILL waypost-handlers; "
                    "curl -sf http://localhost/healthz")
        machine.run("systemctl stop waypost-handlers && "
                    "curl -sf http://localhost/healthz && "
                    "systemctl is-active waypost-handlers")
        # All, and with the sockets: nothing starts them again.
        machine.run("systemctl stop waypost.target 'waypost-*'")
        ended = machine.run("systemctl show -P Result " +
                            " ".join(RUNNING)).stdout.split()
        expect(ended == ["success"] * 3, f"a stop ends with {ended}")
        answer = machine.run("curl -s -o /dev/null -w '%{http_code}' "
                             "http://localhost/healthz").stdout
        expect(answer == "503", f"all is stopped, and /healthz is {answer}")
        states = machine.run("systemctl is-active " + " ".join(RUNNING),
                             check=False).stdout.split()
        expect(states == ["inactive"] * 3, f"after a stop of all: {states}")
        machine.run("systemctl start waypost.target")
        wait_ready(machine)


def redis_is_away(base, folder):
    """A start does not wait for Redis, so an installation does not either."""
    with boot.Machine(base, binds(debs=folder)) as machine:
        set_up(machine, "/debs")
        machine.run("systemctl stop redis-server@waypost")
        # apt as it would be after a boot without Redis.
        machine.run("dpkg -i /debs/waypost_*.deb", timeout_s=30)
        for name in RUNNING:
            machine.run(f"systemctl is-active {name}")
        answer = machine.run("curl -s -o /dev/null -w '%{http_code}' "
                             "http://localhost/readyz").stdout
        expect(answer == "503", f"Redis is away, and /readyz is {answer}")
        machine.run("systemctl start redis-server@waypost")
        machine.until(f"{REDIS} ping", "Redis does not start")
        wait_ready(machine)


if __name__ == "__main__":
    run_tests([what_a_program_may_not, who_starts_whom, redis_is_away])
