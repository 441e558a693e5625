"""Runs in place of a program, with all that its unit takes away: what it can
do that it should not, a word each."""
import mmap
import os
import socket
import subprocess
import sys


def can(what):
    try:
        what()
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def write(path):
    with open(path, "w", encoding="ascii"):
        pass
    os.unlink(path)


def read(path):
    with open(path, "rb") as file:
        if not file.read(1):
            raise OSError("it is empty")


PROBES = {
    "writes-outside": lambda: write("/srv/open/probe"),
    "sees-others": lambda: os.stat("/proc/1/status"),
    "namespace": lambda: subprocess.run(
        ["unshare", "--user", "true"], check=True, stderr=subprocess.DEVNULL),
    "writes-code": lambda: mmap.mmap(
        -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "netlink": lambda: socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
    "jwt-secret": lambda: read("/etc/waypost/jwt-secret"),
    "store-secret": lambda: read("/etc/waypost/store-secret"),
    "state": lambda: write("/var/lib/waypost/probe"),
}

print("can:", *[name for name, what in PROBES.items() if can(what)])
sys.stdout.flush()
