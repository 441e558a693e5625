"""Senders and receivers: each a thread with a seed of its own.

They know the public contract only, and behave as differently as clients do:
by HTTP, in batches, over the socket, with and without idempotency keys; told
by pokes or looking in now and then, with pages, several devices, half-done
acks and connections that end in the middle. What they did is in a History.
"""
import base64
import http.client
import json
import random
import socket
import threading
import time

from devkit.redis import RedisError
from devkit.user import User, envelope
from devkit.websocket import PING, TEXT, Closed, Refused, encode_frame

TOKEN_S = 24 * 3600
CALL_TIMEOUT_S = 10
NETWORK = (OSError, http.client.HTTPException)
HIGH_SHARE, EPHEMERAL_SHARE, KEYED_SHARE = 0.3, 0.1, 0.85
PAGE = 200
# What a client may say beside its sends; the answers carry no ref of a send.
SMALL_TALK = [encode_frame(TEXT, json.dumps(frame).encode()) for frame in (
    {"type": "ack", "messageIds": []},
    {"type": "ack", "messageIds": ["0190a3c1-7e2b-7f4a-8c3d-1b2a3c4d5e6f"]},
    {"type": "ack", "messageIds": ["x"]},
    {"type": "chat", "chatId": "a"}, {"type": "chat", "chatId": None},
    {"type": "ping"}, {"type": "nonsense"})] + [encode_frame(PING, b"x")]


class Context:
    """What all clients of one run share."""

    def __init__(self, stack, history, seed, send_pause_s):
        self.stack = stack
        self.history = history
        self.seed = seed
        self.send_pause_s = send_pause_s
        self.began = time.monotonic()
        self.is_sending = threading.Event()
        self.is_over = threading.Event()
        self._lock = threading.Lock()
        self._clocks = {}  # {program: (when it was set, is it wrong?)}
        self.outside = None  # see outside.py
        self.provider = None  # of pushes, see providing.py
        self.processes = {}  # {program: how many it has}, if it has several
        self.seen = None  # by it, see pushes.py
        self.odd = []  # answers that the contract does not know
        self.statuses = {}

    def now(self):
        return time.monotonic() - self.began

    def set_clock(self, name, is_wrong):
        """Somebody has set the clock of a program, or put it right."""
        self._clocks[name] = self.now(), is_wrong

    def clock_was_set(self, name, since):
        return self._clocks.get(name, (0.0, False))[0] > since

    def clock_was_wrong(self, kind, since):
        """Was the clock of a program of this kind wrong at any time since?"""
        return any(name.startswith(kind) and (is_wrong or at > since)
                   for name, (at, is_wrong) in list(self._clocks.items()))

    def user(self, name):
        user = User(self.stack, name, self.stack.token(name, TOKEN_S))
        user.http.timeout_s = CALL_TIMEOUT_S
        return user

    def complain(self, text):
        with self._lock:
            if len(self.odd) < 50:
                self.odd.append(f"{self.now():.3f} {text}")

    def count(self, what, status):
        with self._lock:
            key = f"{what} {status}"
            self.statuses[key] = self.statuses.get(key, 0) + 1


def claim_of(message):
    """(sender, number, recipient) as the payload says."""
    try:
        text = base64.b64decode(message["envelope"]["encryptedData"])
        sender, number, recipient = text.split(b" ")[:3]
        if message["envelope"]["recipientId"] != \
                "urn:sm:user:" + recipient.decode():
            return None
        return sender.decode(), int(number), recipient.decode()
    except (KeyError, ValueError, TypeError):
        return None


def is_odd(answer):
    """Neither good nor to be repeated: some programs have limits."""
    return answer.status < 500 and answer.status != 429


def code_of(answer):
    try:
        return answer.json().get("code", "")
    except (ValueError, AttributeError):
        return ""


class Client(threading.Thread):
    def __init__(self, context, name):
        super().__init__(daemon=True, name=name)
        self.context = context
        self.history = context.history
        self.now = context.now
        self.random = random.Random(f"{context.seed} {name}")
        self.user = context.user(name)

    def run(self):
        try:
            self.live()
        except Exception as error:  # a thread must not fail in silence
            self.context.complain(f"{self.name} died: {error!r}")

    def live(self):
        raise NotImplementedError

    def pause(self, seconds):
        self.context.is_over.wait(seconds)

    def call(self, what, method, *arguments, **how):
        """One HTTP call; None when there was no answer."""
        try:
            answer = method(*arguments, **how)
        except (*NETWORK, ValueError):
            self.context.count(what, "none")
            return None
        self.context.count(what, answer.status)
        if answer.status >= 500 and answer.status not in (502, 503, 504):
            self.context.complain(f"{what}: {answer.status} {code_of(answer)}")
        return answer

    def odd(self, what, answer):
        self.context.complain(
            f"{self.name}: {what}: {answer.status} {code_of(answer)}")


# ---- senders ---------------------------------------------------------------

class Sender(Client):
    """Message after message over HTTP; unknown outcomes are repeated."""

    def __init__(self, context, name, recipients):
        super().__init__(context, name)
        self.recipients = recipients
        self.number = 0
        self.is_idle = threading.Event()

    def live(self):
        while not self.context.is_over.is_set():
            if not self.context.is_sending.is_set():
                self.is_idle.set()
                self.context.is_sending.wait(0.1)
                continue
            self.is_idle.clear()
            self.send_some()
            self.pause(self.random.expovariate(
                1 / self.context.send_pause_s))
        self.finish()
        self.is_idle.set()

    def send_some(self):
        self.deliver(self.draw())

    def finish(self):
        """The thread ends; put away what is open."""

    def draw(self, is_keyed=None, recipient=None):
        """A new message: (send, envelope)."""
        recipient = recipient or self.random.choice(self.recipients)
        is_ephemeral = self.random.random() < EPHEMERAL_SHARE
        if is_keyed is None:
            is_keyed = self.random.random() < KEYED_SHARE
        number, self.number = self.number, self.number + 1
        size = self.random.choice((10, 100, 700, 700, 3000, 12000))
        data = f"{self.name} {number} {recipient} ".encode() + b"x" * size
        fields = {"priority": self.random.choice((5, 9))
                  if self.random.random() < HIGH_SHARE
                  else self.random.choice((0, 1))}
        if is_ephemeral:
            fields["isEphemeral"] = True
        send = self.history.begin_send(self.name, recipient, number,
                                       self.now(), is_keyed, is_ephemeral)
        return send, envelope("urn:sm:user:" + recipient, data, **fields)

    def key(self, send):
        return f"k-{send.number}"

    def deliver(self, drawn):
        """Until it is accepted; without a key there is one attempt."""
        send, body = drawn
        while not self.context.is_over.is_set():
            if self.attempt(send, body) or not send.is_keyed:
                return
            self.pause(self.random.uniform(0.05, 0.3))

    def attempt(self, send, body):
        headers = {"Idempotency-Key": self.key(send)} if send.is_keyed else {}
        answer = self.call("send", self.user.call, "POST", "/api/send", body,
                           headers)
        if answer is None:
            return False
        if answer.status == 202:
            self.history.accept(send, answer.json()["id"], self.now())
            return True
        self.not_accepted(send, answer.status, code_of(answer))
        return send.outcome == "refused"

    def not_accepted(self, send, status, code):
        is_refused = 400 <= status < 500 or code == "overloaded"
        if is_refused and code != "overloaded" and code != "rate_limited":
            self.context.complain(
                f"{self.name}: send {send.number}: {status} {code}")
            send.refuse(self.now())
        elif is_refused and not send.is_keyed:
            send.refuse(self.now())


class BatchSender(Sender):
    """Up to five at a time; the batch is repeated until all are in."""

    def send_some(self):
        drawn = [self.draw(is_keyed=True)
                 for _ in range(self.random.randint(1, 5))]
        body = {"envelopes": [{**one, "idempotencyKey": self.key(send)}
                              for send, one in drawn]}
        while not self.context.is_over.is_set():
            answer = self.call("batch", self.user.call, "POST",
                               "/api/send/batch", body)
            if answer is not None and answer.status == 202:
                if self.read(drawn, answer.json()["results"]):
                    return
            elif answer is not None and is_odd(answer):
                self.odd("batch", answer)
                return
            self.pause(self.random.uniform(0.05, 0.3))

    def read(self, drawn, results):
        at = self.now()
        for (send, _), result in zip(drawn, results):
            if "id" in result and send.id is None:
                self.history.accept(send, result["id"], at)
            elif "id" in result and send.id != result["id"]:
                self.context.complain(
                    f"{self.name}: {send.number} has a second id "
                    f"{result['id']} besides {send.id}")
            elif result.get("code") not in (None, "overloaded", "unavailable",
                                            "rate_limited"):
                self.context.complain(
                    f"{self.name}: batch element: {result['code']}")
        return all("id" in result for result in results)


class SocketSender(Sender):
    """Sends over a WebSocket, sometimes 40 before the first answer, and with
    other frames before, between and behind them, whole or in small pieces."""

    def __init__(self, context, name, recipients):
        super().__init__(context, name, recipients)
        self.socket = None

    def send_some(self):
        open_ones = {}
        for _ in range(self.random.choice((1, 1, 1, 1, 3, 3, 3, 40))):
            send, body = self.draw(is_keyed=True)
            open_ones[str(send.number)] = send, body
        while open_ones and not self.context.is_over.is_set():
            try:
                self.exchange(open_ones)
            except (Closed, Refused, AssertionError, *NETWORK):
                self.finish()
            if open_ones:
                self.pause(self.random.uniform(0.1, 0.5))

    def finish(self):
        if self.socket is not None:
            self.socket.abort()
            self.socket = None

    def exchange(self, open_ones):
        if self.socket is None:
            self.socket = self.user.connect(timeout_s=CALL_TIMEOUT_S)
        talk = self.random.choice((0, 1, 3))
        data = bytearray()
        for ref, (send, body) in open_ones.items():
            data += b"".join(self.random.choices(SMALL_TALK, k=talk))
            data += encode_frame(TEXT, json.dumps({
                "type": "send", "ref": ref, "idempotencyKey": self.key(send),
                "envelope": body}).encode())
        data += b"".join(self.random.choices(SMALL_TALK, k=talk))
        piece = self.random.choice((len(data), len(data), 1000, 100))
        for at in range(0, len(data), piece):
            self.socket.send_raw(data[at:at + piece])
        answers = len(open_ones)
        deadline = time.monotonic() + CALL_TIMEOUT_S
        while answers and time.monotonic() < deadline:
            frame = self.socket.recv_json(1)
            if frame is None or frame.get("ref") not in open_ones:
                continue
            answers -= 1
            send = open_ones[frame["ref"]][0]
            self.context.count("ws send", frame.get("code", frame["type"]))
            if frame["type"] == "accepted":
                self.history.accept(send, frame["id"], self.now())
                del open_ones[frame["ref"]]
            elif frame.get("code") not in ("overloaded", "unavailable",
                                           "rate_limited"):
                self.context.complain(
                    f"{self.name}: ws send: {frame.get('code')}")
                del open_ones[frame["ref"]]
        if answers:
            raise ConnectionError("no answer")


class Producer(Sender):
    """A trusted backend: writes to wp:inbox, and learns no ids."""

    def deliver(self, drawn):
        send, body = drawn
        while not self.context.is_over.is_set():
            try:
                with self.context.stack.redis() as redis:
                    redis("XADD", "wp:inbox", "*", "envelope",
                          json.dumps(body), "key",
                          f"{self.name}/{send.number}")
                self.history.hand_over(send, self.now())
                return
            except (OSError, RedisError):
                self.context.count("inbox", "none")
                self.pause(self.random.uniform(0.05, 0.3))

    def draw(self, is_keyed=None, recipient=None):
        return super().draw(True, recipient)


# ---- receivers -------------------------------------------------------------

class Receiver(Client):
    """One device of one user.

    is_told:      pulls when poked, and never otherwise
    is_absent:    does nothing until the end
    look_s:       (from, to) seconds between two looks, for those not told
    page:         what limit= it uses; None: the default
    ack_share:    of the messages that it has, how many it acks
    is_flaky:     drops the line in the middle of pulls, repeats acks
    acks_by_socket: sends its acks over the WebSocket
    leave_s:      (from, to) seconds that it stays connected, None: for ever
    """
    target = "/connect"

    def __init__(self, context, name, device="", is_told=False,
                 is_absent=False, look_s=(0.5, 3), page=None, ack_share=1.0,
                 is_flaky=False, acks_by_socket=False, leave_s=None,
                 away_s=(0.1, 9)):
        super().__init__(context, name)
        self.recipient = name
        self.random = random.Random(f"{context.seed} {name} {device}")
        self.is_told, self.is_absent = is_told, is_absent
        self.look_s, self.page = look_s, page
        self.ack_share, self.is_flaky = ack_share, is_flaky
        self.acks_by_socket = acks_by_socket
        self.leave_s, self.away_s = leave_s, away_s
        self.socket = None
        self.connection = None
        self.leaves_at = None
        self.is_poked = False
        self.moves_at = None  # to another connection, as it was told
        self.refs = 0
        self.must_stay = threading.Event()  # no more leaving on purpose
        self.must_go = threading.Event()  # hang up, and stay away

    # ---- life ----

    def live(self):
        while not self.context.is_over.is_set():
            if self.is_absent:
                self.pause(0.2)
            elif self.is_told:
                self.listen()
            else:
                self.look()
                self.wait_to_look()
        self.hang_up(is_clean=True)

    def wait_to_look(self):
        self.pause(self.random.uniform(*self.look_s))

    def look(self):
        self.pull_all()

    def listen(self):
        """A step of someone who is told: connect, hear, pull."""
        if self.must_go.is_set():
            self.hang_up(is_clean=self.random.random() < 0.5)
            self.pause(0.05)
            return
        if self.socket is None and not self.dial():
            self.pause(self.random.uniform(0.1, 0.8))
            return
        try:
            self.hear(0.15)
        except (Closed, *NETWORK):
            self.hang_up()
            return
        self.take()
        if self.moves_at is not None and self.now() > self.moves_at:
            self.move()
        if (self.leaves_at is not None and self.now() > self.leaves_at
                and not self.must_stay.is_set()):
            self.hang_up(is_clean=self.random.random() < 0.5)
            self.rest(self.random.uniform(*self.away_s))

    def take(self):
        """Fetch what it was told of."""
        if self.is_poked:
            # A poke is forgotten when the pull starts, not when it ends.
            self.is_poked = False
            if not self.pull_all():
                self.is_poked = True
                self.pause(0.1)

    def rest(self, seconds):
        until = self.now() + seconds
        while (self.now() < until and not self.must_stay.is_set()
               and not self.context.is_over.is_set()):
            self.pause(0.1)

    def move(self):
        """Be back before the old connection is gone, as a client is to."""
        connection, socket_ = self.connection, self.socket
        self.connection = self.socket = self.moves_at = None
        self.dial()
        if connection is not None:
            connection.close(self.now())
        if socket_ is not None:
            socket_.abort()

    def dial(self):
        self.moves_at = None
        try:
            self.socket = self.user.connect(self.target,
                                            timeout_s=CALL_TIMEOUT_S)
            first = self.socket.recv_json(CALL_TIMEOUT_S)
            if first is None or first.get("type") != "connected":
                raise ConnectionError("no connected frame")
        except Refused as refused:
            self.context.count("connect", refused.response.status)
            if is_odd(refused.response):
                self.odd("connect", refused.response)
            return False
        except (Closed, *NETWORK):
            self.context.count("connect", "none")
            self.hang_up()
            return False
        self.context.count("connect", 101)
        self.connection = self.history.connect(self.recipient, self.now())
        # What was owed on the connection before is told again on this one.
        self.is_poked = False
        if self.leave_s:
            self.leaves_at = self.now() + self.random.uniform(*self.leave_s)
        return True

    def hang_up(self, is_clean=False):
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close(self.now())
        if self.socket is not None:
            if is_clean:
                self.socket.close()
            else:
                self.socket.abort()
            self.socket = None

    def hear(self, seconds):
        frame = self.socket.recv_json(seconds)
        while frame is not None:
            if self.is_told_by(frame):
                pass
            elif frame.get("type") == "acked":
                return frame
            elif frame.get("type") == "error" and "ref" in frame:
                return frame
            elif frame.get("type") == "reconnect":
                self.moves_at = self.now() + frame["afterMs"] / 1000
            elif frame.get("type") not in ("connected", "pong"):
                self.context.complain(
                    f"{self.name}: frame {frame.get('type')!r}")
            frame = self.socket.recv_json(0.001)
        return None

    def is_told_by(self, frame):
        if frame.get("type") != "poke":
            return False
        self.is_poked = True
        self.connection.poke(self.now())
        return True

    # ---- pulling ----

    def pull_all(self):
        """Page to the end; False when that was not possible."""
        after = None
        while True:
            page = self.pull(after)
            if page is None:
                return False
            ids, has_more = page
            self.ack_some(ids)
            if not ids or not has_more:
                return True
            after = ids[-1]

    def pull(self, after=None, limit=None):
        """(ids, has_more) of one page, None when there was no answer."""
        if self.is_flaky and self.random.random() < 0.2:
            self.drop_in_the_middle()
        query = {"limit": limit or self.page or PAGE}
        if after is not None:
            query["after"] = after
        started = self.now()
        answer = self.call("pull", self.user.pull, **query)
        if answer is None or answer.status != 200:
            if answer is not None and is_odd(answer):
                self.odd("pull", answer)
            return None
        try:
            body = answer.json()
        except ValueError:
            self.context.count("pull", "cut")
            return None
        messages = [(one["id"], claim_of(one)) for one in body["messages"]]
        self.history.add_pull(self.recipient, started, self.now(), after,
                              messages, body["hasMore"])
        return [one for one, _ in messages], body["hasMore"]

    def drop_in_the_middle(self):
        """Ask for everything, read a little, hang up."""
        try:
            with socket.create_connection(
                    (self.user.http.host, self.user.http.port),
                    CALL_TIMEOUT_S) as line:
                line.sendall(
                    b"GET /api/messages?limit=500 HTTP/1.1\r\nHost: x\r\n"
                    b"Authorization: Bearer " + self.user.token.encode() +
                    b"\r\n\r\n")
                if self.random.random() < 0.7:
                    line.recv(self.random.choice((1, 300, 5000)))
        except OSError:
            pass

    # ---- acking ----

    def ack_some(self, ids):
        chosen = [one for one in ids if self.random.random() < self.ack_share]
        if not chosen:
            return
        if self.acks_by_socket and self.socket is not None:
            self.ack_by_socket(chosen)
            return
        self.ack(chosen)
        if self.is_flaky and self.random.random() < 0.4:
            self.ack(chosen)

    def ack(self, ids):
        """True when the answer was 204."""
        ack = self.history.begin_ack(self.recipient, ids, self.now())
        answer = self.call("ack", self.user.ack, ids)
        if answer is not None and answer.status == 204:
            ack.confirm(self.now())
            return True
        if answer is not None and is_odd(answer):
            self.odd("ack", answer)
        return False

    def ack_by_socket(self, ids):
        self.refs += 1
        ack = self.history.begin_ack(self.recipient, ids, self.now())
        try:
            self.socket.send_json({"type": "ack", "ref": self.refs,
                                   "messageIds": ids})
            deadline = time.monotonic() + CALL_TIMEOUT_S
            while time.monotonic() < deadline:
                frame = self.hear(0.2)
                if frame is not None and frame.get("ref") == self.refs:
                    self.context.count("ws ack", frame.get("code", "acked"))
                    if frame["type"] == "acked":
                        ack.confirm(self.now())
                    return frame["type"] == "acked"
        except (Closed, *NETWORK):
            self.hang_up()
        return False


class InlineReceiver(Receiver):
    """A device that is sent its messages. It acks some of them at a time, in
    any order, until all are acked or it has left; some of them twice, for it
    had acked them over HTTP."""
    target = "/connect?deliver=inline"

    def __init__(self, context, name, **how):
        super().__init__(context, name, is_told=True, **how)
        self.unacked = []

    def dial(self):
        self.unacked = []
        return super().dial()

    def is_told_by(self, frame):
        if frame.get("type") != "message":
            return False
        self.history.add_frame(self.connection, (frame["id"], claim_of(frame)),
                               self.now())
        self.unacked.append(frame["id"])
        return True

    def take(self):
        chosen = [one for one in self.unacked
                  if self.random.random() < self.ack_share]
        if not chosen:
            return
        if self.is_flaky and self.random.random() < 0.3:
            self.ack(chosen[:3])
        if self.ack_by_socket(chosen):
            self.unacked = [one for one in self.unacked if one not in chosen]


def cast(context):
    """The senders and receivers of a run.

    Returns: (senders, receivers); several receivers may be one user
    """
    receivers = [
        Receiver(context, "r-told", is_told=True),
        Receiver(context, "r-half", is_told=True, ack_share=0.6,
                 acks_by_socket=True),
        Receiver(context, "r-mover", is_told=True, ack_share=0.8,
                 leave_s=(0.5, 6)),
        Receiver(context, "r-mover2", is_told=True, ack_share=0.5,
                 leave_s=(2, 12), acks_by_socket=True, page=7),
        Receiver(context, "r-pair", device="1", is_told=True, ack_share=0.7),
        Receiver(context, "r-pair", device="2", is_told=True, ack_share=0.3,
                 page=20),
        Receiver(context, "r-pages", look_s=(0.3, 4), page=5, ack_share=0.7),
        Receiver(context, "r-flaky", look_s=(0.2, 2), is_flaky=True,
                 ack_share=0.8),
        Receiver(context, "r-absent", is_absent=True),
        InlineReceiver(context, "r-inline"),
        InlineReceiver(context, "r-inline2", ack_share=0.5, is_flaky=True,
                       leave_s=(0.5, 8)),
        InlineReceiver(context, "r-both", device="1", ack_share=0.7),
        Receiver(context, "r-both", device="2", is_told=True, ack_share=0.5,
                 leave_s=(1, 9)),
    ]
    names = sorted({receiver.recipient for receiver in receivers})
    senders = [Sender(context, f"s-{n}", names) for n in range(4)]
    senders.append(BatchSender(context, "s-batch", names))
    senders.append(SocketSender(context, "s-socket", names))
    senders.append(Producer(context, "s-inbox", names))
    return senders, receivers


class Prober(Sender):
    """Sends single messages when all is quiet, to see whether pokes come."""

    def __init__(self, context):
        super().__init__(context, "s-probe", ["nobody"])

    def status(self, name):
        """What others see of this user; "" when there is no answer."""
        answer = self.call("presence", self.user.call, "GET",
                           "/api/presence?users=urn:sm:user:" + name)
        return (answer.json()["users"][0]["status"]
                if answer is not None and answer.status == 200 else "")

    def probe(self, recipient):
        """The id, None when it was not accepted."""
        self.random.seed(self.number)  # drawn sizes stay the same
        while True:
            send, body = self.draw(is_keyed=True, recipient=recipient)
            if not send.is_ephemeral:
                break
            send.refuse(self.now())  # drawn, never sent
        for _ in range(20):
            if self.attempt(send, body):
                return send
            self.pause(0.2)
        return send


def as_text(statuses):
    return json.dumps(dict(sorted(statuses.items())))
