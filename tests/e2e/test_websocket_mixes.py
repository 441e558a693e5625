"""Many frames at once, of all kinds: nobody dies, every answer comes, and what
was sent is accepted in its order - also beyond 32 unanswered frames."""
import json
import random

from devkit.websocket import CONTINUATION, PING, TEXT, encode_frame
from harness import E2eTest, PATIENCE_S, envelope

FOREIGN_ID = "0190a3c1-7e2b-7f4a-8c3d-1b2a3c4d5e6f"
ACK_NOTHING = {"type": "ack", "messageIds": []}


def text(value):
    return encode_frame(TEXT, json.dumps(value).encode())


class Mixes(E2eTest):
    def opened(self, user=None):
        socket = self.connect(user or self.user())
        socket.expect("connected")
        return socket

    def send(self, ref, recipient):
        return text({"type": "send", "ref": ref,
                     "envelope": envelope(recipient.urn, b"%d" % ref)})

    def answers(self, socket, expected):
        """As many answers as expected has, by what they are."""
        seen = {kind: [] for kind in expected}
        while any(len(seen[kind]) < n for kind, n in expected.items()):
            answer = socket.recv_json(PATIENCE_S)
            self.assertIsNotNone(answer, f"expected {expected}, saw " + str(
                {kind: len(answers) for kind, answers in seen.items()}))
            if answer["type"] in ("poke", "connected"):
                continue
            self.assertIn(answer["type"], seen, answer)
            seen[answer["type"]].append(answer)
        return seen

    def assert_alive(self, *sockets):
        for socket in sockets:
            socket.send_json({"type": "ping"})
            socket.expect("pong")

    def test_ack_of_nothing_before_forty_sends_in_one_write(self):
        bob, bystander = self.user(), self.opened()
        socket = self.opened()

        socket.send_raw(text(ACK_NOTHING) + b"".join(
            self.send(i, bob) for i in range(40)))

        seen = self.answers(socket, {"acked": 1, "accepted": 40})
        self.assertEqual([answer["ref"] for answer in seen["accepted"]],
                         list(range(40)))
        self.assertEqual(self.message_ids(bob, 40),
                         [answer["id"] for answer in seen["accepted"]])
        self.assert_alive(socket, bystander)

    def test_acks_of_nothing_between_sends(self):
        bob = self.user()
        socket = self.opened()
        for every in (1, 2, 5, 31, 32, 33):
            n = 70
            frames = []
            for i in range(n):
                frames.append(self.send(i, bob))
                if i % every == 0:
                    frames.append(text(ACK_NOTHING))
            socket.send_raw(b"".join(frames))
            seen = self.answers(socket, {"acked": -(-n // every),
                                         "accepted": n})
            self.assertEqual([answer["ref"] for answer in seen["accepted"]],
                             list(range(n)))

    def draw(self, rng, bob, expected):
        """One random frame; expected learns what it is answered with."""
        def answered(kind, data):
            expected[kind] = expected.get(kind, 0) + 1
            return data

        kind = rng.choice(("send", "send", "send", "nothing", "foreign", "bad",
                           "chat", "ping", "unknown", "control", "pieces"))
        if kind == "send":
            ref = expected.get("accepted", 0)
            return answered("accepted", self.send(ref, bob))
        if kind == "nothing":
            return answered("acked", text(ACK_NOTHING))
        if kind == "foreign":
            return answered("acked", text({"type": "ack",
                                           "messageIds": [FOREIGN_ID]}))
        if kind == "bad":
            return answered("error", text({"type": "ack",
                                           "messageIds": ["x"]}))
        if kind == "chat":
            return text({"type": "chat", "chatId": rng.choice(("a", None))})
        if kind == "ping":
            return answered("pong", text({"type": "ping"}))
        if kind == "unknown":
            return answered("error", text({"type": "nonsense"}))
        if kind == "control":
            return encode_frame(PING, b"x" * rng.randrange(126))
        return answered("pong", encode_frame(TEXT, b'{"type":', fin=False) +
                        encode_frame(PING, b"between") +
                        encode_frame(CONTINUATION, b'"ping"}'))

    def test_random_mixes_whole_and_in_pieces(self):
        bystander = self.opened()
        for seed in range(24):
            with self.subTest(seed=seed):
                rng, expected = random.Random(seed), {}
                bob, socket = self.user(), self.opened()
                data = b"".join(self.draw(rng, bob, expected)
                                for _ in range(rng.randrange(40, 160)))
                largest = rng.choice((len(data), 4000, 200, 40))
                while data:
                    n = rng.randint(1, largest)
                    socket.send_raw(data[:n])
                    data = data[n:]
                seen = self.answers(socket, expected)
                sent = seen.get("accepted", [])
                self.assertEqual([answer["ref"] for answer in sent],
                                 list(range(len(sent))))
                self.assertEqual(self.message_ids(bob, len(sent)),
                                 [answer["id"] for answer in sent])
                self.assert_alive(socket)
        self.assert_alive(bystander)

    def test_leaving_with_frames_unanswered_harms_nobody(self):
        bob, bystander = self.user(), self.opened()
        for n in (1, 31, 32, 33, 90):
            socket = self.opened()
            socket.send_raw(b"".join(self.send(i, bob) + text(ACK_NOTHING)
                                     for i in range(n)))
            socket.abort()
        self.assert_alive(bystander)
