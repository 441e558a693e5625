#!/usr/bin/python3
"""Is Waypost built, and does a message flow, on each system that is supported?

usage: packaging/test/test_distros.py [debian-12|debian-13|ubuntu-24.04]…

On each, in machines of their own: its packages are built by its own compiler
and libraries, and the README's lines are followed to the first message, behind
its nginx and its lighttpd. Making a system fetches half a gigabyte, once.
"""
import os
import subprocess
import sys
import tempfile

import boot
from test_install import WEB_SERVERS, check_on


def build_dependencies():
    """What packaging/debian/control asks for, and any build."""
    with open(os.path.join(boot.ROOT, "packaging", "debian", "control"),
              encoding="utf-8") as file:
        text = file.read().split("Build-Depends:")[1].split("Standards-")[0]
    names = [word.split()[0].split(":")[0] for word in text.split(",")]
    return ["build-essential"] + [
        "debhelper" if name == "debhelper-compat" else name for name in names]


def try_on(system):
    base = boot.base(system + "-build", system, build_dependencies())
    with tempfile.TemporaryDirectory() as made:
        with boot.Machine(base, {"/tree": boot.ROOT},
                          {"/made": made}) as machine:
            machine.run(
                "mkdir /work && cd /tree && tar -c --exclude=./build "
                "--exclude=./var --exclude=./.git . | tar -x -C /work && "
                "cd /work && PACKAGE_VERSION=$(sed -n 's/^VERSION := //p' "
                "Makefile) DEB_BUILD_OPTIONS=parallel=2 "
                "packaging/debian/build.sh /made", timeout_s=3600)
        for web in WEB_SERVERS:
            check_on(web, boot.find_debs(made), base)


def main():
    boot.require()
    for system in sys.argv[1:] or boot.SUITES:
        try_on(system)
        print(f"ok    {system}", flush=True)


if __name__ == "__main__":
    main()
