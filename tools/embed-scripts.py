#!/usr/bin/python3
"""Write a C file that holds the given Lua scripts and their SHA-1 names.

usage: tools/embed-scripts.py SCRIPT… > FILE

The order of the arguments must be that of enum wp_script: alphabetical.

Redis' scripts cannot call each other, so a line "-- include NAME" stands for
parts/NAME.lua beside the script. A part begins with what it exports and what it
needs, by name:

    -- exports index_rebuild, …       or: -- exports nothing
    -- needs prefix, index_score, …   when it needs anything

These are all the local names that it defines at its left margin; what else it
has is in a block there, "do … end", and nobody's but its own. What it needs is
defined before it is included, by the script or by other parts. All of that is
proved here, and that no script means something that a part keeps to itself.
"""
import hashlib
import os
import re
import sys

INCLUDE = re.compile(r"^( *)-- include ([a-z_]+)$")
LOCAL = re.compile(r"^( *)local (?:function )?(\w+(?:, \w+)*)", re.M)
PARAMETERS = re.compile(r"\bfunction\b[^(\n]*\(([^)]*)\)")
LOOP = re.compile(r"\bfor (\w+(?:, \w+)*) (?:=|in)")
WORD = re.compile(r"(?<![\w.:])[A-Za-z_]\w*")
# A string, else a comment: neither holds names.
UNNAMED = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|--[^\n]*")


class ScriptError(Exception):
    """What is wrong with a script or part."""


def names_in(text):
    return [name for name in re.split(r"[,\s]+", text) if name]


def without_comments(text):
    return UNNAMED.sub("''", text)


def locals_of(text):
    """(those at the left margin, those further in) by `local`, parameters
    and loops left out."""
    outer, inner = [], []
    for indent, names in LOCAL.findall(without_comments(text)):
        (inner if indent else outer).extend(names_in(names))
    return outer, inner


def defined_in(text):
    """Every name that text defines somewhere."""
    text = without_comments(text)
    found = set()
    for pattern in (PARAMETERS, LOOP):
        for names in pattern.findall(text):
            found.update(names_in(names))
    for _, names in LOCAL.findall(text):
        found.update(names_in(names))
    return found


class Part:
    """One of parts/, and what its first lines say of it."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.path = path
        head = re.match(r"((?:-- exports \w+(?:, \w+)*\n)+)"
                        r"(?:-- needs (\w+(?:, \w+)*)\n)?", self.text)
        if not head:
            raise ScriptError(f"{path}: does not begin with what it exports")
        self.exports = names_in(head.group(1).replace("-- exports ", ""))
        if self.exports == ["nothing"]:
            self.exports = []
        self.needs = names_in(head.group(2) or "")
        outer, inner = locals_of(self.text)
        if sorted(outer) != sorted(self.exports):
            raise ScriptError(
                f"{path}: exports {', '.join(self.exports) or 'nothing'}, but "
                f"has {', '.join(outer) or 'nothing'} at its left margin")
        self.private = set(inner) - set(self.exports)


def expand(path):
    """The script as Redis gets it."""
    folder = os.path.join(os.path.dirname(path), "parts")
    with open(path, encoding="utf-8") as file:
        own = file.read()
    out, parts = [], []

    def add(text, indent):
        for line in text.splitlines():
            include = INCLUDE.match(line)
            if include:
                add_part(include.group(2), indent + include.group(1))
            else:
                out.append(indent + line if line else line)

    def add_part(name, indent):
        part = Part(os.path.join(folder, name + ".lua"))
        known = defined_in("\n".join(out))
        for need in part.needs:
            if need not in known:
                raise ScriptError(f"{path}: {part.path} needs {need}")
        parts.append(part)
        add(part.text, indent)

    add(own, "")
    mine = defined_in(own).union(*(part.exports for part in parts))
    used = set(WORD.findall(without_comments(own)))
    for part in parts:
        for name in sorted(used & part.private - mine):
            raise ScriptError(f"{path}: {name} is private to {part.path}")
    return "\n".join(out) + "\n"


def in_c(text):
    """As string literals, one for each line."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(f'\t\t\t"{line}\\n"\n' for line in quoted.splitlines())


def main():
    print("/* Made by tools/embed-scripts.py from lib/mailbox/scripts. */\n"
          '#include "lib/mailbox/scripts.h"\n'
          f"_Static_assert(WP_SCRIPT_COUNT == {len(sys.argv) - 1},\n"
          '\t"scripts.h names the files of lib/mailbox/scripts");\n'
          "static const struct wp_script_source sources[WP_SCRIPT_COUNT] = {")
    for path in sys.argv[1:]:
        text = expand(path)
        name = os.path.splitext(os.path.basename(path))[0]
        data = text.encode()
        print(f"\t[WP_SCRIPT_{name.upper()}] = {{\n"
              f'\t\t.name = "{name}",\n'
              f'\t\t.sha1 = "{hashlib.sha1(data).hexdigest()}",\n'
              f"\t\t.len = {len(data)},\n\t\t.text =\n{in_c(text)}\t}},")
    print("};\nconst struct wp_script_set wp_scripts = "
          "{ sources, WP_SCRIPT_COUNT };")


if __name__ == "__main__":
    try:
        main()
    except (ScriptError, OSError) as error:
        sys.exit(f"tools/embed-scripts.py: {error}")
