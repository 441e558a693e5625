"""GET /connect: the handshake, the frames, and how a connection ends."""
import json
import re
import signal
import struct
import time

from devkit.http import raw_exchange, statuses
from devkit.websocket import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT,
                              encode_frame)
from harness import (ALLOWED_ORIGIN, E2eTest, PATIENCE_S, Refused, SLOWNESS,
                     User, UUID7, WebSocket, envelope, new_stack,
                     wait_for)

MESSAGE_LIMIT = 262144 + 4096
IDLE_MS = 1500 * SLOWNESS
LIVES_S = (2, 5, 10)  # of a token; the next one where that was too short


class WsTest(E2eTest):
    def open(self, target="/connect", headers=(), **how):
        socket = WebSocket(self.stack.port, target, headers, **how)
        self.addCleanup(socket.abort)
        return socket

    def opened(self, user=None):
        """A connection past its greeting."""
        socket = self.connect(user or self.user())
        socket.expect("connected")
        return socket

    def assert_refused(self, status, *arguments, **how):
        with self.assertRaises(Refused) as caught:
            self.open(*arguments, **how)
        self.assert_error(caught.exception.response, status)
        return caught.exception.response.json()

    def assert_closed(self, socket, code):
        self.assertEqual(socket.wait_closed(PATIENCE_S), code)


class Handshake(WsTest):
    def test_both_paths_lead_to_the_same_place(self):
        bob = self.user()
        for target in ("/connect", "/ws"):
            socket = self.connect(bob, target)
            hello = socket.recv_json()
            self.assertEqual(hello["type"], "connected")
            self.assertEqual(hello["user"], bob.urn)
            self.assertEqual(hello["pending"], 0)
            self.assertTrue(hello["connectionId"])

    def test_connection_ids_differ(self):
        bob = self.user()
        ids = {self.connect(bob).recv_json()["connectionId"]
               for _ in range(5)}

        self.assertEqual(len(ids), 5)

    def test_each_carrier_of_a_token_works(self):
        bob = self.user()
        own = f"http://127.0.0.1:{self.stack.port}"
        ways = {
            "header": dict(headers={"Authorization": "Bearer " + bob.token}),
            "subprotocol": dict(protocols="waypost.v1, " + bob.token),
            "lone subprotocol": dict(protocols=bob.token),
            "query": dict(target="/connect?token=" + bob.token),
            "cookie, listed origin": dict(headers={
                "Cookie": "a=b; waypost=" + bob.token,
                "Origin": ALLOWED_ORIGIN}),
            "cookie, own origin": dict(headers={
                "Cookie": "waypost=" + bob.token, "Origin": own}),
        }
        for name, how in ways.items():
            with self.subTest(name):
                self.assertEqual(self.open(**how).expect("connected")["user"],
                                 bob.urn)

    def test_server_selects_the_protocol_and_never_echoes_a_token_with_it(self):
        bob = self.user()
        both = self.open(protocols="waypost.v1, " + bob.token)
        self.assertEqual(both.response.header_all("Sec-WebSocket-Protocol"),
                         ["waypost.v1"])
        lone = self.open(protocols=bob.token)
        self.assertEqual(lone.response.header_all("Sec-WebSocket-Protocol"),
                         [bob.token])
        none = self.connect(bob)
        self.assertEqual(none.response.header_all("Sec-WebSocket-Protocol"),
                         [])

    def test_first_carrier_counts_alone(self):
        bob, eve = self.user(), self.user()
        ticket = bob.call("POST", "/api/ticket").json()["ticket"]
        header = {"Authorization": "Bearer " + bob.token}

        self.assertEqual(self.open(
            "/connect?token=" + eve.token, header,
            protocols="waypost.v1, " + eve.token
        ).expect("connected")["user"], bob.urn)
        self.assertEqual(self.open(
            "/connect?token=" + eve.token,
            protocols="waypost.v1, " + bob.token
        ).expect("connected")["user"], bob.urn)
        self.assertEqual(self.open(
            f"/connect?token={eve.token}&ticket={ticket}"
        ).expect("connected")["user"], bob.urn)
        self.assertEqual(self.open(
            "/connect?token=" + eve.token,
            {"Cookie": "waypost=" + bob.token, "Origin": ALLOWED_ORIGIN}
        ).expect("connected")["user"], bob.urn)
        # A bad first one is no reason to look further.
        self.assert_refused(401, "/connect?token=" + bob.token,
                            {"Authorization": "Bearer x"})
        self.assert_refused(401, "/connect?token=" + bob.token,
                            protocols="waypost.v1, x")
        self.assert_refused(401, "/connect?ticket=x&token=" + bob.token)

    def test_bad_or_missing_tokens_are_401_before_the_upgrade(self):
        old = self.stack.token("bob", -3600)
        self.assert_refused(401)
        self.assert_refused(401, "/connect?token=" + old)
        self.assert_refused(401, "/connect?token=")
        self.assert_refused(401, "/connect?token=%zz")
        self.assert_refused(401, headers={"Authorization": "Bearer " + old})
        self.assert_refused(401, headers={"Authorization": "Basic x"})
        self.assert_refused(401, protocols="waypost.v1, " + old)
        self.assert_refused(401, protocols="waypost.v1")

    def test_cookie_needs_an_origin_that_is_ours(self):
        bob = self.user()
        cookie = {"Cookie": "waypost=" + bob.token}
        self.assert_refused(401, headers=cookie)
        for origin, status in (("https://evil.example", 403), ("null", 403)):
            self.assert_refused(status, headers={**cookie, "Origin": origin})
        self.assert_refused(401, headers={"Cookie": "other=" + bob.token,
                                          "Origin": ALLOWED_ORIGIN})

    def test_origin_must_be_listed_or_our_own(self):
        bob = self.user()
        own = f"127.0.0.1:{self.stack.port}"
        for origin in (ALLOWED_ORIGIN, "http://" + own):
            self.connect(bob, headers={"Origin": origin}).expect("connected")
        token = {"Authorization": "Bearer " + bob.token}
        for origin in ("https://evil.example", "null", "https://" + own,
                       "http://127.0.0.1", ALLOWED_ORIGIN + ".evil.example",
                       ALLOWED_ORIGIN + "/", "http://evil.example:"
                       + str(self.stack.port)):
            with self.subTest(origin):
                said = self.assert_refused(
                    403, headers={**token, "Origin": origin})
                self.assertIn("cors.allowed_origins", said["error"])

    def test_requests_that_are_no_sound_upgrade(self):
        bob = self.user()
        token = {"Authorization": "Bearer " + bob.token}
        for change, status in (
                ({"Sec-WebSocket-Version": "12"}, (426,)),
                ({"Sec-WebSocket-Version": None}, (400, 426)),
                ({"Sec-WebSocket-Key": None}, (400,)),
                ({"Sec-WebSocket-Key": "short"}, (400,)),
                ({"Sec-WebSocket-Key": "A" * 24}, (400,)),
                ({"Upgrade": "h2c"}, (400, 426)),
                ({"Upgrade": None}, (400, 426))):
            with self.subTest(change), self.assertRaises(Refused) as caught:
                self.open(headers={**token, **change})
            self.assertIn(caught.exception.response.status, status)
            self.assert_error(caught.exception.response,
                              caught.exception.response.status)

    def test_other_methods_are_refused(self):
        for method in ("POST", "PUT", "DELETE"):
            answer = self.user().call(method, "/connect", b"")
            self.assertIn(answer.status, (400, 405, 426))
            self.assert_error(answer, answer.status)

    def test_version_is_told_when_it_was_another(self):
        with self.assertRaises(Refused) as caught:
            self.connect(self.user(),
                         headers={"Sec-WebSocket-Version": "8"})

        self.assertEqual(caught.exception.response.header(
            "Sec-WebSocket-Version"), "13")

    def test_waiting_messages_are_told_and_poked(self):
        bob = self.user()
        ids = [self.assert_accepted(self.user().send(bob)) for _ in range(3)]
        self.messages(bob, 3)

        socket = self.connect(bob)

        hello = socket.recv_json()
        self.assertGreaterEqual(hello["pending"], 1)
        self.assertLessEqual(hello["pending"], 4)
        self.assertEqual(socket.recv_json(), {"type": "poke"})
        self.assertEqual(self.message_ids(bob, 3), ids)


class Frames(WsTest):
    def test_ping_is_answered_by_a_pong_with_its_data(self):
        socket = self.opened()
        for data in (b"", b"x", bytes(range(125))):
            socket.send_frame(PING, data)
            self.assertEqual(socket.recv_frame(), (True, PONG, data))

    def test_unasked_pong_is_ignored(self):
        socket = self.opened()
        socket.send_frame(PONG, b"hello")
        self.ping(socket)

    def ping(self, socket):
        socket.send_json({"type": "ping"})
        self.assertEqual(socket.recv_json(), {"type": "pong"})

    def test_json_ping_is_answered(self):
        socket = self.opened()
        for _ in range(3):
            self.ping(socket)

    def test_message_may_come_in_fragments_with_control_frames_between(self):
        socket = self.opened()
        socket.send_frame(TEXT, b'{"ty', fin=False)
        socket.send_frame(PING, b"between")
        socket.send_frame(CONTINUATION, b"", fin=False)
        socket.send_frame(CONTINUATION, b'pe":"ping"}')

        self.assertEqual(socket.recv_frame(), (True, PONG, b"between"))
        self.assertEqual(socket.recv_json(), {"type": "pong"})

    def test_utf8_may_be_split_between_fragments(self):
        socket = self.opened()
        text = '{"type":"ping","x":"\u20ac"}'.encode()
        cut = text.index(b"\xe2") + 1
        socket.send_frame(TEXT, text[:cut], fin=False)
        socket.send_frame(CONTINUATION, text[cut:])

        self.assertEqual(socket.recv_json(), {"type": "pong"})

    def test_frame_may_trickle_in_byte_by_byte(self):
        socket = self.opened()
        for byte in encode_frame(TEXT, b'{"type":"ping"}'):
            socket.send_raw(bytes([byte]))

        self.assertEqual(socket.recv_json(), {"type": "pong"})

    def test_many_frames_may_come_at_once(self):
        socket = self.opened()
        socket.send_raw(encode_frame(TEXT, b'{"type":"ping"}') * 25)
        for _ in range(25):
            self.assertEqual(socket.recv_json(), {"type": "pong"})

    def test_frame_right_behind_the_handshake_is_not_lost(self):
        socket = self.connect(self.user())
        socket.send_json({"type": "ping"})
        socket.expect("connected")
        socket.expect("pong")

    def test_broken_rules_of_framing_are_1002(self):
        cases = {
            "unmasked": encode_frame(TEXT, b"{}", mask=False),
            "rsv1": encode_frame(TEXT, b"{}", rsv=4),
            "rsv2": encode_frame(TEXT, b"{}", rsv=2),
            "rsv3": encode_frame(TEXT, b"{}", rsv=1),
            "opcode 3": encode_frame(3, b""),
            "opcode 7": encode_frame(7, b""),
            "opcode 11": encode_frame(11, b""),
            "opcode 15": encode_frame(15, b""),
            "long ping": encode_frame(PING, b"x" * 126),
            "split ping": encode_frame(PING, b"x", fin=False),
            "split close": encode_frame(CLOSE, b"", fin=False),
            "continuation of nothing": encode_frame(CONTINUATION, b"x"),
            "text inside a message": encode_frame(TEXT, b"{", fin=False) +
                encode_frame(TEXT, b"}"),
            "close of one byte": encode_frame(CLOSE, b"x"),
            "length not minimal": b"\x81\xfe\x00\x02\0\0\0\0{}",
            "length over 63 bits": b"\x81\xff\x80" + b"\0" * 11,
            "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        }
        for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535):
            cases[f"close code {code}"] = encode_frame(
                CLOSE, struct.pack("!H", code))
        for name, data in cases.items():
            with self.subTest(name):
                socket = self.opened()
                socket.send_raw(data)
                self.assert_closed(socket, 1002)

    def test_invalid_utf8_is_1007(self):
        for data in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b'{"a":"\xe2"}',
                     b"\xf4\x90\x80\x80"):
            with self.subTest(data):
                socket = self.opened()
                socket.send_frame(TEXT, data)
                self.assert_closed(socket, 1007)
        socket = self.opened()
        socket.send_frame(TEXT, b"\xe2\x82", fin=False)
        socket.send_frame(CONTINUATION, b"x")
        self.assert_closed(socket, 1007)

    def test_invalid_utf8_in_a_close_reason(self):
        socket = self.opened()
        socket.send_frame(CLOSE, b"\x03\xe8\xff\xff")
        self.assertIn(socket.wait_closed(PATIENCE_S), (1002, 1007))

    def test_binary_message_is_1003(self):
        socket = self.opened()
        socket.send_frame(BINARY, b"{}")
        self.assert_closed(socket, 1003)

    def test_message_over_the_limit_is_1009(self):
        socket = self.opened()
        head = b'{"type":"ping","x":"'
        fits = head + b"x" * (MESSAGE_LIMIT - len(head) - 2) + b'"}'
        socket.send_frame(TEXT, fits)
        socket.expect("pong")
        socket.send_raw(encode_frame(TEXT, fits + b" ")[:2000])
        self.assert_closed(socket, 1009)

    def test_limit_counts_fragments_together(self):
        socket = self.opened()
        socket.send_frame(TEXT, b"x" * 200000, fin=False)
        socket.send_raw(encode_frame(CONTINUATION, b"x" * 200000)[:1000])
        self.assert_closed(socket, 1009)

    def test_absurd_length_is_1009_at_once(self):
        socket = self.opened()
        socket.send_raw(b"\x81\xff" + struct.pack("!Q", 1 << 62) + b"abcd")
        self.assert_closed(socket, 1009)

    def test_close_is_answered_with_the_same_code(self):
        for code in (1000, 1001, 3000, 4999):
            socket = self.opened()
            socket.send_frame(CLOSE, struct.pack("!H", code))
            self.assert_closed(socket, code)
        socket = self.opened()
        socket.send_frame(CLOSE, b"")
        self.assertIn(socket.wait_closed(PATIENCE_S), (1000, 1005))


class ClientFrames(WsTest):
    def test_send_is_accepted_and_delivered(self):
        alice, bob = self.user(), self.user()
        socket = self.opened(alice)

        socket.send_json({"type": "send", "ref": "r1",
                          "envelope": envelope(bob.urn, b"hi")})

        answer = socket.recv_json()
        self.assertEqual(sorted(answer), ["id", "ref", "type"])
        self.assertEqual((answer["type"], answer["ref"]), ("accepted", "r1"))
        self.assertRegex(answer["id"], UUID7)
        self.assertEqual(self.message_ids(bob, 1), [answer["id"]])

    def test_sends_of_one_connection_are_accepted_in_their_order(self):
        alice, bob = self.user(), self.user()
        socket = self.opened(alice)
        for i in range(100):
            socket.send_json({"type": "send", "ref": str(i),
                              "envelope": envelope(bob.urn, b"%d" % i)})

        answers = [socket.recv_json() for _ in range(100)]

        self.assertEqual([answer["ref"] for answer in answers],
                         [str(i) for i in range(100)])
        self.assertEqual(self.message_ids(bob, 100),
                         [answer["id"] for answer in answers])

    def test_key_is_shared_with_http(self):
        alice, bob = self.user(), self.user()
        socket = self.opened(alice)
        frame = {"type": "send", "ref": "a", "idempotencyKey": "k",
                 "envelope": envelope(bob.urn, b"x")}

        first = alice.send(bob, b"x", {"Idempotency-Key": "k"}).json()["id"]
        socket.send_json(frame)
        self.assertEqual(socket.expect("accepted")["id"], first)
        frame["envelope"]["priority"] = 1
        socket.send_json(frame)
        error = socket.expect("error")
        self.assertEqual((error["code"], error["ref"]),
                         ("idempotency_conflict", "a"))

    def test_bad_envelopes_are_errors_and_the_connection_stays(self):
        socket = self.opened()
        good = envelope("bob", b"x")
        for bad in (None, 5, "x", [], {}, {**good, "encryptedData": ""},
                    {**good, "recipientId": "a:b"}, {**good, "priority": "p"}):
            with self.subTest(bad):
                socket.send_json({"type": "send", "ref": "r",
                                  "envelope": bad})
                error = socket.recv_json()
                self.assertEqual((error["type"], error["ref"]),
                                 ("error", "r"))
                self.assertRegex(error["code"], r"^[a-z_0-9]+$")
                self.assertTrue(error["error"])
        socket.send_json({"type": "send", "ref": "r"})
        self.assertEqual(socket.recv_json()["type"], "error")

    def test_envelope_over_its_limit_is_an_error_not_a_close(self):
        socket = self.opened()
        socket.send_json({"type": "send", "ref": "big",
                          "envelope": envelope("bob", "A" * 263000)})

        error = socket.expect("error")
        self.assertEqual((error["ref"], error["code"]),
                         ("big", "payload_too_large"))

    def test_frames_that_make_no_sense_are_errors(self):
        socket = self.opened()
        for text in ("", "x", "{", "[]", "5", "null", '"ping"', "{}",
                     '{"type":5}', '{"type":null}', '{"type":"nonsense"}',
                     '{"type":"ping"', '{"type":"ping"}x',
                     '{"type":"ping","type":"ping"}',
                     '{"type":"ack"}', '{"type":"ack","messageIds":"x"}',
                     '{"type":"ack","messageIds":["x"]}',
                     '{"type":"send"}', '{"x":' + "[" * 5000,
                     '{"type":"chat","chatId":5}'):
            with self.subTest(text[:40]):
                socket.send_text(text)
                answer = socket.recv_json()
                self.assertEqual(answer["type"], "error", answer)
                self.assertRegex(answer["code"], r"^[a-z_0-9]+$")
        socket.send_json({"type": "ping"})
        socket.expect("pong")

    def test_watching_is_not_offered_and_others_are_not_known(self):
        socket = self.opened()
        for kind, code in (("watch", "unsupported"),
                           ("unwatch", "unsupported"),
                           ("stare", "unknown_type")):
            socket.send_json({"type": kind, "ref": kind})
            error = socket.expect("error")
            self.assertEqual((error["ref"], error["code"]), (kind, code))
        socket.send_json({"type": "ping"})
        self.assertEqual(socket.recv_json(), {"type": "pong"})

    def test_ack_over_the_socket_deletes(self):
        bob = self.user()
        socket = self.opened(bob)
        ids = [self.assert_accepted(self.user().send(bob)) for _ in range(3)]
        self.messages(bob, 3)

        socket.send_json({"type": "ack", "ref": 7, "messageIds": ids[:2]})

        self.assertEqual(socket.expect("acked")["ref"], 7)
        self.assertEqual(self.message_ids(bob, 1), ids[2:])

    def test_ack_over_the_socket_reaches_the_cold_store(self):
        bob = self.user()
        ids = [self.assert_accepted(self.user().send(bob)) for _ in range(3)]
        self.messages(bob, 3)
        wait_for(lambda: self.is_cold(bob), "migration")
        socket = self.opened(bob)

        socket.send_json({"type": "ack", "ref": "c", "messageIds": ids})

        self.assertEqual(socket.expect("acked"),
                         {"type": "acked", "ref": "c"})
        self.assert_nothing_waits(bob)

    def test_ack_with_a_bad_id_deletes_nothing(self):
        bob = self.user()
        socket = self.opened(bob)
        message_id = self.assert_accepted(self.user().send(bob))
        self.messages(bob, 1)

        socket.send_json({"type": "ack", "ref": "b",
                          "messageIds": [message_id, "x"]})

        self.assertEqual(socket.expect("error")["ref"], "b")
        self.messages(bob, 1)

    def test_chat_that_would_have_to_be_cut_is_an_error(self):
        socket = self.opened()
        for chat in ("x" * 256, "x" * 300, "\u20ac" * 86, "x" * 9000, "a\tb"):
            socket.send_json({"type": "chat", "ref": 1, "chatId": chat})
            error = socket.expect("error")
            self.assertEqual((error["ref"], error["code"]),
                             (1, "bad_request"))
        for chat in ("x" * 255, "\u20ac" * 85):
            socket.send_json({"type": "chat", "chatId": chat})
        socket.send_json({"type": "ping"})
        self.assertEqual(socket.recv_json(), {"type": "pong"})

    def test_chat_may_be_set_and_cleared(self):
        socket = self.opened()
        for chat in ("room-1", "x" * 100, None):
            socket.send_json({"type": "chat", "chatId": chat})
        socket.send_json({"type": "ping"})
        self.assertEqual(socket.recv_json(), {"type": "pong"})


class Notifications(WsTest):
    def publish(self, user, message):
        if not isinstance(message, (str, bytes)):
            message = json.dumps(message)
        with self.stack.redis() as redis:
            redis("PUBLISH", "user_noti:" + user, message)

    def test_every_connection_of_the_user_gets_it(self):
        bob = self.user()
        sockets = [self.opened(bob) for _ in range(3)]
        other = self.opened()
        payload = {"a": [1, 2.50, "\u20ac", None], "b": {"c": True}}

        self.publish(bob.name, {"type": "invite", "payload": payload})

        for socket in sockets:
            message = socket.expect("invite")
            self.assertEqual(sorted(message),
                             ["payload", "timestamp", "type"])
            self.assertEqual(message["payload"], payload)
            self.assertRegex(message["timestamp"],
                             r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        other.send_json({"type": "ping"})
        self.assertEqual(other.recv_json(), {"type": "pong"})

    def test_payload_passes_through_unchanged(self):
        bob = self.user()
        socket = self.opened(bob)
        raw = '{"n":1.2300e+05,"big":12345678901234567890,"s":"\\u00e9"}'

        self.publish(bob.name, '{"type":"t","payload":' + raw + "}")

        self.assertIn('"payload":' + raw, socket.recv())

    def test_channel_may_name_a_urn(self):
        bob = self.user()
        lookup = User(self.stack, f"urn:lookup:email:{bob.name}@x.y")
        sockets = {bob.urn: self.opened(bob), lookup.urn: self.opened(lookup)}

        for urn, socket in sockets.items():
            self.publish(urn, {"type": "t", "payload": urn})
            self.assertEqual(socket.expect("t")["payload"], urn)

    def test_order_is_kept(self):
        bob = self.user()
        socket = self.opened(bob)
        for i in range(100):
            self.publish(bob.name, {"type": "n", "payload": i})

        self.assertEqual([socket.expect("n")["payload"] for _ in range(100)],
                         list(range(100)))

    def test_burst_reaches_whoever_reads(self):
        for count, size in ((80, 8000), (4000, 100), (3, 200000)):
            with self.subTest(count=count, size=size):
                bob = self.user()
                sockets = [self.opened(bob) for _ in range(3)]
                with self.stack.redis() as redis:
                    redis.at_once([
                        ("PUBLISH", "user_noti:" + bob.name, json.dumps(
                            {"type": "n", "payload": [i, "x" * size]}))
                        for i in range(count)])
                for socket in sockets:
                    self.assertEqual(
                        [socket.expect("n")["payload"][0]
                         for _ in range(count)], list(range(count)))

    def test_what_is_no_notification_is_dropped(self):
        bob = self.user()
        socket = self.opened(bob)
        for bad in ("", "x", "{", "[]", "null", '{"payload":1}',
                    '{"type":5,"payload":1}', '{"type":"t"', b"\xff",
                    '{"type":"\xff","payload":1}'.encode("latin-1"),
                    '{"type":"t","payload":1}x'):
            self.publish(bob.name, bad)
        for channel in ("", ":", "a:b", "urn:sm:user:", "x" * 1000, "*",
                        bob.urn + "\0", bob.urn + "\0x", bob.name + "\0",
                        "\0" + bob.name):
            self.publish(channel, {"type": "t", "payload": 1})
        self.publish("nobody-at-all", {"type": "t", "payload": 1})
        self.publish(bob.name, {"type": "last", "payload": 2})

        self.assertEqual(socket.recv_json()["type"], "last")

    def test_half_a_surrogate_pair_passes_through_unchanged(self):
        """What JavaScript writes when it cuts an emoji in two."""
        bob = self.user()
        socket = self.opened(bob)
        for raw in ('"\\ud83d"', '{"\\ude00":["a\\uD83Db"]}'):
            self.publish(bob.name, '{"type":"t","payload":' + raw + "}")

            self.assertIn('"payload":' + raw + ",", socket.recv())

    def dropped(self):
        """{reason: how many} of what was not forwarded."""
        return {reason: int(count) for reason, count in re.findall(
            r'^waypost_ws_notifications_total\{result="(\w+)"\} (\d+)$',
            self.stack.metrics("websocket-0"), re.MULTILINE)}

    def test_large_ones_pass_up_to_their_bound_and_others_are_told(self):
        bob = self.user()
        socket = self.opened(bob)
        for size in (40000, 500000):
            self.publish(bob.name, {"type": "big", "payload": "x" * size})
            self.assertEqual(len(socket.expect("big")["payload"]), size)
        before = self.dropped()

        secret = "s3cret" * 100000
        self.publish(bob.name, {"type": "big", "payload": secret})
        self.publish(bob.name, '{"type":5,"payload":"s3cret"}')
        self.publish("no:name", {"type": "t", "payload": "s3cret"})
        self.publish("nobody-at-all", {"type": "t", "payload": "s3cret"})
        self.publish(bob.name, {"type": "last", "payload": 2})
        self.assertEqual(socket.recv_json()["type"], "last")

        after = self.dropped()
        self.assertEqual(
            {reason: after[reason] - before[reason] for reason in after},
            {"forwarded": 1, "not_connected": 1, "bad_channel": 1,
             "malformed": 1, "too_large": 1, "no_memory": 0,
             "filtered": 0})
        log = self.stack.read_log("websocket-0")
        self.assertIn("it is over half of websocket.max_queue_bytes", log)
        self.assertNotIn("s3cret", log)
        self.assertNotIn(bob.name, log)

    def test_no_poke_is_invented(self):
        bob = self.user()
        socket = self.opened(bob)
        self.publish(bob.name, {"type": "t", "payload": 1})
        socket.expect("t")

        self.assert_nothing_waits(bob)


class Limits(WsTest):
    # Fewer than may be opened at once.
    CONNECTIONS = 5

    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {
            "max_connections_per_user": cls.CONNECTIONS}})

    def test_oldest_connection_of_a_user_gives_way(self):
        bob = self.user()
        sockets = [self.opened(bob) for _ in range(self.CONNECTIONS)]
        others = self.opened()

        newest = self.opened(bob)

        self.assert_closed(sockets[0], 4409)
        for socket in sockets[1:] + [newest, others]:
            socket.send_json({"type": "ping"})
            socket.expect("pong")
        self.opened(bob)
        self.assert_closed(sockets[1], 4409)

    def test_head_that_never_ends_is_431_or_400(self):
        data, _ = raw_exchange(
            self.stack.port,
            b"GET /connect HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nX-Long: " + b"x" * 40000 + b"\r\n\r\n")

        self.assertIn(statuses(data)[0], (400, 431))


class Small(WsTest):
    """A stack whose limits are small enough to run into."""

    @classmethod
    def make_stack(cls):
        return new_stack({
            "auth": {"leeway_seconds": 0},
            "websocket": {"max_connections": 12, "max_queue_bytes": 65536,
                          "max_connections_per_user": 2}})

    def connect(self, user, *arguments, **how):
        """Connections of an earlier test may still be on their way out."""
        def try_it():
            try:
                return super(Small, self).connect(user, *arguments, **how)
            except Refused as refused:
                self.assert_error(refused.response, 503, "overloaded")
                return None
        return wait_for(try_it, "room for a connection")

    def come_shortly(self, come):
        """come(user) for one whose token ends soon; not after its end."""
        for seconds in LIVES_S:
            name = self.user().name
            short = User(self.stack, name, self.stack.token(name, seconds))
            try:
                return come(short)
            except Refused as refused:
                self.assert_error(refused.response, 401)
        self.fail(f"nobody comes in within {LIVES_S[-1]} s")

    def test_connection_ends_when_its_token_does(self):
        socket = self.come_shortly(
            lambda user: self.open(headers={"Authorization": "Bearer " +
                                            user.token}))
        socket.expect("connected")

        self.assert_closed(socket, 4401)

    def test_connection_goes_on_with_a_new_token(self):
        users = []

        def come(user):
            users[:] = [user]
            return self.open(headers={"Authorization": "Bearer " + user.token})
        socket = self.come_shortly(come)
        left = socket.expect("connected")["expiresInSeconds"]
        self.assertLessEqual(left, LIVES_S[-1])
        self.assertLessEqual(socket.expect("expiring")["inSeconds"], left)
        user = users[0]

        def refresh(token, answer):
            socket.send_json({"type": "refresh", "ref": "r", "token": token})
            said = socket.expect(answer)
            self.assertEqual(said["ref"], "r")
            return said
        self.assertEqual(refresh(self.user().token, "error")["code"],
                         "forbidden")
        self.assertEqual(refresh("x", "error")["code"], "unauthorized")
        self.assertGreater(
            refresh(self.stack.token(user.name), "refreshed")
            ["expiresInSeconds"], 3500)
        self.assertEqual(refresh("x", "error")["code"], "rate_limited")
        end = time.monotonic() + left + 1
        wait_for(lambda: time.monotonic() > end, "the first token has ended")
        socket.send_json({"type": "ping"})
        socket.expect("pong")

    def test_ticket_carries_the_expiry_of_its_token(self):
        def come(user):
            answer = user.call("POST", "/api/ticket")
            if answer.status != 201:
                raise Refused(answer)
            return self.open("/connect?ticket=" + answer.json()["ticket"])
        socket = self.come_shortly(come)
        socket.expect("connected")

        self.assert_closed(socket, 4401)

    def test_instance_limit_is_503_before_the_upgrade(self):
        wait_for(lambda: self.count() == 0, "all connections to end")
        sockets = [self.opened() for _ in range(12)]
        token = {"Authorization": "Bearer " + self.user().token}

        self.assert_refused(503, headers=token)
        sockets[0].close()

        def free():
            try:
                return self.open(headers=token).expect("connected")
            except Refused as refused:
                self.assert_error(refused.response, 503)
                return None
        wait_for(free, "a free place")

    def count(self, urn="*"):
        """Registered connections, of this user or of all."""
        with self.stack.redis() as redis:
            return sum(redis("HLEN", key) for key in redis(
                "KEYS", "wp:*:online:" + urn))

    def test_slow_reader_is_closed_and_nobody_else_suffers(self):
        bob, carol = self.user(), self.user()
        slow = self.connect(bob, receive_buffer=4096)
        slow.expect("connected")
        quick = self.opened(carol)
        blob = json.dumps({"type": "n", "payload": "x" * 30000})
        with self.stack.redis() as redis:
            for i in range(2000):
                redis("PUBLISH", "user_noti:" + bob.name, blob)
                if i % 100 == 0:
                    redis("PUBLISH", "user_noti:" + carol.name,
                          json.dumps({"type": "n", "payload": i}))
                    self.assertEqual(quick.expect("n")["payload"], i)
                # The close frame waits for its reader, but not for ever.
                if self.count(bob.urn) == 0:
                    break

        self.assertEqual(slow.wait_closed(PATIENCE_S), 1013)
        quick.send_json({"type": "ping"})
        quick.expect("pong")

    def test_stop_of_the_daemon_is_1012(self):
        sockets = [self.opened() for _ in range(4)]

        self.stack.programs["websocket-0"].signal(signal.SIGTERM)

        for socket in sockets:
            self.assert_closed(socket, 1012)
        self.assertEqual(self.stack.programs["websocket-0"].stop(), 0)
        self.stack.programs["websocket-0"].start()
        self.stack.wait_ready()


class Silence(WsTest):
    """Short clocks: who says nothing is asked, and then dropped."""

    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"ping_interval_ms": 300,
                                        "idle_timeout_ms": IDLE_MS}})

    def test_server_pings_and_a_living_peer_stays(self):
        socket = self.opened()
        started = time.monotonic()

        while time.monotonic() - started < 2 * IDLE_MS / 1000:
            socket.recv(0.2)

        self.assertGreaterEqual(socket.pings, 4)
        socket.send_json({"type": "ping"})
        socket.expect("pong")

    def test_silent_peer_is_dropped(self):
        bob = self.user()
        socket = self.connect(bob, answer_pings=False)
        socket.expect("connected")

        self.assertIsNotNone(socket.wait_closed(PATIENCE_S))
        wait_for(lambda: self.presence(bob) == "offline", "offline")

    def test_daemon_that_was_stopped_does_not_blame_its_clients(self):
        sockets = [self.opened() for _ in range(4)]
        daemon = self.stack.programs["websocket-0"]
        daemon.signal(signal.SIGSTOP)
        try:
            deadline = time.monotonic() + IDLE_MS / 1000 + 1
            while time.monotonic() < deadline:
                for socket in sockets:
                    socket.send_json({"type": "ping"})
                time.sleep(0.2)
        finally:
            daemon.signal(signal.SIGCONT)
        for socket in sockets:
            socket.expect("pong")
            socket.send_json({"type": "chat"})
            socket.expect("error")  # it is still this connection

    def presence(self, user):
        answer = user.call("GET", "/api/presence?users=" + user.urn)
        return answer.json()["users"][0]["status"]


class TwoDaemons(WsTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"max_connections_per_user": 3}},
                         websockets=2)

    def test_user_is_poked_and_notified_on_every_daemon(self):
        bob = self.user()
        sockets = [self.opened(bob) for _ in range(3)]
        instances = {key for key in self.redis_keys("wp:*:at:*")}
        self.assertGreaterEqual(len(instances), 2)

        self.assert_accepted(self.user().send(bob))
        with self.stack.redis() as redis:
            redis("PUBLISH", "user_noti:" + bob.urn,
                  '{"type":"t","payload":1}')

        for socket in sockets:
            kinds = set()
            while kinds != {"poke", "t"}:
                kinds.add(socket.recv_json()["type"])
                self.assertLessEqual(kinds, {"poke", "t"})

    def test_limit_of_a_user_holds_across_daemons(self):
        bob = self.user()
        sockets = [self.opened(bob) for _ in range(3)]
        time_ordered = list(sockets)

        for _ in range(3):
            newest = self.opened(bob)
            self.assert_closed(time_ordered.pop(0), 4409)
            time_ordered.append(newest)
        for socket in time_ordered:
            socket.send_json({"type": "ping"})
            socket.expect("pong")


