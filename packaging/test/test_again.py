#!/usr/bin/python3
"""Two builds of one tree, in different folders, give the same packages."""
import hashlib
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def version():
    with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as file:
        return re.search(r"^VERSION := (.+)$", file.read(), re.M).group(1)


def sums(folder):
    """{name of a package: SHA-256 of the file}"""
    found = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".deb"):
            with open(os.path.join(folder, name), "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


def build(folder):
    done = subprocess.run(
        [os.path.join(ROOT, "packaging", "debian", "build.sh"), folder],
        env={**os.environ, "PACKAGE_VERSION": version()}, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout[-4000:])
    return sums(folder)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        first = build(os.path.join(scratch, "here"))
        second = build(os.path.join(scratch, "there-and-longer"))
    differ = sorted(name for name in first.keys() | second.keys()
                    if first.get(name) != second.get(name))
    if differ or not first:
        sys.exit(f"not the same: {', '.join(differ) or 'there are none'}")
    print(f"ok    {len(first)} packages are the same, built twice")


if __name__ == "__main__":
    main()
