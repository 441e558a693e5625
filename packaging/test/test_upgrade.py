#!/usr/bin/python3
"""Upgrades, the way back, and removal: nothing fails, and nothing is lost.

usage: packaging/test/test_upgrade.py [FOLDER of the packages of before]

Nothing was released yet. Without that folder the packages of before are built
from the first commit that made packages; where there is no history to take it
from they are today's with a lower version, which tries what an upgrade does to
services, sockets and data, but no change of formats.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import boot
from installed import binds, expect, install, run_tests, set_up, wait_ready

VERSION = "dpkg-query -W -f '${Version}' waypost"


def age(folder, into):
    """Packages like these, with a version that is older."""
    for name, path in boot.find_debs(folder).items():
        if name.endswith("-dbgsym"):
            continue
        tree = os.path.join(into, name)
        subprocess.run(["dpkg-deb", "-R", path, tree], check=True)
        control = os.path.join(tree, "DEBIAN", "control")
        with open(control, encoding="utf-8") as file:
            text = file.read()
        with open(control, "w", encoding="utf-8") as file:
            file.write("".join(
                line.rstrip("\n") + "~before\n" if line.startswith("Version:")
                else line for line in text.splitlines(keepends=True)))
        subprocess.run(["dpkg-deb", "-b", tree,
                        os.path.join(into, f"{name}_before_all.deb")],
                       check=True, stdout=subprocess.DEVNULL)


def git(*words):
    """What git says of this tree, nothing where it is none of git's."""
    done = subprocess.run(["git", "-C", boot.ROOT, *words],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def first_commit():
    """The first one that made packages, unless it is all that is there."""
    made = git("log", "--diff-filter=A", "--format=%H", "--",
               "packaging/debian/control").split()
    is_behind = made and git("rev-list", "--count", made[-1] + "..HEAD") != "0"
    return made[-1] if is_behind else None


def build(commit):
    """Its packages, with a version that is older; they are kept.

    Returns: their folder
    """
    kept = os.path.join(boot.ROOT, "build", "before", commit)
    if os.path.isdir(kept):
        return kept
    print(f"building the packages of {commit}", flush=True)
    made = kept + ".new"
    shutil.rmtree(made, ignore_errors=True)
    with tempfile.TemporaryDirectory() as tree:
        with subprocess.Popen(["git", "-C", boot.ROOT, "archive", commit],
                              stdout=subprocess.PIPE) as files:
            subprocess.run(["tar", "-x", "-C", tree], stdin=files.stdout,
                           check=True)
        changelog = os.path.join(tree, "packaging", "debian", "changelog")
        with open(changelog, encoding="utf-8") as file:
            version, rest = re.match(r"waypost \((.*?)\)(.*)", file.read(),
                                     re.S).groups()
        with open(changelog, "w", encoding="utf-8") as file:
            file.write(f"waypost ({version}~before){rest}")
        done = subprocess.run(
            [os.path.join(tree, "packaging", "debian", "build.sh"), made],
            env={**os.environ, "PACKAGE_VERSION": version + "~before"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
    if done.returncode != 0:
        raise boot.BootError(f"{commit} cannot be built: {done.stdout[-4000:]}")
    os.rename(made, kept)
    return kept


def packages_of_before(folder, made):
    """Their folder, which is this one where there is no history."""
    if len(sys.argv) > 1:
        return os.path.abspath(sys.argv[1])
    commit = first_commit()
    if commit:
        return build(commit)
    print("      no history: the packages of before are today's", flush=True)
    age(folder, made)
    return made


def there_and_back_under_load(base, folder):
    with tempfile.TemporaryDirectory() as made:
        before = packages_of_before(folder, made)
        with boot.Machine(base, binds(before=before, debs=folder)) as machine:
            set_up(machine, "/before")
            old = machine.run(VERSION).stdout
            with subprocess.Popen(machine.argv("python3", "/load/load.py"),
                                  stdout=subprocess.PIPE, text=True) as load:
                install(machine, "/debs")
                new = machine.run(VERSION).stdout
                wait_ready(machine)
                install(machine, "/before")
                expect(machine.run(VERSION).stdout == old != new,
                       f"these are no two versions: {old}, {new}")
                wait_ready(machine)
                machine.run("touch /run/load.end")
                said = load.communicate(timeout=180)[0]
            expect(load.returncode == 0, "under load: " + said)
            print(f"      {old}, {new} and back: {said}", end="")


SEND = """cd /src && token() { python3 -c 'import sys
from devkit.token import mint
print(mint(open("/etc/waypost/jwt-secret").read(), sys.argv[1], 3600))' "$1"; }
"""
PULL = SEND + ("""curl -sf http://localhost/api/messages """
               """-H "Authorization: Bearer $(token bob)" """)


def a_purge_keeps_mail_unless_it_is_told(base, folder):
    with boot.Machine(base, binds(debs=folder)) as machine:
        set_up(machine, "/debs")
        machine.run(SEND + """curl -sf http://localhost/api/send \
            -H "Authorization: Bearer $(token alice)" \
            -H 'Content-Type: application/json' \
            -d '{"recipientId":"urn:sm:user:bob","encryptedData":"a2VwdA=="}'
        """)
        purge = "apt-get purge -q -y waypost waypost-redis 2>&1"
        said = machine.run(purge).stdout
        expect("messages and secrets stay" in said and
               "what Redis holds stays" in said,
               "a purge does not say what stays: " + said)
        expect(machine.run("systemctl is-active redis-server@waypost "
                           "waypost-handlers.socket waypost-worker",
                           check=False).stdout.split() ==
               ["inactive"] * 3, "something runs after the purge")
        install(machine, "/debs")
        wait_ready(machine)
        machine.until(PULL + "| grep -F a2VwdA==", "the message is lost")

        machine.run("touch /var/lib/waypost/PURGE-DATA "
                    "/var/lib/redis/waypost/PURGE-DATA")
        machine.run(purge)
        left = machine.run(
            "ls -d /etc/waypost /var/lib/waypost /var/lib/redis/waypost "
            "/run/waypost /etc/redis/*waypost* /etc/default/waypost "
            "/etc/systemd/system/*waypost* "
            "/etc/systemd/system/*.wants/*waypost*", check=False).stdout
        expect(left.split() in ([], ["/run/waypost"]),
               "left behind: " + left)
        expect("waypost" in machine.run("getent passwd waypost").stdout,
               "the user is gone")


if __name__ == "__main__":
    run_tests([there_and_back_under_load,
               a_purge_keeps_mail_unless_it_is_told])
