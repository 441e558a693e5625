#!/usr/bin/python3
"""Make an image (OCI) of the programs, and a folder to run it from.

usage: packaging/container/build.py --installed FOLDER --version V --out FOLDER

FOLDER of --installed is a DESTDIR of `make install PREFIX=/usr`, or what a
package was unpacked into (dpkg-deb -x). What the programs need besides comes
from the packages of this host, offline: the libraries that they were linked
with are the ones that they will have. There is nothing else in the image: no
shell, no package manager, no file with setuid.

Two builds from the same programs and packages give the same digest: files are
sorted, and their time is SOURCE_DATE_EPOCH, or that of the last commit.
"""
import argparse
import glob
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
USER = 65532
STATE = "var/lib/waypost"
# Loaded when it is needed, and so named by no program: to end a thread.
EXTRA = "libgcc_s.so.1"
# Where a web server of another container finds the programs.
ADDRESSES = {"unix:/run/waypost/handlers.sock": "handlers:9000",
             "unix:/run/waypost/websocket.sock": "websocket:8083"}
PASSWD = ("root:x:0:0::/:/nonexistent\n"
          f"waypost:x:{USER}:{USER}::/:/nonexistent\n")
GROUP = f"root:x:0:\nwaypost:x:{USER}:\n"
LABEL = "org.opencontainers.image."


def run(*command):
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


class Files:
    """What will be in the image; paths without a leading slash."""

    def __init__(self, time_s):
        self.time_s = time_s
        self.entries = {}
        self.sources = {}  # path on this host -> path in the image

    def _add(self, path, kind, mode, data=b"", target="", owner=0):
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self._add(parent, tarfile.DIRTYPE, 0o755)
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.linkname = kind, mode, target
        entry.uid = entry.gid = owner
        entry.mtime, entry.size = self.time_s, len(data)
        self.entries[path] = (entry, data)

    def folder(self, path, mode=0o755, owner=0):
        self._add(path, tarfile.DIRTYPE, mode, owner=owner)

    def link(self, path, target):
        self._add(path, tarfile.SYMTYPE, 0o777, target=target)

    def text(self, path, data, mode=0o644):
        self._add(path, tarfile.REGTYPE, mode, data.encode())

    def copy(self, source, path, mode=0o644):
        with open(source, "rb") as file:
            self._add(path, tarfile.REGTYPE, mode, file.read())
        self.sources[source] = path

    def tar(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w",
                          format=tarfile.PAX_FORMAT) as tar:
            for _, (entry, data) in sorted(self.entries.items()):
                tar.addfile(entry, io.BytesIO(data))
        return out.getvalue()


# ---- what goes in ----

def add_programs(files, installed):
    """Returns: where they are on this host, stripped."""
    found = sorted(path for folder in ("bin", "sbin") for path in glob.glob(
        os.path.join(installed, "usr", folder, "waypost*")))
    if not found:
        sys.exit(f"{installed}: there are no programs in usr/bin or usr/sbin")
    for path in found:
        # Else the folder that they were built in would be told by it.
        subprocess.run(["strip", "--strip-all",
                        "--remove-section=.note.gnu.build-id", path],
                       check=True)
        files.copy(path, "usr/bin/" + os.path.basename(path), 0o755)
        del files.sources[path]
    return found


def inside(path):
    """Of a library: /lib is usr/lib."""
    return re.sub(r"^/(?:usr/)?", "usr/", path)


def add_libraries(files, programs):
    wanted = set()
    for program in programs:
        said = run("ldd", program)
        if "not found" in said:
            sys.exit(f"{program}: a library is missing:\n{said}")
        wanted |= set(re.findall(r"(/\S+) \(0x", said))
    libc = next(path for path in wanted if "/libc.so." in path)
    wanted.add(os.path.join(os.path.dirname(libc), EXTRA))
    for path in sorted(wanted):
        files.copy(os.path.realpath(path), inside(path), 0o755)
    for name in ("lib", "lib64", "bin", "sbin"):
        if any(path.startswith(f"usr/{name}/") for path in files.entries) or \
                name == "sbin":
            files.link(name, f"usr/{'bin' if name == 'sbin' else name}")


def add_zones(files):
    """Quiet hours of users have time zones."""
    for path in run("dpkg", "-L", "tzdata").split():
        if not path.startswith("/usr/share/zoneinfo/"):
            continue
        if os.path.islink(path):
            files.link(path[1:], os.readlink(path))
        elif os.path.isfile(path):
            files.copy(path, path[1:])


def add_certificates(files):
    """Whom Debian trusts, and nobody whom only this host does."""
    text = ""
    for path in sorted(glob.glob("/usr/share/ca-certificates/**/*.crt",
                                 recursive=True)):
        with open(path, encoding="ascii") as file:
            text += file.read()
        files.sources[path] = ""
    files.text("etc/ssl/certs/ca-certificates.crt", text)


def owner_of(path):
    """The package that brought a file of this host."""
    for name in (path, re.sub(r"^/usr/", "/", path)):
        said = subprocess.run(["dpkg", "-S", name], text=True, check=False,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout
        if said:
            return said.split(": ", 1)[0]
    sys.exit(f"{path}: no package of this host has brought it")


def packages_of(files):
    """Sorted names of all that something was taken from; nothing changed."""
    names, seen = set(), {}
    for path in files.sources:
        folder = os.path.dirname(path)
        if "/lib" in folder or folder not in seen:
            seen[folder] = owner_of(path)
        names.add(seen[folder])
    changed = {line.split()[-1] for line in subprocess.run(
        ["dpkg", "--verify", *names], text=True, check=False,
        stdout=subprocess.PIPE).stdout.splitlines()}
    for path in changed & (set(files.sources) | {
            re.sub(r"^/usr/", "/", path) for path in files.sources}):
        sys.exit(f"{path}: it is not as its package brought it")
    return sorted(names)


def add_packages(files, names):
    """What scanners look for, and what licences ask for."""
    for name in names:
        short = name.split(":")[0]
        files.text(f"var/lib/dpkg/status.d/{short}",
                   run("dpkg-query", "-s", name))
        copyright_ = f"/usr/share/doc/{short}/copyright"
        if os.path.exists(copyright_):
            files.copy(os.path.realpath(copyright_), copyright_[1:])


def fill(installed, time_s):
    """Returns: files, and the names of packages."""
    files = Files(time_s)
    add_libraries(files, add_programs(files, installed))
    add_zones(files)
    add_certificates(files)
    names = packages_of(files)
    add_packages(files, names)
    files.text("etc/passwd", PASSWD)
    files.text("etc/group", GROUP)
    files.text("etc/nsswitch.conf", "hosts: files dns\n")
    # Where others are put on top.
    for path in ("dev", "proc", "sys", "run", "etc/waypost"):
        files.folder(path)
    files.folder("tmp", 0o1777)
    # A new volume takes its owner from here.
    files.folder(STATE, 0o750, USER)
    return files, names


# ---- the image ----

def blob(out, data, kind):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(out, "blobs", "sha256", digest), "wb") as file:
        file.write(data)
    return {"mediaType": f"application/vnd.oci.image.{kind}",
            "digest": f"sha256:{digest}", "size": len(data)}


def as_json(value):
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"


def write_image(out, files, version):
    """Source: OCI Image Format Specification 1.0, "Image Layout"."""
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(os.path.join(out, "blobs", "sha256"))
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(files.time_s))
    tar = files.tar()
    layer = blob(out, gzip.compress(tar, 9, mtime=0), "layer.v1.tar+gzip")
    config = blob(out, as_json({
        "created": when, "os": "linux",
        "architecture": run("dpkg", "--print-architecture").strip(),
        "config": {
            "User": f"{USER}:{USER}", "Cmd": ["waypost-handlers"],
            "Env": ["PATH=/usr/bin"], "WorkingDir": "/",
            "StopSignal": "SIGTERM",
            "Labels": {LABEL + "title": "waypost", LABEL + "version": version,
                       LABEL + "created": when}},
        "rootfs": {"type": "layers", "diff_ids": [
            "sha256:" + hashlib.sha256(tar).hexdigest()]},
        "history": [{"created": when, "created_by": "build.py"}],
    }), "config.v1+json")
    manifest = blob(out, as_json({
        "schemaVersion": 2, "config": config, "layers": [layer],
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
    }), "manifest.v1+json")
    manifest["annotations"] = {LABEL + "ref.name": version}
    with open(os.path.join(out, "index.json"), "wb") as file:
        file.write(as_json({"schemaVersion": 2, "manifests": [manifest]}))
    with open(os.path.join(out, "oci-layout"), "wb") as file:
        file.write(as_json({"imageLayoutVersion": "1.0.0"}))
    return manifest["digest"]


def write_list(path, names, files, version, digest):
    """Source: SPDX 2.3, "Package information"."""
    def package(name, number):
        return {"SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name),
                "name": name, "versionInfo": number,
                "downloadLocation": "NOASSERTION", "filesAnalyzed": False}

    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(files.time_s))
    with open(path, "wb") as file:
        file.write(as_json({
            "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT", "name": f"waypost-{version}",
            "documentNamespace": f"urn:waypost:image:{digest}",
            "creationInfo": {"created": when,
                             "creators": ["Tool: build.py"]},
            "packages": [package("waypost", version)] + [
                package(name.split(":")[0], run(
                    "dpkg-query", "-W", "-f", "${Version}", name))
                for name in names]}))


# ---- the folder to run it from ----

def write_folder(out, version):
    """compose.yaml and what it puts into containers."""
    os.makedirs(os.path.join(out, "nginx"), exist_ok=True)
    for name in ("compose.yaml", "waypost.yaml", "nginx/nginx.conf"):
        with open(os.path.join(HERE, name), encoding="utf-8") as file:
            text = file.read().replace("@VERSION@", version)
        with open(os.path.join(out, name), "w", encoding="utf-8") as file:
            file.write(text)
    addresses = dict(ADDRESSES)
    for path in sorted(glob.glob(os.path.join(ROOT, "web-config", "nginx",
                                              "*.conf"))):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for socket in ADDRESSES:
            if socket in text:
                text = text.replace(socket, addresses.pop(socket))
        with open(os.path.join(out, "nginx", os.path.basename(path)), "w",
                  encoding="utf-8") as file:
            file.write(text)
    if addresses:
        sys.exit(f"web-config/nginx: {', '.join(addresses)} is nowhere")


def time_of_build():
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or run("git", "-C", ROOT, "log", "-1", "--format=%ct"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("installed", "version", "out"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    files, names = fill(options.installed, time_of_build())
    bad = [path for path, (entry, _) in files.entries.items()
           if entry.mode & (stat.S_ISUID | stat.S_ISGID)]
    if bad:
        sys.exit(f"setuid or setgid: {bad}")
    write_folder(options.out, options.version)
    digest = write_image(os.path.join(options.out, "image.oci"), files,
                         options.version)
    write_list(os.path.join(options.out, "image.spdx.json"), names, files,
               options.version, digest)
    print(f"{options.out}/image.oci {digest}")


if __name__ == "__main__":
    main()
