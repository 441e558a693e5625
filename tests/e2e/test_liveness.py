"""The process lives, whatever its requests wait for."""
import signal
import threading

from harness import (E2eTest, SLOWNESS, User, end_stack, new_stack,
                     wait_for)

PULLS, PROBES = 100, 20
TOO_MUCH = 300 * 1024  # max_envelope_bytes and more


class Liveness(E2eTest):
    timeout_s = 120

    @classmethod
    def make_stack(cls):
        # Patient, so that nothing but Redis ends the wait.
        return new_stack({"redis": {"command_timeout_ms": 25000},
                          "handlers": {"threads": 4}})

    @classmethod
    def tearDownClass(cls):
        complaints = end_stack(cls.stack)
        assert not complaints, complaints

    def pull_all(self, users):
        """In threads; a list that fills with answers, and the threads."""
        answers = []
        threads = [threading.Thread(
            target=lambda u=user: answers.append(u.pull()), daemon=True)
            for user in users]
        for thread in threads:
            thread.start()
        return answers, threads

    def open_connections(self):
        """Of the web server to the handlers."""
        count = 0
        parent = self.stack.programs["handlers"].pid
        path = self.stack.socket_path("handlers.sock")
        with open(f"/proc/{parent}/net/unix", encoding="ascii") as file:
            for line in file:
                words = line.split()
                count += words[-1] == path and words[5] in ("02", "03")
        return count

    def test_healthz_does_not_wait_for_a_redis_that_answers_nobody(self):
        users = [self.user() for _ in range(PULLS)]
        for user in users[:8]:
            self.assert_status(user.pull(), 200)
        stranger = User(self.stack, "stranger", "a.b.c")
        redis = self.stack.programs["redis"]
        redis.signal(signal.SIGSTOP)
        self.addCleanup(redis.signal, signal.SIGCONT)
        answers, threads = self.pull_all(users)
        wait_for(lambda: self.open_connections() >= PULLS, "all pulls wait")

        for _ in range(PROBES):
            answer = self.stack.http().request("GET", "/healthz")
            self.assert_status(answer, 200)
            self.assertEqual(answer.body, b"OK")
            self.assertIn("waypost_http_processes 2",
                          self.stack.metrics("handlers"))
            self.assert_error(self.stack.http().request("GET", "/api/none"),
                              404, "not_found")
            # Nor does what is refused before Redis is needed.
            self.assert_error(stranger.pull(), 401, "unauthorized")
            self.assert_error(users[0].pull(limit="x"), 400, "bad_request")
            self.assert_error(users[0].call("POST", "/api/send", "{"), 400,
                              "invalid_json")
            self.assert_error(users[0].send(users[1], "A" * TOO_MUCH), 413,
                              "payload_too_large")
        self.assertEqual(answers, [])

        redis.signal(signal.SIGCONT)
        for thread in threads:
            thread.join(60 * SLOWNESS)
        self.assertEqual([answer.status for answer in answers],
                         [200] * PULLS)
