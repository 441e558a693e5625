"""One client that writes without pause costs nobody else the service."""
import threading

from devkit.websocket import TEXT, encode_frame
from harness import E2eTest, envelope, new_stack

BLOCK = 1000  # frames per write
FRAMES = 1000000  # at least; more than Redis answers in its time
ROUNDS = 20  # of the bystander, at least


class Flood:
    """A connection that writes one frame again and again, and reads all."""

    def __init__(self, socket, text):
        self.socket = socket
        self.block = encode_frame(TEXT, text) * BLOCK
        self.frames = 0
        self.error = None
        self.is_over = False
        self.threads = [threading.Thread(target=work, daemon=True)
                        for work in (self.write, self.read)]
        for thread in self.threads:
            thread.start()

    def write(self):
        try:
            while not self.is_over:
                self.socket.send_raw(self.block)
                self.frames += BLOCK
        except OSError as error:
            self.error = error

    def read(self):
        try:
            while self.socket.discard_some():
                pass
        except OSError:
            pass

    def goes_on(self):
        return self.error is None and self.frames < FRAMES

    def end(self):
        self.is_over = True
        self.socket.hang_up()
        for thread in self.threads:
            thread.join()


class Floods(E2eTest):
    @classmethod
    def make_stack(cls):
        # Its log says whether presence was lost; nobody else writes there.
        return new_stack()

    def bystanders_go_on(self, text):
        bob = self.user()
        bystander = self.connect(self.user(), timeout_s=60)
        bystander.expect("connected")
        socket = self.connect(self.user("flooder"), timeout_s=60)
        socket.expect("connected")
        flood = Flood(socket, text)
        self.addCleanup(flood.end)
        rounds = 0

        while flood.goes_on() or rounds < ROUNDS:
            bystander.send_json({"type": "send", "ref": rounds,
                                 "envelope": envelope(bob.urn)})
            self.assertEqual(bystander.expect("accepted")["ref"], rounds)
            newcomer = self.connect(self.user())
            newcomer.expect("connected")
            newcomer.abort()
            rounds += 1

        self.assertIsNone(flood.error)
        for sentence in ("presence suspended", "redis lost",
                         "heartbeat unanswered"):
            self.assertNotIn(sentence, self.stack.read_log("websocket-0"))

    def test_of_chats(self):
        self.bystanders_go_on(b'{"type":"chat","chatId":"a"}')

    def test_of_pings(self):
        self.bystanders_go_on(b'{"type":"ping"}')

    def test_of_unknown_frames(self):
        self.bystanders_go_on(b'{"type":"x"}')

    def test_of_frames_that_are_no_json(self):
        self.bystanders_go_on(b'{')
