#!/usr/bin/python3
"""Print compile_commands.json: compile-commands.py FLAGS FILE…"""
import json
import os
import sys

flags, files = sys.argv[1], sys.argv[2:]
json.dump([{"directory": os.getcwd(), "file": name,
            "command": f"cc {flags} -c {name}"} for name in files],
          sys.stdout, indent=1)
print()
