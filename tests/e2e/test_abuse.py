"""Hostile HTTP and WebSocket bytes: refused cheaply, and life goes on."""
import json
import random
import socket
import struct
import threading
import time

from devkit.http import raw_exchange, statuses
from devkit.websocket import TEXT, encode_frame
from harness import E2eTest, PATIENCE_S, Refused, envelope

SEED = 20261121


class AbuseTest(E2eTest):
    def setUp(self):
        self.bob = self.user()
        self.pids = {name: program.pid
                     for name, program in self.stack.programs.items()}

    def tearDown(self):
        """Whatever happened: everything lives and serves."""
        for name, program in self.stack.programs.items():
            self.assertTrue(program.is_running(), name)
            self.assertEqual(program.pid, self.pids[name])
        carol = self.user()
        message_id = self.assert_accepted(self.user().send(carol))
        self.assertEqual(self.message_ids(carol, 1), [message_id])
        with carol.connect() as alive:
            alive.expect("connected")

    def head(self, method="POST", target="/api/send", *extra):
        lines = [f"{method} {target} HTTP/1.1", "Host: x",
                 "Authorization: Bearer " + self.bob.token,
                 "Content-Type: application/json", *extra]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def body(self, data=b"x"):
        return json.dumps(envelope(self.bob.urn, data)).encode()

    def exchange(self, pieces, **how):
        data, closed = raw_exchange(self.stack.port, pieces, **how)
        for status in statuses(data):
            self.assertTrue(status < 500 or status in (501, 505), data[:300])
        return data, closed


class Http(AbuseTest):
    def test_garbage(self):
        generator = random.Random(SEED)
        cases = [b"\r\n\r\n", b"\0" * 100, b"GET\r\n\r\n", b"GET /\r\n\r\n",
                 b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
                 b"GET  /api/messages  HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 90,
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                 b"GET /api/messages HTTP/1.1\r\n\r\n",
                 b"GET /api/messages HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
                 b"GET /api/messages HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
                 b"GET /api/messages HTTP/1.1\nHost: x\n\n",
                 b"GET http://other/api/messages HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /api/../metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /api/%2e%2e/metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET //api//messages HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /api/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /api/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n"]
        cases += [generator.randbytes(generator.randrange(1, 3000))
                  for _ in range(20)]
        for case in cases:
            with self.subTest(case[:40]):
                self.exchange(case, timeout_s=1, shut=True)

    def test_paths_that_try_to_leave_are_not_found(self):
        for target in ("/api/../metrics", "/api/%2e%2e/%2e%2e/etc/passwd",
                       "/api/..%2fmetrics", "/api/send/../../metrics"):
            with self.subTest(target):
                data, _ = self.exchange(
                    f"GET {target} HTTP/1.1\r\nHost: x\r\n"
                    "Connection: close\r\n\r\n".encode())
                self.assertIn(statuses(data)[0], (400, 401, 404, 405))
                self.assertNotIn(b"# TYPE", data)

    def test_chunked_body_is_read(self):
        body = self.body()
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in
                          (body[:10], body[10:11], body[11:])) + b"0\r\n\r\n"

        data, _ = self.exchange(self.head(
            "POST", "/api/send", "Transfer-Encoding: chunked",
            "Connection: close") + chunks)

        self.assertEqual(statuses(data), [202])

    def test_large_chunked_body_is_read_and_a_larger_refused(self):
        bodies = ((json.dumps(envelope(self.bob.urn, "A" * 200000)), 202),
                  (json.dumps(envelope(self.bob.urn, "A" * 300000)), 413))
        for body, status in bodies:
            body = body.encode()
            chunks = b"".join(
                b"%x\r\n%s\r\n" % (len(body[i:i + 9000]), body[i:i + 9000])
                for i in range(0, len(body), 9000)) + b"0\r\n\r\n"
            data, _ = self.exchange(self.head(
                "POST", "/api/send", "Transfer-Encoding: chunked",
                "Connection: close") + chunks)
            self.assertEqual(statuses(data), [status])

    def test_broken_chunks(self):
        head = self.head("POST", "/api/send", "Transfer-Encoding: chunked")
        for chunks in (b"zz\r\n\r\n", b"-1\r\n\r\n", b"5\r\nabc",
                       b"ffffffffffffffffff\r\nx", b"3\r\nabcX\r\n0\r\n\r\n",
                       b"1;" + b"x" * 20000 + b"\r\na\r\n0\r\n\r\n"):
            with self.subTest(chunks[:20]):
                data, _ = self.exchange(head + chunks, timeout_s=2, shut=True)
                self.assertNotIn(202, statuses(data))

    def test_smuggling_shapes_are_never_accepted_twice(self):
        body = self.body()
        for extra in (
                ("Content-Length: 5", f"Content-Length: {len(body)}"),
                (f"Content-Length: {len(body)}", "Content-Length: 5"),
                ("Content-Length: -1",), ("Content-Length: +5",),
                ("Content-Length: 0x10",), ("Content-Length: 5, 5",),
                ("Content-Length: 99999999999999999999",),
                ("Content-Length:",),
                ("Transfer-Encoding: chunked", "Content-Length: 5"),
                ("Transfer-Encoding: gzip, chunked",),
                ("Transfer-Encoding: identity", "Content-Length: 5"),
                ("Transfer-Encoding: xchunked",)):
            with self.subTest(extra):
                data, _ = self.exchange(
                    self.head("POST", "/api/send", *extra) + body,
                    timeout_s=1.5, shut=True)
                self.assertLessEqual(statuses(data).count(202), 1)

    def test_truncated_body_is_never_accepted(self):
        body = self.body()
        for length in (0, 1, len(body) // 2, len(body) - 1):
            with self.subTest(length):
                data, _ = self.exchange(
                    self.head("POST", "/api/send",
                              f"Content-Length: {len(body)}") +
                    body[:length], timeout_s=2, shut=True)
                self.assertNotIn(202, statuses(data))
        self.settle(self.bob)
        self.assert_nothing_waits(self.bob)

    def test_body_that_trickles_in_is_accepted(self):
        body = self.body()

        def pieces():
            yield self.head("POST", "/api/send", "Connection: close",
                            f"Content-Length: {len(body)}")
            for byte in body:
                yield bytes([byte])
        data, _ = self.exchange(pieces())

        self.assertEqual(statuses(data), [202])

    def test_pipelined_requests_are_answered_in_order(self):
        body = self.body()
        good = self.head("POST", "/api/send",
                         f"Content-Length: {len(body)}") + body
        bad = self.head("POST", "/api/send", "Content-Length: 1") + b"{"
        last = self.head("GET", "/api/messages", "Connection: close")

        data, _ = self.exchange(good + bad + good + last)

        self.assertEqual(statuses(data), [202, 400, 202, 200])
        self.messages(self.bob, 2)

    def test_body_on_a_get_is_harmless(self):
        data, _ = self.exchange(self.head(
            "GET", "/api/messages", "Content-Length: 5",
            "Connection: close") + b"hello")

        self.assertIn(statuses(data)[0], (200, 400))

    def test_expect_continue(self):
        body = self.body()
        data, _ = self.exchange(self.head(
            "POST", "/api/send", "Expect: 100-continue",
            f"Content-Length: {len(body)}", "Connection: close") + body)

        self.assertEqual(statuses(data)[-1], 202)

    def test_many_headers(self):
        for count in (50, 90, 1000):
            with self.subTest(count):
                data, _ = self.exchange(self.head(
                    "GET", "/api/messages", "Connection: close",
                    *[f"X-{i}: y" for i in range(count)]))
                self.assertIn(statuses(data)[0], (200, 400, 431))

    def test_query_strings(self):
        for query in ("limit=%00", "limit=%", "limit=%f", "after=%ff%fe",
                      "=", "&&&&", "=&=&=", "limit", "limit=&after=",
                      "%6cimit=1", "limit[]=1", "x=" + "%41" * 2000,
                      "a=b&" * 1000, "limit=" + "9" * 2000,
                      "after=" + "-" * 36):
            with self.subTest(query[:20]):
                answer = self.bob.call("GET", "/api/messages?" + query)
                self.assertIn(answer.status, (200, 400, 414), answer)

    def test_connections_that_say_nothing_cost_only_themselves(self):
        idle = [socket.create_connection(("127.0.0.1", self.stack.port))
                for _ in range(100)]
        half = [socket.create_connection(("127.0.0.1", self.stack.port))
                for _ in range(100)]
        try:
            for peer in half:
                peer.sendall(self.head("POST", "/api/send",
                                       "Content-Length: 1000") + b"{")
            started = time.monotonic()
            for _ in range(20):
                self.assert_accepted(self.user().send(self.bob))
            self.assertLess(time.monotonic() - started, PATIENCE_S)
        finally:
            for peer in idle + half:
                peer.close()

    def test_client_that_never_reads_blocks_nobody(self):
        for _ in range(2):
            answer = self.user().call("POST", "/api/send/batch", {
                "envelopes": [envelope(self.bob.urn, "A" * 200000)] * 15})
            self.assert_status(answer, 202)
        deaf = []
        try:
            for _ in range(40):
                peer = socket.socket()
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                peer.connect(("127.0.0.1", self.stack.port))
                peer.sendall(self.head("GET", "/api/messages?limit=500"))
                deaf.append(peer)
            for _ in range(10):
                self.assert_accepted(self.user().send(self.user()))
        finally:
            for peer in deaf:
                peer.close()

    def test_requests_given_up_half_way(self):
        body = self.body()
        for _ in range(50):
            peer = socket.create_connection(("127.0.0.1", self.stack.port))
            peer.sendall(self.head("POST", "/api/send",
                                   f"Content-Length: {len(body)}") + body)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
            peer.close()

    def test_crowd_at_once(self):
        answers = []

        def send():
            user = self.user()
            for _ in range(5):
                answers.append(user.send(self.bob).status)
        threads = [threading.Thread(target=send) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        self.assertEqual(len(answers), 150)
        self.assertEqual(set(answers), {202})
        self.messages(self.bob, 150)


class Json(AbuseTest):
    def test_mutated_envelopes_are_accepted_or_refused_never_worse(self):
        generator = random.Random(SEED)
        good = json.dumps({**envelope(self.bob.urn, b"x" * 30),
                           "signature": "AAEC", "priority": 3,
                           "isEphemeral": False, "other": [1, {"a": "b"}]}
                          ).encode()
        for number in range(300):
            if number % 100 == 0:
                sender = self.user()  # no more than a user may
            body = bytearray(good)
            for _ in range(generator.randrange(1, 4)):
                at = generator.randrange(len(body))
                what = generator.randrange(4)
                if what == 0:
                    body[at] = generator.randrange(256)
                elif what == 1:
                    del body[at:at + generator.randrange(1, 8)]
                elif what == 2:
                    body[at:at] = generator.choice(
                        [b'"', b"\\", b"{", b"}", b"[", b",", b":", b"\0",
                         b"\\u0000", b"\xf0\x9f", b"1e999", b"null"])
                else:
                    body[at:at] = body[at:at + generator.randrange(1, 20)]
                if not body:
                    body = bytearray(b"{")
            answer = sender.call("POST", "/api/send", bytes(body))
            self.assertIn(answer.status, (202, 400), (bytes(body), answer))

    def test_expensive_shapes_are_refused_quickly(self):
        urn = self.bob.urn
        bodies = [
            b"[" * 250000, b'{"a":' * 50000, b'{"' + b"a" * 250000,
            b'{"recipientId":"' + b"\\u0061" * 40000 + b'"}',
            b'{"priority":' + b"1" * 250000 + b"}",
            b'{"priority":1' + b"0" * 200000 + b"e-200000}",
            b"{" + b",".join(b'"k%d":1' % i for i in range(20000)) + b"}",
            b" " * 250000, b'{"encryptedData":"' + b"=" * 250000 + b'"}',
            json.dumps({"messageIds": ["x" * 36] * 6000}).encode(),
            json.dumps({"envelopes": [{"recipientId": urn}] * 5000}).encode(),
        ]
        for body in bodies:
            for target in ("/api/send", "/api/send/batch",
                           "/api/messages/ack"):
                with self.subTest(f"{target} {body[:20]}"):
                    started = time.monotonic()
                    answer = self.bob.call("POST", target, body)
                    self.assertIn(answer.status, (400, 413), answer)
                    self.assertLess(time.monotonic() - started, PATIENCE_S)


class WebSockets(AbuseTest):
    def test_random_bytes_after_the_handshake(self):
        generator = random.Random(SEED)
        for _ in range(30):
            peer = self.connect(self.user())
            peer.expect("connected")
            try:
                peer.send_raw(generator.randbytes(generator.randrange(1, 900)))
            except OSError:
                pass
            peer.abort()

    def test_connections_cut_in_every_state(self):
        for cut in range(0, 180, 7):
            head = (f"GET /connect HTTP/1.1\r\nHost: x\r\nUpgrade: websocket"
                    "\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                    f"Authorization: Bearer {self.bob.token}\r\n\r\n").encode()
            peer = socket.create_connection(("127.0.0.1", self.stack.port))
            peer.sendall(head[:len(head) - cut])
            peer.close()

    def test_half_frames_and_floods(self):
        peers = []
        for _ in range(10):
            peer = self.connect(self.user())
            peer.expect("connected")
            peer.send_raw(encode_frame(TEXT, b"x" * 5000)[:100])
            peers.append(peer)
        flood = self.connect(self.user())
        flood.expect("connected")
        flood.send_raw(encode_frame(TEXT, b'{"type":"nonsense"}') * 2000)
        for _ in range(2000):
            self.assertEqual(flood.recv_json()["type"], "error")

    def test_sender_that_never_reads_its_answers(self):
        deaf = self.connect(self.user(), receive_buffer=4096)
        frame = encode_frame(TEXT, json.dumps(
            {"type": "send", "ref": "r" * 100,
             "envelope": envelope(self.bob.urn, b"x")}).encode())
        deaf._socket.settimeout(1)
        try:
            for _ in range(20000):
                deaf._socket.sendall(frame)
        except OSError:
            pass

    def test_upgrades_that_race_for_the_same_user(self):
        outcomes = []
        racer = self.user()

        def come_and_go():
            for _ in range(4):  # together no more than may come at once
                try:
                    with racer.connect() as peer:
                        peer.expect("connected")
                        outcomes.append("in")
                except Refused as refused:
                    outcomes.append(refused.response.status)
        threads = [threading.Thread(target=come_and_go) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        self.assertEqual(outcomes, ["in"] * 20)
