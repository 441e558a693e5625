#!/usr/bin/python3
"""Make the manual pages: docs/man/*.mdoc with what the programs say of
themselves put in.

usage: tools/man.py --build build/release --out build/release/man

In a page these lines stand for text that is made:

    .\\" @options PROGRAM   its options, as its --help tells them
    .\\" @settings PROGRAM  the sections of the file that it uses
    .\\" @commands          all commands of waypost, as their --help tells them
    .\\" @keys              all keys of the file, of all programs
    .\\" @include FILE      another file of docs/man

Pages are mdoc(7). A text is taken apart into sentences, a line each, as mdoc
wants it.
"""
import argparse
import os
import re
import subprocess
import sys
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KEY = re.compile(r"^  ([a-z]\w*(?:\.\w+)?) \((.+)\)$")
OPTION = re.compile(r"^  (--[a-z-]+)(?: (\S+))?(?:  +(.*))?$")


def quoted(text):
    """Text that mdoc leaves alone, wherever it stands."""
    text = text.replace("\\", "\\e").replace("…", "...")
    return "\\&" + text if text.startswith((".", "'")) else text


def sentences(text):
    """Each begins a line, and no line is long."""
    return [quoted(line) for one in
            re.split(r"(?<=[a-z0-9)][.;]) (?=[A-Z\"])", text)
            for line in textwrap.wrap(one, 78, break_long_words=False,
                                      break_on_hyphens=False)]


def word(text):
    """An argument of a macro, which is no macro itself."""
    return f'"\\&{quoted(text)}"' if re.fullmatch(r"[A-Z][a-z]", text) or \
        re.search(r"[\"\s|]", text) else quoted(text)


class Programs:
    """What the programs say, asked once each."""

    def __init__(self, build):
        self.build = build
        self.said = {}

    def help(self, program, *words):
        line = (program, *words, "--help")
        if line not in self.said:
            self.said[line] = subprocess.run(
                [os.path.join(self.build, program), *line[1:]], check=True,
                capture_output=True, text=True, timeout=30).stdout
        return self.said[line]

    def commands(self):
        """["dlq", "list"], … in the order of --help."""
        for line in self.help("waypost").split("\n\n")[1].splitlines():
            for text in re.split(r"  +", line)[1:]:
                noun, _, verbs = text.partition(" ")
                # Help is about the others.
                if not verbs and noun != "help":
                    yield [noun]
                for verb in filter(None, verbs.split("|")):
                    yield [noun, verb]

    def reference(self):
        """All keys of the file, as --help of programs has those of theirs."""
        return subprocess.run(
            [os.path.join(self.build, "waypost"), "config", "reference",
             "--form", "text"], check=True, capture_output=True, text=True,
            timeout=30).stdout

    @staticmethod
    def keys(*texts):
        """{name: (environment, what it may be, what it is for)}"""
        found = {}
        for text in texts:
            lines = text.splitlines()
            for i, line in enumerate(lines):
                match = KEY.match(line)
                if match:
                    found.setdefault(match.group(1), (
                        match.group(2), lines[i + 1].strip(),
                        lines[i + 2].strip()))
        return found


def options_in(text):
    """(name, value or None, what it does) of each in a --help."""
    found = []
    for line in text.splitlines():
        match = OPTION.match(line)
        if match:
            found.append([match.group(1), match.group(2),
                          match.group(3) or ""])
        elif found and re.match(r" {8,}\S", line):
            found[-1][2] = (found[-1][2] + " " + line.strip()).strip()
        elif found:
            break
    return found


def flag(name, value):
    return f"Fl {name[1:]}" + (f" Ar {word(value)}" if value else "")


def option_list(options):
    lines = [".Bl -tag -width Ds"] if options else []
    for name, value, about in options:
        lines += [f".It {flag(name, value)}", *sentences(about)]
    return lines + ([".El"] if options else [])


def usage_line(usage):
    """The words behind "waypost" in a usage, for .It."""
    out = []
    for part in re.findall(r"\[--[^\]]*\]|--\S+(?: [A-Z]\S*)?|\S+", usage):
        inner = part.strip("[]")
        if inner.startswith("--"):
            text = flag(*(inner.split(" ", 1) + [None])[:2])
            out.append(f"Oo {text} Oc" if part[0] == "[" else text)
        elif part == "|":
            out.append("|")
        elif part[0] in "<[-":
            out.append("Ar " + word(part))
        else:
            out.append("Cm " + word(part))
    return " ".join(out)


def command_list(programs):
    lines = [".Bl -tag -width Ds", ".It Cm help Op Ar command",
             "Say what a command does."]
    for command in programs.commands():
        text = programs.help("waypost", *command)
        usage, story, *options = text.split("\n\n")
        usage = " ".join(usage.split()).removeprefix("Usage: waypost ")
        lines += [f".It {usage_line(usage)}",
                  *sentences(" ".join(story.split()))]
        if options:
            lines += option_list(options_in(options[0]))
    return lines + [".El"]


def key_list(programs):
    lines = []
    section = None
    for name, (environment, may, about) in programs.keys(
            programs.reference()).items():
        here = name.rpartition(".")[0]
        # A sentence, unless it begins as a value does.
        if not re.match(r"[a-z]+[:./_]", about):
            about = about[0].upper() + about[1:]
        if here != section:
            lines += [".El"] if lines else []
            lines += [f".Ss {here}" if here else ".Ss Of the whole file",
                      ".Bl -tag -width Ds"]
            section = here
        lines += [f".It Cm {word(name)}", *sentences(about + "."),
                  *sentences(f"Value: {may}."), ".br",
                  ".Ev " + " , ".join(environment.split(", "))]
    return lines + [".El"]


def setting_list(programs, program):
    sections = []
    for name in programs.keys(programs.help(program)):
        here = name.rpartition(".")[0] or name
        if here not in sections:
            sections.append(here)
    return ["It uses these settings of", ".Xr waypost.yaml 5 :",
            *[f".Cm {one}{' ,' if one != sections[-1] else ' .'}"
              for one in sections]]


def page(programs, path):
    lines = []
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for line in text.splitlines():
        match = re.match(r'\.\\" @(\w+) ?(.*)$', line)
        if not match:
            lines.append(line)
            continue
        what, whose = match.groups()
        if what == "options":
            lines += option_list(options_in(
                programs.help(whose).partition("\nOptions:\n")[2] or
                programs.help(whose)))
        elif what == "settings":
            lines += setting_list(programs, whose)
        elif what == "commands":
            lines += command_list(programs)
        elif what == "keys":
            lines += key_list(programs)
        elif what == "include":
            lines += page(programs, os.path.join(os.path.dirname(path),
                                                 whose))
        else:
            raise ValueError(f"{path}: {line}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    programs = Programs(args.build)
    folder = os.path.join(ROOT, "docs/man")
    os.makedirs(args.out, exist_ok=True)
    for name in sorted(os.listdir(folder)):
        # waypost-ws.8.mdoc; others are for @include.
        match = re.fullmatch(r"(.+\.[1-8])\.mdoc", name)
        if match:
            lines = page(programs, os.path.join(folder, name))
            with open(os.path.join(args.out, match.group(1)), "w",
                      encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
