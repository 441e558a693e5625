#!/usr/bin/python3
"""Two builds of one tree give the same packages, and lintian finds nothing.

They differ in the time, the folder, the time zone, the language and the rights
of new files.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


BUILDS = (("here", "UTC", "C.UTF-8", 0o022),
          ("there-and-longer", "Pacific/Kiritimati", "C", 0o077))


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


def build(folder, zone, language, umask):
    done = subprocess.run(
        [os.path.join(ROOT, "packaging", "debian", "build.sh"), folder],
        env={**os.environ, "PACKAGE_VERSION": version(), "TZ": zone,
             "LC_ALL": language}, umask=umask, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout[-4000:])
    return sums(folder)


def lintian(folder, names):
    """Look at these packages; where it is missing that is said."""
    if shutil.which("lintian") is None:
        print("skip  lintian is missing (apt-get install lintian)")
        return
    said = subprocess.run(
        ["lintian", "--allow-root", "--no-tag-display-limit",
         *(os.path.join(folder, name) for name in names)],
        capture_output=True, text=True, check=False)
    if said.returncode != 0 or said.stdout:
        sys.exit(f"lintian: {said.stdout}{said.stderr}")
    print("ok    lintian finds nothing")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        first, second = (build(os.path.join(scratch, name), *ways)
                         for name, *ways in BUILDS)
        lintian(os.path.join(scratch, BUILDS[0][0]), first)
    differ = sorted(name for name in first.keys() | second.keys()
                    if first.get(name) != second.get(name))
    if differ or not first:
        sys.exit(f"not the same: {', '.join(differ) or 'there are none'}")
    print(f"ok    {len(first)} packages are the same, built twice")


if __name__ == "__main__":
    main()
