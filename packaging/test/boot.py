"""A Debian of its own, booted on this machine: what packages are tried on.

It is made once with mmdebstrap, into build/boot, with everything in its cache
that apt will want, and then has no network. Each machine boots on a copy in
memory (systemd-nspawn --volatile=overlay), so that nothing remains of it.
Needs root, mmdebstrap and systemd-container.
"""
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BASES = os.path.join(ROOT, "build", "boot")
DEBIAN, UBUNTU = ("http://deb.debian.org/debian",
                  "http://archive.ubuntu.com/ubuntu")
# suite, mirror, components, and of keys that no Debian has: their package, its
# SHA-256, and the file in it.
SUITES = {
    "debian-12": ("bookworm", DEBIAN, "main", None),
    "debian-13": ("trixie", DEBIAN, "main", None),
    "ubuntu-24.04": (
        "noble", UBUNTU, "main,universe",
        ("pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb",
         "36de43b15853ccae0028e9a767613770"
         "c704833f82586f28eb262f0311adb8a8", "ubuntu-archive-keyring.gpg")),
}
# What the packages ask for, and what tests ask with.
INSTALLED = ("apt", "systemd", "systemd-sysv", "dbus", "ca-certificates",
             "curl", "python3")
CACHED = ("nginx", "lighttpd", "lighttpd-modules-lua", "redis-server",
          "procps", "adduser")
# Guards: for a boot, and for a command.
BOOT_S, COMMAND_S = 120, 300


class BootError(Exception):
    """The machine does not do what it should; says what it said."""


def lacking():
    """Why there can be no machine here, in a sentence, or None."""
    if os.getuid() != 0:
        return "only root can boot a machine"
    for program, package in (("systemd-nspawn", "systemd-container"),
                             ("mmdebstrap", "mmdebstrap")):
        if shutil.which(program) is None:
            return f"{program} is missing (apt-get install {package})"
    return None


def keyring(mirror, keys):
    """The file of the keys of an archive that nobody here knows. That they are
    the right ones is told by the hash: they come from that archive."""
    path, sha256, name = keys
    with urllib.request.urlopen(f"{mirror}/{path}", timeout=60) as answer:
        deb = answer.read()
    if hashlib.sha256(deb).hexdigest() != sha256:
        raise BootError(f"{mirror}/{path} is not what it was")
    folder = os.path.join(BASES, "keys-" + sha256[:8])
    subprocess.run(["dpkg-deb", "-x", "/dev/stdin", folder], input=deb,
                   check=True)
    return os.path.join(folder, "usr", "share", "keyrings", name)


def libraries(deb):
    """What a package depends on besides, without versions."""
    text = subprocess.run(["dpkg-deb", "-f", deb, "Depends"], check=True,
                          capture_output=True, text=True).stdout
    return [word.split()[0] for word in text.split(",")]


def base(name, system, installed=(), cached=()):
    """The folder of a bare system; made when it is not there yet.

    name:      of the folder, below build/boot
    system:    one of SUITES
    installed: packages that are there besides
    cached:    packages that apt can install
    """
    path = os.path.join(BASES, name)
    if os.path.isdir(path):
        return path
    os.makedirs(BASES, exist_ok=True)
    suite, mirror, components, keys = SUITES[system]
    print(f"making a bare {system} in {path}", flush=True)
    made = path + ".new"
    shutil.rmtree(made, ignore_errors=True)
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase",
         "--components=" + components,
         *(["--keyring=" + keyring(mirror, keys)] if keys else []),
         "--include=" + ",".join((*INSTALLED, *installed)),
         "--skip=cleanup/apt",
         "--customize-hook=echo 127.0.0.1 localhost >\"$1\"/etc/hosts",
         '--customize-hook=chroot "$1" apt-get -q install -y '
         "-o APT::Install-Recommends=true --download-only "
         f"{' '.join((*CACHED, *cached))} >/dev/null",
         suite, made, mirror], check=True)
    os.rename(made, path)
    return path


def find_debs(folder):
    """{package: path} of what `make deb` made."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".deb"):
            found[name.split("_")[0]] = os.path.join(folder, name)
    if "waypost" not in found:
        raise BootError(f"there are no packages in {folder}; run make deb")
    return found


class Machine:
    """A booted system; use it in a with statement.

    base:  the folder of its files, which stays as it is
    binds: {path inside: folder here}, read only
    kept:  the same, which the machine may write in
    """

    def __init__(self, path, binds=None, kept=None):
        self.path = path
        self.binds = binds or {}
        self.kept = kept or {}
        self.process = None
        self.leader = 0

    def __enter__(self):
        self.console = tempfile.TemporaryFile()
        argv = ["systemd-nspawn", "--quiet", "--directory=" + self.path,
                "--volatile=overlay", "--boot", "--private-network",
                "--register=no", "--keep-unit", "--hostname=waypost-test",
                "--setenv=SYSTEMD_COLORS=0", "--console=pipe"]
        argv += [f"--bind-ro={here}:{inside}"
                 for inside, here in self.binds.items()]
        argv += [f"--bind={here}:{inside}"
                 for inside, here in self.kept.items()]
        # What the host has decides: where it has both kinds of control groups,
        # the machine has the old one.
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self.console,
            stderr=self.console, start_new_session=True,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "0"})
        try:
            self._wait_booted()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.leader:
            try:
                os.kill(self.leader, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.console.close()

    def _wait_booted(self):
        until = time.monotonic() + BOOT_S
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise BootError("it ended: " + self._said())
            self.leader = self.leader or self._find_leader()
            if self.leader:
                state = self.run("systemctl is-system-running", check=False)
                if state.stdout.strip() in ("running", "degraded"):
                    return
            time.sleep(0.1)
        raise BootError("it does not boot: " + self._said())

    def _find_leader(self):
        """Its init is the child of nspawn's that has its own pid namespace."""
        pid = self.process.pid
        try:
            with open(f"/proc/{pid}/task/{pid}/children",
                      encoding="ascii") as file:
                children = file.read().split()
        except FileNotFoundError:
            return 0
        for child in children:
            try:
                with open(f"/proc/{child}/comm", encoding="ascii") as file:
                    if file.read().strip() in ("systemd", "init"):
                        return int(child)
            except FileNotFoundError:
                continue
        return 0

    def _said(self):
        self.console.seek(0)
        return self.console.read().decode("utf-8", "replace")[-4000:]

    def argv(self, *words):
        """What runs a command in the machine, for whoever starts it."""
        return ["nsenter", "--target", str(self.leader), "--mount", "--uts",
                "--ipc", "--net", "--pid", "--root", "env", "-i", "-C", "/",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                "/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root", *words]

    def run(self, script, check=True, timeout_s=COMMAND_S):
        """Run lines of shell there.

        Returns: what subprocess.run() does, with text
        Raises:  BootError when it failed, unless check is False
        """
        done = subprocess.run(self.argv("sh", "-ec", script),
                              capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=timeout_s,
                              check=False)
        if check and done.returncode != 0:
            raise BootError(f"{script}\nended with {done.returncode}: "
                            f"{done.stdout}{done.stderr}")
        return done

    def until(self, script, what, timeout_s=60):
        """Run it again and again until it succeeds."""
        end = time.monotonic() + timeout_s
        while True:
            done = self.run(script, check=False)
            if done.returncode == 0:
                return done
            if time.monotonic() > end:
                raise BootError(f"{what}: {done.stdout}{done.stderr}\n" +
                                self.run("journalctl -n 60 --no-pager",
                                         check=False).stdout)
            time.sleep(0.1)


def require():
    """End with a sentence where no machine can be had; and whoever is told to
    end takes his machines along."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    why = lacking()
    if why:
        print(f"skipped: {why}")
        sys.exit(0)
