"""run_mode production: an unfit Redis stops every program, by name of setting."""
import os
import subprocess

from harness import E2eTest, SLOWNESS, new_stack, scratch, wait_for

UNFIT = (
    ("maxmemory-policy", "allkeys-lru"),
    ("maxmemory-policy", "volatile-ttl"),
    ("appendfsync", "no"),
    ("no-appendfsync-on-rewrite", "yes"),
    ("stream-node-max-bytes", "4096"),
    ("appendonly", "no"),
)
PROGRAMS = {
    "waypost-handlers": {"WAYPOST_HANDLERS_LISTEN": "handlers"},
    "waypost-worker": {"WAYPOST_WORKER_METRICS_LISTEN": "worker"},
    "waypost-ws": {"WAYPOST_WEBSOCKET_LISTEN": "websocket"},
}


class Production(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    def start(self, name, *arguments, **env):
        """Run a program that is expected to end; (status, what it said)."""
        folder = scratch()
        listen = {key: f"unix:{folder}/{path}"
                  for key, path in PROGRAMS[name].items()}
        done = subprocess.run(
            [os.path.join(self.stack.build, name), "--config",
             self.stack.path("waypost.yaml"), *arguments],
            env={**self.stack.base_env, "WAYPOST_RUN_MODE": "production",
                 "JWT_SECRET": self.stack.jwt_secret,
                 "STORE_SECRET": self.stack.store_secret, **listen, **env},
            capture_output=True, text=True, timeout=30 * SLOWNESS,
            check=False)
        return done.returncode, done.stderr

    def test_unfit_redis_is_refused_with_the_setting_to_change(self):
        for setting, value in UNFIT:
            with self.stack.redis() as redis:
                fit = redis("CONFIG", "GET", setting)[1]
                redis("CONFIG", "SET", setting, value)
            for name in PROGRAMS:
                for arguments in ([], ["--check"]):
                    with self.subTest(f"{name} {arguments} {setting}"):
                        status, said = self.start(name, *arguments)
                        self.assertEqual(status, 1, said)
                        self.assertIn(setting, said.splitlines()[-1])
            with self.stack.redis() as redis:
                redis("CONFIG", "SET", setting, fit)
        # Until its new file is written Redis does not obey SIGTERM.
        wait_for(self.is_file_written, "the append-only file")

    def is_file_written(self):
        with self.stack.redis() as redis:
            state = redis("INFO", "persistence").decode().splitlines()
        return {"aof_rewrite_in_progress:0",
                "aof_rewrite_scheduled:0"} <= set(state)

    def test_fit_redis_passes(self):
        for name in PROGRAMS:
            self.assertEqual(self.start(name, "--check")[0], 0, name)

    def test_missing_secrets_are_refused(self):
        for name in PROGRAMS:
            status, said = self.start(name, "--check", STORE_SECRET="")
            self.assertEqual(status, 1, said)
            self.assertIn("store_secret", said.splitlines()[-1])
