"""Checks lines of an audit log, from standard input, against docs/audit.schema.json.

Prints what is wrong with each line that does not fit, and then exits with 1.
"""

import json
import sys

import jsonschema_rs

with open(sys.argv[1], encoding="utf-8") as file:
    checker = jsonschema_rs.validator_for(json.load(file))

wrong = 0
for number, line in enumerate(sys.stdin, 1):
    try:
        document = json.loads(line)
    except ValueError as error:
        wrong += 1
        print(f"line {number}: {error}: {line!r}")
        continue
    # The words of one branch say more than that no branch fits.
    event = document.get("event") if isinstance(document, dict) else None
    for error in checker.iter_errors(document):
        wrong += 1
        print(f"line {number} ({event}): {error.message}: {line.strip()}")
sys.exit(1 if wrong else 0)
