"""What a crowd of connections at a daemon of its own needs."""
import argparse
import base64
import os
import resource
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from devkit.process import adopt_orphans  # noqa: E402
from devkit.stack import Stack, no_limits  # noqa: E402

DAEMON = "websocket-0"


def request(token):
    """What a member says first."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET /connect HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n").encode()


def parser(doc, connections):
    """Of the options that all such programs have."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("--connections", type=int, default=connections)
    made.add_argument("--build", default=None)
    return made


def run(options, measure, **websocket):
    """measure(stack, options), with these settings and no limits.

    Returns: what it returns
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    adopt_orphans()  # a successor is stopped with the rest
    with tempfile.TemporaryDirectory(prefix="wpb") as folder:
        stack = Stack(os.path.join(folder, "s"), build=options.build, config={
            "limits": no_limits(), "push": {"enabled": False},
            "websocket": {"max_connections": options.connections + 10,
                          **websocket}})
        stack.start()
        try:
            return measure(stack, options)
        finally:
            stack.stop()
