#!/usr/bin/python3
"""What it costs to verify tokens of our own (ES256, by the verified cache)
beside those of a static secret (HS256): POST /api/send of 1 KiB by --users who
take turns, each registered through the front door.
"""
import json
import os
from concurrent.futures import ThreadPoolExecutor

from contestants import Waypost
from kit import Bench, run_generator
from meters import Meter
from send import COLUMNS, write_bodies

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


def tokens(bench, contestant):
    """Of all users, all of one length; the path of a file, made once."""
    path = os.path.join(bench.scratch, contestant.label + ".tokens")
    if not os.path.exists(path):
        users = [f"user{number:04}" for number in range(bench.options.users)]
        with ThreadPoolExecutor(2) as pool, \
                open(path, "w", encoding="ascii") as file:
            for token in pool.map(contestant.token, users):
                file.write(token + "\n")
    return path


def turn(bench, contestant, number):
    options = bench.options
    who = ["-J", tokens(bench, contestant), "-n", options.users]
    meter = Meter(contestant.programs)
    result = run_generator("http_load", [
        "-c", options.connections, "-s", options.seconds, "-m", "POST",
        "-p", "/api/send", "-b", write_bodies(bench.scratch)[0], *who,
        "-S", number + 2, f"127.0.0.1:{contestant.port}"],
        options.build, options.seconds)
    contestant.settle()
    odd = sum(n for status, n in result["status"].items() if status != "202")
    return {
        "messages/s": result["counted"] / result["seconds"],
        "p50_ms": result["us"]["p50"] / 1e3,
        "p99_ms": result["us"]["p99"] / 1e3,
        "p999_ms": result["us"]["p999"] / 1e3,
        "load_us": result["cpu_s"] / result["all"] * 1e6,
        "not_202": odd, "lost": result["lost"], **meter.costs(result["all"]),
    }


def main():
    bench = Bench("tokens", __doc__, {
        "HS256": lambda bench: Waypost(bench, config=ACCOUNTS),
        "ES256": lambda bench: Own(bench, config=ACCOUNTS),
    })
    bench.parser.add_argument("--users", type=int, default=500)
    bench.run(turn)
    columns = {name: key for name, key in COLUMNS.items()
               if key != "to_disk/s"}
    bench.write(bench.table(columns, "HS256", "messages/s", "messages/s"),
                bench.cpu_table("message"))


if __name__ == "__main__":
    main()
