"""POST /api/send by many users who take turns: what limits and tokens cost."""
import os
from concurrent.futures import ThreadPoolExecutor

from kit import run_generator
from meters import Meter
from send import COLUMNS as COLUMNS_OF_SEND, write_bodies

COLUMNS = {name: key for name, key in COLUMNS_OF_SEND.items()
           if key != "to_disk/s"}


def tokens(bench, contestant, users):
    """Of all users, all of one length. The path of a file, made once: theirs
    are good for hours too."""
    path = os.path.join(bench.scratch, contestant.label + ".tokens")
    if not os.path.exists(path):
        with ThreadPoolExecutor(2) as pool, \
                open(path, "w", encoding="ascii") as file:
            for token in pool.map(contestant.token, users):
                file.write(token + "\n")
    return path


def turn(bench, contestant, number, who):
    """who: what the load generator is told of who sends, and to how many"""
    options = bench.options
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
