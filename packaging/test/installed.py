"""A machine with the packages on it, nginx before them, and who talks to it."""
import os
import sys

import boot

REDIS = "redis-cli -s /run/redis-waypost/redis-server.sock"
PACKAGES = ("waypost", "waypost-redis", "waypost-nginx")
SNIPPET = ("sed -i 's|^\tserver_name _;|&\\n\tinclude snippets/waypost.conf;|' "
           "/etc/nginx/sites-available/default && nginx -t && "
           "systemctl reload nginx")


def bare(debs):
    """A Debian 12 that has nothing of ours."""
    return boot.base("debian-12", "debian-12",
                     cached=boot.libraries(debs["waypost"]))


def binds(**folders):
    """What a machine sees of this tree: /src, and folders by their names."""
    return {"/src": os.path.join(boot.ROOT, "tools"),
            "/load": os.path.join(boot.ROOT, "packaging", "test"),
            **{f"/{name}": path for name, path in folders.items()}}


def install(machine, folder):
    """Install what is in this folder of the machine, newer or older."""
    names = " ".join(f"{folder}/{name}_*.deb" for name in PACKAGES)
    return machine.run("DEBIAN_FRONTEND=noninteractive apt-get install -q -y "
                       f"--allow-downgrades {names} 2>&1").stdout


def set_up(machine, folder):
    """From a bare system to READY behind nginx."""
    install(machine, folder)
    machine.run(SNIPPET)
    wait_ready(machine)


def reinstall(machine):
    """Packages again, as an upgrade does it, in little time."""
    machine.run("dpkg -i /debs/waypost_*.deb", timeout_s=30)


def wait_ready(machine):
    machine.until("curl -sf http://localhost/readyz", "not ready")


def expect(is_so, what):
    if not is_so:
        raise boot.BootError(what)


def run_tests(tests, debs_folder=None):
    """Each test is a function of the folder of packages; says how it went."""
    boot.require()
    folder = debs_folder or os.path.join(boot.ROOT, "build", "deb")
    base = bare(boot.find_debs(folder))
    for test in tests:
        test(base, folder)
        print(f"ok    {test.__name__.replace('_', ' ')}", flush=True)
    sys.stdout.flush()
