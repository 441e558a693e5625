#!/usr/bin/python3
"""Outages at full length, with figures: 20,000 users who are told when it is
over, and a provider that says "later" to all of them.

usage: tests/e2e/outages.py [CLASS[.TEST]…]     (make test-push)

Not a part of the suite, which has a short piece of each: this measures times,
so it wants a machine of its own. WEB and WAYPOST_E2E_BUILD as for the suite.
"""
import statistics
import sys
import unittest

from attacks import percentile, told
from harness import end_all_stacks
import test_push_outage

PARTS = 8  # of those who are told, in the order in which they are
# How much longer a send may take while they are.
SLOWER = 3


class Outage(test_push_outage.Outage):
    users, rounds, rate = 20000, 5, 400
    patience_s = 900

    def compare(self, requests, users, usual, beside):
        seconds = requests[-1].at - requests[0].at
        print(f"      {len(requests)} told in {seconds:.0f} s", flush=True)
        told("a send before", usual)
        told("a send meanwhile", beside)
        rank = {user.push_token: i for i, user in enumerate(users)}
        ranks = [rank[one.token] for one in requests]
        size = len(ranks) // PARTS
        middles = [statistics.mean(ranks[i * size:(i + 1) * size])
                   for i in range(PARTS)]
        # Who finds no slot is put back behind whoever is due, so that one
        # provider's backlog holds up nobody else's.
        print("      told in the order of " +
              ", ".join(f"{middle:.0f}" for middle in middles), flush=True)
        self.assertLess(percentile(beside, 0.5),
                        SLOWER * percentile(usual, 0.5))


class Later(test_push_outage.Later):
    users, enough = 1000, 1000
    patience_s = 900


class Gone(test_push_outage.Gone):
    users = 2000
    patience_s = 900


if __name__ == "__main__":
    try:
        program = unittest.main(exit=False, verbosity=2)
    finally:
        complaints = end_all_stacks()
    for complaint in complaints:
        print(complaint)
    sys.exit(bool(complaints or not program.result.wasSuccessful()))
