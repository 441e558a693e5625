"""One key, one message: also when the repeat meets the first attempt."""
import os
import signal
import threading

from harness import E2eTest, SLOWNESS, in_threads, new_stack, wait_for

RACERS, ROUNDS = 8, 15


class Racing(E2eTest):
    """Two handler processes; which of them runs is up to the test."""
    timeout_s = 120

    @classmethod
    def make_stack(cls):
        return new_stack({"handlers": {"processes": 2, "threads": RACERS}})

    def children(self):
        parent = self.stack.programs["handlers"].pid
        with open(f"/proc/{parent}/task/{parent}/children",
                  encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def held_back(self):
        """Clients whose commands wait for the pause to end."""
        with self.stack.redis() as redis:
            clients = redis("CLIENT", "LIST").decode().splitlines()
        return {client.split(" ", 1)[0] for client in clients
                if "b" in client.split(" flags=")[1].split()[0]
                and "cmd=evalsha" in client}

    def attempts(self):
        """How many of the handlers' commands wait for the end of the pause."""
        return len(self.held_back() - self.others_held)

    def pause(self):
        with self.stack.redis() as redis:
            redis("CLIENT", "PAUSE", 60000 * SLOWNESS, "WRITE")
        self.addCleanup(self.unpause)
        # Sent before, and read now: those of the worker and the daemon.
        self.others_held = self.held_back()

    def unpause(self):
        with self.stack.redis() as redis:
            redis("CLIENT", "UNPAUSE")

    def quiet_worker(self):
        """No scripts but those of the handlers wait for the end of a pause."""
        for name in ("worker-0", "websocket-0"):
            self.freeze(self.stack.programs[name].pid)

    def keeps_connections(self):
        """Has the web server connections to the handlers?"""
        path = self.stack.socket_path("handlers.sock")
        with open("/proc/net/unix", encoding="utf-8") as file:
            rows = [line.split() for line in file]
        connected = "03"
        return any(row[-1] == path and row[5] == connected for row in rows)

    def wake_worker(self):
        self.stack.programs["worker-0"].signal(signal.SIGCONT)
        self.stack.programs["websocket-0"].signal(signal.SIGCONT)

    def test_many_at_once_are_one_message(self):
        bob = self.user()
        alices = [self.user() for _ in range(RACERS)]
        for alice in alices:
            alice.token, alice.urn = alices[0].token, alices[0].urn
        ids = []
        for number in range(ROUNDS):
            headers = {"Idempotency-Key": f"race-{number}"}
            answers = in_threads([
                lambda a=alice: a.send(bob, b"%d" % number, headers)
                for alice in alices])
            ids.append({self.assert_accepted(one) for one in answers})

        self.assertEqual([len(one) for one in ids], [1] * ROUNDS)
        self.assertEqual(self.message_ids(bob, ROUNDS),
                         [one.pop() for one in ids])

    def test_repeat_on_another_process_meets_the_first_attempt(self):
        alice, again, bob = self.user(), self.user(), self.user()
        again.token = alice.token
        headers = {"Idempotency-Key": "meets"}
        wait_for(lambda: len(self.children()) == 2, "two processes")
        first, second = self.children()
        self.quiet_worker()
        # Or the first attempt might go to the second process.
        wait_for(lambda: not self.keeps_connections(), "none is kept")
        self.pause()
        answers = {}

        def attempt(name, user):
            answers[name] = user.send(bob, b"once", headers)
        threads = [threading.Thread(target=attempt, args=pair, daemon=True)
                   for pair in (("first", alice), ("second", again))]
        # Both attempts are on their way to Redis before either is answered.
        self.freeze(second)
        threads[0].start()
        wait_for(lambda: self.attempts() == 1, "the first attempt is there")
        self.freeze(first)
        self.thaw(second)
        threads[1].start()
        wait_for(lambda: self.attempts() == 2, "the second attempt is there")
        self.thaw(first)
        self.unpause()
        for thread in threads:
            thread.join(30 * SLOWNESS)
        self.wake_worker()

        ids = {self.assert_accepted(answers[name])
               for name in ("first", "second")}
        self.assertEqual(len(ids), 1)
        self.assertEqual(self.message_ids(bob, 1), list(ids))

    def test_repeat_after_the_first_process_was_killed(self):
        alice, bob = self.user(), self.user()
        headers = {"Idempotency-Key": "killed"}
        self.quiet_worker()
        self.pause()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            alice.send(bob, b"once", headers)), daemon=True)
        thread.start()
        wait_for(lambda: self.attempts() == 1, "the first attempt is there")
        for pid in self.children():
            os.kill(pid, signal.SIGKILL)
        thread.join(30 * SLOWNESS)
        self.assertIn(answers[0].status, (502, 503))
        self.unpause()
        self.wake_worker()

        def repeat():
            answer = alice.send(bob, b"once", headers)
            return answer if answer.status == 202 else None
        message_id = self.assert_accepted(wait_for(repeat, "202"))
        self.assertEqual(self.message_ids(bob, 1), [message_id])

    def test_key_is_known_across_a_crash_of_the_worker(self):
        alice, bob = self.user(), self.user()
        headers = {"Idempotency-Key": "crash"}

        def send():
            return self.assert_accepted(alice.send(bob, b"once", headers))
        self.stack.kill("worker-0")
        message_id = send()
        self.assertEqual(send(), message_id)
        self.stack.restart("worker-0")
        self.assertEqual(self.message_ids(bob, 1), [message_id])
        self.stack.kill("worker-0")
        self.assertEqual(send(), message_id)
        self.stack.restart("worker-0")
        self.settle(bob)
        self.assertEqual(self.message_ids(bob, 1), [message_id])
        self.assert_status(bob.ack([message_id]), 204)

        self.assertEqual(send(), message_id)
        self.settle(bob)
        self.assert_nothing_waits(bob)
