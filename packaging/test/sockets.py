"""Runs in the machine: connect again and again until /run/sockets.end is there.

Prints how many were let in, and what became of the others; exit status 1 if
there is any.
"""
import os
import sys

sys.path.insert(0, "/src")
from devkit.token import mint  # noqa: E402
from devkit.websocket import Closed, Refused, WebSocket  # noqa: E402

BEGUN, END = "/run/sockets.begun", "/run/sockets.end"


def main():
    with open("/etc/waypost/jwt-secret", encoding="ascii") as file:
        secret = file.read()
    let_in, refused = 0, []
    while not os.path.exists(END):
        try:
            # One user may not come that often.
            token = mint(secret, f"user-{let_in + len(refused)}", 3600)
            socket = WebSocket(
                80, headers={"Authorization": "Bearer " + token})
            socket.expect("connected")
            socket.close()
            let_in += 1
        except (Closed, OSError, Refused) as error:
            refused.append(repr(error))
        with open(BEGUN, "a", encoding="ascii"):
            pass
    print(f"{let_in} let in, {len(refused)} refused: {refused[:5]}")
    return 1 if refused or not let_in else 0


if __name__ == "__main__":
    sys.exit(main())
