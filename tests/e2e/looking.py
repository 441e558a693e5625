"""What tests of `waypost doctor` stand on: a stack to break, and a look."""
import json
import os
import subprocess

from harness import SLOWNESS, E2eTest, new_stack


def environ(stack, **more):
    return {**stack.base_env, "JWT_SECRET": stack.jwt_secret,
            "STORE_SECRET": stack.store_secret, **more}


class Looking(E2eTest):
    """A stack of its own, for nothing in it stays as it was."""

    @classmethod
    def make_stack(cls):
        return new_stack()

    def run_doctor(self, *words, before=(), config=True, cwd=None, inside=(),
                   **env):
        """inside: a command that runs the doctor, whose words follow it."""
        config = ["--config", self.stack.path("waypost.yaml")] if config else []
        return subprocess.run(
            [*inside, os.path.join(self.stack.build, "waypost"), *config,
             *before, "doctor", *words], cwd=cwd,
            env=environ(self.stack, **env), capture_output=True, text=True,
            timeout=90 * SLOWNESS, check=False)

    def look(self, *words, **how):
        """{id: the rows that say it}"""
        done = self.run_doctor("--json", *words, **how)
        self.assertEqual(done.stderr, "")
        said = json.loads(done.stdout)
        self.assertEqual(sorted(said), ["checks", "fail", "ok", "skip",
                                        "warn"])
        self.assertEqual(done.returncode, 1 if said["fail"] else 0)
        rows = {}
        for row in said["checks"]:
            self.assertIn(row["result"], ("ok", "warn", "fail", "skip"))
            self.assertNotIn(self.stack.jwt_secret, row["text"])
            rows.setdefault(row["id"], []).append(row)
        return rows

    def assert_says(self, rows, name, result, part, advice=True):
        with self.subTest(name):
            found = [row for row in rows.get(name, [])
                     if row["result"] == result and part in row["text"]]
            self.assertTrue(found, rows.get(name))
            # Who is told what is wrong is told what to do.
            self.assertEqual("advice" in found[0], advice, found)
