"""SIGHUP: good settings are taken, bad ones change nothing, and say so."""
import signal

from devkit.stack import to_yaml
from harness import PATIENCE_S, wait_for
from test_faults import FaultTest

REFUSED = "reload refused, nothing changed"
RELOADED = "settings reloaded"
PROGRAMS = ("handlers", "websocket-0", "worker-0")


class Reload(FaultTest):
    def write(self, text):
        with open(self.stack.path("waypost.yaml"), "w",
                  encoding="utf-8") as file:
            file.write(text)

    def setUp(self):
        with open(self.stack.path("waypost.yaml"), encoding="utf-8") as file:
            self.good = file.read()
        self.addCleanup(self.reload, RELOADED)
        self.addCleanup(self.write, self.good)

    def reload(self, said, programs=PROGRAMS):
        """SIGHUP for each; wait until it has said it."""
        for name in programs:
            before = self.stack.read_log(name).count(said)
            pid = self.stack.programs[name].pid
            self.stack.programs[name].signal(signal.SIGHUP)
            wait_for(lambda n=name, b=before:
                     self.stack.read_log(n).count(said) > b,
                     f"{name} says {said!r}")
            self.assertTrue(self.stack.programs[name].is_running())
            self.assertEqual(self.stack.programs[name].pid, pid)

    def change(self, **sections):
        """The good file with these settings besides."""
        lines = self.good.splitlines()
        for name, settings in sections.items():
            kept = [line for line in to_yaml({name: settings}).splitlines()
                    if line != name + ":"]
            at = lines.index(name + ":") + 1 if name + ":" in lines else None
            if at is None:
                lines += [name + ":"] + kept
            else:
                lines[at:at] = kept
        self.write("\n".join(lines) + "\n")

    def test_handlers_take_new_limits(self):
        alice, bob = self.user(), self.user()
        self.assert_accepted(alice.send(bob, "A" * 4000))
        self.change(mailbox={"max_envelope_bytes": 2000})

        self.reload(RELOADED, ["handlers"])

        # Processes are replaced one by one.
        wait_for(lambda: alice.send(bob, "A" * 4000).status == 413, "413")

    def test_daemon_takes_new_limits_and_keeps_its_connections(self):
        bob = self.user()
        first = self.connect(bob)
        first.expect("connected")
        self.change(websocket={"max_connections_per_user": 1})

        self.reload(RELOADED, ["websocket-0"])

        self.assert_accepted(self.user().send(bob))
        first.expect("poke")
        self.connect(bob).expect("connected")
        self.assertEqual(first.wait_closed(PATIENCE_S), 4409)

    def test_worker_takes_new_settings(self):
        bob = self.user()
        self.assert_accepted(self.user().send(bob))
        wait_for(lambda: self.is_cold(bob), "migration")
        self.assertEqual(self.redis_keys("wp:*:push"), [])
        self.change(push={"enabled": True})

        self.reload(RELOADED, ["worker-0"])

        self.assert_accepted(self.user().send(bob))
        wait_for(lambda: self.redis_keys("wp:*:push"), "a command")

    def test_bad_settings_change_nothing_and_are_told(self):
        bad = ("mailbox:\n  partitions: x\n", "nonsense: 1\n", "a: [\n",
               self.good.replace("  partitions: ", "  partitions: 1"))

        def disturb(pairs):
            for text in bad:
                self.write(text)
                self.reload(REFUSED)
            self.flows(pairs)
            self.assertEqual(self.failures(pairs), [])
        self.under_load(disturb)

    def test_reload_under_load_fails_nobody(self):
        def disturb(pairs):
            for _ in range(3):
                self.reload(RELOADED)
                self.flows(pairs)
            self.assertEqual(self.failures(pairs), [])
        self.under_load(disturb)
