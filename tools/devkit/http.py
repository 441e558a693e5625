"""A plain HTTP/1.1 client, and raw sockets for what a client must not do."""
import http.client
import json
import re
import socket

STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


class Response:
    """Status, headers (a list of pairs, as they came) and body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def header_all(self, name):
        return [value for key, value in self.headers
                if key.lower() == name.lower()]

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:400]!r}>"


class Http:
    """Requests to one web server, each on a connection of its own."""

    def __init__(self, port, host="127.0.0.1", timeout_s=30):
        self.host, self.port, self.timeout_s = host, port, timeout_s

    def request(self, method, target, body=None, headers=()):
        """headers: a dict, or a list of pairs when a name is repeated."""
        if isinstance(headers, dict):
            headers = list(headers.items())
        connection = http.client.HTTPConnection(self.host, self.port,
                                                timeout=self.timeout_s)
        try:
            connection.putrequest(method, target,
                                  skip_accept_encoding=True,
                                  skip_host=has(headers, "host"))
            for name, value in headers:
                connection.putheader(name, value)
            if isinstance(body, str):
                body = body.encode()
            if body is None and method in ("POST", "PUT", "PATCH"):
                body = b""  # lighttpd answers 411 to no length at all
            if (body is not None and not has(headers, "content-length")
                    and not has(headers, "transfer-encoding")):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Response(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()


def has(headers, name):
    return any(key.lower() == name for key, _ in headers)


def raw_exchange(port, pieces, host="127.0.0.1", timeout_s=30, shut=False):
    """Send bytes as they are; read until the peer closes or timeout_s passes.

    pieces: bytes, or an iterable of bytes that are sent one by one
    shut:   say "no more" after the last piece
    Returns: (received bytes, whether the peer closed)
    """
    if isinstance(pieces, bytes):
        pieces = [pieces]
    received = bytearray()
    with socket.create_connection((host, port), timeout=timeout_s) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                peer.sendall(piece)
            if shut:
                peer.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        while True:
            try:
                data = peer.recv(65536)
            except ConnectionResetError:
                return bytes(received), True
            except TimeoutError:
                return bytes(received), False
            if not data:
                return bytes(received), True
            received += data


def statuses(data):
    """The status codes of the HTTP responses in data, in order."""
    return [int(status) for status in STATUS_LINE.findall(data)]
