"""4,000 requests whose last bytes come at one moment: each is served or told.

Straight at the socket of one process, and through the web server; with room for
all of them, and with descriptors for a few. Nobody is left without an answer.
"""
import collections
import json
import resource
import select
import socket
import struct
import time
import unittest

from devkit.user import envelope
from harness import SLOWNESS, WEB, E2eTest, end_stack, new_stack, wait_for

HERD = 4000
FEW_DESCRIPTORS = 600
PATIENCE_S = 60 * SLOWNESS
BEGIN, PARAMS, STDIN, STDOUT = 1, 4, 5, 6


def record(kind, data):
    return struct.pack("!BBHHBB", 1, kind, 1, len(data), 0, 0) + data


def fastcgi(params, body):
    """The bytes of one request, on a connection that is not kept."""
    pairs = b"".join(
        struct.pack("!II", len(name) | 1 << 31, len(value) | 1 << 31) +
        name.encode() + value.encode() for name, value in params.items())
    return (record(BEGIN, struct.pack("!HB5x", 1, 0)) +
            record(PARAMS, pairs) + record(PARAMS, b"") +
            record(STDIN, body) + record(STDIN, b""))


def said(data):
    """What the records of an answer say; "" when they do not end."""
    text = b""
    while len(data) >= 8:
        kind, size, padding = struct.unpack("!xBxxHB", data[:7])
        text += data[8:8 + size] if kind == STDOUT else b""
        data = data[8 + size + padding:]
    return text.decode()


class Member:
    """One of the herd: all of its request but the last byte is sent."""

    def __init__(self, family, address, request):
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(address)
        self.socket.sendall(request[:-1])
        self.last = request[-1:]
        self.data = b""

    def finish(self):
        """The last byte. Who was told before has closed, perhaps."""
        try:
            self.socket.sendall(self.last)
        except OSError:
            pass

    def read(self):
        """False when that is all."""
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        self.data += data
        return bool(data)


def hear(herd):
    """Read until each has been left."""
    waits = select.poll()
    members = {member.socket.fileno(): member for member in herd}
    for number in members:
        waits.register(number, select.POLLIN)
    deadline = time.monotonic() + PATIENCE_S
    while members:
        events = waits.poll(1000)
        if time.monotonic() > deadline:
            raise AssertionError(f"{len(members)} have no answer")
        for number, _ in events:
            if not members[number].read():
                waits.unregister(number)
                members.pop(number).socket.close()


class Herd(E2eTest):
    timeout_s = 240

    @classmethod
    def make_stack(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE,
                            (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if hard < 4 * HERD:
            raise unittest.SkipTest(f"{4 * HERD} descriptors are needed")
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            if int(file.read()) < HERD:
                raise unittest.SkipTest("net.core.somaxconn is too small")
        return new_stack({
            "handlers": {"processes": 1},
            "mailbox": {"max_waiting": 2 * HERD, "ingress_high_mark": HERD}})

    @classmethod
    def tearDownClass(cls):
        complaints = end_stack(cls.stack)
        assert not complaints, complaints

    def stampede(self, family, address, request):
        """All come, then all end at one moment; what each was told."""
        herd = []
        for _ in range(HERD):
            herd.append(Member(family, address, request))
        for member in herd:
            member.finish()
        hear(herd)
        return herd

    def fastcgi_request(self):
        body = json.dumps(envelope(self.user().urn)).encode()
        return fastcgi({
            "REQUEST_METHOD": "POST", "REQUEST_URI": "/api/send",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": "Bearer " + self.user().token}, body)

    def check(self, answers, status):
        """status: finds it in an answer. How often there was which."""
        counts = collections.Counter()
        for answer in answers:
            code = status(answer)
            counts[code] += 1
            if code == "503":
                self.assertIn("\r\nretry-after: ", answer.lower())
                self.assertIn('"overloaded"', answer)
        self.assertLessEqual(set(counts), {"202", "503"}, counts)
        return counts

    def at_the_socket(self):
        herd = self.stampede(
            socket.AF_UNIX, self.stack.socket_path("handlers.sock"),
            self.fastcgi_request())
        return self.check((said(member.data) for member in herd),
                          lambda text: text[8:11] if text else "nothing")

    def test_one_process_serves_all_of_them(self):
        self.assertEqual(self.at_the_socket()["202"], HERD)

    def test_who_finds_no_room_is_told(self):
        program = self.stack.programs["handlers"]
        argv = list(program.argv)
        program.argv = ["sh", "-c", f'ulimit -n {FEW_DESCRIPTORS}; exec "$@"',
                        "sh", *argv, "--threads", "4"]
        self.stack.restart("handlers")
        self.stack.wait_ready()

        counts = self.at_the_socket()

        self.assertGreater(counts["202"], 0)
        self.assertGreater(counts["503"], 0)
        program.argv = argv
        self.stack.restart("handlers")
        self.stack.wait_ready()

    @unittest.skipIf(WEB == "lighttpd", "it says 502 when a queue is full")
    def test_web_server_serves_or_tells_all_of_them(self):
        body = json.dumps(envelope(self.user().urn)).encode()
        request = (
            f"POST /api/send HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.user().token}\r\n"
            f"Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        herd = self.stampede(socket.AF_INET,
                             (self.stack.host, self.stack.port), request)
        counts = self.check((member.data.decode() for member in herd),
                            lambda text: text[9:12] if text else "nothing")
        self.assertGreater(counts["202"], 0)

    def tearDown(self):
        wait_for(self.stack.is_ready, "all goes on")
