"""permessage-deflate (RFC 7692) through the web server: what is agreed on, and
case by case what a client may do then."""
import json
import struct
import zlib

from devkit.websocket import CLOSE, CONTINUATION, PING, TEXT, encode_frame
from harness import E2eTest, PATIENCE_S, kept_stack, new_stack

EXTENSIONS = "Sec-WebSocket-Extensions"
AGREED = ("permessage-deflate; server_no_context_takeover; "
          "client_no_context_takeover")
RSV1 = 4
LENGTHS = (16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536)
FRAGMENTS = (256, 4096, 32768)


def deflate(data, bits=15, level=6):
    packer = zlib.compressobj(level, zlib.DEFLATED, -bits)
    packed = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    return packed[:-4]


def json_ping_of(length):
    start = b'{"type":"ping","x":"'
    return start + b"*" * (length - len(start) - 2) + b'"}'


def deflated(data, size=None, **how):
    """One text message, in fragments of so many bytes."""
    packed = deflate(data, **how)
    parts = [packed] if size is None else \
        [packed[at:at + size] for at in range(0, len(packed), size)]
    return b"".join(
        encode_frame(CONTINUATION if i else TEXT, part,
                     fin=i == len(parts) - 1, rsv=0 if i else RSV1)
        for i, part in enumerate(parts))


class Deflate(E2eTest):
    @classmethod
    def make_stack(cls):
        return kept_stack("deflate", lambda: new_stack(
            {"websocket": {"deflate": True}}))

    def open(self, offer="permessage-deflate", user=None):
        socket = self.connect(user or self.user(),
                              headers={EXTENSIONS: offer})
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

    def test_messages_of_all_lengths_whole_and_in_fragments(self):
        socket = self.open()
        for length in LENGTHS:
            data = json_ping_of(max(length, 24))
            for how in ({}, {"bits": 9}, {"level": 0}):
                for size in (None, *FRAGMENTS):
                    with self.subTest(length=length, size=size, **how):
                        socket.send_raw(deflated(data, size, **how))
                        self.expect_pong(socket)
        # One that is not deflated is as good.
        socket.send_raw(encode_frame(TEXT, json_ping_of(30)))
        self.expect_pong(socket)

    def test_what_breaks_the_rules_ends_the_connection(self):
        user = self.user()
        good = deflate(json_ping_of(300))
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
        socket.send_raw(deflated(json_ping_of(300)))
        self.expect_close(socket, 1002)
