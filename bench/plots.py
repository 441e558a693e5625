#!/usr/bin/python3
"""Draw what was measured: the data in build/bench/, as SVG in bench/plots/.

usage: bench/plots.py [--data build/bench] [--out bench/plots]

What was not measured is not drawn.
"""
import argparse
import json
import os
import statistics
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)

# Plot: (benchmark, number, what the axis says)
BARS = {
    "send": ("send", "messages/s", "messages a second"),
    "send-batch": ("send-batch", "messages/s", "messages a second"),
    "pull-empty": ("pull-hot", "empty rate", "pulls of nothing a second"),
    "pull-limits": ("pull-limits", "empty rate", "pulls of nothing a second"),
    "pull-full": ("pull-hot", "full rate", "pulls of 50 × 1 KiB a second"),
    "ack": ("pull-hot", "ack rate", "acknowledgements of 50 a second"),
    "ws-pokes": ("ws", "pokes/s", "pokes a second"),
    "ws-handshakes": ("ws", "handshakes/s", "handshakes a second"),
    "ws-memory": ("ws", "idle_bytes", "bytes of memory per idle client"),
    "migrate": ("migrate", "messages/s", "messages a second to disk"),
    "migrate-hot": ("migrate-hot", "messages/s", "messages a second to disk"),
    "redis": ("redis", "messages/s", "messages a second"),
}
# Plot: (benchmark, numbers of each program, what the axis says)
STACKS = {
    "send-cpu": ("send", "cpu_us", "µs of processor time per message"),
    "pull-empty-cpu": ("pull-hot", "empty cpu_us",
                       "µs of processor time per pull"),
    "e2e-cpu": ("e2e", "cpu_us", "µs of processor time per message"),
    "idle": ("idle", "pss_of", "MB at rest"),
}
# Plot: (benchmark, parts of each bar, what the axis says)
FATES = {"202": "202", "503": "503, told when", "502": "502",
         "other": "another status", "outside": "not let in",
         "no_answer": "no answer"}
PARTS = {"herd-4000": ("herd-4000", FATES, "requests"),
         "herd-10000": ("herd-10000", FATES, "requests")}
# From the first part on: programs, and what becomes of requests.
OF_PROGRAMS = "#cc3311 #0077bb #33bbee #009988 #ee7733 #777777 #aa3377"
OF_FATES = "#009988 #33bbee #cc3311 #ee7733 #777777 #000000"


def label(contestant):
    """On two lines where it is long; gnuplot reads the backslash."""
    return '"' + contestant.replace(", ", "\\n").replace(" + ", "\\n+ ") + '"'


class Plots:
    def __init__(self, data, out):
        self.data, self.out = data, out
        os.makedirs(out, exist_ok=True)

    def results(self, bench):
        """{contestant: [result of a round, …]}; {} when not measured"""
        try:
            with open(os.path.join(self.data, bench + ".json"),
                      encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def draw(self, script, name, **words):
        words["out"] = os.path.join(self.out, name + ".svg")
        subprocess.run(
            ["gnuplot", "-e", "; ".join(
                f"{key}='{value}'" for key, value in words.items()),
             os.path.join(HERE, script + ".gp")], check=True)
        print(words["out"], flush=True)

    def write(self, name, rows):
        path = os.path.join(self.data, f"plot-{name}.dat")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(" ".join(row) + "\n" for row in rows)
        return path

    def bars(self, name, bench, key, axis):
        rows = []
        for contestant, rounds in self.results(bench).items():
            values = [result[key] for result in rounds if key in result]
            if values:
                rows.append([label(contestant)] + [
                    f"{value:.6g}" for value in (
                        statistics.median(values), min(values), max(values))])
        if rows:
            self.draw("bars", name, data=self.write(name, rows), axis=axis)

    def stacked(self, name, results, parts_of, axis, colours=OF_PROGRAMS):
        """parts_of(result): {part: number}"""
        medians = {}
        for contestant, rounds in results.items():
            found = [parts_of(result) for result in rounds]
            if found and found[0]:
                medians[contestant] = {
                    part: statistics.median(parts[part] for parts in found)
                    for part in found[0]}
        parts = list(dict.fromkeys(part for found in medians.values()
                                   for part in found))
        if not medians:
            return
        rows = [["contestant"] + [f'"{part}"' for part in parts]]
        rows += [[label(contestant)] + [f"{found.get(part, 0):.6g}"
                                        for part in parts]
                 for contestant, found in medians.items()]
        self.draw("stacks", name, data=self.write(name, rows), axis=axis,
                  parts=len(parts), colours=colours)

    def series(self):
        for name in ("waypost", "before", "go-+-nginx"):
            data = os.path.join(self.data, f"e2e-{name}.dat")
            if os.path.exists(data):
                self.draw("series", "e2e-" + name.replace("-+", ""),
                          data=data)

    def growth(self, kind):
        rows = [[step.replace(",", "")] + [
            f"{rounds[0][key]:.6g}" for key in
            ("sends/s", "pulls/s", "redis_used_mb", "worker_mb",
             "handlers_mb", "disk_mb")]
            for step, rounds in self.results("growth-" + kind).items()]
        if rows:
            self.draw("growth", "growth-" + kind, data=self.write(
                "growth-" + kind, rows), axis={
                    "users": "users known",
                    "waiting": "messages waiting"}[kind])

    def depth(self):
        rows = {}
        for tier in ("hot", "cold"):
            for name, rounds in self.results("depth-" + tier).items():
                waiting = name.split()[0].replace(",", "")
                for step in ("pull rate", "ack rate"):
                    median = statistics.median(
                        result[step] for result in rounds)
                    rows.setdefault(waiting, []).append(f"{median:.6g}")
        if rows and all(len(row) == 4 for row in rows.values()):
            self.draw("depth", "depth", data=self.write("depth", [
                [waiting, *row] for waiting, row in rows.items()]))

    def all(self):
        for name, (bench, key, axis) in BARS.items():
            self.bars(name, bench, key, axis)
        for name, (bench, key, axis) in STACKS.items():
            self.stacked(name, self.results(bench),
                         lambda result, key=key: result.get(key, {}), axis)
        for name, (bench, parts, axis) in PARTS.items():
            self.stacked(name, self.results(bench), lambda result, parts=parts:
                         {title: result[part] for part, title
                          in parts.items()}, axis, OF_FATES)
        self.series()
        for kind in ("users", "waiting"):
            self.growth(kind)
        self.depth()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.path.join(ROOT, "build", "bench"))
    parser.add_argument("--out", default=os.path.join(HERE, "plots"))
    options = parser.parse_args()
    Plots(options.data, options.out).all()


if __name__ == "__main__":
    main()
