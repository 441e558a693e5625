#!/usr/bin/python3
"""Is Waypost built, and does a message flow, on each system that is supported?

usage: packaging/test/test_distros.py [debian-12|debian-13]…

On each, in a machine of its own: its packages are built by its own compiler and
libraries, are installed, and the README's first message is sent. Making a
system fetches half a gigabyte, once.
"""
import os
import subprocess
import sys
import tempfile

import boot
from installed import set_up
from test_install import first_message, readme_blocks


def build_dependencies():
    """What packaging/debian/control asks for."""
    with open(os.path.join(boot.ROOT, "packaging", "debian", "control"),
              encoding="utf-8") as file:
        text = file.read().split("Build-Depends:")[1].split("Standards-")[0]
    names = [word.split()[0].split(":")[0] for word in text.split(",")]
    return ["debhelper" if name == "debhelper-compat" else name
            for name in names]


def check_on(suite):
    base = boot.base(suite + "-build", suite, build_dependencies())
    with tempfile.TemporaryDirectory() as made, boot.Machine(
            base, {"/tree": boot.ROOT}, {"/made": made}) as machine:
        machine.run(
            "mkdir /work && cd /tree && tar -c --exclude=./build "
            "--exclude=./var --exclude=./.git . | tar -x -C /work && "
            "cd /work && PACKAGE_VERSION=$(sed -n 's/^VERSION := //p' "
            "Makefile) DEB_BUILD_OPTIONS=parallel=2 "
            "packaging/debian/build.sh /made", timeout_s=3600)
        set_up(machine, "/made")
        first_message(machine, readme_blocks()["message"])


def main():
    boot.require()
    for suite in sys.argv[1:] or boot.SUITES:
        check_on(suite)
        print(f"ok    {suite}", flush=True)


if __name__ == "__main__":
    main()
