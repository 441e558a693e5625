#!/usr/bin/python3
"""Put together what was measured last, with its plots: bench/RESULTS.md.

usage: bench/results.py [--data build/bench]

What was not measured again stays as it was; so do sections of that file which
are no benchmark's of these, at its end.
"""
import argparse
import os
import re
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
RESULTS = os.path.join(HERE, "RESULTS.md")
WIDTH = 100

HEAD = """# Results

Runs of `make bench` on one machine with other work beside them, as the load at
the end of each tells; [README.md](README.md) tells what is compared with what,
and how. Ratios within a round count, single times are those of this machine.
Every table has the command that made it; `bench/results.py` puts them
together."""

# Benchmark: (heading, plots)
SECTIONS = {
    "send": ("Sending", ("send", "send-cpu")),
    "send-batch": ("Sending in batches of 50", ("send-batch",)),
    "pull-hot": ("Pulling and acknowledging, in Redis",
                 ("pull-empty", "pull-empty-cpu", "pull-full", "ack")),
    "pull-cold": ("Pulling and acknowledging, on disk", ()),
    "pull-limits": ("Pulling, beside limits", ("pull-limits",)),
    "depth-hot": ("By how much waits, in Redis", ("depth",)),
    "depth-cold": ("By how much waits, on disk", ()),
    "e2e": ("From POST to poke", ("e2e-waypost", "e2e-before",
                                  "e2e-go-nginx", "e2e-cpu")),
    "redis": ("Scripts alone", ("redis",)),
    "migrate": ("From accepted to disk", ("migrate",)),
    "migrate-hot": ("From hot queues to disk", ("migrate-hot",)),
    "migrate-first": ("One message to disk", ()),
    "ws": ("WebSocket daemons", ("ws-pokes", "ws-handshakes", "ws-memory")),
    "herd-4000": ("A herd of 4,000", ("herd-4000",)),
    "herd-10000": ("A herd of 10,000", ("herd-10000",)),
    "limited": ("With limits and without, many senders", ()),
    "limited-one": ("With limits and without, one sender", ()),
    "push-cost": ("With push and without", ()),
    "tokens": ("Tokens of our own and of a static secret", ()),
    "idle": ("Memory at rest", ("idle",)),
    "growth-users": ("Growth: users", ("growth-users",)),
    "growth-waiting": ("Growth: messages", ("growth-waiting",)),
}


def wrapped(paragraph):
    """Tables stay as they are."""
    if paragraph.startswith("|"):
        return paragraph
    return textwrap.fill(" ".join(paragraph.split()), WIDTH,
                         break_long_words=False, break_on_hyphens=False)


def section(path, heading, plots):
    with open(path, encoding="utf-8") as file:
        paragraphs = file.read().strip().split("\n\n")[1:]
    images = "\n".join(f"![{heading}](plots/{plot}.svg)" for plot in plots
                      if os.path.exists(os.path.join(HERE, "plots",
                                                     plot + ".svg")))
    return "\n\n".join([f"## {heading}", *map(wrapped, paragraphs)] +
                       ([images] if images else []))


def present():
    """What the file has: {heading: section}"""
    with open(RESULTS, encoding="utf-8") as file:
        found = re.split(r"^(?=## )", file.read(), flags=re.M)[1:]
    return {text.splitlines()[0].removeprefix("## "): text.strip()
            for text in found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.path.join(ROOT, "build", "bench"))
    options = parser.parse_args()
    parts = HEAD.split("\n\n")
    parts = [parts[0], wrapped(parts[1])]
    kept = present()
    for name, (heading, plots) in SECTIONS.items():
        before = kept.pop(heading, None)
        path = os.path.join(options.data, name + ".md")
        if os.path.exists(path):
            parts.append(section(path, heading, plots))
        elif before is not None:
            parts.append(before)
    parts += kept.values()
    with open(RESULTS, "w", encoding="utf-8") as file:
        file.write("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
