"""What benchmarks print is what was measured, and other compilers take them."""
import os
import shutil
import subprocess
import sys
import tempfile
import types
import unittest

from checking import ROOT

sys.path.insert(0, os.path.join(ROOT, "bench"))
import kit  # noqa: E402
import held  # noqa: E402
import herd  # noqa: E402
import meters  # noqa: E402


def bench_of(**results):
    bench = kit.Bench("test", "", dict.fromkeys(results))
    bench.results = results
    return bench


class Numbers(unittest.TestCase):
    def test_three_digits_matter(self):
        self.assertEqual([kit.short(value) for value in
                          (0, 0.01234, 12.34, 999.4, 999.6, 123456.7)],
                         ["0", "0.0123", "12.3", "999", "1,000", "123,457"])

    def test_median_and_range(self):
        self.assertEqual(kit.spread([3, 1, 2]), "2 (1–3)")
        self.assertEqual(kit.spread([2, 2]), "2")
        self.assertEqual(kit.spread([]), "")


class Held(unittest.TestCase):
    def test_what_is_asked_for_and_what_is_so(self):
        def poked(pokes, user_us, times):
            return {"pokes/s": pokes, "user_us": user_us, "p50_us": times,
                    "p99_us": times, "lost": 0, "idle_bytes": 284}

        def let_in(by_rate, per_core):
            return {"handshakes/s": by_rate, "handshakes_per_core": per_core}
        data = {
            "ws": {"waypost": [poked(90, 1.0, 11)] * 3,
                   "waypost told": [poked(89, 1.1, 12)] * 3,
                   "bare loop": [poked(100, 0.1, 10)] * 3},
            "apart/ws": {"waypost": [let_in(2, 3)] * 3,
                         "go": [let_in(1, 1)] * 3},
            "ws-inline": {"waypost": [{"per_core": 60000,
                                       "messages/s": 9000}]},
            "ws-crowd": {"waypost": [{"clients": 100000, "idle_bytes": 283,
                                      "lost": 1}]}}
        said = [line.split(" | ")[-1].split(" |")[0]
                for line in held.table(data).splitlines()[2:]]
        self.assertEqual(said, [
            "yes", "yes", "yes", "yes", "yes",
            "**no**", "**no**", "**no**", "yes", "yes",
            "**no**", "yes", "", "yes", "", "yes", "yes", "**no**"])


class Tables(unittest.TestCase):
    def test_ratios_are_within_a_round(self):
        bench = bench_of(us=[{"n": 10}, {"n": 30}], them=[{"n": 5}, {"n": 10}])
        self.assertEqual(bench.ratios("us", "them", "n"), [2, 3])
        self.assertEqual(bench.table({"N": "n"}, "us", "n", "n").splitlines(),
                         ["|  | N | us : this, n |", "| --- | --- | --- |",
                          "| us | 20 (10–30) |  |",
                          "| them | 7.5 (5–10) | 2.5 (2–3) |"])

    def test_who_has_no_numbers_is_left_out(self):
        bench = bench_of(us=[{"n": 1}], limit=[{"m": 1}])
        self.assertNotIn("limit", bench.table({"N": "n"}, "us", "n", "n"))

    def test_parts_and_their_sum(self):
        bench = bench_of(us=[{"cpu_us": {"redis": 1, "web": 2}}],
                         them=[{"cpu_us": {"go": 4}}])
        self.assertEqual(bench.cpu_table("message").splitlines()[2:],
                         ["| us | 1 | 2 |  | 3 |", "| them |  |  | 4 | 4 |"])

    def test_data_for_plots(self):
        bench = bench_of(us=[{"a b": 1}, {"a b": 3}], them=[{"c": 2}])
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.dat")
            bench._write_data(path)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read().splitlines(), [
                    "# contestant a_b min max c min max",
                    '"us" 2 1 3 0 0 0', '"them" 0 0 0 2 2 2'])


class Rounds(unittest.TestCase):
    """Contestants that do nothing, and a clock that stands still."""

    def run_bench(self, turn, *argv):
        contestant = types.SimpleNamespace(start=lambda folder: None,
                                           stop=lambda: stopped.append(1))
        stopped = []
        bench = kit.Bench("test", "", {"a": lambda bench: contestant})
        said, kit.say = kit.say, lambda text: None
        try:
            bench.run(turn, [*argv, "--out", self.folder])
        finally:
            kit.say = said
            self.assertEqual(stopped, [1])
        return bench

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name

    def test_the_first_round_only_warms_up(self):
        bench = self.run_bench(lambda bench, who, number: {"n": number},
                               "--rounds", "2")
        self.assertEqual(bench.values("a", "n"), [0, 1])

    def test_no_round_begins_too_late(self):
        bench = self.run_bench(lambda bench, who, number: {"n": number},
                               "--rounds", "5", "--minutes", "0")
        self.assertEqual((bench.values("a", "n"), bench.rounds), ([0], 1))

    def test_all_are_stopped_when_a_turn_fails(self):
        def fail(*_):
            raise ZeroDivisionError
        with self.assertRaises(ZeroDivisionError):
            self.run_bench(fail)


class Meters(unittest.TestCase):
    def test_what_a_process_uses(self):
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys\n"
             "sys.stdin.readline()\nx = b'x' * (32 << 20)\n"
             "print(sum(x[::4096]), flush=True)\nsys.stdin.readline()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True)
        with child:
            meter = meters.Meter({"child": child.pid})
            before = meter.private_kb("child")
            child.stdin.write(b"\n")
            child.stdin.flush()
            child.stdout.readline()
            costs = meter.costs(10)
            self.assertGreater(costs["cpu_us"]["child"], 0)
            self.assertGreater(meter.private_kb("child") - before, 31 << 10)
            self.assertGreater(costs["peak_mb"], 32)
            self.assertGreater(meter.resident_mb("Rss")["child"],
                               meter.resident_mb("Pss")["child"])


class Herd(unittest.TestCase):
    def test_fastcgi_records(self):
        request = herd.fastcgi({"A": "b" * 200}, b"body")
        self.assertEqual(request[:16], bytes(
            (1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)))
        self.assertEqual(request[16:30], bytes(
            (1, 4, 0, 1, 0, 206, 0, 0, 1, 128, 0, 0, 200)) + b"A")
        self.assertTrue(request.endswith(
            bytes((1, 5, 0, 1, 0, 4, 0, 0)) + b"body" +
            bytes((1, 5, 0, 1, 0, 0, 0, 0))))


@unittest.skipUnless(shutil.which("clang"), "there is no clang")
class OtherCompiler(unittest.TestCase):
    def test_clang_takes_all_of_it(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                ["make", "-s", "CC=clang", "B=" + folder, "bench-objects"],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
