"""Hold what the service answers against docs/openapi.yaml.

Every answer that a test gets from a documented path must be documented: its
status, its content type, and a body that fits the schema. What the web server
says of broken HTTP (400, 408, 411, 413, 414, 431, 5xx) may come on any path.
"""
import json
import os
import re

import yaml

# Made by the web server or before a path counts; in the one form of an error.
ANYWHERE = {400, 404, 405, 408, 411, 413, 414, 429, 431, 500, 502, 503, 504}
# OPTIONS is documented in words only, and so is this.
PREFLIGHT_REFUSED = {"responses": {
    "403": {"$ref": "#/components/responses/Error"}}}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool,
         "integer": int}


class Contract:
    """The OpenAPI file, and what was found to differ from it."""

    def __init__(self, root):
        path = os.path.join(root, "docs", "openapi.yaml")
        with open(path, encoding="utf-8") as file:
            self.spec = yaml.safe_load(file)
        told = re.search(r"([^.]*)\bare aliases\b",
                         self.spec["info"]["description"]).group(1)
        self.aliases = {path: "/api" + path
                        for path in re.findall(r"`([^`]+)`", told)}
        self.complaints = []
        self.seen = set()

    def methods(self):
        """Of each path, and each alias, what it takes."""
        methods = {path: [name.upper() for name in operations]
                   for path, operations in self.spec["paths"].items()}
        return {**methods, **{alias: methods[path] for alias, path
                              in self.aliases.items()}}

    def resolve(self, node):
        while "$ref" in node:
            target = self.spec
            for step in node["$ref"][2:].split("/"):
                target = target[step]
            node = target
        return node

    def observe(self, method, target, response):
        """Judge one answer; differences are collected."""
        path = target.split("?")[0]
        path = self.aliases.get(path, path)
        operations = self.spec["paths"].get(path)
        if operations is None:
            return
        operation = operations.get(method.lower())
        if method == "OPTIONS" and response.status == 403:
            operation = PREFLIGHT_REFUSED
        problem = self.judge(operation, response)
        self.seen.add((path, method.lower(), str(response.status)))
        if problem:
            self.complaints.append(
                f"{method} {path} answered {response.status}: {problem}; "
                f"body {response.body[:200]!r}")

    def judge(self, operation, response):
        if operation is None and response.status not in ANYWHERE:
            # OPTIONS, documented in words only.
            return None if response.status < 300 else "no such operation"
        documented = (operation or {}).get("responses", {}).get(
            str(response.status))
        if documented is None:
            if response.status not in ANYWHERE:
                return "this status is not documented"
            documented = {"$ref": "#/components/responses/Error"}
        content = self.resolve(documented).get("content")
        if content is None:
            return "a body where none is documented" if response.body else None
        return self.judge_body(content, response)

    def judge_body(self, content, response):
        kind = response.header("Content-Type", "").split(";")[0]
        if kind not in content:
            return f"content type {kind!r} is not documented"
        schema = content[kind]["schema"]
        if kind != "application/json":
            return self.fits(schema, response.body.decode().strip(), "body")
        return self.fits(schema, json.loads(response.body), "body")

    def fits(self, schema, value, where):
        """A sentence about the first difference, or None."""
        schema = self.resolve(schema)
        if "oneOf" in schema:
            matching = [option for option in schema["oneOf"]
                        if self.fits(option, value, where) is None]
            return None if len(matching) == 1 else f"{where} fits no form"
        if value is None and schema.get("nullable"):
            return None
        wanted = TYPES[schema["type"]]
        if not isinstance(value, wanted) or (wanted is int
                                             and isinstance(value, bool)):
            return f"{where} is no {schema['type']}"
        if "enum" in schema and value not in schema["enum"]:
            return f"{where} is none of the documented values: {value!r}"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return f"{where} does not match its pattern"
        if isinstance(value, list):
            for i, item in enumerate(value):
                problem = self.fits(schema["items"], item, f"{where}[{i}]")
                if problem:
                    return problem
            return None
        if isinstance(value, dict):
            return self.fits_object(schema, value, where)
        return None

    def fits_object(self, schema, value, where):
        for name in schema.get("required", []):
            if name not in value:
                return f"{where} lacks {name}"
        for name, member in value.items():
            known = schema.get("properties", {}).get(name)
            if known is None:
                if schema.get("additionalProperties", True) is False:
                    return f"{where} has {name}, which is not documented"
                continue
            problem = self.fits(known, member, f"{where}.{name}")
            if problem:
                return problem
        return None

    def untouched(self, seen):
        """Documented operations that nobody has called who saw these."""
        called = {(path, method) for path, method, _ in seen}
        return sorted((path, method)
                      for path, operations in self.spec["paths"].items()
                      for method in operations if (path, method) not in called)
