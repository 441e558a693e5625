#!/usr/bin/python3
"""The README's lines on a bare machine, word by word, to the first message.

usage: packaging/test/test_install.py [nginx|lighttpd]…
"""
import os
import re
import sys
import time

import boot
from installed import REDIS, bare

TITLE, END = "## Behind the web server you have", "### From source"
WEB_SERVERS = ("nginx", "lighttpd")


def readme_blocks():
    """The blocks of shell of the README: all, nginx, lighttpd, message."""
    with open(os.path.join(boot.ROOT, "README.md"), encoding="utf-8") as file:
        text = file.read().split(TITLE)[1].split(END)[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    if len(blocks) != 4 or not blocks[0].startswith("make deb\n"):
        raise boot.BootError("the README says it in another way by now")
    blocks[0] = blocks[0].partition("\n")[2]  # they are made already
    return dict(zip(("all", *WEB_SERVERS, "message"), blocks))


def first_message(machine, block):
    """Do the README's last block; its pull is repeated until it has it."""
    # A web server that was told to reload lets its old processes answer on.
    said = machine.until(f"said=$({block.rstrip()}\n)\nprintf '%s' \"$said\"\n"
                         "case $said in *'{\"id\":\"'*) ;; *) false;; esac",
                         "no message is taken").stdout
    pulls = block.index("curl -sS http://localhost/api/messages")
    if '"aGVsbG8="' not in said:
        machine.until(f"{block[pulls:].rstrip()} | grep -F "
                      "'\"aGVsbG8=\"'", "no message")
    if "READY" not in said or '{"id":"' not in said:
        raise boot.BootError(f"the first message: {said}")


def check_on(web, debs, base):
    blocks = readme_blocks()
    with boot.Machine(base, {"/src/build/deb": os.path.dirname(
            debs["waypost"])}) as machine:
        started = time.monotonic()
        for name in ("all", web):
            machine.run("cd /src\n" + blocks[name])
        # It is faster than whoever reads on.
        machine.until("curl -sf http://localhost/readyz", "not ready")
        first_message(machine, blocks["message"])
        print(f"install {web}: a message after "
              f"{time.monotonic() - started:.0f} s", flush=True)
        mode = machine.run(f"{REDIS} HGET wp:meta run_mode").stdout.strip()
        if mode != "production":
            raise boot.BootError(f"this deployment is of run_mode {mode}")


def main():
    boot.require()
    debs = boot.find_debs(os.path.join(boot.ROOT, "build", "deb"))
    base = bare(debs)
    for web in sys.argv[1:] or WEB_SERVERS:
        check_on(web, debs, base)
        print(f"ok    install {web}", flush=True)


if __name__ == "__main__":
    main()
