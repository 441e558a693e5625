"""No start changes what is stored; an operator does, when nobody goes back."""
import contextlib
import json
import os
import sqlite3
import subprocess

from harness import SLOWNESS, E2eTest, new_stack, wait_for

# What version 5 of the store's tables does not have.
TO_VERSION_5 = """
    ALTER TABLE push_token DROP COLUMN code_s;
    ALTER TABLE push_token DROP COLUMN tries;
    DROP TABLE push_letter;
    PRAGMA user_version = 5;
"""


class Upgrade(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    def upgrade(self, *words, status=0):
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "upgrade", *words],
            env=self.stack.base_env, capture_output=True, text=True,
            timeout=30 * SLOWNESS, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr if status else done.stdout

    def sql(self, text):
        with contextlib.closing(
                sqlite3.connect(self.stack.path("waypost.db"))) as store:
            store.executescript(text)

    def version(self):
        with contextlib.closing(
                sqlite3.connect(self.stack.path("waypost.db"))) as store:
            return store.execute("PRAGMA user_version").fetchone()[0]

    def test_tables_of_before_stay_until_an_operator_says_so(self):
        alice, bob = self.user(), self.user()
        sent = self.assert_accepted(alice.send(bob))
        wait_for(lambda: self.is_cold(bob), "migration")
        newest = self.version()
        self.assertIn("as this Waypost makes them", self.upgrade("status"))
        for name in ("worker-0", "websocket-0", "handlers"):
            self.assertEqual(self.stack.programs[name].stop(), 0)
        self.sql(TO_VERSION_5)
        self.assert_all_refuse(self.run_beside, "waypost upgrade finish --yes")
        self.assertEqual(self.version(), 5)

        said = self.upgrade("status")
        self.assertIn("upgrade finish", said)
        self.assertEqual(json.loads(self.upgrade("status", "--json")), {
            "layout": 2, "storeTables": 5, "storeTablesNewest": newest})
        with self.stack.redis() as redis:
            redis("CLIENT", "SETNAME", "waypost-ws@0.0.9")
            self.assertIn("waypost-ws 0.0.9 is connected", self.upgrade(
                "finish", "--yes", status=1))
        self.assertEqual(self.version(), 5)
        self.assertIn(f"tables {newest} now", self.upgrade("finish", "--yes"))
        self.assertIn("already", self.upgrade("finish", "--yes"))
        self.assertEqual(self.version(), newest)
        for name in ("worker-0", "websocket-0", "handlers"):
            self.stack.programs[name].start()
        self.wait_all_ready()
        self.assertEqual(self.message_ids(bob, 1), [sent])

        # Now this release is the one that is too old.
        for name in ("worker-0", "websocket-0", "handlers"):
            self.assertEqual(self.stack.programs[name].stop(), 0)
        self.sql(f"PRAGMA user_version = {newest + 1}")
        self.assert_all_refuse(self.run_beside, "was made by a newer Waypost")
        self.sql(f"PRAGMA user_version = {newest}")
        for name in ("worker-0", "websocket-0", "handlers"):
            self.stack.programs[name].start()
        self.stack.wait_ready()
