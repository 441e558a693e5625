#!/usr/bin/python3
"""POST /api/send of 1 KiB, and /api/send/batch of 50, to many mailboxes.

A turn ends when all that was accepted is routed and migrated: processor time
is of the whole way of a message. Whoever leaves that for later accepts more at
first, so there is also how many a second that were to the end of the turn. The
peer keeps all in Redis and moves nothing; it is emptied between its turns.
"""
import json
import os
import sys
import time

from contestants import ALL
from kit import Bench, run_generator
from meters import Meter

POPULATION, DATA, BATCH = 2000, 680, 50


def envelope():
    """About 1 KiB as JSON, its recipient left open."""
    return {"recipientId": "urn:sm:user:u####",
            "encryptedData": "QUJD" * (DATA // 3),
            "encryptedSymmetricKey": "QUJD" * 20, "signature": "QUJD" * 8}


def write_bodies(folder):
    one = os.path.join(folder, "one.json")
    many = os.path.join(folder, "many.json")
    with open(one, "w", encoding="ascii") as file:
        json.dump(envelope(), file)
    with open(many, "w", encoding="ascii") as file:
        json.dump({"envelopes": [envelope()] * BATCH}, file)
    return one, many


def turn(bench, contestant, number, batch=False):
    options = bench.options
    body = write_bodies(bench.scratch)[1 if batch else 0]
    each = BATCH if batch else 1
    meter = Meter(contestant.programs)
    start = time.monotonic()
    result = run_generator("http_load", [
        "-c", options.connections, "-s", options.seconds, "-m", "POST",
        "-p", "/api/send/batch" if batch else "/api/send", "-b", body,
        "-j", contestant.token("sender"), "-n", POPULATION,
        "-S", number + 2, f"127.0.0.1:{contestant.port}"],
        options.build, options.seconds)
    contestant.settle()
    whole_s = time.monotonic() - start
    messages = result["all"] * each
    costs = meter.costs(messages)
    odd = sum(n for status, n in result["status"].items() if status != "202")
    if hasattr(contestant, "empty"):
        contestant.empty()
    return {
        "messages/s": result["counted"] * each / result["seconds"],
        "to_disk/s": messages / whole_s,
        "p50_ms": result["us"]["p50"] / 1e3,
        "p99_ms": result["us"]["p99"] / 1e3,
        "p999_ms": result["us"]["p999"] / 1e3,
        "load_us": result["cpu_s"] / messages * 1e6,
        "not_202": odd, "lost": result["lost"], **costs,
    }


COLUMNS = {"messages/s": "messages/s",
           "… until all is on disk": "to_disk/s",
           "p50 ms": "p50_ms", "p99 ms": "p99_ms",
           "p99.9 ms": "p999_ms", "not 202": "not_202",
           "peak MB": "peak_mb", "load generator µs": "load_us"}


def main():
    about = __doc__
    single = Bench("send", about, ALL)
    single.parser.add_argument("--batch", action="store_true",
                               help=f"batches of {BATCH}")
    is_batch = "--batch" in sys.argv
    if is_batch:
        single.name = "send-batch"
    single.run(lambda bench, contestant, number: turn(
        bench, contestant, number, bench.options.batch))
    single.write(single.table(COLUMNS, "waypost", "messages/s", "messages/s"),
                 single.cpu_table("message"), single.memory_table())


if __name__ == "__main__":
    main()
