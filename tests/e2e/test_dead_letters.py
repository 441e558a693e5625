"""What an operator does about dead letters, by `waypost dlq`."""
import fcntl
import json
import os
import struct
import subprocess
import termios

from harness import (E2eTest, end_stack, envelope, new_stack, open_terminal,
                     wait_for)

KEPT = 10

# Ids never go back; this one was given while the clock was far ahead.
AHEAD = "99999999999999-1"


class DeadLetters(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"mailbox": {"max_rejected": KEPT,
                                      "max_rejected_bytes": 65536}})

    @classmethod
    def tearDownClass(cls):
        complaints = end_stack(cls.stack)
        assert not complaints, complaints

    def command(self, *words):
        return subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), *words],
            env=self.stack.base_env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
            timeout=60, check=False)

    def waypost(self, *words):
        done = self.command(*words)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def test_nothing_is_not_sent(self):
        done = self.command("send", "--to", "bob", "--data", "-")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--data: there is nothing in it", done.stderr)

    def bury(self, text, *at):
        with self.stack.redis() as redis:
            for entry in at:
                redis("XADD", "wp:inbox:dlq", entry, "id", entry, "reason",
                      "why", "tries", "1", "at", "1", "envelope", text)

    def count(self):
        with self.stack.redis() as redis:
            return redis("XLEN", "wp:inbox:dlq")

    def test_all_are_all_whatever_the_clock_says(self):
        bob = self.user()
        text = json.dumps(envelope(bob.urn, b"second chance"))

        self.bury(text, "*", AHEAD)
        self.assertEqual(self.waypost("dlq", "drop", "--all", "--yes"),
                         "2 dropped\n")
        self.assertEqual(self.count(), 0)

        later = "99999999999999-2"
        self.bury(text, later)
        self.assertIn("requeued", self.waypost("dlq", "requeue", "--all"))
        self.assertEqual(self.count(), 0)
        self.messages(bob, 1)

    def letters(self):
        with self.stack.redis() as redis:
            found = redis("XRANGE", "wp:inbox:dlq", "-", "+")
        return [dict(zip(flat[::2], flat[1::2])) for _, flat in found]

    def refuse(self, *texts):
        """Hand in what is refused; entries, when all have been read."""
        with self.stack.redis() as redis:
            entries = [redis("XADD", "wp:inbox", "*", "envelope", text)
                       for text in texts]
            wait_for(lambda: redis("XLEN", "wp:inbox") == 0, "all are read")
        return entries

    def test_the_refused_are_kept_in_a_bounded_room(self):
        entries = self.refuse(*["no json"] * (3 * KEPT))

        self.assertEqual([letter[b"id"] for letter in self.letters()],
                         entries[-KEPT:])

        # What alone is larger than the room: only that, and why.
        entry, = self.refuse("x" * 100000)
        letter = self.letters()[-1]
        self.assertEqual(letter[b"id"], entry)
        self.assertNotIn(b"envelope", letter)
        self.assertIn(b"reason", letter)
        self.waypost("dlq", "drop", "--all", "--yes")

    # ---- for whom a list is written ----

    def on_terminal(self, columns, *words, **env):
        """What it prints to a terminal of so many columns."""
        ours, its = open_terminal()
        try:
            fcntl.ioctl(its, termios.TIOCSWINSZ,
                        struct.pack("HHHH", 24, columns, 0, 0))
            said = subprocess.run(
                [os.path.join(self.stack.build, "waypost"), "--config",
                 self.stack.path("waypost.yaml"), *words],
                env={**self.stack.base_env, "TERM": "xterm", **env},
                stdin=subprocess.DEVNULL, stdout=its, stderr=subprocess.PIPE,
                timeout=60, check=False)
            self.assertEqual((said.returncode, said.stderr), (0, b""))
            return os.read(ours, 65536).decode().replace("\r\n", "\n")
        finally:
            os.close(ours)
            os.close(its)

    def test_programs_get_tabs_and_people_a_table(self):
        self.bury("no json", "*")
        with self.stack.redis() as redis:
            [[entry, _]] = redis("XRANGE", "wp:inbox:dlq", "-", "+")
        name = "inbox/" + entry.decode()
        self.addCleanup(self.waypost, "dlq", "drop", "--all", "--yes")
        self.assertEqual(
            self.waypost("dlq", "list"),
            name + "\t-\t1970-01-01T00:00:00.001Z\t1\twhy\n")
        title, row = self.on_terminal(120, "dlq", "list",
                                      NO_COLOR="1").splitlines()
        self.assertEqual(title.split(),
                         ["ID", "MESSAGE", "TIME", "TRIES", "REASON"])
        self.assertRegex(row, f"^{name}  -        "
                              r"\d+d \d+h ago      1  why$")
        coloured = self.on_terminal(120, "dlq", "list", "--utc")
        self.assertTrue(coloured.startswith("\x1b[1mID\x1b[0m  "), coloured)
        self.assertIn(" 1970-01-01T00:00:00.001Z ", coloured)
        for line in self.on_terminal(30, "dlq", "list",
                                     NO_COLOR="1").splitlines():
            self.assertLessEqual(len(line), 30)
