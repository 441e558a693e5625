#!/usr/bin/python3
"""Units: what they take away, and how programs start, end and come back."""
import re
import subprocess

import boot
from installed import REDIS, binds, expect, install, reinstall, run_tests
from installed import set_up, wait_ready

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
        reinstall(machine)
        for name in RUNNING:
            machine.run(f"systemctl is-active {name}")
        answer = machine.run("curl -s -o /dev/null -w '%{http_code}' "
                             "http://localhost/readyz").stdout
        expect(answer == "503", f"Redis is away, and /readyz is {answer}")
        machine.run("systemctl start redis-server@waypost")
        machine.until(f"{REDIS} ping", "Redis does not start")
        wait_ready(machine)


def daemon(machine):
    """Its process, and the start of the unit that it is of."""
    pid, start = machine.run("systemctl show -P MainPID -P InvocationID "
                             "waypost-ws").stdout.split()
    return int(pid), start


def a_daemon_takes_over(base, folder):
    """By the signal, and at an upgrade: the unit is never stopped, and is
    supervised as ever."""
    with boot.Machine(base, binds(debs=folder)) as machine:
        set_up(machine, "/debs")
        machine.run("mkdir /run/systemd/system/waypost-ws.service.d && "
                    "printf '[Service]\\nWatchdogSec=2s\\n' >"
                    "/run/systemd/system/waypost-ws.service.d/dog.conf && "
                    "systemctl daemon-reload && systemctl restart waypost-ws")
        wait_ready(machine)
        with subprocess.Popen(machine.argv("python3", "/load/sockets.py"),
                              stdout=subprocess.PIPE, text=True) as clients:
            machine.until("test -e /run/sockets.begun", "nobody connects")
            began = daemon(machine)
            machine.run("systemctl kill --kill-whom=main --signal=USR2 "
                        "waypost-ws")
            machine.until(f"[ -e /proc/{began[0]} ] && exit 1; true",
                          "the old one stays")
            second = daemon(machine)
            expect(second[0] != began[0] and second[1] == began[1],
                   f"{began} came to be {second}")
            # What it tells the manager is heard, as its watchdog.
            seen = machine.run("systemctl show -P WatchdogTimestampMonotonic "
                               "waypost-ws").stdout
            machine.until("[ $(systemctl show -P WatchdogTimestampMonotonic "
                          f"waypost-ws) -gt {seen.strip()} ]", "no watchdog")
            reinstall(machine)
            third = daemon(machine)
            expect(third[0] not in (began[0], second[0]) and
                   third[1] == began[1], f"{second} came to be {third}")
            machine.until(f"[ -e /proc/{second[0]} ] && exit 1; true",
                          "the second one stays")
            machine.run("touch /run/sockets.end")
            said = clients.communicate(timeout=60)[0]
        expect(clients.returncode == 0, said)
        print("      " + said, end="")
        # Killed, it is started anew, though it was no child of the manager's.
        machine.run("systemctl kill -s KILL waypost-ws")
        machine.until(f"[ $(systemctl show -P InvocationID waypost-ws) != "
                      f"{began[1]} ] && systemctl is-active waypost-ws",
                      "nobody starts it")
        # A unit that says something else is for a new start.
        fourth = daemon(machine)
        machine.run("echo '# of before' >>$(systemctl show -P FragmentPath "
                    "waypost-ws)")
        reinstall(machine)
        fifth = daemon(machine)
        expect(fourth[1] != fifth[1], f"{fourth} came to be {fifth}")
        wait_ready(machine)


if __name__ == "__main__":
    run_tests([what_a_program_may_not, who_starts_whom, redis_is_away,
               a_daemon_takes_over])
