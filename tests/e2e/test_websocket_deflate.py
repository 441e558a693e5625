"""permessage-deflate (RFC 7692) through the web server and straight to the
daemon: what is agreed on, and case by case what a client may do then. Offers
and lengths are those of the public conformance suite's sections 12 and 13; the
daemon does not echo, so pings go in and notifications come out.

Environment: WAYPOST_DEFLATE_MESSAGES, how many of each length go each way.
"""
import functools
import json
import os
import random
import struct
import zlib

from devkit.websocket import CLOSE, CONTINUATION, PING, TEXT, encode_frame
from harness import E2eTest, PATIENCE_S, kept_stack, new_stack
import test_websocket_conformance as base
from test_websocket_conformance import Case, json_ping, octets

MESSAGES = int(os.environ.get("WAYPOST_DEFLATE_MESSAGES", "1"))
EXTENSIONS = "Sec-WebSocket-Extensions"
AGREED = ("permessage-deflate; server_no_context_takeover; "
          "client_no_context_takeover")
RSV1 = 4
# (bytes of a message, of each fragment of what it is deflated to)
LENGTHS = [(1 << bits, None) for bits in (4, 6, 8, 10, 12, 13, 14, 15, 16, 17)]
LENGTHS += [(1 << bits, 256) for bits in (13, 14, 15, 16, 17)]
LENGTHS += [(1 << 17, size) for size in (1024, 4096, 32768)]
# (what is offered, the window that the server keeps to, ours)
OFFERS = (
    ("permessage-deflate", 15, 15),
    ("permessage-deflate; client_max_window_bits", 15, 15),
    ("permessage-deflate; client_no_context_takeover", 15, 15),
    ("permessage-deflate; client_max_window_bits=9; server_max_window_bits=9",
     9, 9),
    ("permessage-deflate; client_max_window_bits=15; "
     "server_max_window_bits=15", 15, 15),
    ("permessage-deflate; server_no_context_takeover; "
     "client_no_context_takeover; server_max_window_bits=9", 9, 10),
    ("permessage-deflate; server_no_context_takeover; "
     "server_max_window_bits=8, permessage-deflate; "
     "server_no_context_takeover; server_max_window_bits=12, "
     "permessage-deflate", 12, 15),
)
WORDS = "a message waits for whoever is away and comes with the next".split()


def same(_rng, length):
    return "*" * length


def records(_rng, length):
    return "".join(f"{{'id':{n},'name':'record {n * 7}'}},"
                   for n in range(length // 20 + 1))[:length]


def prose(rng, length):
    return " ".join(rng.choice(WORDS)
                    for _ in range(length // 2 + 1))[:length]


def noise(rng, length):
    return "%0*x" % (length, rng.getrandbits(4 * length)) if length else ""


def scripts(rng, length):
    """Of one, two, three and four bytes each, cut at no character."""
    left, letters = length, []
    while left > 0:
        letter = rng.choice([each for each in "z\u00e4\u3042\U0001f600"
                             if len(each.encode()) <= left])
        letters.append(letter)
        left -= len(letter.encode())
    return "".join(letters)


@functools.cache
def made(make, length):
    return make(random.Random(17), length)


def deflate(data, bits=15, level=6):
    packer = zlib.compressobj(level, zlib.DEFLATED, -bits)
    packed = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    return packed[:-4]


def framed(packed, size=None):
    """One text message that is deflated, in fragments of so many bytes."""
    parts = octets(packed, size or len(packed))
    return b"".join(
        encode_frame(CONTINUATION if i else TEXT, part,
                     fin=i == len(parts) - 1, rsv=0 if i else RSV1)
        for i, part in enumerate(parts))


def deflated(data, size=None, **how):
    return framed(deflate(data, **how), size)


def utf8_cases():
    for data in [base.HELLO, base.BROKEN, *base.VALID_UTF8,
                 *base.INVALID_UTF8]:
        if data != base.HELLO:
            data = json_ping(data)
        name, end = f"deflated {data.hex()[:60]}", base.judged(data)
        yield Case(name, deflated(data), *end)
        yield Case(name + ", octet by octet", octets(deflated(data)), *end)
        yield Case(name + ", a frame for each octet", deflated(data, 1), *end)
    # No byte is the end of it all the same (RFC 7692, 7.2.3.6).
    yield Case("nothing, deflated", framed(b"\0"), [base.ERROR], base.ALIVE)


class Deflating(E2eTest):
    is_direct = False

    @classmethod
    def make_stack(cls):
        return kept_stack("deflate", lambda: new_stack(
            {"websocket": {"deflate": True}}))

    def open(self, offer="permessage-deflate", user=None):
        socket = self.connect(
            user or self.user(), headers={EXTENSIONS: offer},
            unix_path=self.stack.socket_path("websocket-0.sock")
            if self.is_direct else None)
        socket.expect("connected")
        return socket

    def expect_pong(self, socket):
        fin, opcode, payload = socket.recv_frame(PATIENCE_S)
        self.assertEqual((fin, opcode), (True, TEXT), payload)
        self.assertEqual(json.loads(payload)["type"], "pong")

    def expect_close(self, socket, code):
        self.assertEqual(socket.recv_frame(PATIENCE_S),
                         (True, CLOSE, struct.pack("!H", code)))

    def agreed(self, offer):
        return self.open(offer).response.header(EXTENSIONS)

    def test_what_is_agreed_on_passes_the_web_server(self):
        self.assertEqual(self.agreed("permessage-deflate"), AGREED)
        self.assertEqual(
            self.agreed("permessage-deflate; client_max_window_bits, x-more"),
            AGREED)
        self.assertEqual(
            self.agreed("permessage-deflate; server_max_window_bits=8, "
                        "permessage-deflate; server_max_window_bits=10"),
            AGREED + "; server_max_window_bits=10")
        self.assertIsNone(self.agreed("permessage-deflate; unknown"))

    def exchange(self, socket, user, data, bits, size, **how):
        """Back and forth: it is a ping that comes in, and a notification that
        goes out."""
        ping = json.dumps({"type": "ping", "x": data},
                          ensure_ascii=False).encode()
        socket.send_raw(deflated(ping, size, bits=bits, **how) * MESSAGES)
        for _ in range(MESSAGES):
            self.expect_pong(socket)
        told = json.dumps({"type": "told", "payload": data},
                          ensure_ascii=False)
        with self.stack.redis() as redis:
            for _ in range(MESSAGES):
                redis("PUBLISH", "user_noti:" + user.name, told)
        for _ in range(MESSAGES):
            self.assertEqual(socket.expect("told")["payload"], data)

    def run_lengths(self, offer, server_bits, bits, make, **how):
        user = self.user()
        for length, size in LENGTHS:
            with self.subTest(offer, make=make.__name__, length=length,
                              size=size):
                socket = self.open(offer, user)
                agreed = socket.response.header(EXTENSIONS)
                self.assertEqual(agreed, AGREED + (
                    f"; server_max_window_bits={server_bits}"
                    if "server_max_window_bits" in offer else ""))
                self.exchange(socket, user, made(make, length), bits, size,
                              **how)
                self.assertEqual(socket.deflated,
                                 MESSAGES if length >= 256 else 0)
                socket.abort()

    def test_messages_of_all_kinds_and_lengths(self):
        for make in (same, records, prose, noise, scripts):
            self.run_lengths(*OFFERS[0], make)

    def test_all_offers(self):
        for offer in OFFERS[1:]:
            self.run_lengths(*offer, prose)

    def test_what_is_not_made_shorter_is_a_message_as_well(self):
        self.run_lengths(*OFFERS[0], records, level=0)
        socket = self.open()
        socket.send_raw(encode_frame(TEXT, json_ping()))
        self.expect_pong(socket)

    def test_what_breaks_the_rules_ends_the_connection(self):
        user = self.user()
        good = deflate(json_ping(b"*" * 300))
        for name, piece, code in (
                ("ping", encode_frame(PING, b"", rsv=RSV1), 1002),
                ("continuation",
                 encode_frame(TEXT, good[:5], fin=False, rsv=RSV1) +
                 encode_frame(CONTINUATION, good[5:], rsv=RSV1), 1002),
                ("rsv 2", encode_frame(TEXT, good, rsv=RSV1 | 2), 1002),
                ("cut", encode_frame(TEXT, good[:-3], rsv=RSV1), 1007),
                ("noise", encode_frame(TEXT, b"\xff" * 40, rsv=RSV1), 1007),
                ("no UTF-8", deflated(b"\xed\xa0\x80" * 20), 1007),
                ("bomb", deflated(bytes(100 << 20), level=9), 1009)):
            with self.subTest(name):
                socket = self.open(user=user)
                socket.send_raw(piece)
                self.expect_close(socket, code)

    def bytes_out(self):
        return [self.stack.metric(
            "websocket-0",
            f'waypost_ws_deflate_{form}_bytes_total{{direction="out"}}')
                for form in ("text", "wire")]

    def test_a_long_notification_goes_out_deflated_to_who_agreed(self):
        user = self.user()
        agreed, plain = self.open(user=user), self.connect(user)
        plain.expect("connected")
        text, wire = self.bytes_out()
        payload = "saves bytes, " * 100
        with self.stack.redis() as redis:
            redis("PUBLISH", "user_noti:" + user.urn,
                  json.dumps({"type": "x", "payload": payload}))

        for socket in (agreed, plain):
            self.assertEqual(socket.expect("x")["payload"], payload)
        self.assertEqual((agreed.deflated, plain.deflated), (1, 0))
        more_text, more_wire = self.bytes_out()
        self.assertGreater(more_text - text, len(payload))
        self.assertLess(more_wire - wire, len(payload) / 10)
        self.assertGreater(more_wire, wire)

    def test_who_has_not_agreed_may_not_deflate(self):
        socket = self.open("permessage-deflate; unknown")
        socket.send_raw(deflated(json_ping(b"*" * 300)))
        self.expect_close(socket, 1002)


class DeflatingStraight(Deflating):
    is_direct = True


class ConformanceWhereAgreed(base.Conformance):
    """Every case once more where both sides may deflate: it changes nothing
    for who does not, and what is deflated is judged by what it inflates to."""

    make_stack = Deflating.make_stack

    def open(self, user):
        return self.connect(user, headers={EXTENSIONS: OFFERS[0][0]})

    def run_all(self, cases):
        # The first reserved bit of a text means something now.
        super().run_all(case for case in cases
                        if not case.name.startswith("rsv 4 of"))

    def test_utf8_deflated(self):
        self.run_all(utf8_cases())
