"""RFC 6455 case by case, as the public conformance suites do it: lengths,
pings, reserved bits and opcodes, fragments, UTF-8, closing - through the web
server, and straight to the daemon.

A case is what a client writes, what it is answered, and how that ends:

- ALIVE: the connection works on, and closes in order when the client wants.
- a close code: the server sends it and ends the TCP connection by itself,
  while the client does nothing more.

The daemon does not echo. A text message is a JSON object here, answered with
`pong` when it is a ping and with an `error` when it is not JSON; a binary one
is closed with 1003.
"""
import json
import struct

from devkit.websocket import (BINARY, CLOSE, CONTINUATION, Closed, PING, PONG,
                              TEXT, encode_frame)
from harness import E2eTest, PATIENCE_S

ALIVE = "alive"
JSON_PONG, ERROR = "pong", "error"
USER_CASES = 15  # a user may have 20 connections


class Case:
    def __init__(self, name, pieces, answers, end):
        self.name = name
        self.pieces = [pieces] if isinstance(pieces, bytes) else list(pieces)
        self.answers = answers
        self.end = end


def octets(data, size=1):
    """The same bytes, written piece by piece."""
    return [data[at:at + size] for at in range(0, len(data), size)]


def text(data, **how):
    return encode_frame(TEXT, data, **how)


def more(data, **how):
    return encode_frame(CONTINUATION, data, **how)


def ping(data=b""):
    return encode_frame(PING, data)


def close(code=None, reason=b""):
    return encode_frame(CLOSE, b"" if code is None
                        else struct.pack("!H", code) + reason)


def fragments(data, size):
    """A text message in frames of so many bytes."""
    parts = octets(data, size) or [b""]
    return [encode_frame(CONTINUATION if i else TEXT, part,
                         fin=i == len(parts) - 1)
            for i, part in enumerate(parts)]


def json_ping(inner=b""):
    return b'{"type":"ping","x":"' + inner + b'"}'


def json_ping_of(length):
    return json_ping(b"*" * (length - len(json_ping())))


HELLO = json_ping("Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!"
                  .encode())
PLAIN = json_ping(b"Hello, world!")
BROKEN = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode() + b"\xed\xa0\x80edited"


def framing_cases():
    yield Case("text 0", text(b""), [ERROR], ALIVE)
    for length in (125, 126, 127, 128, 65535, 65536):
        yield Case(f"text {length}", text(json_ping_of(length)), [JSON_PONG],
                   ALIVE)
    yield Case("text 65536 in pieces of 997",
               octets(text(json_ping_of(65536)), 997), [JSON_PONG], ALIVE)
    for length in (0, 125, 126, 127, 128, 65535, 65536):
        yield Case(f"binary {length}", encode_frame(BINARY, b"\xfe" * length),
                   [], 1003)
    yield Case("binary 65536 in pieces of 997",
               octets(encode_frame(BINARY, b"\xfe" * 65536), 997), [], 1003)
    for name, head in (
            ("5 as 16 bits", b"\x81\xfe\x00\x05"),
            ("125 as 16 bits", b"\x81\xfe\x00\x7d"),
            ("5 as 64 bits", b"\x81\xff" + struct.pack("!Q", 5)),
            ("65535 as 64 bits", b"\x81\xff" + struct.pack("!Q", 65535)),
            ("top bit of 64", b"\x81\xff" + struct.pack("!Q", 1 << 63))):
        yield Case("length " + name, head + bytes(4), [], 1002)
    yield Case("length that nobody has", b"\x81\xff" +
               struct.pack("!Q", (1 << 63) - 1) + bytes(4), [], 1009)
    yield Case("unmasked", text(PLAIN, mask=False), [], 1002)
    yield Case("unmasked ping", encode_frame(PING, b"", mask=False), [], 1002)
    yield Case("unmasked close", encode_frame(CLOSE, b"", mask=False), [],
               1002)


def ping_cases():
    some = bytes((0, 255, 254, 253, 252, 251, 0, 255))
    for name, data in (("empty", b""), ("text", b"Hello, world!"),
                       ("binary", some), ("125", b"\xfe" * 125)):
        yield Case("ping " + name, ping(data), [(PONG, data)], ALIVE)
    yield Case("ping 126", ping(b"\xfe" * 126), [], 1002)
    yield Case("ping 65536", ping(b"\xfe" * 65536), [], 1002)
    yield Case("ping 125 octet by octet", octets(ping(b"\xfe" * 125)),
               [(PONG, b"\xfe" * 125)], ALIVE)
    yield Case("pong unasked", encode_frame(PONG, b""), [], ALIVE)
    yield Case("pong unasked with data", encode_frame(PONG, b"unasked"), [],
               ALIVE)
    yield Case("pong 126", encode_frame(PONG, bytes(126)), [], 1002)
    yield Case("pong unasked, then ping",
               encode_frame(PONG, b"unasked") + ping(b"payload"),
               [(PONG, b"payload")], ALIVE)
    ten = [b"payload-%d" % i for i in range(10)]
    asked = b"".join(map(ping, ten))
    answers = [(PONG, data) for data in ten]
    yield Case("ten pings", asked, answers, ALIVE)
    yield Case("ten pings octet by octet", octets(asked), answers, ALIVE)


def reserved_cases():
    yield Case("rsv 1", text(PLAIN, rsv=1), [], 1002)
    for bits, opcode in ((1, PING), (2, TEXT), (3, TEXT), (4, TEXT),
                         (5, BINARY), (6, PING), (7, CLOSE)):
        bad = encode_frame(opcode, b"" if opcode == CLOSE else PLAIN,
                           rsv=bits)
        name = f"rsv {bits} of opcode {opcode}"
        yield Case(name, bad, [], 1002)
        whole = text(PLAIN) + bad + ping()
        yield Case(name + " behind a message", whole, [JSON_PONG], 1002)
        yield Case(name + " frame by frame", [text(PLAIN), bad, ping()],
                   [JSON_PONG], 1002)
        yield Case(name + " octet by octet", octets(whole), [JSON_PONG], 1002)
    yield Case("rsv in a continuation", text(b"{", fin=False) +
               more(b"}", rsv=4), [], 1002)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        name = f"opcode {opcode}"
        yield Case(name, encode_frame(opcode, b""), [], 1002)
        yield Case(name + " with data",
                   encode_frame(opcode, b"reserved opcode"), [], 1002)
        whole = (text(PLAIN) + encode_frame(opcode, b"reserved") +
                 ping())
        yield Case(name + " behind a message", whole, [JSON_PONG], 1002)
        yield Case(name + " octet by octet", octets(whole), [JSON_PONG], 1002)


def fragment_cases():
    for opcode, name in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
        yield Case(f"{name} in two", encode_frame(opcode, b"a", fin=False) +
                   more(b"b"), [], 1002)
    two = fragments(PLAIN, 20)
    between = two[:1] + [ping(b"between")] + two[1:]
    for name, frames, answers in (
            ("text in two", two, [JSON_PONG]),
            ("text in two with a ping between", between,
             [(PONG, b"between"), JSON_PONG]),
            ("text in many", fragments(PLAIN, 3), [JSON_PONG]),
            ("text in many with empty ones",
             [text(b"", fin=False), more(b"", fin=False),
              more(PLAIN, fin=False), more(b"", fin=False), more(b"")],
             [JSON_PONG]),
            ("two texts in two each", two + two, [JSON_PONG, JSON_PONG])):
        whole = b"".join(frames)
        yield Case(name, whole, answers, ALIVE)
        yield Case(name + ", frame by frame", frames, answers, ALIVE)
        yield Case(name + ", octet by octet", octets(whole), answers, ALIVE)
    for fin in (True, False):
        for name, before, answers in (("first", b"", []),
                                      ("behind a message", b"".join(two),
                                       [JSON_PONG])):
            whole = before + more(b"nothing to go on with", fin=fin) + \
                text(PLAIN)
            name = f"continuation of nothing {name}, fin {fin}"
            yield Case(name, whole, answers, 1002)
            yield Case(name + ", in pieces", octets(whole, 7), answers, 1002)
            yield Case(name + ", octet by octet", octets(whole), answers,
                       1002)
    yield Case("text inside a text", text(b"{", fin=False) + text(b"}"), [],
               1002)
    yield Case("binary inside a text",
               text(b"{", fin=False) + encode_frame(BINARY, b"}"), [], 1002)
    yield Case("binary in two", encode_frame(BINARY, b"a", fin=False) +
               more(b"b"), [], 1003)
    five = fragments(PLAIN, -(-len(PLAIN) // 5))
    pings = (five[:2] + [ping(b"one")] + five[2:4] + [ping(b"two")] +
             five[4:])
    answers = [(PONG, b"one"), (PONG, b"two"), JSON_PONG]
    for name, pieces in (("at once", b"".join(pings)),
                         ("frame by frame", pings),
                         ("octet by octet", octets(b"".join(pings)))):
        yield Case("text in five with pings, " + name, pieces, answers, ALIVE)
    big = json_ping_of(65536)
    for size in (1300, 64, 65535):
        yield Case(f"65536 in fragments of {size}",
                   b"".join(fragments(big, size)), [JSON_PONG], ALIVE)


NONCHARACTERS = [plane << 16 | low for plane in range(17)
                 for low in (0xFFFE, 0xFFFF)]
VALID_UTF8 = [chr(code).encode() for code in (
    0x00, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF, 0xD7FF, 0xE000,
    0xFFFD, 0xFDD0, 0xFDEF, 0xFFF9, 0xFFFA, 0xFFFB, 0xFFFC, 0x3BA, 0x1F79,
    0xFEFF, 0x1F600, *NONCHARACTERS)] + [
    "\u03ba\u1f79\u03c3\u03bc\u03b5".encode(), "\u2261\ufffd\u00e4".encode(),
    "\u0800\uffff\U00010000\U0010ffff".encode()]
PREFIXED = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()
INVALID_UTF8 = [
    # five and six bytes, and four beyond U+10FFFF
    b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xf7\xbf\xbf\xbf",
    b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf", b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    # continuation bytes alone
    b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf",
    b"\x80\xbf\x80\xbf\x80", b"\x80\xbf\x80\xbf\x80\xbf",
    bytes(range(0x80, 0xC0)),
    # starts alone
    b" ".join(bytes([c]) for c in range(0xC0, 0xE0)) + b" ",
    b" ".join(bytes([c]) for c in range(0xE0, 0xF0)) + b" ",
    b" ".join(bytes([c]) for c in range(0xF0, 0xF8)) + b" ",
    b" ".join(bytes([c]) for c in range(0xF8, 0xFC)) + b" ", b"\xfc \xfd ",
    # the last byte missing
    b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80",
    b"\xfc\x80\x80\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf",
    b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf",
    b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef"
    b"\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf",
    # impossible
    b"\xfe", b"\xff", b"\xfe\xfe\xff\xff",
    # longer than need be
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf",
    b"\xfc\x80\x80\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf",
    b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf",
    b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80",
    b"\xfc\x80\x80\x80\x80\x80",
    # surrogates, alone and in pairs
    b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf",
    b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xa0\x80\xed\xbf\xbf",
    b"\xed\xad\xbf\xed\xb0\x80", b"\xed\xad\xbf\xed\xbf\xbf",
    b"\xed\xae\x80\xed\xb0\x80", b"\xed\xae\x80\xed\xbf\xbf",
    b"\xed\xaf\xbf\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf",
]


def is_utf8(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_json(data):
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def judged(data):
    """What a text message is answered, and how that ends."""
    if not is_utf8(data):
        return [], 1007
    return [JSON_PONG if is_json(data) else ERROR], ALIVE


def message_cases(name, data):
    """One text message, whole and in every way of cutting it."""
    answers, end = judged(data)
    yield Case(name, text(data), answers, end)
    yield Case(name + ", octet by octet", octets(text(data)), answers, end)
    yield Case(name + ", a frame for each octet",
               b"".join(fragments(data, 1)), answers, end)


def utf8_cases():
    yield Case("three empty frames", text(b"", fin=False) +
               more(b"", fin=False) + more(b""), [ERROR], ALIVE)
    yield Case("empty, middle, empty", text(b"", fin=False) +
               more(PLAIN, fin=False) + more(b""), [JSON_PONG], ALIVE)
    cut = HELLO.index(b"\xc3") + 1
    yield Case("hello cut in a character", b"".join(
        [text(HELLO[:cut], fin=False), more(HELLO[cut:])]), [JSON_PONG], ALIVE)
    for data in [HELLO, BROKEN, b"", *VALID_UTF8, *INVALID_UTF8]:
        yield from message_cases(
            f"utf-8 {data.hex()[:40]}",
            data if data in (HELLO, b"") else json_ping(data))
    for end in range(1, len(PREFIXED) + 1):
        yield from message_cases(f"prefix of {end} bytes", PREFIXED[:end])
    # What is wrong is told before the message has ended.
    start = '{"x":"\u03ba\u1f79\u03c3\u03bc\u03b5'.encode()
    for bad in (b"\xf4\x90", b"\xf4\x91\x80", b"\xed\xa0", b"\xc0", b"\xff"):
        name = "fail fast " + bad.hex()
        yield Case(name + " in a fragment", text(start, fin=False) +
                   more(bad, fin=False), [], 1007)
        head = text(start + bad + b"x" * 1000)
        whole = len(head) - 1000
        yield Case(name + " in a frame", head[:whole], [], 1007)
        yield Case(name + " octet by octet", octets(head[:whole]), [], 1007)


def closing_cases():
    for name, data, code in (
            ("empty", close(), None), ("code", close(1000), 1000),
            ("reason", close(1000, b"Hello World!"), 1000),
            ("longest reason", close(1000, b"*" * 123), 1000)):
        yield Case("close " + name, data, [], ("answer", code))
        yield Case(f"close {name} octet by octet", octets(data), [],
                   ("answer", code))
    yield Case("message, then close", text(PLAIN) + close(1000), [JSON_PONG],
               ("answer", 1000))
    for name, behind in (("close", close(1000)), ("ping", ping(b"late")),
                         ("text", text(PLAIN)), ("garbage", b"\xff" * 5000),
                         ("much", text(json_ping_of(200000)))):
        yield Case("close, then " + name, close(1000) + behind, [],
                   ("answer", 1000))
    yield Case("close in a message", text(b"{", fin=False) + close(1000) +
               more(b"}"), [], ("answer", 1000))
    yield Case("256K, then close, then ping",
               text(json_ping_of(256 * 1024)) + close(1000) + ping(),
               [JSON_PONG], ("answer", 1000))
    yield Case("close of one byte", encode_frame(CLOSE, b"a"), [], 1002)
    yield Case("reason of 124 bytes", close(1000, b"*" * 124), [], 1002)
    for bad in (BROKEN, b"\xff", b"\xe2\x82", b"\xed\xa0\x80"):
        yield Case("reason " + bad.hex(), close(1000, bad), [], 1007)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012,
                 1013, 1014, 3000, 3999, 4000, 4999):
        yield Case(f"code {code}", close(code), [], ("answer", code))
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999,
                 5000, 32767, 32768, 65535):
        yield Case(f"code {code}", close(code), [], 1002)
        yield Case(f"code {code} with a reason", close(code, b"x"), [], 1002)


class Conformance(E2eTest):
    """Through the web server."""

    def open(self, user):
        return self.connect(user)

    def expect(self, socket, answer):
        frame = socket.recv_frame(PATIENCE_S)
        self.assertIsNotNone(frame, f"in vain: {answer}")
        fin, opcode, payload = frame
        self.assertTrue(fin)
        if isinstance(answer, tuple):
            self.assertEqual((opcode, payload), answer)
        else:
            self.assertEqual(opcode, TEXT, payload)
            self.assertEqual(json.loads(payload)["type"], answer)

    def expect_close(self, socket, code):
        """The server's close frame, and then its end of TCP."""
        payload = b"" if code is None else struct.pack("!H", code)
        self.expect(socket, (CLOSE, payload))
        with self.assertRaises(Closed):
            socket.recv_frame(PATIENCE_S)
            self.fail("the TCP connection stays")

    def run_case(self, case, user):
        socket = self.open(user)
        socket.expect("connected")
        try:
            for piece in case.pieces:
                socket.send_raw(piece)
        except (BrokenPipeError, ConnectionResetError):
            self.assertIsInstance(case.end, int)  # it knows enough already
        for answer in case.answers:
            self.expect(socket, answer)
        if case.end == ALIVE:
            socket.send_raw(text(json_ping()))
            self.expect(socket, JSON_PONG)
            socket.send_raw(close(1000))
            self.expect_close(socket, 1000)
        elif isinstance(case.end, tuple):
            self.expect_close(socket, case.end[1])
        else:
            self.expect_close(socket, case.end)
        socket.abort()

    def run_all(self, cases):
        for number, case in enumerate(cases):
            if number % USER_CASES == 0:
                user = self.user()
            with self.subTest(case.name):
                self.run_case(case, user)
        self.assertGreater(number, 30)  # a group is not empty by accident

    def test_framing_and_pings(self):
        self.run_all([*framing_cases(), *ping_cases()])

    def test_reserved_bits_and_opcodes(self):
        self.run_all(reserved_cases())

    def test_fragmentation(self):
        self.run_all(fragment_cases())

    def test_utf8(self):
        self.run_all(utf8_cases())

    def test_closing(self):
        self.run_all(closing_cases())


class StraightToTheDaemon(Conformance):
    def open(self, user):
        return self.connect(user, unix_path=self.stack.socket_path(
            "websocket-0.sock"))
