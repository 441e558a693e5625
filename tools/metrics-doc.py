#!/usr/bin/python3
"""docs/metrics.md, from what the programs say.

usage: tools/metrics-doc.py build/release/tests/metrics/list [--check]

The program lists everything that each of the others can tell; this writes the
page, or sees whether it is the one that would be written. Neither may a program
tell more than SERIES_MAX, nor anything by a label that is not in LABELS: none
of them may ever hold a user, a partition, a token or an address.
"""
import argparse
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "metrics.md")
SERIES_MAX = 400
LABELS = {"action", "class", "code", "direction", "door", "event", "issuer",
          "kind", "le", "level", "program", "reason", "result", "route",
          "tier", "version"}
HEAD = """\
# Metrics

Each program answers `GET /metrics` (Prometheus text, version 0.0.4) and `GET
/healthz` where its `metrics_listen` says: `handlers.metrics_listen`,
`worker.metrics_listen`, `websocket.metrics_listen`, `notifier.metrics_listen`,
`keys.metrics_listen`. Without that it tells nothing. It is for operators: let
nobody else reach it. A parent of several processes answers for all of them:
gauges are their sum, but `waypost_redis_up` and `waypost_ws_canary_up` are 1
while they are that in each, and a time is the latest of all. `waypost-ws` also
has JSON for monitors of an earlier service
([from-notification-service.md](from-notification-service.md#what-stays)).

- The same thing has the same name in all programs; `job` tells them apart. A
  sum over a label means something.
- Seconds and bytes. A name that ends in `_total` is a counter. Histograms have
  buckets from 0.1 ms to 10 s.
- No label ever holds a user, a partition, a token or an address. No program
  tells more than 400 series.
- A row of `waypost_http_requests_total` is told from the first request of its
  kind on; all others from the start.

What to look at, and when to be woken: [operations.md](operations.md#metrics).

"""


class Metric:
    def __init__(self, kind, help_text):
        self.kind = kind
        self.help = help_text
        self.labels = {}  # label -> values, in their order
        self.programs = []


def add_keys_age(metrics):
    """It is told for each issuer, and here there is none."""
    with open(os.path.join(ROOT, "lib/auth/token.c"),
              encoding="utf-8") as file:
        text = re.sub(r'"\s*\n\s*"', "", file.read())
    metric = Metric("gauge", re.search(r'# HELP %s ([^\\]+)\\n', text)[1])
    metric.labels["issuer"] = ["own", "1", "2"]
    metric.programs = ["waypost-handlers", "waypost-ws"]
    metrics["waypost_auth_keys_age_seconds"] = metric


def read(text):
    """{name: Metric}, {program: number of series}"""
    metrics, series, program = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# PROGRAM "):
            program = line.split()[2]
            series[program] = 0
        elif line.startswith("# HELP "):
            _, _, name, help_text = line.split(" ", 3)
            metric = metrics.setdefault(name, Metric(None, help_text))
            if metric.help != help_text:
                raise SystemExit(f"{name} means two things: {metric.help} / "
                                 f"{help_text}")
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            if name not in metrics:
                raise SystemExit(f"{name} has no help")
            metric = metrics[name]
            metric.kind = kind
            metric.programs.append(program)
        else:
            series[program] += 1
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if set(labels) - LABELS:
                raise SystemExit(f"{line}: a label that is not in LABELS")
            labels.pop("le", None)
            for label, value in labels.items():
                values = metric.labels.setdefault(label, [])
                if value not in values:
                    values.append(value)
    add_keys_age(metrics)
    return metrics, series


def cell(metric, label):
    values = metric.labels[label]
    if label in ("program", "version"):
        return f"`{label}`"
    return f"`{label}`: " + " ".join(values)


def table(metrics, names):
    lines = ["| name | type | labels | meaning |", "| --- | --- | --- | --- |"]
    for name in names:
        metric = metrics[name]
        lines.append("| " + " | ".join([
            f"`{name}`", metric.kind,
            "; ".join(cell(metric, label) for label in metric.labels) or "–",
            metric.help.replace("|", "\\|")]) + " |")
    return "\n".join(lines) + "\n"


def page(metrics, programs):
    text = HEAD
    several = [name for name, metric in metrics.items()
               if len(metric.programs) > 1]
    everywhere = [name for name in several
                  if len(metrics[name].programs) == len(programs)]
    some = [name for name in several if name not in everywhere]
    text += "## All programs\n\n" + table(metrics, everywhere)
    text += "\n## Several programs\n\n"
    groups = {}
    for name in some:
        groups.setdefault(tuple(metrics[name].programs), []).append(name)
    text += "\n".join(
        ", ".join(f"`{program}`" for program in group) + ":\n\n" +
        table(metrics, names) for group, names in groups.items())
    for program in programs:
        text += f"\n## {program}\n\n" + table(metrics, [
            name for name, metric in metrics.items()
            if metric.programs == [program]])
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("list")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    said = subprocess.run([args.list], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    metrics, series = read(said)
    for program, n in series.items():
        if n > SERIES_MAX:
            raise SystemExit(f"{program} may tell {n} series, and "
                             f"{SERIES_MAX} are the most")
    text = page(metrics, list(series))
    if not args.check:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(text)
        return
    with open(PAGE, encoding="utf-8") as file:
        if file.read() != text:
            raise SystemExit("docs/metrics.md is not what the programs tell; "
                             "make metrics-doc writes it anew")


if __name__ == "__main__":
    sys.exit(main())
