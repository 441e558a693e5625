#!/usr/bin/python3
"""Is the dashboard what Grafana takes, and does Prometheus answer it?

usage: packaging/grafana/check.py [--prometheus http://127.0.0.1:9090]

Without a Grafana to ask: the fields that we use, ids, the grid, units, names of
metrics. With the address of a Prometheus each question is asked; one with
"must" is to have an answer, which is so of a stack under load.
"""
import argparse
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
SCHEMA_VERSION = 36  # of Grafana 9; later ones migrate it
VARIABLES = {"$job": ".*", "$instance": ".*", "$__rate_interval": "1m"}
COLUMNS = 24


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def cells(panel):
    at = panel["gridPos"]
    return {(at["x"] + i, at["y"] + j)
            for i in range(at["w"]) for j in range(at["h"])}


def check_panel(panel, told):
    """What is wrong with one that shows something."""
    if panel["type"] != "timeseries":
        yield f"is of the type {panel['type']}"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "has no unit"
    if not panel.get("description"):
        yield "has no description"
    refs = [target["refId"] for target in panel["targets"]]
    if not refs or len(refs) != len(set(refs)):
        yield f"has the targets {refs}"
    for target in panel["targets"]:
        if not target["legendFormat"]:
            yield f"{target['expr']} has no legend"
        for name in re.findall(r"\b(?:waypost|process)[_:][\w:]+",
                               re.sub(r'"[^"]*"', '""', target["expr"])):
            if re.sub(r"_bucket$", "", name) not in told:
                yield f"{name} is told by nobody"


def check(board):
    """All that is wrong."""
    told = set(re.findall(r"(?m)^\| `(\w+)` \|", read("docs", "metrics.md")))
    told |= set(re.findall(r"record: (\S+)",
                           read("packaging", "prometheus", "slo.yml")))
    if board["schemaVersion"] != SCHEMA_VERSION:
        yield f"schemaVersion is not {SCHEMA_VERSION}"
    if [variable["name"] for variable in board["templating"]["list"]] != [
            "datasource", "job", "instance"]:
        yield "the variables are others"
    ids = [panel["id"] for panel in board["panels"]]
    if len(ids) != len(set(ids)):
        yield "an id is there twice"
    taken = set()
    for panel in board["panels"]:
        where = panel["title"]
        if cells(panel) & taken:
            yield f"{where}: lies over another one"
        taken |= cells(panel)
        if panel["gridPos"]["x"] + panel["gridPos"]["w"] > COLUMNS:
            yield f"{where}: is outside the grid"
        if panel["type"] != "row":
            for what in check_panel(panel, told):
                yield f"{where}: {what}"


def ask(address, expr):
    url = address + "/api/v1/query?" + urllib.parse.urlencode({"query": expr})
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def questions(board):
    """(panel, question as Prometheus is asked it, must it have an answer)"""
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            expr = target["expr"]
            for name, value in VARIABLES.items():
                expr = expr.replace(name, value)
            yield panel["title"], expr, target.get("must", False)


def check_answers(board, address):
    for title, expr, must in questions(board):
        answer = ask(address, expr)
        if answer["status"] != "success":
            yield f"{title}: {expr}: {answer.get('error')}"
        elif must and not answer["data"]["result"]:
            yield f"{title}: {expr}: has no data"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prometheus")
    args = parser.parse_args()
    board = json.loads(read("packaging", "grafana", "waypost.json"))
    faults = list(check(board))
    if args.prometheus:
        faults += check_answers(board, args.prometheus)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
