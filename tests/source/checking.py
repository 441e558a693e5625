"""Runs the checks of this tree, for those who test them."""
import contextlib
import importlib.util
import io
import os
import unittest.mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def tool(name):
    return os.path.join(ROOT, "tools", name)


def load(name):
    """One of the tools, as a module."""
    spec = importlib.util.spec_from_file_location(
        name.removesuffix(".py").replace("-", "_"), tool(name))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checker(name):
    """A function that runs the check: (exit status, what it said)

    In this process: there are hundreds of calls, and Python starts slowly.
    """
    module = load(name)

    def check(*arguments):
        said = io.StringIO()
        with unittest.mock.patch("sys.argv", [tool(name), *arguments]), \
                contextlib.redirect_stdout(said):
            status = module.main()
        return status, said.getvalue()
    return check
