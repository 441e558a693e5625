"""What all benchmarks share: turns of contestants, meters, tables.

A contestant is something that answers: this tree, an earlier one, a peer, a
limit (bench/contestants.py). All of them run all the time and take turns, in
another order each round, so that what the machine does besides hits all alike.
Of each turn is kept: what the load generator says, what each program used of
the processor, and its peak memory. What counts are ratios within a round.
"""
import argparse
import contextlib
import json
import os
import platform
import random
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))

# What a generator may take beyond its own time, and a benchmark beyond
# --minutes for the round that it is in.
GRACE_S, LATE_S = 30, 600


def say(text):
    """Progress; results go to standard output."""
    print(text, file=sys.stderr, flush=True)


def run_generator(name, arguments, build, seconds):
    """Run a load generator to its end; what it printed, from JSON."""
    argv = [os.path.join(build, "bench", name), *map(str, arguments)]
    if not os.access(argv[0], os.X_OK):
        raise SystemExit(f"{argv[0]} is not built; run make bench-build")
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False,
                          timeout=seconds + GRACE_S)
    if done.returncode != 0:
        raise SystemExit(f"{name}: exit status {done.returncode}")
    return json.loads(done.stdout)


# ---- turns -----------------------------------------------------------------

class Bench:
    """One benchmark: its options, contestants, rounds and results."""

    def __init__(self, name, about, contestants):
        """contestants: {name: function of (bench) that makes one}"""
        self.name = name
        self.about = about
        self.makers = contestants
        parser = argparse.ArgumentParser(description=about)
        parser.add_argument("--rounds", type=int, default=5)
        parser.add_argument("--seconds", type=float, default=5)
        parser.add_argument("--minutes", type=float, default=30,
                            help="no round begins later")
        parser.add_argument("--connections", type=int, default=32)
        parser.add_argument("--build", default=os.path.join(
            ROOT, "build", "release"))
        parser.add_argument("--before", default="61d1681",
                            help="commit of the earlier state")
        parser.add_argument("--fsync", default="always",
                            choices=("always", "everysec", "no"))
        parser.add_argument("--only", default="", metavar="NAME,…",
                            help="of " + ", ".join(contestants))
        parser.add_argument("--out", default=os.path.join(
            ROOT, "build", "bench"))
        parser.add_argument("--seed", type=int, default=1)
        self.parser = parser
        self.results = {}  # contestant -> [result of a turn, …]
        self.rounds = 0
        self.live = {}

    def start(self, names, folder):
        for name in names:
            say(f"{self.name}: starting {name}")
            place = os.path.join(folder, f"c{len(self.live)}")
            os.makedirs(place, mode=0o700)
            self.live[name] = self.makers[name](self)
            self.live[name].label = name.replace(" ", "-")
            self.live[name].start(place)

    def stop(self):
        for contestant in self.live.values():
            try:
                contestant.stop()
            except Exception as error:  # stop the others all the same
                say(f"{self.name}: {error}")

    def names(self):
        """Of those with results, in the order in which they were given."""
        return [name for name in self.makers if name in self.results]

    def run(self, turn, argv=None):
        """turn(bench, contestant, round): a dict of numbers and texts."""
        self.begin(argv)
        wanted = [name for name in self.options.only.split(",") if name]
        names = [name for name in self.makers if not wanted or name in wanted]
        if set(wanted) - set(names):
            raise SystemExit(f"{self.name}: --only takes some of " +
                             ", ".join(self.makers))
        began = time.monotonic()
        with self.workplace() as folder:
            try:
                self.start(names, folder)
                self._rounds(turn, names, began + self.options.minutes * 60)
            finally:
                signal.alarm(0)
                self.stop()
        say(f"{self.name}: {time.monotonic() - began:.0f} s")

    @contextlib.contextmanager
    def workplace(self):
        """A folder for contestants, and for what generators read."""
        with tempfile.TemporaryDirectory(prefix="wpb") as folder:
            self.scratch = folder
            yield folder

    def begin(self, argv=None):
        """Read options. Whatever happens, everything is ended: when told to
        stop, and when it takes too long."""
        self.options = self.parser.parse_args(argv)
        self.options.build = os.path.abspath(self.options.build)
        os.makedirs(self.options.out, exist_ok=True)

        def late(*_):
            raise SystemExit(f"{self.name}: is taking too long")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        signal.signal(signal.SIGALRM, late)
        signal.alarm(int(self.options.minutes * 60) + LATE_S)

    def _rounds(self, turn, names, end):
        order = random.Random(self.options.seed)
        for number in range(-1, self.options.rounds):
            if number > 0 and time.monotonic() > end:
                say(f"{self.name}: no time for more rounds")
                return
            for name in order.sample(names, len(names)):
                self._turn(turn, name, number)
            self.rounds = number + 1

    def _turn(self, turn, name, number):
        """The round before the first only warms up."""
        result = turn(self, self.live[name], number)
        if number >= 0:
            self.results.setdefault(name, []).append(result)
        brief = ", ".join(f"{key} {short(value)}"
                          for key, value in result.items()
                          if isinstance(value, (int, float)))
        head = f"round {number + 1}/{self.options.rounds}" if number >= 0 \
            else "warming up"
        say(f"{self.name}: {head}: {name}: {brief}")

    # ---- results ------------------------------------------------------------

    def values(self, name, key):
        return [result[key] for result in self.results.get(name, ())
                if key in result]

    def ratios(self, name, other, key):
        """Ours is name: name / other, round by round."""
        return [a / b for a, b in zip(self.values(name, key),
                                      self.values(other, key)) if b]

    def table(self, columns, reference=None, key=None, word=None):
        """columns: {heading: key}; the last column is reference : contestant
        of key. Who has no such numbers is left out."""
        ours = reference in self.results
        heads = ["", *columns, *([f"{reference} : this, {word}"] if ours
                                 else ())]
        lines = ["| " + " | ".join(heads) + " |",
                 "| " + " | ".join(["---"] * len(heads)) + " |"]
        for name in self.names():
            cells = [spread(self.values(name, column))
                     for column in columns.values()]
            if not any(cells):
                continue
            if ours:
                cells.append("" if name == reference else
                             spread(self.ratios(reference, name, key)))
            lines.append("| " + " | ".join([name, *cells]) + " |")
        return "\n".join(lines)

    def cpu_table(self, per, key="cpu_us"):
        """Microseconds of processor time, of each kind of program."""
        return self.parts_table(f"µs of processor time per {per}", key)

    def memory_table(self, key="peak_mb_of"):
        return self.parts_table("peak resident MB", key)

    def parts_table(self, heading, key):
        """Numbers of each kind of program, and their sum."""
        labels = []
        for name in self.names():
            for label in self.results[name][0].get(key, {}):
                if label not in labels:
                    labels.append(label)
        lines = [f"| {heading} | " + " | ".join(labels) + " | all |",
                 "| --- " * (len(labels) + 2) + "|"]
        for name in self.names():
            results = self.results[name]
            if key not in results[0]:
                continue
            cells = [name]
            for label in labels:
                values = [result[key].get(label) for result in results]
                cells.append("" if values[0] is None else
                             short(statistics.median(values)))
            cells.append(spread([sum(result[key].values())
                                 for result in results]))
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def write(self, *parts):
        """Print the tables with where they come from; keep them, and the
        data for gnuplot, in --out."""
        if not self.results:
            return
        text = "\n\n".join([f"## {self.name}", self.about.strip(),
                            self.provenance(), *parts]) + "\n"
        print(text, flush=True)
        folder = self.options.out
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, self.name)
        with open(path + ".md", "w", encoding="utf-8") as file:
            file.write(text)
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump({name: self.results[name] for name in self.names()},
                      file, indent=1)
        self._write_data(path + ".dat")
        say(f"{self.name}: {path}.md, .json, .dat")

    def provenance(self):
        command = shlex.join(["bench/" + os.path.basename(sys.argv[0]),
                              *sys.argv[1:]])
        return (f"`{command}`: {self.rounds} rounds of "
                f"{self.options.seconds:g} s, median and range. {machine()}. "
                f"{versions()}.")

    def _write_data(self, path):
        """One line per contestant: name, then median, least and most of each
        number, as gnuplot's yerrorbars wants them."""
        keys = list(dict.fromkeys(
            key for results in self.results.values()
            for key, value in results[0].items()
            if isinstance(value, (int, float))))
        with open(path, "w", encoding="utf-8") as file:
            file.write("# contestant " + " ".join(
                f"{key.replace(' ', '_')} min max" for key in keys) + "\n")
            for name in self.names():
                row = ['"' + name + '"']
                for key in keys:
                    values = self.values(name, key) or [0]
                    row += [f"{value:.6g}" for value in
                            (statistics.median(values), min(values),
                             max(values))]
                file.write(" ".join(row) + "\n")


def short(value):
    """Three digits that matter."""
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def spread(values):
    """Median, and between which values all of them lie."""
    if not values:
        return ""
    if short(min(values)) == short(max(values)):
        return short(values[0])
    return (f"{short(statistics.median(values))} "
            f"({short(min(values))}–{short(max(values))})")


def first_line(*argv):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, check=False)
        return done.stdout.strip().splitlines()[0]
    except (OSError, IndexError):
        return ""


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file
                      if line.startswith("model name")), "?")
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) / 1048576
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    return (f"{os.cpu_count()} × {model}, {memory:.0f} GiB, Linux "
            f"{platform.release()}, load at the end {load}")


def versions():
    found = [first_line("git", "-C", ROOT, "describe", "--always", "--dirty")]
    found += [first_line("redis-server", "--version").split(" sha")[0],
              first_line("/usr/sbin/nginx", "-v").replace(" version: ", " "),
              first_line("gcc", "--version"), first_line("go", "version")]
    return "; ".join(text for text in found if text)
