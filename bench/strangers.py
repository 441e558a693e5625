#!/usr/bin/python3
"""How long somebody's mail waits for the disk behind a crowd of strangers.

usage: bench/strangers.py [--strangers N] [--partitions N] [--build DIR]

One client sends one message to each of N made-up recipients, in batches of 100,
and after them somebody else one message to one more. What counts is how long
that one takes to the disk, and how many mailboxes a second move.
"""
import argparse
import os
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from devkit.stack import Stack, no_limits  # noqa: E402
from devkit.user import User, envelope  # noqa: E402

BATCH, WAIT_S, LOOK_S = 100, 600, 0.1

# Whether the one message is on disk, and how many wait for it in all.
LOOK = """
local is_moved, waiting = 0, 0
for p = 0, ARGV[1] - 1 do
  local prefix = 'wp:{' .. p .. '}:'
  local record = redis.call('HGET', prefix .. 'cold', 'urn:sm:user:somebody')
  if record and record:match('^%S+ %S+ %d') then
    is_moved = is_moved + 1
  end
  waiting = waiting + redis.call('ZCARD', prefix .. 'migrate') +
    redis.call('XLEN', prefix .. 'ingress')
end
return {is_moved, waiting}
"""


def move_times(stack, count, partitions):
    sender = User(stack, "sender")
    start = time.monotonic()
    first = 0
    while first < count:
        answer = sender.call("POST", "/api/send/batch", {"envelopes": [
            envelope(f"urn:sm:user:stranger-{i}", b"x")
            for i in range(first, min(first + BATCH, count))]})
        if answer.status == 202 and all(
                result.get("id") for result in answer.json()["results"]):
            first += BATCH
        elif first > 0:
            raise SystemExit(f"refused: {answer}")
        else:
            time.sleep(LOOK_S)  # not all gates are open yet
    sent = time.monotonic()
    if User(stack, "other").send("somebody", b"x").status != 202:
        raise SystemExit("refused")
    with stack.redis() as redis:
        mine = all_ = None
        while all_ is None and time.monotonic() < sent + WAIT_S:
            time.sleep(LOOK_S)
            is_moved, waiting = redis("EVAL", LOOK, "0", str(partitions))
            now = time.monotonic()
            mine = mine or (now if is_moved else None)
            all_ = None if waiting else now
    if mine is None or all_ is None:
        raise SystemExit(f"not after {WAIT_S} s")
    return sent - start, mine - sent, all_ - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strangers", type=int, default=40000)
    parser.add_argument("--partitions", type=int, default=64)
    parser.add_argument("--build", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wpb") as folder:
        stack = Stack(os.path.join(folder, "s"), build=options.build, config={
            "limits": no_limits(), "push": {"enabled": False},
            "mailbox": {"partitions": options.partitions}})
        stack.start()
        try:
            sending, waited, whole = move_times(
                stack, options.strangers, options.partitions)
        finally:
            stack.stop()
    print(f"{options.strangers} strangers, {options.partitions} partitions: "
          f"sent in {sending:.1f} s; somebody else's mail on disk after "
          f"{waited:.1f} s; {options.strangers / whole:.0f} mailboxes/s")


if __name__ == "__main__":
    main()
