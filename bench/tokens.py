#!/usr/bin/python3
"""What it costs to verify tokens of our own (ES256, by the verified cache)
beside those of a static secret (HS256): POST /api/send of 1 KiB by --users who
take turns, each registered through the front door.
"""
import json

from contestants import Waypost
from kit import Bench
from senders import COLUMNS, tokens, turn

# Cheap: passwords are not what is measured.
ACCOUNTS = {"accounts": {
    "enabled": True, "registration": "open", "access_token_seconds": 86400,
    "argon2_memory_kib": 7168, "argon2_passes": 1}}
PASSWORD = "correct horse battery staple"


class Own(Waypost):
    """With tokens of its own."""

    def token(self, user):
        answer = self.http().request(
            "POST", "/api/auth/register",
            json.dumps({"username": user, "password": PASSWORD}),
            [("Content-Type", "application/json")])
        if answer.status == 503:  # so many hash at once
            return self.token(user)
        if answer.status != 201:
            raise SystemExit(f"{user} is not registered: {answer.status}")
        return answer.json()["accessToken"]


def turn_of(bench, contestant, number):
    count = bench.options.users
    users = [f"user{user:04}" for user in range(count)]
    who = ["-J", tokens(bench, contestant, users), "-n", count]
    return turn(bench, contestant, number, who)


def main():
    bench = Bench("tokens", __doc__, {
        "HS256": lambda bench: Waypost(bench, config=ACCOUNTS),
        "ES256": lambda bench: Own(bench, config=ACCOUNTS),
    })
    bench.parser.add_argument("--users", type=int, default=500)
    bench.run(turn_of)
    bench.write(bench.table(COLUMNS, "HS256", "messages/s", "messages/s"),
                bench.cpu_table("message"))


if __name__ == "__main__":
    main()
