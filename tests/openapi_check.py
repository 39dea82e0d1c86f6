#!/usr/bin/env python3
"""Checks an OpenAPI 3.1 document of bridled.

    curl --unix-socket /var/lib/bridle/run/bridled.sock http://bridle/openapi.json | openapi_check.py

Every schema must be valid JSON Schema 2020-12, every reference must lead somewhere, every path
parameter must be declared and every operation must say what it answers. Prints what is wrong and
exits 1; exits 2 where python3-jsonschema is missing.
"""
import json
import re
import sys

try:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
except ImportError:
    print("python3-jsonschema is missing: apt-get install python3-jsonschema", file=sys.stderr)
    sys.exit(2)


def references(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def check_operation(path, method, operation):
    where = f"{method.upper()} {path}"
    declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
    named = set(re.findall(r"{(\w+)}", path))
    if declared != named:
        yield f"{where}: path has {sorted(named)}, parameters declare {sorted(declared)}"
    for key in ("operationId", "summary", "responses"):
        if not operation.get(key):
            yield f"{where}: lacks {key}"
    for status, response in operation.get("responses", {}).items():
        if not re.fullmatch(r"[1-5]\d\d|default", status) or "description" not in response:
            yield f"{where}: response {status} is malformed"
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter.get("required") is not True:
            yield f"{where}: path parameter {parameter['name']} must be required"


def problems(document):
    if not re.fullmatch(r"3\.1\.\d+", document.get("openapi", "")):
        yield "openapi: expected 3.1.x"
    for key in ("title", "version"):
        if not document.get("info", {}).get(key):
            yield f"info.{key}: missing"
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            yield f"components.schemas.{name}: {error.message}"
    for reference in set(references(document)):
        prefix = "#/components/schemas/"
        if not reference.startswith(prefix) or reference[len(prefix):] not in schemas:
            yield f"$ref {reference}: leads nowhere"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield from check_operation(path, method, operation)


def main():
    with open(sys.argv[1], encoding="utf-8") if len(sys.argv) > 1 else sys.stdin as source:
        document = json.load(source)
    found = list(problems(document))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
