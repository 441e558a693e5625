#!/usr/bin/python3
"""Memory of all programs of one installation at rest, and after some load.

At rest: started, greeted by one request, and left alone for some seconds. After
load: a turn of POST /api/send to 2,000 mailboxes, all of it routed and
migrated, and as much rest. Resident memory (RSS) counts what programs
share once for each of them, the proportional one (PSS) once in all. One
contestant runs at a time.
"""
import os
import time

from contestants import some
from kit import Bench
from meters import Meter
import send

REST_S = 3


def rest(contestant):
    """{label: RSS}, {label: PSS}, in MB"""
    time.sleep(REST_S)
    meter = Meter(contestant.programs)
    return meter.resident_mb("Rss"), meter.resident_mb("Pss")


class Alone:
    """Started for its turn and ended after it: nobody else has the same pages,
    and who has had load is never as it was."""

    def __init__(self, make):
        self.make = make

    def start(self, folder):
        self.folder = folder

    def stop(self):
        """It is."""

    def turn(self, bench, number):
        contestant = self.make(bench)
        place = os.path.join(self.folder, str(number + 1))
        os.makedirs(place, mode=0o700)
        try:
            contestant.start(place)
            contestant.http().request("GET", "/healthz")
            before = rest(contestant)
            if number >= 0:
                send.turn(bench, contestant, number)
            return both(before, rest(contestant))
        finally:
            contestant.stop()


def both(before, after):
    return {"rss_of": before[0], "pss_of": before[1], "loaded_of": after[0],
            "loaded_pss_of": after[1],
            **{key: sum(values.values()) for key, values in (
                ("rss_mb", before[0]), ("pss_mb", before[1]),
                ("loaded_rss_mb", after[0]), ("loaded_pss_mb", after[1]))}}


def main():
    bench = Bench("idle", __doc__, {
        name: lambda bench, make=make: Alone(make) for name, make in some(
            "waypost", "before", "go + nginx", "go").items()})
    bench.run(lambda bench, alone, number: alone.turn(bench, number))
    bench.write(bench.parts_table("RSS at rest, MB", "rss_of"),
                bench.parts_table("PSS at rest, MB", "pss_of"),
                bench.parts_table("RSS after load, MB", "loaded_of"),
                bench.parts_table("PSS after load, MB", "loaded_pss_of"))


if __name__ == "__main__":
    main()
