#!/usr/bin/python3
"""What clients and operators are told of is what the programs have.

usage: tools/check-contract.py [--root FOLDER]

These say the same thing, in both directions:

- handlers/request/endpoints.h, docs/openapi.yaml, the table of README.md and
  the files of both web servers: paths, their aliases and methods
- the frames, their members and the close codes of ws-daemon (and what the
  notifier has it tell), and
  docs/websocket.md; a test sends each frame
- sections of lib/sys/sections, and the table of README.md
- WAYPOST_… variables that a program reads, and those that documents name
- names of the notification service in lib/sys/conf_theirs.c, and the table of
  docs/from-notification-service.md with what they are here
- the programs that the Makefile builds, README.md and docs/architecture.md;
  tests start them
- the packages that tools/deps.sh installs to build and run, and README.md; the
  libraries among them, and packaging/debian/control
- the keys of a partition in the scripts, and the table of docs/architecture.md
- the classes of lib/limit/rates.h and their presets, web-config/waypost.yaml,
  docs/operations.md and what tools/devkit/stack.py switches off for tests
- the backends of lib/store, those that store.backend may name, and their tests

What documents name is there: keys of settings, metrics, codes of errors. And
what is there is used: each setting is read, each metric has a name and is
counted. That web-config/waypost.yaml has every key is a test of its own
(test_conf.c).
"""
import argparse
import glob
import os
import re
import sys

import yaml

# The daemon's own, which no FastCGI handler answers: path -> alias.
SOCKET = {"/connect": "/ws"}
# A web server's own answer below /api, and what only it is asked for.
WEB_ONLY = {"/api"}
# Set by others than operators: systemd, whoever speaks CGI, and terminals.
NOT_OURS = {"NOTIFY_SOCKET", "WATCHDOG_PID", "GATEWAY_INTERFACE",
            "REQUEST_METHOD", "COLUMNS", "TERM", "JOURNAL_STREAM"}

ROW = re.compile(r'\bROW\((\w+),\s*"([^"]+)",\s*(?:"([^"]+)"|NULL),\s*'
                 r"(WP_\w+(?:\s*\|\s*WP_\w+)*),")
OPERATIONS = ("get", "head", "post", "put", "patch", "delete")
FRAME = re.compile(r'\{\s*"(\w+)",\s*(WP_FRAME_\w+)\s*\}')
MEMBER = re.compile(r'\[MEMBER_\w+\] = "(\w+)"')
SAID = re.compile(r'\{\\"type\\":\\"(\w+)\\"|\bwp_frame_reply\([^;"]*"(\w+)"')
NOTIFIED = re.compile(r'\btype\[\] = "\\"(\w+)\\""')
CLOSE = re.compile(r"\b(WP_CLOSE_[A-Z_]+)(?<!_MS) = (\d{4})\b")
KEY = re.compile(r'\{\s*"((?:[a-z]\w*\.)?[a-z]\w*)",\s*'
                 r"WP_CONF_AT\(([\w.]+)\)")
SECTION = re.compile(r'\bWP_CONF_SECTION\("(\w*)"')
ALIAS = re.compile(r'\.alias = "(\w+)"')
ALIAS_OF = re.compile(r'\{ "([\w.]+)",\s+WP_CONF_AT(?:(?!\n\t\{).)*?'
                      r'\.alias = "(\w+)"', re.S)
THEIR_NAME = re.compile(r'^\t\{ "([A-Z_]+)",\s(?:"([\w.]+)"|NULL),', re.M)
CLASS = re.compile(r'^\tROW\(\w+, "(\w+)", "([\d.]+)/(\d+)",', re.M)
GETENV = re.compile(r'\bgetenv\("(\w+)"\)')
QUOTED = re.compile(r"`([^`\n]+)`")


def joined(text):
    """C with the pieces of each literal put together."""
    return re.sub(r'(?<!\\)"\s*\n\s*"', "", text)


def part(text, heading):
    """Of a document: what stands below a heading."""
    match = re.search(rf"^(#+) {re.escape(heading)}$(.*?)(?=^#{{1,2}} |\Z)",
                      text, re.M | re.S)
    return match.group(2) if match else ""


def rows(text):
    """The cells of each row of the tables in a document."""
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines() if line.startswith("| ")]


def chains_in(code):
    """What of->these.members->are.named in C: these, members, these.members,
    are, named, are.named."""
    found = set()
    for chain in set(re.findall(r"[>.](\w+(?:\.\w+)*)", code)):
        names = chain.split(".")
        found.update(".".join(names[first:last])
                     for first in range(len(names))
                     for last in range(first + 1, len(names) + 1))
    return found


def suffixed(names):
    """As histograms are told."""
    return {name + end for name in names
            for end in ("_bucket", "_sum", "_count")}


class Tree:
    """The repository, and what does not fit in it.

    instead: texts in the place of those that files have, by their paths
    """

    def __init__(self, root, instead=None):
        self.root = root
        self.faults = []
        self._texts = {os.path.join(root, path): text
                       for path, text in (instead or {}).items()}
        self._parts = {}
        self._trees = {}

    def read(self, *patterns):
        """All files of these patterns, one behind the other."""
        return "".join(map(self._read_part, patterns))

    def _read_part(self, pattern):
        if pattern not in self._parts:
            self._parts[pattern] = "".join(
                self._read_file(path) + "\n" for path in sorted(glob.glob(
                    os.path.join(self.root, pattern), recursive=True)))
        return self._parts[pattern]

    def _read_file(self, path):
        if path not in self._texts:
            with open(path, encoding="utf-8") as file:
                self._texts[path] = file.read()
        return self._texts[path]

    def read_yaml(self, path):
        if path not in self._trees:
            # The loader in C takes a tenth of the time.
            self._trees[path] = yaml.load(self.read(path), getattr(
                yaml, "CSafeLoader", yaml.SafeLoader)) or {}
        return self._trees[path]

    def fault(self, where, what):
        self.faults.append(f"{where}: {what}")

    def found(self, things, what):
        """A check that finds nothing has lost its way."""
        if not things:
            self.fault(what, "none was found")
        return things

    def same(self, where, has, wanted, what):
        """has is what stands in where, wanted what has to."""
        for each in sorted(set(wanted) - set(has)):
            self.fault(where, f"{what} {each} is missing")
        for each in sorted(set(has) - set(wanted)):
            self.fault(where, f"{what} {each} is none of ours")

    def documents(self):
        return self.read("README.md", "CONTRIBUTING.md", "docs/*.md",
                         "docs/openapi.yaml")

    # ---- paths ----

    def check_paths(self):
        methods, aliases = {}, {}
        for _, path, alias, flags in ROW.findall(
                self.read("handlers/**/*.h").replace("\\\n", "\n")):
            methods.setdefault(path, []).extend(
                flag.strip()[len("WP_"):] for flag in flags.split("|"))
            if alias:
                aliases[alias] = path
        if self.found(methods, "handlers/: endpoints"):
            self._check_openapi(methods, aliases)
            self._check_readme(methods, aliases)
            self._check_nginx(methods, aliases)
            self._check_lighttpd(methods, aliases)

    def _check_openapi(self, methods, aliases):
        where = "docs/openapi.yaml"
        spec = self.read_yaml(where)
        self.same(where,
                  {f"{verb.upper()} {path}"
                   for path, item in spec.get("paths", {}).items()
                   for verb in OPERATIONS if verb in item},
                  {f"{verb} {path}" for path in methods
                   for verb in methods[path]}, "operation")
        text = spec.get("info", {}).get("description", "")
        told = re.search(r"([^.]*)\bare aliases\b", text)
        self.same(where, QUOTED.findall(told.group(1)) if told else (),
                  aliases, "alias")

    def _check_readme(self, methods, aliases):
        text = part(self.read("README.md"), "The API")
        has = set()
        for cells in rows(text):
            verb = re.match(r"`([A-Z]+) ", cells[0])
            has.update(f"{verb.group(1)} {path}" for path in
                       re.findall(r"(/[\w/.-]*)", cells[0]) if verb)
        wanted = {f"{verb} {path}" for path in methods
                  for verb in methods[path] if verb != "HEAD"}
        self.same("README.md", has,
                  wanted | {f"GET {path}" for path in SOCKET}, "endpoint")
        told = re.search(r"^(.*)\bare aliases\b", text, re.M)
        self.same("README.md", QUOTED.findall(told.group(1)) if told else (),
                  [*aliases, *SOCKET.values()], "alias")

    def _check_nginx(self, methods, aliases):
        where = "web-config/nginx"
        conf = self.read(f"{where}/waypost.conf")
        maps = self.read(f"{where}/waypost-upstreams.conf")
        exact = set(re.findall(r"^location = (/(?!waypost-)\S*) ",
                               conf, re.M))
        ours = {path for path in [*methods, *aliases]
                if not path.startswith("/api/")}
        self.same(f"{where}/waypost.conf", exact,
                  ours | WEB_ONLY | {*SOCKET, *SOCKET.values()}, "location")
        probes = set(re.findall(r"rewrite \^ /api/waypost-probe(\S*) ", conf))
        table = re.search(r"\$waypost_plain \{(.*?)^\}", maps, re.M | re.S)
        self.same(f"{where}/waypost-upstreams.conf",
                  re.findall(r'^\s*"(.*)\|" 1;$', table.group(1), re.M)
                  if table else (),
                  {*methods, *aliases} - probes, "$waypost_plain of")
        table = re.search(r"\$waypost_allow \{(.*?)^\}", maps, re.M | re.S)
        lines = re.findall(r'^\s*"~(.*)" "(.*)";$', table.group(1),
                           re.M) if table else ()
        for path, allow in self._allowed(methods, aliases).items():
            said = next((value for pattern, value in lines
                         if re.search(pattern, path)), "nothing special")
            if said != allow:
                self.fault(f"{where}/waypost-upstreams.conf",
                           f"$waypost_allow says {said} of {path}, "
                           f"not {allow}")

    def _check_lighttpd(self, methods, aliases):
        where = "web-config/lighttpd"
        text = self.read(f"{where}/waypost.conf")
        patterns = re.findall(r'\$HTTP\["url"\] =~ "(.*)"', text)
        allowed = self._allowed(methods, aliases)
        for path in allowed:
            if not any(re.search(pattern, path) for pattern in patterns):
                self.fault(f"{where}/waypost.conf", f"{path} leads nowhere")
        text = self.read(f"{where}/errors.lua")
        match = re.search(r"^local (GET.*?) = (.*)$", text, re.M)
        names = dict(zip(match.group(1).split(", "),
                         re.findall(r"'([^']*)'", match.group(2)))) \
            if match else {}
        table = re.search(r"^local PATHS = \{(.*?)^\}", text, re.M | re.S)
        has = {f"{path}: {literal or names.get(name, name)}"
               for path, literal, name in re.findall(
                   r"\['(/[^']*)'\] = (?:'([^']*)'|(\w+))",
                   table.group(1) if table else "")}
        self.same(f"{where}/errors.lua", has,
                  {f"{path}: {allow}" for path, allow in allowed.items()} |
                  {f"{path}: OPTIONS" for path in WEB_ONLY}, "PATHS")

    def _allowed(self, methods, aliases):
        """What a 405 of a web server has to say of each path."""
        allowed = {path: ", ".join([*verbs, "OPTIONS"])
                   for path, verbs in methods.items()}
        allowed.update((alias, allowed[path])
                       for alias, path in aliases.items())
        allowed.update((path, "GET") for path in
                       [*SOCKET, *SOCKET.values()])
        return allowed

    # ---- the socket ----

    def check_frames(self):
        where = "docs/websocket.md"
        code = self.read("ws-daemon/**/*.[ch]")
        names = {constant: name for name, constant in FRAME.findall(code)}
        constants = set(re.findall(r"\b(WP_FRAME_[A-Z_]+)\b", code))
        self.same("ws-daemon/", names, constants - {"WP_FRAME_UNKNOWN"},
                  "the name of frame")
        text = part(self.read(where), "Client to server")
        told = self._frames_in(text)
        # Those that are only refused are told of in a sentence.
        self.same(where, told | (set(names.values()) & set(
            QUOTED.findall(text))),
                  self.found(set(names.values()), "ws-daemon/: frames read"),
                  "frame of clients")
        self.same(where, set(re.findall(r'(?<!:)"(\w+)"', "".join(
            cells[0] for cells in rows(text)))), MEMBER.findall(code),
                  "member of a frame of clients")
        sent = set(re.findall(r"""["'](\w+)(?=["'])""",
                              self.read("tests/e2e/*.py")))
        for name in sorted(set(names.values())):
            if name not in sent:
                self.fault("tests/e2e/", f"no test sends the frame {name}")
        said = {a or b for a, b in SAID.findall(code)}
        said |= set(NOTIFIED.findall(self.read("notifier/*.c")))
        self.same(where,
                  self._frames_in(part(self.read(where), "Server to client")),
                  self.found(said, "ws-daemon/: frames written"),
                  "frame of the server")

    @staticmethod
    def _frames_in(text):
        return {name for cells in rows(text)
                for name in re.findall(r'^`\{"type":"(\w+)"', cells[0])}

    def check_closes(self):
        where = "docs/websocket.md"
        numbers = dict(CLOSE.findall(self.read("ws-daemon/**/*.h")))
        used = set(re.findall(r"\bWP_CLOSE_\w+", self.read("ws-daemon/**/*.c")))
        codes = {numbers[name] for name in used & numbers.keys()
                 if name != "WP_CLOSE_NO_STATUS"}
        self.same(where, {code for cells in rows(self.read(where))
                          for code in re.findall(r"\b\d{4}\b", cells[0])},
                  self.found(codes, "ws-daemon/: close codes"), "close code")

    # ---- settings and variables ----

    def check_settings(self):
        tables = self.read("lib/sys/sections/*.c")
        places = dict(self.found(KEY.findall(tables),
                                 "lib/sys/sections/: keys"))
        keys = set(places)
        sections = set(SECTION.findall(tables))
        for key in sorted(keys):
            if key.rpartition(".")[0] not in sections:
                self.fault("lib/sys/sections/", f"{key} is in no section")
        told = part(self.read("README.md"), "Configuration")
        self.same("README.md",
                  {name for cells in rows(told)
                   for name in QUOTED.findall(cells[0])},
                  {key for key in keys if "." not in key} |
                  sections - {""}, "section")
        listed = re.findall(r"&(wp_conf_\w+)",
                            self.read("lib/sys/sections/all.c"))
        self.same("lib/sys/sections/all.c", listed, re.findall(
            r"\b(wp_conf_\w+) =\s+WP_CONF_SECTION", tables), "table")
        self._check_names_of_keys(keys, sections)
        code = self.read("lib/**/*.c", "handlers/**/*.c", "worker/*.c",
                         "ws-daemon/**/*.c", "keys/*.c", "notifier/**/*.c",
                         "tools/waypost/**/*.c").replace(
                             tables, "")
        read = chains_in(code)
        for key, place in sorted(places.items()):
            if place not in read:
                self.fault("lib/sys/sections/", f"{key} is read by nobody")
        self._check_variables(keys, tables, code)

    def _check_names_of_keys(self, keys, sections):
        """What looks like section.key in a document is one."""
        for name in sorted(set(QUOTED.findall(self.documents()))):
            match = re.match(r"([a-z]+)\.[a-z_]+(?=$|[: ])", name)
            if match and match.group(1) in sections and \
                    match.group() not in keys and \
                    re.sub(r"_file$", "", match.group()) not in keys and \
                    not re.search(r"\.(conf|c|h|lua|pml|db|sock)$",
                                  match.group()):
                self.fault("documents", f"{match.group()} is no setting")

    def _check_variables(self, keys, tables, code):
        read = set(GETENV.findall(code)) | set(ALIAS.findall(tables))
        of_keys = {"WAYPOST_" + key.upper().replace(".", "_") for key in keys}
        told = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", self.documents() +
                              self.read("web-config/waypost.yaml")))
        for name in sorted(read - NOT_OURS - of_keys - told):
            self.fault("documents", f"{name} is read and told nowhere")
        for name in sorted(told - read - of_keys):
            if name.startswith("WAYPOST_") and \
                    name[:-len("_FILE")] not in of_keys:
                self.fault("documents", f"{name} is read by nobody")

    def check_their_names(self):
        where = "docs/from-notification-service.md"
        theirs = {name: key or "none" for name, key in self.found(
            THEIR_NAME.findall(self.read("lib/sys/conf_theirs.c")),
            "lib/sys/conf_theirs.c: names")}
        read = {alias: key for key, alias in ALIAS_OF.findall(
            self.read("lib/sys/sections/*.c"))} | theirs
        told = {}
        for there, here in rows(part(self.read(where),
                                     "Names of its environment"))[2:]:
            begin = re.match(r"`([\w.]+)`|none\b", here)
            told.update((name, begin[1] or "none" if begin else here)
                        for name in QUOTED.findall(there))
        self.same(where, told, theirs.keys() | told, "name")
        for name, here in sorted(told.items()):
            if read.get(name, "none") != here:
                self.fault(where, f"{name} is {read.get(name, 'none')} here, "
                                  f"not {here}")

    # ---- metrics and codes ----

    def check_metrics(self):
        """docs/metrics.md is another's: tools/metrics-doc.py writes it."""
        registered = set(re.findall(
            r'"(waypost_[a-z_]+)"',
            joined(self.read("lib/metrics/*.[ch]", "lib/auth/token.h"))))
        for path in self.found(sorted(
                path for pattern in ("*/metrics.c", "handlers/*/metrics.c")
                for path in glob.glob(os.path.join(self.root, pattern))),
                "metrics.c"):
            folder = os.path.relpath(os.path.dirname(path), self.root)
            table = self.read(f"{folder}/metrics.c")
            registered |= set(re.findall(r'"(waypost_[a-z_]+)"',
                                         joined(table)))
            self._check_counted(folder, table)
        # What begins as one of ours does is meant to be one of them.
        families = {re.match(r"waypost_[a-z]+_", name)[0]
                    for name in registered}
        told = set(re.findall(r"\b(?:%s)[a-z_]+\b" % "|".join(families),
                              self.documents()))
        for name in sorted(told - registered - suffixed(registered)):
            self.fault("documents", f"{name} is counted by nobody")

    def _check_counted(self, folder, table):
        """Each has a row, and somebody of the program who counts."""
        program = folder.split(os.sep, 1)[0]
        code = self.read(f"{program}/**/*.c").replace(table.rstrip("\n"), "")
        # A range of them is counted by a function beside the table.
        code += re.sub(r"\[WP_\w+\]", "", table)
        named, counted = (set(re.findall(r"\bWP_\w+", text))
                          for text in (table, code))
        for name in self.found(re.findall(
                r"^\t(WP_\w+?)(?<!_COUNT)(?: = [^,]+)?,?$",
                self.read(f"{folder}/metrics.h"), re.M),
                f"{folder}/metrics.h: metrics"):
            if name not in named:
                self.fault(f"{folder}/metrics.c", f"{name} has no row")
            elif name not in counted:
                self.fault(f"{program}/", f"{name} is never counted")

    def check_codes(self):
        where = "docs/openapi.yaml"
        spec = self.read_yaml(where)
        codes = set(spec.get("components", {}).get("schemas", {}).get(
            "Error", {}).get("properties", {}).get("code", {}).get("enum", ()))
        table = {code for cells in rows(spec.get("info", {}).get(
            "description", "")) for code in re.findall(r"`([a-z_]+)`",
                                                       cells[0])}
        self.same(f"{where} (table)", table,
                  self.found(codes, f"{where}: codes"), "code")
        socket = self.read("docs/websocket.md")
        told = re.search(r"^Codes of `error` frames(.*?)\n\n", socket,
                         re.M | re.S)
        told = re.findall(r"`([a-z_]+)`", told.group(1)) if told else ()
        made = set(re.findall(r"""["']([a-z_]+)(?=["'])""", joined(self.read(
            "lib/**/*.c", "handlers/**/*.c", "ws-daemon/**/*.c",
            "web-config/nginx/*", "web-config/lighttpd/*"))))
        for code in sorted(codes | set(told) - {"watch", "unwatch"}):
            if code not in made:
                self.fault("documents", f"nobody answers with code {code}")

    # ---- programs ----

    def check_packages(self):
        script = self.read("tools/deps.sh")
        build, run = (set(re.findall(r"^\tneed (\S+)", body, re.M))
                      for body in self.bodies(script, "build", "run"))
        needs = build | run
        told = re.search(r"installs what is missing of\s+(.*?) and nginx",
                         self.read("README.md"), re.S)
        self.same("README.md",
                  re.split(r",\s+", told.group(1)) if told else (),
                  self.found(needs, "tools/deps.sh: packages"), "package")
        where = "packaging/debian/control"
        self.same(where, re.findall(r"^(?:Build-Depends:)? +(lib\S+-dev),$",
                                    self.read(where), re.M),
                  {each for each in build if re.match(r"lib.*-dev$", each)} -
                  {"libc6-dev"}, "package")

    @staticmethod
    def bodies(script, *kinds):
        """What stands in need_<kind>() of tools/deps.sh, for each of them."""
        for kind in kinds:
            found = re.search(rf"^need_{kind}\(\) \{{(.*?)^\}}", script,
                              re.M | re.S)
            yield found.group(1) if found else ""

    def check_backends(self):
        there = set(re.findall(r"^const struct wp_store_backend wp_store_(\w+)",
                               self.read("lib/store/*.c"), re.M))
        text = self.read("lib/sys/sections/store.c")
        names = re.search(r"\bbackends\[\] = \{(.*?), NULL \}", text, re.S)
        self.same("lib/sys/sections/store.c",
                  re.findall(r'"(\w+)"', names.group(1)) if names else (),
                  self.found(there, "lib/store/: backends"), "backend")
        for name in sorted(there):
            if f"\t&wp_store_{name}," not in self.read("lib/store/*.c"):
                self.fault("lib/store/", f"wp_store_{name} is in no list")
            test = f"tests/integration/test_store_{name}.c"
            if "wp_store_contract" not in self.read(test):
                self.fault(test, "the contract of a backend is not tried")
        for path in self.found(sorted(
                each for pattern in ("*/main.c", "*/*/main.c")
                for each in glob.glob(os.path.join(self.root, pattern))),
                "programs: main.c"):
            path = os.path.relpath(path, self.root)
            known = self.read(path)
            for table in re.findall(r"\b(wp_conf_\w+) =\s+WP_CONF_SEC", text):
                if "wp_conf_store" in known and \
                        not re.search(rf"\b{table}\b", known):
                    self.fault(path, f"{table} is missing beside the other "
                                     "settings of the store")

    def check_keys(self):
        where = "docs/architecture.md"
        used = set(re.findall(r"(?:\bprefix|\bKEYS\[1\]) \.\. '([a-z]+!?)",
                              self.read("lib/mailbox/scripts/**/*.lua")))
        told = {re.match(r"(?:wp:\{p\}:)?([a-z]+!?)", name).group(1)
                for cells in rows(part(self.read(where),
                                       "Partitions and keys"))
                for name in QUOTED.findall(cells[0])
                if re.match(r"wp:\{p\}:|[a-z]+!?(?::<|$)", name)}
        self.same(where, told, self.found(used, "scripts: keys"),
                  "key of a partition")

    def check_limits(self):
        classes = {name: (rate, burst) for name, rate, burst in self.found(
            CLASS.findall(self.read("lib/limit/rates.h")),
            "lib/limit/rates.h: classes")}

        where = "tools/devkit/stack.py"
        off = re.search(r"^LIMITS = \(([^)]*)\)", self.read(where), re.M)
        self.same(where, re.findall(r'"(\w+)"', off.group(1) if off else ""),
                  classes, "LIMITS: the class")

        where = "web-config/waypost.yaml"
        told = re.findall(r"\b([a-z_]+)=([\d.]+/\d+)",
                          re.sub(r"\n\s*#", "", self.read(where)))
        self.same(where, [f"{name}={preset}" for name, preset in told],
                  [f"{name}={rate}/{burst}"
                   for name, (rate, burst) in classes.items()], "the preset")

        where = "docs/operations.md"
        text = part(self.read(where), "Limits")
        for name in sorted(set(classes) - set(QUOTED.findall(text))):
            self.fault(where, f"the class {name} is missing")
        for cells in rows(text):
            for name in QUOTED.findall(re.split("[:(]", cells[0])[0]):
                numbers = [re.sub(r"[^\d.].*", "", cell)
                           for cell in cells[2:4]]
                if name in classes and tuple(numbers) != classes[name]:
                    self.fault(where, f"the preset of {name} is wrong")

    def check_programs(self):
        names = re.search(r"^PROGRAMS := (.*)$", self.read("Makefile"), re.M)
        for name in self.found(names.group(1).split() if names else (),
                               "Makefile: programs"):
            for path in ("README.md", "docs/architecture.md"):
                if not re.search(rf"(?:`|\*\*){name}(?:`|\*\*)",
                                 self.read(path)):
                    self.fault(path, f"the program {name} is missing")
            for path in ("tools/devkit/stack.py", "tests/e2e/harness.py"):
                if "-" in name and f'"{name}"' not in self.read(path):
                    self.fault(path, f"the program {name} is missing")


def faults_in(root, instead=None):
    """A sentence for each; instead: as of a Tree."""
    tree = Tree(root, instead)
    tree.check_paths()
    tree.check_frames()
    tree.check_closes()
    tree.check_settings()
    tree.check_their_names()
    tree.check_metrics()
    tree.check_codes()
    tree.check_programs()
    tree.check_packages()
    tree.check_backends()
    tree.check_keys()
    tree.check_limits()
    return tree.faults


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=here)
    faults = faults_in(parser.parse_args().root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
