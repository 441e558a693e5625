"""File systems and processes of a host that a test may do anything to: those of
one command (unshare(1)), which only root may have."""
import functools
import subprocess
import unittest


@functools.cache
def may_unshare():
    """Another host's file systems and processes, for one command."""
    return subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c",
         "mount -t tmpfs none /mnt"], stderr=subprocess.DEVNULL,
        check=False).returncode == 0


wants_namespaces = unittest.skipUnless(
    may_unshare(), "only root has namespaces: nothing of it was tried")


def in_shell(script, *arguments, processes=False):
    """A command before another one, in namespaces where script has run."""
    kinds = ["--pid", "--fork", "--kill-child", "--mount-proc"] \
        if processes else []
    return ["unshare", "--mount", "--propagation", "private", *kinds, "sh",
            "-ec", script + '\nexec "$@"', "sh", *arguments]
