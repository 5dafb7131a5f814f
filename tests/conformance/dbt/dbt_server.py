"""Run dbt commands: one JSON line in ({"words", "folder", "env"}), one out ({"code", "out"}). dbt is imported once, each command is a fork."""

import json
import os
import signal
import sys
import tempfile
import time

from dbt.cli.main import cli
import dbt.adapters.duckdb  # noqa: F401
import dbt.adapters.postgres  # noqa: F401

PATIENCE = 300  # seconds until a command counts as hanging


def child(words, folder, env, out):
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(out, number)
    signal.alarm(PATIENCE)
    sys.argv = ["dbt", *words]
    try:
        cli(words)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile() as out:
            pid = os.fork()
            if pid == 0:
                child(asked["words"], asked["folder"], asked["env"], out.fileno())
            _, status = os.waitpid(pid, 0)
            out.seek(0)
            text = out.read().decode("utf-8", "replace")
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), "out": text}), flush=True)


main()
