#!/usr/bin/python3
"""What the WebSocket daemon is held to, beside what was measured of it.

usage: bench/held.py [--data build/bench/held]

From the results of ws.py, inline.py and crowd.py, as make bench-ws runs them;
those of handshakes are of a run with --apart.
Ratios are within a round, and the median of all rounds.
"""
import argparse
import json
import os
import statistics

from kit import ROOT, short

TABLES = ("ws", "ws-inline", "ws-crowd", "apart/ws")


def median(results, key):
    return statistics.median(result[key] for result in results)


def ratio(ours, theirs, key):
    return statistics.median(
        a[key] / b[key] for a, b in zip(ours, theirs) if b[key])


def rows(data):
    """(what, who, measured, least, most); a limit may be None."""
    ws, loop = data["ws"], data["ws"]["bare loop"]
    for name in ("waypost", "waypost told"):
        ours = ws[name]
        yield ("pokes/s : those of the bare loop", name,
               ratio(ours, loop, "pokes/s"), 0.9, None)
        yield ("s of user mode per million", name,
               median(ours, "user_us"), None, 1.0)
        yield ("p50 at --rate : that of the bare loop", name,
               ratio(ours, loop, "p50_us"), None, 1.1)
        yield ("p99 at --rate : that of the bare loop", name,
               ratio(ours, loop, "p99_us"), None, 1.5)
        yield "lost", name, max(each["lost"] for each in ours), None, 0
    yield ("B of its own memory per idle client", "waypost",
           median(ws["waypost"], "idle_bytes"), None, 283)
    apart = data["apart/ws"]
    yield ("handshakes/s of a core of the daemon : those of the Go hub",
           "waypost", ratio(apart["waypost"], apart["go"],
                            "handshakes_per_core"), 3, None)
    yield ("handshakes/s, load generator and Redis on the other core : those "
           "of the Go hub", "waypost",
           ratio(apart["waypost"], apart["go"], "handshakes/s"), None, None)
    inline = data["ws-inline"]["waypost"]
    yield ("inline messages/s per core of the daemon", "waypost",
           median(inline, "per_core"), 50000, None)
    yield ("inline messages/s, all programs on what cores there are",
           "waypost", median(inline, "messages/s"), None, None)
    crowd = data["ws-crowd"]["waypost"]
    yield ("idle clients at once", "several processes",
           median(crowd, "clients"), 100000, None)
    yield ("B of their own memory per idle client", "several processes",
           median(crowd, "idle_bytes"), None, 283)
    yield ("of them not told", "several processes",
           max(each["lost"] for each in crowd), None, 0)


def verdict(measured, least, most):
    """(what is asked for, is it so)"""
    if least is not None:
        return f"≥ {short(least)}", "yes" if measured >= least else "**no**"
    if most is not None:
        return f"≤ {short(most)}", "yes" if measured <= most else "**no**"
    return "", ""


def table(data):
    lines = ["| what | who | measured | asked for | so |",
             "| --- | --- | --- | --- | --- |"]
    for what, who, measured, least, most in rows(data):
        asked, is_so = verdict(measured, least, most)
        lines.append(f"| {what} | {who} | {short(measured)} | {asked} | "
                     f"{is_so} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.path.join(
        ROOT, "build", "bench", "held"))
    options = parser.parse_args()
    data = {}
    for name in TABLES:
        path = os.path.join(options.data, name + ".json")
        with open(path, encoding="utf-8") as file:
            data[name] = json.load(file)
    text = table(data) + "\n"
    print(text)
    with open(os.path.join(options.data, "held.md"), "w",
              encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
