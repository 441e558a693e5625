"""Accounts while everything dies: who is honest stays logged in, and whoever
has logged out stays out.

Each client is one after another user who registers or logs in, refreshes, does
not hear answers, comes back much later, and logs out or stays. No session that
was not ended may ever be refused, and none that was ended may be refreshed
again by anybody who asks after that was confirmed: not while everything dies,
and not when Redis has lost everything.
"""
import http.client
import json
import sqlite3
import threading
import time

from devkit.redis import RedisError
from devkit.user import User

from clients import CALL_TIMEOUT_S, NETWORK, Client, code_of, is_odd
from revoked import Revoked

PASSWORD = "correct horse battery staple"
SESSIONS_PER_USER, TRIED_AGAIN = 8, 3
# What a session lasts through at most.
TURNS = 4
JOIN_S = 60
# As lib/mailbox/session.h has them, and a little more.
ROTATES_MS, MUCH_LATER_MS = 125 * 1000, 3600 * 1000
# Time passes for one session. One that Redis does not know is not begun.
AGE = """
if redis.call('HEXISTS', KEYS[1], 'r') == 1 then
  redis.call('HINCRBY', KEYS[1], 'r', -ARGV[1])
end
"""


class Session:
    """What its client has."""

    def __init__(self, body, began):
        self.id = body["sessionId"]
        self.urn = body["user"]
        self.token = body["refreshToken"]
        self.access = body["accessToken"]
        self.began = began
        # Did an answer fail to come? Then a request of ours may still be
        # somewhere, and come to Redis long after it was sent.
        self.may_be_late = False

    def __str__(self):
        return self.id


class Ended:
    """A session whose end was confirmed."""

    def __init__(self, session, at):
        self.id = session.id
        self.token = session.token
        self.at = at


class Accounts(Client):
    """Bounded load: one session at a time."""

    def __init__(self, context, number):
        super().__init__(context, f"s-account-{number}")
        self.must_stop = threading.Event()
        self.prefix = f"a{context.seed}-{number}-"
        self.users = 0
        self.who = None
        self.left = 0  # sessions of this user that are to come
        self.alive = []
        self.ended = []
        self.unanswered = [], []  # of both, when all is quiet
        self.refused = 0
        self.found = []  # (kind, sentence)

    # ---- life ----

    def live(self):
        while not self.is_to_end():
            session = self.log_in()
            if session is not None:
                self.use(session)
            self.try_ended()
            self.pause(0.1)

    def is_to_end(self):
        return self.must_stop.is_set() or self.context.is_over.is_set()

    def stop(self):
        """Nothing changes any more when this returns."""
        self.must_stop.set()
        self.join(JOIN_S)

    # ---- calls ----

    def post(self, what, **body):
        return self.call(what, self.user.http.request, "POST",
                         "/api/auth/" + what, json.dumps(body),
                         {"Content-Type": "application/json"})

    def user_of(self, session):
        user = User(self.context.stack, session.urn, session.access)
        user.http.timeout_s = CALL_TIMEOUT_S
        return user

    def log_in(self):
        """A session, or None when that did not come about."""
        is_new = self.left == 0
        if is_new:
            self.users += 1
            self.who = f"{self.prefix}{self.users}"
        while not self.is_to_end():
            began = self.now()
            answer = self.post("register" if is_new else "login",
                               username=self.who, password=PASSWORD)
            if answer is not None and answer.status in (200, 201):
                self.left = SESSIONS_PER_USER if is_new else self.left - 1
                return Session(answer.json(), began)
            if answer is not None and answer.status == 409 and is_new:
                is_new, self.left = False, SESSIONS_PER_USER
            elif answer is not None and answer.status == 429:
                self.left = 0  # attempts that were cut off count as wrong
                return None
            elif answer is not None and is_odd(answer):
                self.odd("register" if is_new else "login", answer)
                return None
            self.pause(self.random.uniform(0.1, 0.5))
        return None

    def refresh(self, session):
        """Until there is an answer. True: it goes on."""
        while not self.context.is_over.is_set():
            goes_on = self.refresh_once(session)
            if goes_on is not None:
                return goes_on
            session.may_be_late = True
            self.pause(self.random.uniform(0.05, 0.3))
        return False

    def refresh_once(self, session):
        """True: it goes on; False: it was refused; None: it did not do."""
        answer = self.post("refresh", refreshToken=session.token)
        if answer is None or not is_odd(answer):
            return None
        if answer.status == 200:
            body = answer.json()
            session.token = body.get("refreshToken", session.token)
            session.access = body["accessToken"]
            return True
        if answer.status == 401:
            self.tell_logged_out(session, code_of(answer))
        else:
            self.odd("refresh", answer)
        return False

    def tell_logged_out(self, session, code):
        """Two minutes between two answers are two minutes on Redis' clock: one
        that is set makes a late request an old token."""
        if session.may_be_late and self.context.clock_was_set(
                "redis", session.began):
            self.context.count("refresh late by the clock", code)
            return
        self.found.append(("logged_out", f"session {session.id} of "
                           f"{self.who}: {code} at {self.now():.2f}, and "
                           "nobody had ended it"))

    def lose(self, session):
        """Ask, and do not hear the answer."""
        session.may_be_late = True
        connection = http.client.HTTPConnection(
            self.context.stack.host, self.context.stack.port,
            timeout=CALL_TIMEOUT_S)
        try:
            connection.request(
                "POST", "/api/auth/refresh",
                json.dumps({"refreshToken": session.token}),
                {"Content-Type": "application/json"})
            time.sleep(self.random.choice((0, 0.001, 0.003, 0.01)))
        except NETWORK:
            pass
        finally:
            connection.close()

    def age(self, session, ms):
        """So long nobody has asked anything of it."""
        try:
            with self.context.stack.redis() as redis:
                for key in redis("KEYS", f"wp:*:session:{session.id}"):
                    redis("EVAL", AGE, 1, key, ms)
        except (OSError, RedisError):
            pass  # then it is younger

    # ---- a session ----

    def use(self, session):
        for _ in range(self.random.randint(1, TURNS)):
            # Where something may be late, time must not pass: a request of
            # now would come when its token is one of an hour ago.
            may_pass = not session.may_be_late
            if may_pass:
                self.age(session, ROTATES_MS)
            for _ in range(self.random.choice((0, 1, 1, 2))):
                self.lose(session)
                # Nobody has its child yet, so this may be any time.
                if may_pass:
                    self.age(session, MUCH_LATER_MS)
            if not self.refresh(session):
                return
            self.call("own pull", self.user_of(session).pull)
            if not self.refresh(session):
                return
        if self.random.random() < 0.2:
            self.alive.append(session)
        else:
            self.log_out(session)
        if self.alive and not self.is_to_end():
            other = self.random.choice(self.alive)
            if not self.refresh(other):
                self.alive.remove(other)

    def log_out(self, session):
        """Until it is confirmed, while another tab goes on."""
        is_over = threading.Event()
        answers = []

        def go_on():
            while not is_over.is_set():
                asked = time.monotonic()
                answer = self.post("refresh", refreshToken=session.token)
                answers.append((asked, answer))
                if answer is None:
                    self.pause(0.05)
        tab = threading.Thread(target=go_on, daemon=True)
        tab.start()
        confirmed = None
        try:
            while confirmed is None and not self.context.is_over.is_set():
                answer = self.post("logout", refreshToken=session.token)
                if answer is not None and answer.status == 204:
                    confirmed = time.monotonic()
                elif answer is not None and is_odd(answer):
                    self.odd("logout", answer)
                    return
                self.pause(self.random.uniform(0.01, 0.2))
        finally:
            is_over.set()
            tab.join(JOIN_S)
        if confirmed is None:
            return
        ended = Ended(session, self.now())
        self.ended.append(ended)
        for asked, answer in answers:
            if asked > confirmed:
                self.judge_ended(ended, answer)
        for _ in range(TRIED_AGAIN):
            self.try_one(ended)

    def try_ended(self):
        for ended in self.random.sample(self.ended, min(2, len(self.ended))):
            self.try_one(ended)

    def try_one(self, ended):
        """Whether there was an answer that says what it should."""
        return self.judge_ended(
            ended, self.post("refresh", refreshToken=ended.token))

    def judge_ended(self, ended, answer):
        if answer is None or answer.status == 429 or answer.status >= 500:
            return False
        if answer.status == 401 and code_of(answer) == "session_ended":
            self.refused += 1
            return True
        self.found.append((
            "let_in", f"{answer.status} {code_of(answer)} at "
            f"{self.now():.2f} for session {ended.id}, whose end was "
            f"confirmed at {ended.at:.2f}: {self.known_of(ended, answer)}"))
        return False

    def known_of(self, ended, answer):
        """What both keep of a session, a moment after it was let in."""
        gives = "refreshToken" in answer.json() if answer.status == 200 else ""
        try:
            with self.context.stack.redis() as redis:
                life = redis("INFO", "server").decode().split("run_id:")[1][:40]
                hashes = [redis("HGETALL", key) for key in
                          redis("KEYS", f"wp:*:session:{ended.id}")]
        except (OSError, RedisError) as error:
            life, hashes = repr(error), []
        database = sqlite3.connect(self.context.stack.path("accounts.db"))
        try:
            rows = database.execute("SELECT * FROM session WHERE sid = ?",
                                    (bytes.fromhex(ended.id),)).fetchall()
        except sqlite3.Error as error:
            rows = repr(error)
        finally:
            database.close()
        return (f"gives a refresh token: {gives}, rows: {rows}, Redis "
                f"{life}: {hashes}")

    # ---- when all is quiet ----

    def ask_all(self):
        """From now on holds() asks about each of them once more."""
        self.unanswered = list(self.ended), list(self.alive)

    def holds(self):
        """Each that lives goes on, each that has ended does not. False: not
        everybody was answered; who was is not asked again, for who asks for
        one session over and over is told to wait."""
        ended, alive = self.unanswered
        self.unanswered = (
            [one for one in ended if not self.try_one(one)],
            [session for session in alive
             if self.refresh_once(session) is None])
        return self.unanswered == ([], [])


class Leaver(Revoked):
    """Whose access token is tried again when its session has ended, and whose
    connection must end."""

    def __init__(self, context, slowness, poke_bound_s, name="s-leaver",
                 account=None):
        super().__init__(context, slowness, poke_bound_s, name)
        self.account = account or Accounts(context, "leaver")

    def begin(self):
        session = self.account.log_in()
        if session is None:
            return None, None
        return self.account.user_of(session), session

    def revoke(self, session):
        while not self.is_to_end():
            answer = self.account.post("logout", refreshToken=session.token)
            if answer is not None and answer.status == 204:
                return True
            if answer is not None and is_odd(answer):
                self.odd("logout", answer)
                return False
            self.pause(0.3)
        return False

    def tell(self, session, what):
        """It is remembered a little longer than its tokens live, by the later
        of two clocks. One that is wrong may not let anybody in, two may."""
        if self.context.clock_was_wrong("handlers", session.began) and \
                self.context.clock_was_wrong("redis", session.began):
            self.context.count("revoked by another clock", "")
        else:
            super().tell(session, what)


def lose_everything(stack):
    """Redis forgets all but what the store's name is checked with."""
    with stack.redis() as redis:
        meta = redis("HGETALL", "wp:meta")
        redis("FLUSHALL")
        redis("HSET", "wp:meta", *meta)
