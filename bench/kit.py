"""What all benchmarks share: turns of contestants, meters, tables.

A contestant is something that answers: this tree, an earlier one, a peer, a
limit (bench/contestants.py). All of them run all the time and take turns, in
another order each round, so that what the machine does besides hits all alike.
Of each turn is kept: what the load generator says, what each program used of
the processor, and its peak memory. What counts are ratios within a round.
"""
import argparse
import glob
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

# What a generator may take beyond its own time.
GRACE_S = 30


def say(text):
    """Progress; results go to standard output."""
    print(text, file=sys.stderr, flush=True)


# ---- meters ----------------------------------------------------------------

def processes_of(session):
    """The ids of all processes in a session: a program and its children."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                head, _, rest = file.read().rpartition(")")
            if int(rest.split()[3]) == session:
                found.append(int(head.split()[0]))
        except OSError:
            continue  # it has ended
    return found


def cpu_ns(pid):
    """What all threads of a process have used."""
    total = 0
    for task in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(task, encoding="ascii") as file:
                total += int(file.read().split()[0])
        except OSError:
            continue
    return total


def user_share(pid):
    """(user, system) ticks, threads that have ended included."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii",
                  errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[11]), int(fields[12])


def status_kb(pid, field):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii",
                  errors="replace") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


class Meter:
    """Processor time and peak memory of programs, from begin to end.

    programs: {label: id of the session}
    """

    def __init__(self, programs):
        self.pids = {label: processes_of(session)
                     for label, session in programs.items()}
        for pid in self._all():
            try:  # the peak from now on
                with open(f"/proc/{pid}/clear_refs", "w",
                          encoding="ascii") as file:
                    file.write("5")
            except OSError:
                pass
        self.before = {pid: cpu_ns(pid) for pid in self._all()}
        self.ticks = {pid: user_share(pid) for pid in self._all()}

    def _all(self):
        return [pid for pids in self.pids.values() for pid in pids]

    def cpu_s(self):
        """{label: seconds used since the meter was made}"""
        return {label: sum(cpu_ns(pid) - self.before[pid]
                           for pid in pids) / 1e9
                for label, pids in self.pids.items()}

    def user_part(self, label):
        """Which part of it was in user mode (by ticks, so roughly)."""
        user = system = 0
        for pid in self.pids[label]:
            now = user_share(pid)
            user += now[0] - self.ticks[pid][0]
            system += now[1] - self.ticks[pid][1]
        return user / max(user + system, 1)

    def peak_mb(self):
        return {label: sum(status_kb(pid, "VmHWM") for pid in pids) / 1024
                for label, pids in self.pids.items()}

    def resident_kb(self, label):
        return sum(status_kb(pid, "VmRSS") for pid in self.pids[label])


def run_generator(name, arguments, build, seconds):
    """Run a load generator to its end; what it printed, from JSON."""
    argv = [os.path.join(build, "bench", name), *map(str, arguments)]
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
        self.live = {}

    def start(self, names, folder):
        for name in names:
            say(f"{self.name}: starting {name}")
            place = os.path.join(folder, f"c{len(self.live)}")
            os.makedirs(place, mode=0o700)
            self.live[name] = self.makers[name](self)
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
        self.options = self.parser.parse_args(argv)
        self.options.build = os.path.abspath(self.options.build)
        wanted = [name for name in self.options.only.split(",") if name]
        names = [name for name in self.makers if not wanted or name in wanted]
        if not names:
            say(f"{self.name}: none of these takes part")
            return
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        order = random.Random(self.options.seed)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="wpb") as folder:
            try:
                self.start(names, folder)
                for number in range(-1, self.options.rounds):
                    shuffled = order.sample(names, len(names))
                    for name in shuffled:
                        self._turn(turn, name, number)
            finally:
                self.stop()
        say(f"{self.name}: {time.monotonic() - began:.0f} s")

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

    def table(self, columns, reference, key, word):
        """columns: {heading: key}; the last column is reference : contestant
        of key."""
        heads = ["", *columns, f"{reference} : this, {word}"]
        lines = ["| " + " | ".join(heads) + " |",
                 "| " + " | ".join(["---"] * len(heads)) + " |"]
        for name in self.names():
            cells = [name]
            for column in columns.values():
                cells.append(spread(self.values(name, column)))
            cells.append("" if name == reference else
                         spread(self.ratios(reference, name, key)))
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def cpu_table(self, per, key="cpu_us"):
        """Microseconds of processor time, of each kind of program."""
        labels = []
        for name in self.names():
            for label in self.results[name][0].get(key, {}):
                if label not in labels:
                    labels.append(label)
        lines = [f"| µs of processor time per {per} | " + " | ".join(labels) +
                 " | all |", "| --- " * (len(labels) + 2) + "|"]
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
                            provenance(self.options), *parts]) + "\n"
        print(text, flush=True)
        folder = self.options.out
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, self.name)
        with open(path + ".md", "w", encoding="utf-8") as file:
            file.write(text)
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump(self.results, file, indent=1)
        self._write_data(path + ".dat")
        say(f"{self.name}: {path}.md, .json, .dat")

    def _write_data(self, path):
        """One line per contestant: name, then median, least and most of each
        number, as gnuplot's yerrorbars wants them."""
        keys = [key for key, value in next(iter(self.results.values()))
                [0].items() if isinstance(value, (int, float))]
        with open(path, "w", encoding="utf-8") as file:
            file.write("# contestant " + " ".join(
                f"{key} min max" for key in keys) + "\n")
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
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def spread(values):
    """Median, and between which values all of them lie."""
    if not values:
        return ""
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


def provenance(options):
    command = shlex.join(["bench/" + os.path.basename(sys.argv[0]),
                          *sys.argv[1:]])
    return (f"`{command}`: {options.rounds} rounds "
            f"of {options.seconds:g} s, median and range. {machine()}. "
            f"{versions()}.")
