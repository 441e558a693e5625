#!/usr/bin/python3
"""make run: a whole Waypost in the foreground, until Ctrl-C.

Starts everything in one state directory, registers alice and bob and sends
messages from her to him, all through the front door, to show that it works,
prints lines to paste, and then watches: what dies is started again, what is
succeeded (SIGUSR2) is followed, and who is told of a message while he is away
stands here. Messages, accounts and secrets stay in the folder.
"""
import argparse
import http.client
import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from devkit.process import (KilledError, StartError,  # noqa: E402
                            adopt_orphans, wait_until)
from devkit.pushes import Pushes  # noqa: E402
from devkit.stack import Stack  # noqa: E402
from devkit.user import User  # noqa: E402
from devkit.websocket import Closed, Refused  # noqa: E402

TOKEN_LIFETIME_S = 24 * 3600
# Until the first key signs, and the accounts can be reached.
LOGIN_S, LOGIN_STEP_S = 30.0, 0.1
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 2.0
HEALTHY_AFTER_S = 30.0
WATCH_STEP_S = 0.1
LOGS_STEP_S = 1.0
# Of bob's device, which is none: nobody is asked, see push.mode.
APP, DEVICE = "demo", {"kind": "fcm", "token": "bobs-phone",
                       "deviceId": "phone", "name": "bob's phone"}
PUSH_S = 30.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STARTS = 5  # a program that is killed while all start costs one
INTERRUPTIONS = (StartError, Closed, Refused, AssertionError, OSError,
                 http.client.HTTPException)


class Interrupted(Exception):
    """SIGINT or SIGTERM arrived."""


def ignore_signals():
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


# What asked us to stop. An exception that a signal raises inside a destructor
# is seen by nobody.
stop_signals = []


def on_signal(number, _frame):
    # Once is enough, of any kind: what follows is an orderly stop.
    ignore_signals()
    stop_signals.append(signal.Signals(number).name)
    raise Interrupted(stop_signals[0])


def say(text=""):
    print(text, flush=True)


class RunStack(Stack):
    """With what `waypost` needs, and tokens for a day."""

    def __init__(self, state, *more):
        kept = os.path.join(os.path.realpath(state), "secrets")
        self._keys = os.path.join(kept, "api-keys")
        auth = {"api_keys_file": self._keys}
        # Without it `waypost account create` would make a secret of its own,
        # and nobody log in with that.
        if not os.environ.get("STORE_SECRET"):
            auth["store_secret_file"] = os.path.join(kept, "store")
        super().__init__(
            state, *more, env=os.environ,
            # What is printed is to be good for longer than ten minutes.
            config={"accounts": {"access_token_seconds": TOKEN_LIFETIME_S},
                    "auth": auth, "push": {
                        "apps": [f"{APP} kind=fcm credentials_file=/nowhere"],
                        "vapid_key_file": os.path.join(kept, "vapid.pem")}})
        self.pushes = Pushes(self)

    def prepare(self):
        super().prepare()
        os.close(os.open(self._keys, os.O_WRONLY | os.O_CREAT, 0o600))
        self._make_vapid_key()

    def _make_vapid_key(self):
        """Who sends to browsers: a page can register here. Kept, for with
        another one it has to do so again."""
        path = self.path("secrets", "vapid.pem")
        if os.path.exists(path):
            return
        done = subprocess.run([*self._waypost("waypost"), "push", "vapid-key",
                               path], env=self.base_env, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise StartError(done.stderr.strip())


# ---- who takes part ----

def login_path(stack, name):
    """What is posted to log in: a file, so that no command line has it."""
    return stack.path("secrets", name + ".json")


def read_login(stack, name):
    """The name and the password, made and kept at the first start."""
    path = login_path(stack, name)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        text = json.dumps({"username": name,
                           "password": secrets.token_urlsafe(24)})
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        return text


def token_of(stack, name):
    """An access token: of a login, or where nobody can, of JWT_SECRET."""
    login = read_login(stack, name)
    end = time.monotonic() + LOGIN_S
    while True:
        for path in ("/api/auth/register", "/api/auth/login"):
            answer = stack.http().request(
                "POST", path, login, [("Content-Type", "application/json")])
            if answer.status in (200, 201):
                return answer.json()["accessToken"]
            if answer.status not in (403, 409):  # not open; it is there
                break
        if answer.status == 404:  # without accounts
            return stack.token(name, TOKEN_LIFETIME_S)
        if answer.status == 401:
            say(f"  {name} has another password than {login_path(stack, name)}"
                " says; going on without one")
            return stack.token(name, TOKEN_LIFETIME_S)
        if answer.status != 503 or time.monotonic() > end:
            raise StartError(f"{name} cannot log in: {answer!r}")
        time.sleep(LOGIN_STEP_S)


class Steps:
    """Says what was reached, and when."""

    def __init__(self):
        self._started = time.monotonic()

    def reach(self, name, detail):
        elapsed = (time.monotonic() - self._started) * 1000
        say(f"  {name:<9} {elapsed:8.1f} ms  {detail}")


def send(alice, bob, steps):
    answer = alice.send(bob, b"hello bob")
    if answer.status != 202:
        raise StartError(f"the send was answered {answer!r}")
    message_id = answer.json()["id"]
    steps.reach("accepted", message_id)
    return message_id


def take(bob, message_id, steps):
    steps.reach("pulled", f"{find(bob, message_id)} waiting")
    if bob.ack([message_id]).status != 204:
        raise StartError("the ack was refused")
    steps.reach("acked", "gone")


def demonstrate(stack, tokens):
    """alice sends, bob is poked, pulls and acks; say how long each took."""
    alice, bob = (User(stack, name, tokens[name]) for name in ("alice", "bob"))
    with bob.connect() as socket:
        socket.expect("connected")
        steps = Steps()
        message_id = send(alice, bob, steps)
        socket.expect("poke")
        steps.reach("poked", "over the WebSocket")
        take(bob, message_id, steps)
    if stack.notifier_count > 0:
        demonstrate_push(stack, alice, bob)


def is_away(alice, bob):
    answer = alice.call("GET", "/api/presence?users=" + bob.urn)
    return (answer.status != 200 or
            answer.json()["users"][0]["status"] == "offline")


def demonstrate_push(stack, alice, bob):
    """The same while bob is away: his device is told."""
    answer = bob.call("POST", "/api/devices", DEVICE)
    if answer.status == 403:  # whoever set the apps has no such one
        return
    if answer.status not in (200, 201):
        raise StartError(f"bob's device was answered {answer!r}")
    device = answer.json()["device"]["id"]
    wait_until(lambda: is_away(alice, bob), PUSH_S, "bob stays online")
    stack.pushes.new()  # the log has those of earlier runs
    say("and one while he is away:")
    steps = Steps()
    message_id = send(alice, bob, steps)
    wait_until(lambda: any(push["device"] == device
                           for push in stack.pushes.new()), PUSH_S,
               "nobody told bob's device that something waits")
    steps.reach("told", "bob's phone, in the log of notifier-0: push.mode is "
                "log")
    take(bob, message_id, steps)


def find(user, message_id):
    """Page through the user's messages until the id is there.

    Returns: how many were read
    """
    count, query = 0, {"limit": 500}
    while True:
        page = user.pull(**query).json()
        ids = [message["id"] for message in page["messages"]]
        count += len(ids)
        if message_id in ids:
            return count
        if not page["hasMore"]:
            raise StartError(f"the message is not among {user.name}'s")
        query["after"] = ids[-1]


def login_line(stack, name):
    """A line of shell that logs in and keeps the token."""
    return (f"export {name.upper()}=$(curl -s "
            f"http://127.0.0.1:{stack.port}/api/auth/login "
            "-H 'Content-Type: application/json' "
            f"-d @{shlex.quote(login_path(stack, name))} | "
            "sed 's/.*\"accessToken\":\"\\([^\"]*\\)\".*/\\1/')")


def greet(stack, tokens):
    """Lines to paste into another terminal."""
    base = f"http://127.0.0.1:{stack.port}"
    say()
    say(f"Waypost listens on {base} ({stack.web}); "
        f"state and logs are in {stack.state}")
    say()
    if stack.has_accounts:
        say("# alice and bob log in")
    for name, token in tokens.items():
        say(login_line(stack, name) if stack.has_accounts
            else f"export {name.upper()}={token}")
    say()
    say("# alice sends to bob")
    say(f"curl -si {base}/api/send -H \"Authorization: Bearer $ALICE\" "
        "-H 'Content-Type: application/json' -d "
        "'{\"recipientId\":\"urn:sm:user:bob\","
        "\"encryptedData\":\"aGVsbG8=\"}'")
    say("# bob reads, then acks an id")
    say(f"curl -s {base}/api/messages -H \"Authorization: Bearer $BOB\"")
    say(f"curl -si {base}/api/messages/ack -H \"Authorization: Bearer $BOB\" "
        "-H 'Content-Type: application/json' -d '{\"messageIds\":[\"ID\"]}'")
    # Pages of other origins are refused.
    say(f"# bob's WebSocket, in the console of a browser at {base}/healthz")
    say(f"new WebSocket('ws://127.0.0.1:{stack.port}/connect?token="
        f"{tokens['bob']}').onmessage = e => console.log(e.data)")
    say()
    say("# bob's devices")
    say(f"curl -s {base}/api/devices -H \"Authorization: Bearer $BOB\"")
    say()
    tool = shlex.join([os.path.join(stack.build, "waypost"), "--config",
                       stack.path("waypost.yaml")])
    say("# is everything as it should be, from outside as well?")
    say(f"{tool} doctor --url {base}")
    say("# what has failed, for an operator")
    say(f"{tool} dlq list")
    say("# bob's phone is told now, which is a line below")
    say(f"{tool} push test bob")
    if stack.has_accounts:
        say("# an account for somebody: a password and a recovery code")
        say(f"{tool} account create carol")
        say("# a token for anybody, without a password; not in production")
        say(f"{tool} token make --sub carol --for 8h")
    say("# a key for a back end, and what it tells whoever is connected")
    say(f"KEY=$({tool} key add --name shop --scope send,notify)")
    say(f"curl -si {base}/api/notify -H \"Authorization: Bearer $KEY\" "
        "-H 'Content-Type: application/json' -d "
        "'{\"user\":\"urn:sm:user:bob\",\"type\":\"parcel\",\"payload\":1}'")
    say()
    say("Ctrl-C stops everything and keeps the messages.")


def say_pushes(stack):
    """Who was told something while he was away."""
    for push in stack.pushes.new():
        say(f"push: {push['action']} to device {push['device']} "
            f"({push['kind']}), {push['waiting']} waiting")


class Watch:
    """Restarts what dies, more slowly the more often it does, and follows what
    is succeeded; bounds logs; says who is told of what waits for him."""

    def __init__(self, stack):
        self._stack = stack
        now = time.monotonic()
        self._started = {name: now for name in stack.programs}
        self._delay = dict.fromkeys(stack.programs, FIRST_DELAY_S)
        self._due = {}
        self._logs_due = now

    def look(self):
        now = time.monotonic()
        if now >= self._logs_due:
            self._logs_due = now + LOGS_STEP_S
            say_pushes(self._stack)
            self._stack.bound_logs()
        for name, program in self._stack.programs.items():
            if name in self._due:
                if now >= self._due[name]:
                    self._restart(name, program)
            elif not program.is_running():
                if program.follow():
                    say(f"{name} goes on as process {program.pid}")
                    self._started[name] = now
                else:
                    self._schedule(name, program, now)

    def _schedule(self, name, program, now):
        program.kill()  # children of it that are still there
        if now - self._started[name] > HEALTHY_AFTER_S:
            self._delay[name] = FIRST_DELAY_S
        delay = self._delay[name]
        say(f"{name} died with {program.exit_text()}; "
            f"starting it again in {delay:.1f} s (log: {program.log_path})")
        self._due[name] = now + delay
        self._delay[name] = min(delay * 2, LONGEST_DELAY_S)

    def _restart(self, name, program):
        del self._due[name]
        self._started[name] = time.monotonic()
        try:
            program.spawn()
        except StartError as error:
            say(str(error))
        else:
            say(f"{name} is running again")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--web", choices=("nginx", "lighttpd"),
                        default="nginx")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--state", default="var")
    parser.add_argument("--build", default=None,
                        help="folder of the programs (build/release)")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--websockets", type=int, default=1)
    arguments = parser.parse_args()
    if not 0 < arguments.port < 65536:
        parser.error("--port is 1 to 65535")
    return arguments


def start(stack):
    """Until all is ready; whoever kills a program meanwhile delays it."""
    for left in reversed(range(STARTS)):
        try:
            stack.start()
            return
        except KilledError as error:
            if left == 0:
                raise
            say(f"{str(error).splitlines()[0]} starting all again")


def demonstrate_unless_killed(stack):
    """That it does not work is an error, unless something was killed.

    Returns: tokens by name
    """
    tokens = {}
    try:
        for name in ("alice", "bob"):
            tokens[name] = token_of(stack, name)
        demonstrate(stack, tokens)
    except INTERRUPTIONS as error:
        if all(program.is_running() for program in stack.programs.values()):
            raise StartError(f"the message did not get through: {error}") \
                from error
        say("  interrupted, for a program died")
    return {name: tokens.get(name) or stack.token(name, TOKEN_LIFETIME_S)
            for name in ("alice", "bob")}


def run(stack):
    started = time.monotonic()
    start(stack)
    if stack.leftovers_ended:
        say(f"ended {stack.leftovers_ended} processes of an earlier run "
            "that was killed")
    say(f"everything is ready after "
        f"{(time.monotonic() - started) * 1000:.0f} ms; "
        "alice sends bob a message:")
    greet(stack, demonstrate_unless_killed(stack))
    watch = Watch(stack)
    while not stop_signals:
        watch.look()
        time.sleep(WATCH_STEP_S)
    raise Interrupted(stop_signals[0])


def main():
    arguments = parse_arguments()
    adopt_orphans()
    stack, status = None, 1
    try:
        try:
            for number in SIGNALS:
                signal.signal(number, on_signal)
            stack = RunStack(arguments.state, arguments.web, arguments.port,
                             arguments.build, arguments.workers,
                             arguments.websockets)
            run(stack)
        except StartError as error:
            print(f"run: {error}", file=sys.stderr, flush=True)
        ignore_signals()
    except Interrupted as reason:
        say(f"\n{reason}: stopping")
        status = 0
    finally:
        ignore_signals()
        if stack is not None:
            stop(stack)
    return status


def stop(stack):
    for name, status in stack.stop().items():
        say(f"{name} ended with status {status}")
    if stack.programs:
        say(f"stopped; the messages are in {stack.state}")


if __name__ == "__main__":
    sys.exit(main())
