"""Rules of Prometheus: whether they say what they should, and whom they lead
where."""
import importlib.util
import json
import os
import re
import shutil
import subprocess
import unittest

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "packaging", "prometheus")
PROMTOOL = shutil.which("promtool")
# Of others than us, where an operator has them.
FOREIGN = {"node_filesystem_avail_bytes", "node_filesystem_size_bytes"}


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def rules(name):
    return [rule for group in yaml.safe_load(
        read("packaging", "prometheus", name))["groups"]
        for rule in group["rules"]]


class Rules(unittest.TestCase):
    def test_each_alert_is_told_of_and_no_other(self):
        alerts = [rule["alert"] for rule in rules("alerts.yml")]
        self.assertEqual(re.findall(r"(?m)^## (\w+)$",
                                    read("docs", "runbook.md")), alerts)

    def test_each_alert_says_what_and_where(self):
        for rule in rules("alerts.yml"):
            with self.subTest(rule["alert"]):
                self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
                about = rule["annotations"]
                self.assertTrue(about["runbook_url"].endswith(
                    "/runbook.md#" + rule["alert"].lower()))
                self.assertTrue(about["summary"])
                self.assertRegex(about["description"], r"\{\{ \$|The clock|"
                                 "The canary|waypost doctor")
                said = re.search(rf"(?ms)^## {rule['alert']}\n\n\*(\w+)\.\*",
                                 read("docs", "runbook.md"))[1]
                self.assertEqual(said.lower(), rule["labels"]["severity"])

    def test_each_alert_is_tried(self):
        for rule in rules("alerts.yml"):
            tried = [test["promql_expr_test"][0]
                     for name in ("alerts_test.yml", "slo_test.yml")
                     for test in yaml.safe_load(
                         read("packaging", "prometheus", name))["tests"]
                     if f'"{rule["alert"]}"' in
                     test["promql_expr_test"][0]["expr"]]
            with self.subTest(rule["alert"]):
                self.assertGreaterEqual(len(tried), 3)
                self.assertTrue(tried[0]["exp_samples"])
                self.assertFalse(tried[1]["exp_samples"])

    def test_what_they_look_at_is_told_by_us(self):
        told = set(re.findall(r"(?m)^\| `(\w+)` \|",
                              read("docs", "metrics.md"))) | FOREIGN
        told |= set(re.findall(r"# TYPE (waypost_canary_\w+)",
                               read("tools", "waypost", "doctor",
                                    "prom_file.c")))
        recorded = {rule["record"] for rule in rules("slo.yml")}
        named = {re.sub(r"_(bucket|count)$", "", name)
                 for rule in rules("slo.yml") + rules("alerts.yml")
                 for name in re.findall(
                     r"\b(?:waypost|process|node)[_:][\w:]+",
                     re.sub(r'"[^"]*"', '""', rule["expr"]))}
        self.assertEqual(named - recorded - told, set())

    @unittest.skipUnless(PROMTOOL, "promtool is not here (Debian: prometheus)")
    def test_promtool_takes_them(self):
        subprocess.run([PROMTOOL, "check", "rules", "slo.yml", "alerts.yml"],
                       cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([PROMTOOL, "check", "config", "--syntax-only",
                        "scrape.yml"], cwd=FOLDER, check=True,
                       stdout=subprocess.DEVNULL)


class Dashboard(unittest.TestCase):
    """packaging/grafana/check.py finds what is wrong, and nothing else."""

    def setUp(self):
        spec = importlib.util.spec_from_file_location(
            "check", os.path.join(ROOT, "packaging", "grafana", "check.py"))
        self.check = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.check)
        self.board = json.loads(read("packaging", "grafana", "waypost.json"))
        self.panel = next(panel for panel in self.board["panels"]
                          if panel["type"] != "row")

    def faults(self):
        return list(self.check.check(self.board))

    def test_it_is_as_it_should_be(self):
        self.assertEqual(self.faults(), [])

    def test_what_is_wrong_is_found(self):
        title = self.panel["title"]
        self.panel["fieldConfig"]["defaults"].pop("unit")
        self.panel["gridPos"]["h"] += 1
        self.panel["targets"][0]["expr"] = "rate(waypost_nothing_total[1m])"
        self.board["panels"][-1]["id"] = self.panel["id"]
        self.board["schemaVersion"] = 1
        faults = self.faults()
        for fault in ("schemaVersion is not 36", "an id is there twice",
                      f"{title}: has no unit",
                      f"{title}: waypost_nothing_total is told by nobody"):
            self.assertIn(fault, faults)
        self.assertTrue(any("lies over another one" in fault
                            for fault in faults))

    def test_prometheus_is_asked_whole_questions(self):
        for title, expr, _ in self.check.questions(self.board):
            with self.subTest(title):
                self.assertNotIn("$", expr)

    def test_no_answer_is_a_fault_where_there_must_be_one(self):
        said = {"status": "success", "data": {"result": []}}
        self.check.ask = lambda address, expr: said
        faults = list(self.check.check_answers(self.board, ""))
        musts = [must for _, _, must in self.check.questions(self.board)]
        self.assertEqual(len(faults), sum(musts))
        said["status"] = "error"
        faults = list(self.check.check_answers(self.board, ""))
        self.assertEqual(len(faults), len(musts))


if __name__ == "__main__":
    unittest.main()
