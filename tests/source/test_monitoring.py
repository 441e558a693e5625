"""Rules of Prometheus: whether they say what they should, and whom they lead
where."""
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
FOREIGN = {"node_filesystem_avail_bytes", "node_filesystem_size_bytes",
           "waypost_canary_success",
           "waypost_canary_last_run_timestamp_seconds"}


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
                self.assertEqual(len(tried), 3)
                self.assertTrue(tried[0]["exp_samples"])
                self.assertFalse(tried[1]["exp_samples"])

    def test_what_they_look_at_is_told_by_us(self):
        told = set(re.findall(r"(?m)^\| `(\w+)` \|",
                              read("docs", "metrics.md"))) | FOREIGN
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


if __name__ == "__main__":
    unittest.main()
