"""Checks policy files against policies/policy.schema.json.

Arguments: the schema, then files. Prints one JSON object: the path of each file, and what is wrong with it.
"""

import json
import sys

import jsonschema_rs
import yaml

with open(sys.argv[1], encoding="utf-8") as file:
    checker = jsonschema_rs.Draft7Validator(json.load(file))

found = {}
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as file:
        policy = yaml.safe_load(file)
    found[path] = [error.message for error in checker.iter_errors(policy)]
json.dump(found, sys.stdout)
