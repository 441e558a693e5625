"""A Prometheus asks a stack that runs under load, and is asked in its turn: do
the rules and the dashboard find what they look for?

usage: make test-monitoring (needs Debian's prometheus)
"""
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tools")]

from devkit.process import Program  # noqa: E402
from devkit.stack import Stack, free_port, no_limits  # noqa: E402
from devkit.user import User  # noqa: E402

JOBS = {"handlers": "waypost-handlers", "worker-0": "waypost-worker",
        "websocket-0": "waypost-ws", "notifier-0": "waypost-notifier"}
LOAD_S = 30
RULES = os.path.join(ROOT, "packaging", "prometheus")


def door_for(stack):
    """Programs of a stack listen on sockets, and Prometheus wants an address:
    GET /<program> of what this returns."""
    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = stack.metrics(self.path.strip("/")).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    door = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    return door


def write_config(folder, port):
    jobs = "".join(
        f"  - job_name: {job}\n    metrics_path: /{program}\n"
        f"    static_configs: [{{ targets: ['127.0.0.1:{port}'] }}]\n"
        for program, job in JOBS.items())
    path = os.path.join(folder, "prometheus.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("global: { scrape_interval: 1s, evaluation_interval: 1s }\n"
                   f"rule_files: ['{RULES}/slo.yml', '{RULES}/alerts.yml']\n"
                   f"scrape_configs:\n{jobs}")
    return path


def answers(address):
    try:
        with urllib.request.urlopen(address + "/-/ready", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def prometheus_for(folder, config):
    address = f"127.0.0.1:{free_port()}"
    return f"http://{address}", Program(
        "prometheus", [shutil.which("prometheus"), f"--config.file={config}",
                       f"--storage.tsdb.path={folder}/tsdb",
                       f"--web.listen-address={address}"],
        dict(os.environ), folder, os.path.join(folder, "prometheus.log"),
        lambda: answers(f"http://{address}"))


def put_load_on(stack):
    """Each way in and out, for long enough to have rates."""
    alice, bob, away = (User(stack, name) for name in ("alice", "bob", "away"))
    socket = bob.connect()
    socket.expect("connected")
    end = time.monotonic() + LOAD_S
    while time.monotonic() < end:
        for to in (bob, away):
            assert alice.send(to).status == 202
        ids = [message["id"] for message in bob.pull().json()["messages"]]
        assert not ids or bob.ack(ids).status == 204
        time.sleep(0.05)
    socket.abort()


def main():
    if shutil.which("prometheus") is None:
        print("SKIPPED: prometheus is not here (Debian: prometheus)")
        return 0
    subprocess.run(["promtool", "test", "rules", "alerts_test.yml",
                    "slo_test.yml"], cwd=RULES, check=True)
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(os.path.join(folder, "stack"),
                      os.environ.get("WEB", "nginx"),
                      build=os.environ.get("WAYPOST_E2E_BUILD"),
                      config={"limits": no_limits(), "push": {"enabled": True}})
        stack.start()
        door = door_for(stack)
        address, prometheus = prometheus_for(
            folder, write_config(folder, door.server_port))
        try:
            prometheus.start()
            put_load_on(stack)
            done = subprocess.run(
                [os.path.join(ROOT, "packaging", "grafana", "check.py"),
                 "--prometheus", address], check=False)
        finally:
            prometheus.stop()
            door.shutdown()
            stack.stop()
    print("monitoring:", "failed" if done.returncode else "passed")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
