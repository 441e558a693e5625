"""Programs that are started with descriptors 0 to 2 closed, or with few."""
import os
import subprocess

from harness import E2eTest, end_stack, new_stack

PROGRAMS = ("worker-0", "websocket-0", "handlers")


class Closed(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    @classmethod
    def tearDownClass(cls):
        complaints = end_stack(cls.stack)
        assert not complaints, complaints

    def processes(self, name):
        parent = self.stack.programs[name].pid
        with open(f"/proc/{parent}/task/{parent}/children",
                  encoding="ascii") as file:
            return [parent] + [int(word) for word in file.read().split()]

    def restart_closed(self, name):
        program = self.stack.programs[name]
        program.argv = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh",
                        *program.argv]
        self.stack.restart(name)

    def test_nothing_of_ours_takes_the_place_of_standard_error(self):
        for name in PROGRAMS:
            self.restart_closed(name)
        self.stack.wait_ready()
        alice, bob = self.user(), self.user()
        socket = self.connect(bob)
        socket.expect("connected")
        self.assert_accepted(alice.send(bob))
        socket.expect("poke")

        for name in PROGRAMS:
            for pid in self.processes(name):
                for number in range(3):
                    with self.subTest(program=name, number=number):
                        self.assertEqual(
                            os.readlink(f"/proc/{pid}/fd/{number}"),
                            "/dev/null")


class Few(E2eTest):
    def handlers(self, limit, threads, *words):
        """The program's command line under ulimit."""
        argv = self.stack.programs["handlers"].argv
        return ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *argv,
                "--threads", str(threads), *words]

    def check(self, limit, threads):
        return subprocess.run(
            self.handlers(limit, threads, "--check"), check=False,
            env=self.stack.programs["handlers"].env, timeout=60,
            capture_output=True, text=True)

    def test_threads_that_do_not_fit_the_limit_are_refused(self):
        done = self.check("-n 100", 100)

        self.assertEqual(done.returncode, 1, done)
        self.assertIn("handlers.threads", done.stderr)
        self.assertIn("the limit is 100;", done.stderr)

    def test_limit_is_raised_where_that_may_be(self):
        for threads in (1, 1024):
            done = self.check("-Sn 30", threads)

            self.assertEqual(done.returncode, 0, done)
