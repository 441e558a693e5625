#!/usr/bin/python3
"""Run the stack of one tree for a benchmark, until standard input ends.

usage: bench/serve.py TREE STATE < OPTIONS…

The first line of standard input is JSON: options of that tree's devkit.stack.
One line of JSON on standard output tells where it is. A process of its own, so
that an earlier tree runs with its own web-config and devkit.
"""
import json
import os
import sys


def main():
    tree, state = sys.argv[1:3]
    sys.path.insert(0, os.path.join(tree, "tools"))
    from devkit import stack as kit
    options = json.loads(sys.stdin.readline())
    # An earlier tree has none; some benchmarks are about them.
    if hasattr(kit, "no_limits"):
        options["config"].setdefault("limits", kit.no_limits())
    stack = kit.Stack(state, build=os.path.join(tree, "build", "release"),
                      **options)
    stack.start()
    try:
        print(json.dumps({
            "port": stack.port, "jwt_secret": stack.jwt_secret,
            "redis": stack.redis_socket, "state": stack.state,
            "websocket": stack.socket_path("websocket-0.sock"),
            "handlers": stack.socket_path("handlers.sock"),
            "programs": {name: program.pid
                         for name, program in stack.programs.items()},
        }), flush=True)
        sys.stdin.read()
    finally:
        stack.stop()


if __name__ == "__main__":
    main()
