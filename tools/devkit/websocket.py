"""An RFC 6455 client on a plain socket; it can also misbehave on request."""
import base64
import hashlib
import json
import os
import re
import select
import socket
import struct
import time
import zlib

from devkit.http import Response

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Refused(Exception):
    """The server answered the upgrade with something other than 101."""

    def __init__(self, response):
        super().__init__(repr(response))
        self.response = response


class Closed(Exception):
    """The connection ended; code is 1006 when no close frame came."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason}")
        self.code = code
        self.reason = reason


def encode_frame(opcode, payload, fin=True, mask=True, rsv=0):
    head = bytearray([(0x80 if fin else 0) | rsv << 4 | opcode])
    flag = 0x80 if mask else 0
    if len(payload) < 126:
        head.append(flag | len(payload))
    elif len(payload) < 65536:
        head += struct.pack("!BH", flag | 126, len(payload))
    else:
        head += struct.pack("!BQ", flag | 127, len(payload))
    if not mask:
        return bytes(head) + payload
    key = os.urandom(4)
    repeated = (key * (len(payload) // 4 + 1))[:len(payload)]
    masked = (int.from_bytes(payload, "big") ^
              int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")
    return bytes(head) + key + masked


def inflate(data, bits):
    """A whole message; bits: of the window that it may refer to."""
    unpacker = zlib.decompressobj(-bits)
    text = unpacker.decompress(data + b"\0\0\xff\xff")
    if unpacker.eof or unpacker.unconsumed_tail or unpacker.unused_data:
        raise AssertionError("it is no deflated message (RFC 7692, 7.2.2)")
    return text


class WebSocket:
    """One connection. Pings are answered unless answer_pings is False.

    Of permessage-deflate, offered by headers, it reads what the server makes;
    deflated: how many messages were

    unix_path: straight to a daemon, past the web server
    """

    def __init__(self, port, target="/connect", headers=(), protocols=None,
                 host="127.0.0.1", timeout_s=30, receive_buffer=None,
                 answer_pings=True, unix_path=None):
        self.answer_pings = answer_pings
        self.pings = 0
        self.deflated = 0
        self.response = None
        self._window_bits = None  # of the server, where it may deflate
        self._data = bytearray()
        self._fragments = bytearray()
        self._eof = False
        self._socket = socket.socket(
            socket.AF_UNIX if unix_path else socket.AF_INET,
            socket.SOCK_STREAM)
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                    receive_buffer)
        self._socket.settimeout(timeout_s)
        self.timeout_s = timeout_s
        try:
            self._socket.connect(unix_path or (host, port))
            if not unix_path:
                self._socket.setsockopt(socket.IPPROTO_TCP,
                                        socket.TCP_NODELAY, 1)
            self._upgrade(f"{host}:{port}", target, headers, protocols)
        except BaseException:
            self._socket.close()
            raise

    def _upgrade(self, host, target, headers, protocols):
        key = base64.b64encode(os.urandom(16)).decode()
        pairs = [("Host", host), ("Upgrade", "websocket"),
                 ("Connection", "Upgrade"), ("Sec-WebSocket-Key", key),
                 ("Sec-WebSocket-Version", "13")]
        if protocols:
            pairs.append(("Sec-WebSocket-Protocol", protocols))
        given = list(headers.items() if isinstance(headers, dict) else headers)
        names = {name.lower() for name, _ in given}
        pairs = [(name, value) for name, value in pairs
                 if name.lower() not in names] + given
        lines = [f"GET {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in pairs
                  if value is not None]
        self.send_raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        self.response = self._read_response()
        if self.response.status != 101:
            raise Refused(self.response)
        expected = base64.b64encode(
            hashlib.sha1((key + GUID).encode()).digest()).decode()
        if self.response.header("Sec-WebSocket-Accept") != expected:
            raise AssertionError("wrong Sec-WebSocket-Accept")
        agreed = self.response.header("Sec-WebSocket-Extensions", "")
        if agreed.startswith("permessage-deflate"):
            bits = re.search(r"server_max_window_bits=(\d+)", agreed)
            self._window_bits = int(bits[1]) if bits else 15

    def _read_response(self):
        while b"\r\n\r\n" not in self._data:
            if not self._fill(time.monotonic() + self.timeout_s):
                raise ConnectionError(
                    f"no answer to the upgrade: {bytes(self._data)!r}")
        head, _, rest = bytes(self._data).partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        pairs = [tuple(part.strip() for part in line.split(":", 1))
                 for line in lines[1:]]
        status = int(lines[0].split(" ")[1])
        response = Response(status, pairs, b"")
        self._data = bytearray(rest)
        if status != 101:
            response.body = self._read_body(response)
        return response

    def _read_body(self, response):
        length = response.header("Content-Length")
        deadline = time.monotonic() + self.timeout_s
        while length is None or len(self._data) < int(length):
            if self._data.endswith(b"0\r\n\r\n") and length is None:
                break
            if not self._fill(deadline):
                break
        body = bytes(self._data)
        if "chunked" in (response.header("Transfer-Encoding") or ""):
            size, _, rest = body.partition(b"\r\n")
            return rest[:int(size, 16)]
        return body

    def _fill(self, deadline):
        """Read some bytes; False at the end of the stream or of the time."""
        if self._eof:
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return False
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            self._eof = True
            return False
        self._data += data
        return True

    def fileno(self):
        return self._socket.fileno()

    def send_raw(self, data):
        self._socket.settimeout(self.timeout_s)
        self._socket.sendall(data)

    def discard_some(self):
        """Read bytes that nobody will look at; False at the end."""
        self._socket.settimeout(self.timeout_s)
        return bool(self._socket.recv(1 << 20))

    def read_spoonful(self, size):
        """So many bytes that nobody will look at, if there are any."""
        try:
            self._socket.recv(size, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionResetError):
            pass

    def send_frame(self, opcode, payload=b"", **how):
        self.send_raw(encode_frame(opcode, payload, **how))

    def send_text(self, text):
        self.send_frame(TEXT, text.encode())

    def send_json(self, value):
        self.send_text(json.dumps(value))

    def recv_frame(self, timeout_s=None):
        """(fin, opcode, payload) of the next frame; None when none came.

        Raises Closed(1006) when the stream ends first.
        """
        deadline = time.monotonic() + (self.timeout_s if timeout_s is None
                                       else timeout_s)
        while True:
            frame = self._take_frame()
            if frame is not None:
                return frame
            if not self._fill(deadline):
                if self._eof:
                    raise Closed(1006)
                return None

    def _take_frame(self):
        data = self._data
        if len(data) < 2:
            return None
        if data[1] & 0x80:
            raise AssertionError("a server must not mask")
        is_deflated = bool(data[0] & 0x40)
        if data[0] & 0x30 or is_deflated and (
                self._window_bits is None or data[0] & 0x8F != 0x80 | TEXT):
            raise AssertionError("reserved bits that mean nothing there")
        length, offset = data[1] & 0x7F, 2
        if length == 126:
            if len(data) < 4:
                return None
            length, offset = struct.unpack_from("!H", data, 2)[0], 4
        elif length == 127:
            if len(data) < 10:
                return None
            length, offset = struct.unpack_from("!Q", data, 2)[0], 10
        if len(data) < offset + length:
            return None
        payload = bytes(data[offset:offset + length])
        if is_deflated:
            self.deflated += 1
            payload = inflate(payload, self._window_bits)
        frame = (bool(data[0] & 0x80), data[0] & 0x0F, payload)
        del data[:offset + length]
        return frame

    def recv(self, timeout_s=None):
        """The next text message, or None when none came in time.

        Raises Closed when the server closes, after answering the close.
        """
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        while True:
            frame = self.recv_frame(max(deadline - time.monotonic(), 0.001))
            if frame is None:
                return None
            fin, opcode, payload = frame
            if opcode == PING:
                self.pings += 1
                if self.answer_pings:
                    self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                self._answer_close(payload)
            elif opcode in (TEXT, CONTINUATION):
                self._fragments += payload
                if fin:
                    text = self._fragments.decode("utf-8")
                    self._fragments = bytearray()
                    return text
            elif opcode != PONG:
                raise AssertionError(f"unexpected opcode {opcode}")

    def _answer_close(self, payload):
        code = struct.unpack("!H", payload[:2])[0] if payload else 1005
        try:
            self.send_frame(CLOSE, payload[:2])
        except OSError:
            pass
        raise Closed(code, payload[2:].decode("utf-8"))

    def recv_json(self, timeout_s=None):
        text = self.recv(timeout_s)
        return None if text is None else json.loads(text)

    def expect(self, kind, timeout_s=None):
        """The next message of this type; others before it are dropped."""
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        seen = []
        while time.monotonic() < deadline:
            message = self.recv_json(max(deadline - time.monotonic(), 0.001))
            if message is None:
                break
            if message.get("type") == kind:
                return message
            seen.append(message)
        raise AssertionError(f"no {kind!r} within {timeout_s} s; saw {seen}")

    def wait_closed(self, timeout_s=None):
        """The code that the server closes with; messages are dropped.

        Returns: the code, 1006 for an end without one, None if it stays open
        """
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        try:
            while time.monotonic() < deadline:
                self.recv(max(deadline - time.monotonic(), 0.001))
        except Closed as closed:
            return closed.code
        except OSError:
            return 1006
        return None

    def has_input(self):
        return bool(self._data) or bool(
            select.select([self._socket], [], [], 0)[0])

    def close(self, code=1000):
        """Close in order; wait shortly for the answer."""
        try:
            self.send_frame(CLOSE, struct.pack("!H", code))
            self.wait_closed(2)
        except OSError:
            pass
        self.abort()

    def hang_up(self):
        """End the connection; a thread that waits for it goes on."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already

    def abort(self):
        """End the TCP connection without a word."""
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
