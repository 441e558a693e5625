"""Runs in the machine: send until /run/load.end is there, then read it all.

Prints what was answered other than 202, and which of the accepted messages
nobody can read; exit status 1 if there is any.
"""
import base64
import http.client
import json
import os
import socket
import sys
import time

sys.path.insert(0, "/src")
from devkit.token import mint  # noqa: E402

USERS = [f"u{i}" for i in range(8)]
END = "/run/load.end"
PAUSE_S = 0.01


def main():
    with open("/etc/waypost/jwt-secret", encoding="ascii") as file:
        secret = file.read()
    tokens = {user: mint(secret, user, 3600) for user in ["sender", *USERS]}

    def ask(method, path, user, body=None):
        try:
            peer = http.client.HTTPConnection("127.0.0.1", timeout=30)
            peer.request(method, path, body and json.dumps(body), {
                "Authorization": "Bearer " + tokens[user],
                "Content-Type": "application/json"})
            answer = peer.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error).encode()

    accepted, odd, number = {user: {} for user in USERS}, [], 0
    while not os.path.exists(END):
        user = USERS[number % len(USERS)]
        data = base64.b64encode(str(number).encode()).decode()
        status, text = ask("POST", "/api/send", "sender", {
            "recipientId": "urn:sm:user:" + user, "encryptedData": data})
        if status == 202:
            accepted[user][json.loads(text)["id"]] = data
        else:
            odd.append((number, status, text[:200]))
        number += 1
        time.sleep(PAUSE_S)
    missing = 0
    for user in USERS:
        until = time.monotonic() + 30
        waiting = dict(accepted[user])
        while waiting and time.monotonic() < until:
            status, text = ask("GET", "/api/messages?limit=100", user)
            if status != 200:
                odd.append((user, status, text[:200]))
                continue
            got = json.loads(text)["messages"]
            for message in got:
                data = message["envelope"]["encryptedData"]
                if waiting.pop(message["id"], data) != data:
                    odd.append((user, message["id"], "another's data"))
            if got:
                status, text = ask("POST", "/api/messages/ack", user, {
                    "messageIds": [message["id"] for message in got]})
                if status != 204:
                    odd.append((user, status, text[:200]))
        missing += len(waiting)
    total = sum(len(each) for each in accepted.values())
    print(f"{number} sent, {total} accepted, {missing} not readable,"
          f" {len(odd)} odd answers: {odd[:5]}")
    return 1 if missing or odd or not total else 0


if __name__ == "__main__":
    socket.setdefaulttimeout(30)
    sys.exit(main())
