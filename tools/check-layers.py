#!/usr/bin/python3
"""The folders are the architecture: who may include and call whom.

usage: tools/check-layers.py [--objects build/release]

FLOORS is the one list of what stands on what: a folder knows those above it in
the list and itself. Every folder with C has a place in it; only tests/ and
bench/ are on no floor. No two files know each other in a circle, whether by
includes or by calls (a .c and its .h are one file); calls are read from the
objects, so they are checked where --objects says that there are some. Who
calls through a table that was handed in is not seen, and is free to.
"""
import argparse
import collections
import glob
import os
import re
import subprocess
import sys

# From the ground up. A line with several folders: they do not know each other.
FLOORS = (
    ("lib/base",),
    ("lib/name", "lib/limit", "lib/push"),
    ("lib/delivery",),
    ("lib/sys",),
    ("lib/sys/sections",),
    ("lib/http",),
    ("lib/metrics",),
    ("lib/procs",),
    ("lib/net",),
    ("lib/redis",),
    ("lib/bus",),
    ("lib/sqlite",),
    ("lib/store",),
    ("lib/accounts",),
    ("lib/auth",),
    ("lib/mailbox",),
    ("lib/live",),
    ("handlers/wire", "handlers/request", "ws-daemon/wire"),
    ("handlers/messaging", "handlers/accounts", "handlers/devices",
     "notifier/plan"),
    ("notifier/provider", "tools/waypost/cli"),
    ("notifier/lane", "tools/waypost/accounts", "tools/waypost/copies",
     "tools/waypost/keys", "tools/waypost/messages", "tools/waypost/push",
     "tools/waypost/view"),
    ("tools/waypost/doctor", "tools/waypost/load"),
    ("handlers", "worker", "ws-daemon", "keys", "notifier", "tools/waypost"),
)

# Tests and benchmarks may know everything, and nobody knows them; the build has
# no say here.
NO_FLOOR = ("tests", "bench", "build")

# Programs without an event loop have no business on this floor.
KEPT_FROM = {"lib/live": ("worker", "keys", "tools/waypost")}

# ISO C's and the system's, which may be included anywhere.
SYSTEM = re.compile(
    r"(?:arpa|linux|net|netinet|sys)/\w+\.h|"
    r"(?:assert|ctype|dirent|dlfcn|errno|fcntl|getopt|glob|grp|inttypes|libgen|"
    r"limits|locale|malloc|math|netdb|poll|pthread|pwd|sched|semaphore|signal|"
    r"spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|"
    r"string|strings|syslog|termios|threads|time|unistd|wchar)\.h")
# Where a third-party header may be included; nowhere: only tests use it.
PLACES = (
    (r"hiredis/", ("lib/redis/",)),
    (r"sqlite3\.h", ("lib/sqlite/", "lib/store/sqlite",
                     "lib/accounts/sqlite")),
    (r"argon2\.h", ("lib/accounts/password.c",)),
    (r"yaml\.h", ("lib/sys/",)),
    (r"openssl/", ("lib/auth/", "lib/base/digest.c", "lib/base/random.c")),
    (r"ev\.h", ("ws-daemon/", "handlers/", "notifier/", "lib/live/",
                 "lib/net/fetch.c", "lib/redis/async.c")),
    (r"fcgi", ()),
    (r"json-c/", ("tools/waypost/",)),
    (r"curl/", ("lib/net/",)),
    (r"jwt\.h", ("lib/auth/jwt_sign.c",)),
    (r"zlib\.h", ("ws-daemon/wire/deflate.c",)),
    (r"sanitizer/", ("lib/base/slab.c",)),
)

# What a folder refuses to know besides.
FORBIDDEN = (
    ("handlers/wire", r"ev\.h|sys/socket\.h|unistd\.h|lib/(redis|sys)/|"
                      r"lib/base/clock\.h",
     "FastCGI has no socket, clock, loop or Redis"),
    ("ws-daemon/wire", r"ev\.h|sys/socket\.h|unistd\.h|lib/(redis|sys)/|"
                       r"lib/base/clock\.h",
     "the protocol has no socket, clock, loop or Redis"),
)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
# What the build makes, and whose part it is.
GENERATED = {"gen/scripts": "lib/mailbox/scripts"}


def folder_of(path):
    return os.path.dirname(path)


def stem_of(path):
    return os.path.splitext(path)[0]


class Tree:
    """The sources below root, and what they know of each other."""

    def __init__(self, root):
        self.root = root
        self.faults = []
        self.floor = {folder: number for number, floor in enumerate(FLOORS)
                      for folder in floor}
        self.files = sorted(
            os.path.relpath(path, root)
            for top in os.listdir(root) if top not in NO_FLOOR
            for path in glob.glob(os.path.join(root, top, "**", "*.[ch]"),
                                  recursive=True))
        # (file that knows, file that is known) -> how
        self.edges = collections.OrderedDict()

    def fault(self, where, what):
        self.faults.append(f"{where}: {what}")

    def check_includes(self):
        for path in self.files:
            if folder_of(path) not in self.floor:
                self.fault(path, f"{folder_of(path)}/ has no place in FLOORS")
                continue
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                text = file.read()
            for match in INCLUDE.finditer(text):
                line = text.count("\n", 0, match.start(2)) + 1
                self._check_include(f"{path}:{line}", path, *match.groups())

    def _check_include(self, where, path, quote, name):
        for header, places in PLACES:
            if re.match(header, name) and not path.startswith(places or "\0"):
                self.fault(where, f"<{name}> belongs in "
                                  f"{', '.join(places) or 'tests'} only")
        for folder, pattern, why in FORBIDDEN:
            if folder_of(path) == folder and re.match(pattern, name):
                self.fault(where, f"includes {name}: {why}")
        if quote == "<":
            if not SYSTEM.fullmatch(name) and not any(
                    re.match(header, name) for header, _ in PLACES):
                self.fault(where, f"<{name}> has no place in PLACES")
            return
        if not os.path.exists(os.path.join(self.root, name)):
            self.fault(where, f"{name}: write the path from the root")
            return
        self._know(where, path, name, "includes")

    def _know(self, where, path, other, how):
        above, below = folder_of(path), folder_of(other)
        arrow = (stem_of(path), stem_of(other))
        if above != below and not self._may_know(above, below):
            self.fault(where, f"{how} {other}, but {above}/ does not stand "
                              f"on {below}/")
        if arrow[0] != arrow[1]:
            self.edges.setdefault(arrow, f"{how} ({where})")

    def _may_know(self, above, below):
        if above not in self.floor:
            return True  # which is a fault of its own
        if below not in self.floor or any(
                above == folder or above.startswith(folder + "/")
                for folder in KEPT_FROM.get(below, ())):
            return False
        return self.floor[above] > self.floor[below]

    def check_calls(self, objects):
        """Who uses a symbol that is defined elsewhere, from nm."""
        files = {stem_of(path) for path in self.files if path.endswith(".c")}
        files.update(GENERATED)
        paths = [stem for stem in sorted(files)
                 if os.path.exists(os.path.join(objects, stem + ".o"))]
        missing = sorted(files - set(paths))
        if missing:
            self.fault(f"{objects}/{missing[0]}.o", "not built; make first")
            return
        home, wants = {}, collections.defaultdict(set)
        # All in one call: to start it takes longer than to read a file.
        listing = subprocess.run(
            ["nm", "-A", "-P", *(stem + ".o" for stem in paths)], cwd=objects,
            stdout=subprocess.PIPE, check=True, text=True).stdout
        for line in listing.splitlines():
            stem, _, entry = line.partition(".o: ")
            symbol, kind = entry.split()[:2]
            if kind == "U":
                wants[stem].add(symbol)
            elif kind.isupper() and symbol != "main":
                home[symbol] = stem
        for stem in paths:
            path = GENERATED.get(stem, stem) + ".c"
            for symbol in sorted(wants[stem] & home.keys()):
                other = GENERATED.get(home[symbol], home[symbol]) + ".c"
                self._know(path, path, other, f"uses {symbol}() of")

    def check_circles(self):
        for circle in circles(self.edges):
            self.fault(", ".join(sorted(circle)), "know each other in a "
                       "circle: " + self._shortest(circle))

    def _shortest(self, circle):
        """One way around, as short as there is, with how each step goes."""
        best = None
        for start in sorted(circle):
            way = self._way_back(start, circle)
            if best is None or len(way) < len(best):
                best = way
        return "; ".join(f"{a} -> {b} {self.edges[a, b]}"
                         for a, b in zip(best, best[1:]))

    def _way_back(self, start, circle):
        ways = collections.deque([[start]])
        seen = set()
        while ways:
            way = ways.popleft()
            for a, b in self.edges:
                if a != way[-1] or b not in circle or b in seen:
                    continue
                if b == start:
                    return way + [b]
                seen.add(b)
                ways.append(way + [b])
        raise AssertionError(f"{start} is in no circle")


def circles(edges):
    """The sets of more than one node that reach each other (Tarjan)."""
    after = collections.defaultdict(list)
    for a, b in edges:
        after[a].append(b)
    number, lowest, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for other in after[node]:
            if other not in number:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == number[node]:
            at = stack.index(node)
            circle = frozenset(stack[at:])
            del stack[at:]
            if len(circle) > 1:
                found.append(circle)

    for node in list(after):
        if node not in number:
            visit(node)
    return found


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=here)
    parser.add_argument("--objects", help="folder with the objects: calls too")
    options = parser.parse_args()
    tree = Tree(options.root)
    tree.check_includes()
    if options.objects:
        tree.check_calls(options.objects)
    tree.check_circles()
    for fault in tree.faults:
        print(fault)
    return 1 if tree.faults else 0


if __name__ == "__main__":
    sys.exit(main())
