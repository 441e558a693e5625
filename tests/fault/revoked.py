"""Sessions that end while everything dies: refused soon, and put out.

One session after the other: it is used, revoked, and then tried again and
again. What is asked of a handler two seconds after the revocation was
confirmed must not be accepted, whatever has died meanwhile; a connection ends
as soon as a daemon and Redis run, and within four seconds when all is quiet.
When a round is over all of them are tried once more, by handlers that have
just begun and know of them what Redis still does.
"""
import os
import subprocess
import threading
import time

from burdens import FLOODED
from clients import NETWORK, TOKEN_S, Client
from devkit.user import User
from devkit.websocket import Closed, Refused

ISSUER = "https://revoked.example"
HANDLERS_S, DAEMON_S = 2.0, 4.0
TRIED_S, COMMAND_S = 6.0, 60


class Revoked(Client):
    """Bounded load: one at a time."""

    def __init__(self, context, slowness, poke_bound_s, name="s-revoked"):
        super().__init__(context, name)
        self.slowness = slowness
        self.poke_bound_s = poke_bound_s
        self.is_quiet = threading.Event()  # no faults: the promise is strict
        self.must_stop = threading.Event()
        self.number = 0
        self.refused = 0
        self.out = []  # (user, session) of whom nothing is accepted
        self.unanswered = []  # of these, when all is quiet
        self.found = []  # sentences about what was let in

    def live(self):
        while not self.is_to_end():
            self.one()
            self.pause(0.2)

    def is_to_end(self):
        return self.must_stop.is_set() or self.context.is_over.is_set()

    def stop(self):
        """Nothing is sent any more when this returns."""
        self.must_stop.set()
        self.join(COMMAND_S)

    def one(self):
        self.number += 1
        user, session = self.begin()
        if user is None:
            return
        user.http.timeout_s = self.user.http.timeout_s
        socket = self.dial(user)
        self.send(user)
        if self.revoke(session):
            self.try_again(user, socket, session)
            self.out.append((user, session))
        if socket is not None:
            socket.abort()

    def begin(self):
        """A user, and what the session of its token is called."""
        session = f"{self.context.seed}-{self.number}"
        return User(self.context.stack, "x-revoked", self.context.stack.token(
            "x-revoked", TOKEN_S, iss=ISSUER, sid=session)), session

    def dial(self, user):
        try:
            socket = user.connect(timeout_s=self.user.http.timeout_s)
            socket.expect("connected", self.user.http.timeout_s)
            return socket
        except (Refused, Closed, AssertionError, *NETWORK):
            return None

    def send(self, user):
        """The status, or None. Of no interest to anybody."""
        answer = self.call("revoked", user.send, FLOODED, b"x")
        if answer is None:
            return None
        if answer.status == 401:
            self.refused += 1
        return answer.status

    def revoke(self, session):
        """Until it is confirmed; False when the run is over before."""
        stack = self.context.stack
        command = [os.path.join(stack.build, "waypost"), "--config",
                   stack.path("waypost.yaml"), "session", "revoke",
                   "--issuer", ISSUER, "--session", session, "--yes"]
        while not self.is_to_end():
            try:
                done = subprocess.run(
                    command, env=stack.base_env, stdin=subprocess.DEVNULL,
                    capture_output=True, timeout=COMMAND_S, check=False)
                if done.returncode == 0:
                    return True
            except subprocess.TimeoutExpired:
                pass  # of a Redis that stands still
            self.pause(0.3)
        return False

    def try_again(self, user, socket, session):
        revoked_at = time.monotonic()
        is_quiet, ended_s = self.is_quiet.is_set(), None
        tries = []
        while (time.monotonic() < revoked_at + TRIED_S and
               not self.is_to_end()):
            began_s = time.monotonic() - revoked_at
            status = self.send(user)
            tries.append(f"{began_s:.2f}: {status}")
            if status == 202 and began_s > HANDLERS_S:
                self.tell(session, "a send is accepted that began "
                          f"{began_s:.2f} s after it was revoked (" +
                          ", ".join(tries) + ")")
            if ended_s is None and socket is not None and \
                    socket.wait_closed(0.05) is not None:
                ended_s = time.monotonic() - revoked_at
            self.pause(0.2)
        if socket is None or self.is_to_end():
            return
        is_quiet = is_quiet and self.is_quiet.is_set()
        if ended_s is None and (is_quiet or socket.wait_closed(
                self.poke_bound_s) is None):
            self.tell(session, "its connection goes on "
                      f"{time.monotonic() - revoked_at:.1f} s later")
        elif is_quiet and ended_s > DAEMON_S * self.slowness:
            self.tell(session, f"its connection ended {ended_s:.1f} s later")

    def ask_all(self):
        """From now on stays_out() asks of each once more, and never again."""
        self.unanswered, self.out = self.out, []

    def stays_out(self):
        """Whether all were answered; who was is not asked again."""
        while self.unanswered:
            user, session = self.unanswered[-1]
            status = self.send(user)
            if status is None or status == 429 or status >= 500:
                return False
            self.unanswered.pop()
            if status == 202:
                self.tell(session, "handlers that have begun since accept a "
                          "send")
        return True

    def tell(self, session, what):
        self.found.append(f"session {session}: {what}, at {self.now():.2f}")
