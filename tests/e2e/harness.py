"""What the end-to-end tests stand on: stacks, users, patience, claims.

Environment: WEB (nginx or lighttpd), WAYPOST_E2E_BUILD (folder of the
programs), WAYPOST_E2E_DIR (an empty folder with a short path),
WAYPOST_TEST_SLOWNESS (how much slower than a release build things may be).
"""
import itertools
import os
import pty
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from devkit.stack import Stack, no_limits  # noqa: E402
from devkit.user import User, envelope  # noqa: E402,F401
from devkit.websocket import Closed, Refused, WebSocket  # noqa: E402,F401

WEB = os.environ.get("WEB", "nginx")
SLOWNESS = int(os.environ.get("WAYPOST_TEST_SLOWNESS", "1"))
PATIENCE_S = 15 * SLOWNESS
PARTITIONS = 8
ALLOWED_ORIGIN = "https://app.example"
# So much that what comes and goes within a second is little beside it.
BALLAST_BYTES = 64 << 20
# So long a process believes that it is not ready, and a little more.
NOT_READY_HOLDS_S = 0.3
UUID7 = re.compile(
    r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
# The programs that serve, and where a second one of each can be told to listen.
PROGRAMS = {
    "waypost-handlers": {"WAYPOST_HANDLERS_LISTEN": "handlers"},
    "waypost-worker": {"WAYPOST_WORKER_METRICS_LISTEN": "worker"},
    "waypost-ws": {"WAYPOST_WEBSOCKET_LISTEN": "websocket"},
    "waypost-notifier": {"WAYPOST_NOTIFIER_METRICS_LISTEN": "notifier"},
}
# The one that serves nobody: it has neither Redis nor clients.
KEYS = "waypost-keys"
CODE = re.compile(r"^[a-z][a-z0-9_]*$")
REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")

# A key nobody has the other half of: tests of algorithm confusion use it.
RSA_PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzO+wB66hDDsrqo4DocPc
nwIE3kCScR9DvdXHV+D4U6nW2BQncutCiSvNzuCVaGFcEw9xhaq4ScAYo29evL6V
LeM1+1eE6FLK8tc6BNsQhz3kwrV29IgXI3vgBGs7+QGZpcYjJfquyIX88+Uy3S6o
c4T5Ilrc7loGD+uuh1LlCNqBuSy3SaDbXwEsU6xe4O0TuTtujl41HuuCv/+4mlK2
7fBTWU8Uv764GEqifRFbYTD3LtLZJqzs0w56IBPVw6eZFUaLyzPLiVTXNopYu4fr
dPGZudNIcC3AOPPREnlArFy7seRZDIzBdBfyE98PXz79qVE9dVSaA51OCuCtu2Kv
6wIDAQAB
-----END PUBLIC KEY-----
"""

_stacks = []
_folders = []
_kept = {}  # stacks by name that several classes use, one behind the other
_numbers = itertools.count(1)
_run = secrets.token_hex(3)


def scratch():
    """A new folder below WAYPOST_E2E_DIR, or below the usual place."""
    folder = tempfile.mkdtemp(prefix="s",
                              dir=os.environ.get("WAYPOST_E2E_DIR"))
    _folders.append(folder)
    return folder


def open_terminal():
    """(ours, its): a terminal; a test without one is skipped."""
    try:
        return pty.openpty()
    except OSError:
        raise unittest.SkipTest("there is no pseudo terminal: /dev/pts is not "
                                "mounted") from None


def new_stack(config=None, **how):
    """Start a stack; everything is stopped when the run ends.

    Without limits, accounts and pushes, unless config says how far they go, or
    that there are any: most that need a stack of their own do more at once than
    users do, as whomever they like. Clients of a daemon that stops are moved
    away in no time to speak of, and no daemon sends itself anything.
    """
    settings = {"mailbox": {"partitions": PARTITIONS},
                "accounts": {"enabled": False},
                "push": {"enabled": False}}
    for section, values in (config or {}).items():
        if isinstance(values, dict):
            settings.setdefault(section, {}).update(values)
        else:
            settings[section] = values
    settings.setdefault("limits", no_limits())
    websocket = settings.setdefault("websocket", {})
    websocket.setdefault("drain_ms", 50)
    websocket.setdefault("canary_interval_seconds", 0)
    state = scratch()
    stack = Stack(state, WEB, build=os.environ.get("WAYPOST_E2E_BUILD"),
                  config=settings, slowness=SLOWNESS, **how)
    _stacks.append(stack)
    return stack.start()


def kept_stack(name, make):
    """The stack of this name, which make() gives once; it ends with the run."""
    if name not in _kept:
        _kept[name] = make()
    return _kept[name]


def shared_stack():
    """The stack that most modules use together."""
    return kept_stack("shared", _make_shared)


def _make_shared():
    folder = scratch()
    key = os.path.join(folder, "rsa.pem")
    with open(key, "w", encoding="ascii") as file:
        file.write(RSA_PUBLIC_KEY)
    return new_stack({
        "auth": {"public_key_files": [key]},
        "cors": {"allowed_origins": [ALLOWED_ORIGIN]},
        "websocket": {"cookie_name": "waypost"},
        "limits": {},  # the presets limit nobody who does one thing
    })


def end_stack(stack):
    """Stop and forget one stack.

    Returns: sentences about what was not as it should be
    """
    if stack in _stacks:
        _stacks.remove(stack)
    complaints = [f"{name} ended with status {status}:\n"
                  f"{stack.programs[name].log_tail(40)}"
                  for name, status in stack.stop().items()]
    stack.remove()
    return complaints


def end_all_stacks():
    """Stop every stack that is still running; see end_stack()."""
    complaints = []
    for stack in list(_stacks):
        complaints += end_stack(stack)
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)
    return complaints


def wait_for(claim, what, timeout_s=None):
    """Poll until claim() is true or an AssertionError would say why not.

    what: a text, or a function that gives one at the end
    """
    deadline = time.monotonic() + (PATIENCE_S if timeout_s is None
                                   else timeout_s)
    while True:
        result = claim()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(
                f"in vain: {what() if callable(what) else what}")
        time.sleep(0.02)


def in_threads(works):
    """Run all at once; their results in order."""
    results = [None] * len(works)

    def run(index):
        results[index] = works[index]()
    threads = [threading.Thread(target=run, args=(i,), daemon=True)
               for i in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * SLOWNESS)
    return results


class E2eTest(unittest.TestCase):
    """A test case with the shared stack and claims about answers."""

    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.stack = cls.make_stack()

    @classmethod
    def make_stack(cls):
        """Classes that need another one make it here; it ends with them."""
        return shared_stack()

    @classmethod
    def tearDownClass(cls):
        if cls.stack not in _kept.values():
            complaints = end_stack(cls.stack)
            if complaints:
                raise AssertionError("\n".join(complaints))

    def run_beside(self, name, *arguments, **env):
        """Run a program that is expected to end, with the stack's settings;
        (status, what it said). It leaves nothing in the folder it starts in."""
        folder = scratch()
        listen = {key: f"unix:{folder}/{path}"
                  for key, path in PROGRAMS.get(name, {}).items()}
        done = subprocess.run(
            [os.path.join(self.stack.build, name), "--config",
             self.stack.path("waypost.yaml"), *arguments],
            env={**self.stack.base_env, "JWT_SECRET": self.stack.jwt_secret,
                 "STORE_SECRET": self.stack.store_secret, **listen, **env},
            cwd=folder, capture_output=True, text=True,
            timeout=30 * SLOWNESS, check=False)
        self.assertEqual(os.listdir(folder), [], name)
        return done.returncode, done.stderr

    def start_activated(self, program, listener):
        """A daemon beside the stack's, which is handed its socket as systemd
        does it. It writes where that one does."""
        def put_at_3():
            os.dup2(listener.fileno(), 3)
        with open(program.log_path, "ab") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh",
                 *program.argv], cwd=program.cwd,
                env={**program.env, "WAYPOST_WEBSOCKET_METRICS_LISTEN": ""},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=put_at_3, pass_fds=[3])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def assert_all_refuse(self, start, part, **env):
        """Each program, and its --check, ends with a last line about this;
        start: as run_beside()."""
        for name in PROGRAMS:
            for arguments in ([], ["--check"]):
                with self.subTest(f"{name} {arguments}"):
                    status, said = start(name, *arguments, **env)
                    self.assertEqual(status, 1, said)
                    self.assertIn(part, said.splitlines()[-1])

    def user(self, prefix="user"):
        """A user nobody else has met."""
        return User(self.stack, f"{prefix}-{_run}-{next(_numbers)}")

    def connect(self, user, *arguments, **how):
        """A WebSocket that is closed when the test ends."""
        socket = user.connect(*arguments, **how)
        self.addCleanup(socket.abort)
        return socket

    # ---- claims ----

    def assert_status(self, response, status):
        self.assertEqual(response.status, status, response)

    def assert_common_headers(self, response):
        """What every response carries."""
        ids = response.header_all("X-Request-Id")
        self.assertEqual(len(ids), 1, response)
        self.assertRegex(ids[0], REQUEST_ID)
        self.assertEqual(response.header_all("Cache-Control"), ["no-store"],
                         response)

    def assert_error(self, response, status, code=None):
        """The one form of an error, with all that belongs to its status."""
        self.assert_status(response, status)
        self.assert_common_headers(response)
        kind = response.header("Content-Type", "").split(";")[0]
        self.assertEqual(kind, "application/json", response)
        body = response.json()
        self.assertEqual(sorted(body), ["code", "error"], response)
        self.assertRegex(body["code"], CODE)
        self.assertTrue(body["error"])
        if code:
            self.assertEqual(body["code"], code)
        if status == 401:
            self.assertTrue(response.header("WWW-Authenticate", "")
                            .startswith("Bearer"), response)
        if status in (429, 503):
            self.assertRegex(response.header("Retry-After", ""), r"^[1-9]\d*$")
        if status == 405:
            self.assertTrue(response.header("Allow"), response)

    def assert_accepted(self, response):
        """202 with an id; the id is returned."""
        self.assert_status(response, 202)
        self.assert_common_headers(response)
        body = response.json()
        self.assertEqual(list(body), ["id"])
        self.assertRegex(body["id"], UUID7)
        return body["id"]

    # ---- messages ----

    def messages(self, user, count, **query):
        """Pull until count messages are there; return that page's list."""
        seen = []

        def enough():
            answer = user.pull(**{"limit": 500, **query})
            self.assert_status(answer, 200)
            seen[:] = answer.json()["messages"]
            return len(seen) >= count
        wait_for(enough, f"{count} messages for {user.name}")
        self.assertEqual(len(seen), count)
        return list(seen)

    def message_ids(self, user, count, **query):
        return [message["id"]
                for message in self.messages(user, count, **query)]

    def assert_nothing_waits(self, user):
        answer = user.pull()
        self.assert_status(answer, 200)
        self.assertEqual(answer.json(), {"messages": [], "hasMore": False})

    def settle(self, user):
        """Wait until whatever was accepted for user has been routed.

        A later message can only be routed after all earlier ones, so it is
        sent, awaited and acked.
        """
        marker = self.user("settle").send(user, b"marker").json()["id"]
        wait_for(lambda: marker in [
            message["id"]
            for message in user.pull(limit=500).json()["messages"]],
            "the marker")
        self.assert_status(user.ack([marker]), 204)

    # ---- processes ----

    def wait_all_ready(self):
        """Until every process says READY, whichever was asked until now."""
        refused = [time.monotonic()]

        def holds():
            if self.stack.http().request("GET", "/readyz").status != 200:
                refused[0] = time.monotonic()
            return time.monotonic() - refused[0] > NOT_READY_HOLDS_S
        wait_for(holds, "/readyz is 200")

    def freeze(self, pid):
        """SIGSTOP; no thread of it does anything any more."""
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(self.thaw, pid)

        def are_all_stopped():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/stat",
                          encoding="ascii") as file:
                    if file.read().rsplit(")", 1)[1].split()[0] != "T":
                        return False
            return True
        wait_for(are_all_stopped, "it is stopped")

    @staticmethod
    def thaw(pid):
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

    # ---- looking inside, where nothing else tells ----

    def set_memory(self, percent):
        """Redis holds so many percent of what it may hold.

        Each thread and process believes for a second what it saw before.
        """
        with self.stack.redis() as redis:
            redis("SETRANGE", "ballast", BALLAST_BYTES - 1, "x")
            used = int(redis("INFO", "memory").decode()
                       .split("used_memory:")[1].split()[0])
            redis("CONFIG", "SET", "maxmemory", used * 100 // percent)

    def redis_keys(self, pattern):
        with self.stack.redis() as redis:
            return sorted(key.decode() for key in redis("KEYS", pattern))

    def is_cold(self, user):
        """Has everything of an absent user left Redis?

        In this order: what leaves ingress is in the hot queue by then.
        """
        with self.stack.redis() as redis:
            for key in redis("KEYS", "wp:*:ingress"):
                if redis("XLEN", key) > 0:
                    return False
        return not self.redis_keys("wp:*:hot*:" + user.urn)
