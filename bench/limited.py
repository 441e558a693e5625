#!/usr/bin/python3
"""What limits cost: POST /api/send of 1 KiB with them and without, by one
sender (--senders=1) and by 2,000 who take turns. Nobody is refused.
"""
import sys

from contestants import Waypost
from kit import Bench
from send import POPULATION
from senders import COLUMNS, tokens, turn

# One sender is faster than users are, but pays as often: for ten at a time.
OF_ONE = {"rates": ["send=50000/200"]}


def turn_of(bench, contestant, number):
    senders = bench.options.senders
    if senders == 1:
        who = ["-j", contestant.token("sender"), "-n", POPULATION]
    else:
        users = [f"u{user:04}" for user in range(senders)]
        who = ["-J", tokens(bench, contestant, users), "-n", senders]
    return turn(bench, contestant, number, who)


def main():
    bench = Bench("limited", __doc__, {
        "without": Waypost,
        "with": lambda bench: Waypost(bench, config={
            "limits": OF_ONE if bench.options.senders == 1 else {}}),
    })
    bench.parser.add_argument("--senders", type=int, default=2000)
    if "--senders=1" in sys.argv:
        bench.name = "limited-one"
    bench.run(turn_of)
    bench.write(bench.table(COLUMNS, "without", "messages/s", "messages/s"),
                bench.cpu_table("message"))


if __name__ == "__main__":
    main()
