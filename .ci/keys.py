"""Checks the JSON answer of a verb: python keys.py ANSWER.json "key key ..."; exit status 1 if something is wrong."""

import json
import sys
from pathlib import Path

answer = json.loads(Path(sys.argv[1]).read_text())
wanted = sys.argv[2].split()
missing = [key for key in wanted if key not in answer]
if missing:
    sys.exit(f"the JSON answer lacks {', '.join(missing)}; it has {', '.join(answer)}")
if answer.get("mismatches", 0) != 0:
    sys.exit(f"{answer['mismatches']} mismatches")
print("    " + ", ".join(f"{key} {answer[key]}" for key in wanted if not isinstance(answer[key], list | dict)))
