#!/usr/bin/python3
"""Kill runs, wrappers and commands at random moments, resume, and check that nothing is lost, doubled or wrongly said to run.

usage: tests/fault/run_kills.py [--rounds N] [--pieces N] [--seconds S] [--kills N] [--limit S] [--seed S] [--leat PROGRAM] [--keep]

Rounds are runs by themselves, pieces are servers (server_kills.py); --kills does both in turn until so many processes were killed.

Each round starts a pipeline of commands (a chain, parallel branches, a for_each, a called pipeline, a retry), kills one or several of its
processes at random moments (the run, wrappers, commands, all of them at once), and resumes it until it has succeeded. Every command writes
"begin TASK TOKEN" and "end TASK TOKEN" to a journal in single appends, and refuses to work when another attempt of it holds its own lock.
The invariants:
  - two attempts of a task never live together (a command that finds the lock of its task held says so);
  - every task's effect, an object named by the task, is there once the run has succeeded, and was written by an attempt that is recorded;
  - a task that had ended before a kill is not begun again;
  - directly after a kill, as soon as a command has looked, no run or task says "running" whose process is gone;
  - at the end no process of the run is left."""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import server_kills

TOP = pathlib.Path(__file__).resolve().parents[2]

STEP = """\
#!/bin/sh
# one step: begin, take the lock of the task, work a little, write the effect, end
set -e # the kill may have met a part of it
task=$1 pause=$2
exec 9>"$WORLD/$task.lock"
flock -n 9 || { test $? != 1 || echo "double $task $LEAT_ATTEMPT" >>"$WORLD/journal"; exit 1; }
echo "begin $task $LEAT_ATTEMPT" >>"$WORLD/journal"
sleep "$pause"
echo "$LEAT_ATTEMPT" >"$WORLD/$task.effect.new"
mv "$WORLD/$task.effect.new" "$WORLD/$task.effect"
echo "end $task $LEAT_ATTEMPT" >>"$WORLD/journal"
"""

MAIN = """\
name: main
defaults: {retries: 20, backoff: 50ms, backoff_max: 100ms, grace: 500ms}
tasks:
  a: {shell: "./step a 0.03", retry_on: any}
  b: {shell: "./step b 0.05", retry_on: any, after: a}
  c: {shell: "./step c 0.05", retry_on: any, after: b}
  p: {shell: "./step p 0.2", retry_on: any}
  q: {shell: "./step q 0.02", retry_on: any, after: p}
  flaky: {shell: 'test -e "$WORLD/flaky.tried" || { touch "$WORLD/flaky.tried"; exit 75; }; ./step flaky 0.02', retries: 30, retry_on: any}
  each: {for_each: {items: [1, 2, 3, 4], parallel: 2, tasks: {one: {shell: "./step item{{ item }} 0.04", retry_on: any}, two: {shell: "./step last{{ item }} 0.01", retry_on: any, after: one}}}, after: a}
  call: {pipeline: inner, after: a}
  z: {shell: "./step z 0.01", retry_on: any, after: [c, q, flaky, each, call]}
"""
INNER = """\
name: inner
defaults: {retries: 20, backoff: 50ms, backoff_max: 100ms, grace: 500ms}
tasks:
  i1: {shell: "./step i1 0.05", retry_on: any}
  i2: {shell: "./step i2 0.03", retry_on: any, after: i1}
"""
TASKS = ["a", "b", "c", "p", "q", "flaky", "z", "i1", "i2"] + [f"{w}{i}" for w in ("item", "last") for i in (1, 2, 3, 4)]


class World:
    def __init__(self, leat, dice):
        self.leat, self.dice = leat, dice
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="leat-kills-"))
        (self.folder / "pipelines").mkdir()
        (self.folder / "leat.yml").write_text("name: kills\nthreads: 6\n")
        (self.folder / "pipelines/main.yml").write_text(MAIN)
        (self.folder / "pipelines/inner.yml").write_text(INNER)
        (self.folder / "step").write_text(STEP)
        (self.folder / "step").chmod(0o755)
        self.mark = str(self.folder)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "WORLD": str(self.folder), "NO_COLOR": "1", "LANG": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "LD_LIBRARY_PATH"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def start(self, *words):
        return subprocess.Popen([self.leat, "--quiet", *words], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=open(self.folder / "errors", "a"), start_new_session=True)

    def ask(self, *words):
        done = subprocess.run([self.leat, "--json", *words], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return json.loads(done.stdout)

    def processes(self):
        """pid -> kind of everything that works here: run, wrapper, command."""
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                if os.readlink(f"/proc/{entry}/cwd") != self.mark and f"WORLD={self.mark}" not in open(f"/proc/{entry}/environ").read().split("\0"):
                    continue
                name = open(f"/proc/{entry}/comm").read().strip()
                if open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()[0] in "ZX":
                    continue
            except OSError:
                continue
            found[int(entry)] = "wrapper" if name == "leat-task" else "run" if name == "leat" else "command"
        return found

    def kill_some(self):
        """One of: a run, a wrapper, a command, wrapper and command, everything."""
        now = self.processes()
        what = self.dice.choice(["run", "run", "wrapper", "command", "runs and wrappers", "all"])
        victims = [pid for pid, kind in now.items() if what == "all" or kind in what or (what == "runs and wrappers" and kind != "command")]
        if what in ("run", "wrapper", "command") and victims:
            victims = [self.dice.choice(victims)]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return what if victims else None

    def journal(self):
        path = self.folder / "journal"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def check_no_false_running(self):
        """Who has just looked must not say that something runs which does not."""
        runs = self.ask("runs")
        now = self.processes()
        for run in runs:
            if run["status"] != "running":
                continue
            assert any(kind == "run" for kind in now.values()) or self.ask("runs")[0]["status"] != "running", \
                f"run {run['run']} is said to run, and no process of a run is there"

    def check_end(self):
        lines = self.journal()
        doubled = [line for line in lines if line[0] == "double"]
        assert not doubled, f"two attempts lived together: {doubled}"
        for task in TASKS:
            effect = self.folder / f"{task}.effect"
            assert effect.exists(), f"the effect of {task} is lost"
            ends = [line[2] for line in lines if line[0] == "end" and line[1] == task]
            assert ends and effect.read_text().strip() in ends, f"{task}: {effect.read_text()} is none of {ends}"
        time.sleep(0.05)
        left = self.processes()
        assert not left, f"processes are left: {left}"
        for run in self.ask("runs"):
            assert run["status"] in ("succeeded", "lost"), run

    def ended_tasks(self):
        return {task["task"] for task in self.ask("runs", "1") if task["status"] == "succeeded"}

    def began_again(self, before, count):
        """Commands of tasks that had ended and were begun again behind line `count` of the journal."""
        names = {task.rsplit(".", 1)[-1] for task in before if "[" not in task}
        return [line for line in self.journal()[count:] if line[0] == "begin" and line[1] in names]

    def close(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)


def one_round(leat, seed, keep):
    dice = random.Random(seed)
    world = World(leat, dice)
    kills = []
    try:
        process = world.start("run", "--pipeline", "main")
        for _ in range(60):
            if len(kills) < 8:
                try:
                    process.wait(dice.random() * 0.2)
                except subprocess.TimeoutExpired:
                    kills.append(world.kill_some())
                    time.sleep(dice.choice([0, 0, 0.05]))
            try:
                code = process.wait(0.02 if len(kills) < 8 else 60)
            except subprocess.TimeoutExpired:
                continue
            if not (world.folder / ".leat/state.db").exists():
                process = world.start("run", "--pipeline", "main")
                continue
            world.check_no_false_running()
            runs = world.ask("runs")
            main = [run for run in runs if run["selection"] == "main"]
            if not main:
                process = world.start("run", "--pipeline", "main")
                continue
            if main[-1]["status"] == "succeeded":
                break
            assert main[-1]["status"] == "lost", f"{main[-1]} (exit {code})"
            ended, lines = world.ended_tasks(), len(world.journal())
            process = world.start("run", "--resume", "1")
            time.sleep(0.05)
            again = world.began_again(ended, lines)
            assert not again, f"begun again although recorded as ended: {again}"
        else:
            raise AssertionError("it never ended")
        world.check_end()
        return [kill for kill in kills if kill]
    except AssertionError:
        print(f"seed {seed}, kills {kills}: look at {world.folder}" if keep else f"seed {seed}, kills {kills}", file=sys.stderr)
        if keep:
            world.close = lambda: None
        raise
    finally:
        world.close()


def pieces_of_server(given, count, seed):
    for number in range(count):
        kills, line = server_kills.piece(given.leat, seed + number, given.each, given.seconds, given.limit, given.keep)
        print(f"piece {seed + number}: {line}", flush=True)
        yield kills


def whole(given):
    """Runs by themselves and servers in turn, until `--kills` processes were killed."""
    done, number = 0, 0
    while done < given.kills:
        for kills in pieces_of_server(given, 1, given.seed + number):
            done += len(kills)
        done += len(one_round(given.leat, given.seed + number, given.keep))
        number += 1
    print(f"{number} pieces and rounds, {done} kills: nothing lost, nothing doubled, nothing said to run that did not")


def main():
    options = argparse.ArgumentParser(description="kill servers, runs, wrappers and commands at random moments")
    options.add_argument("--rounds", type=int, default=int(os.environ.get("LT_TEST_ROUNDS", "6")), help="of runs by themselves")
    options.add_argument("--pieces", type=int, default=0, help="of servers")
    options.add_argument("--kills", type=int, default=0, help="instead: rounds and pieces until so many processes were killed")
    options.add_argument("--each", type=int, default=60, help="kills in one piece")
    options.add_argument("--seconds", type=float, default=3600, help="of killing in one piece, at most")
    options.add_argument("--limit", type=float, default=10, help="seconds after a server is ready until nothing may be said to run that does not")
    options.add_argument("--seed", type=int, default=20261122)
    options.add_argument("--leat", default=os.environ.get("LEAT_BIN", str(TOP / "build" / "leat")))
    options.add_argument("--keep", action="store_true", help="leave the folder of what failed")
    given = options.parse_args()
    given.leat = str(pathlib.Path(given.leat).resolve())
    if given.kills:
        whole(given)
        return
    count = 0
    for number in range(given.rounds):
        count += len(one_round(given.leat, given.seed + number, given.keep))
    for kills in pieces_of_server(given, given.pieces, given.seed):
        count += len(kills)
    print(f"{given.rounds} rounds, {given.pieces} pieces, {count} kills: nothing lost, nothing doubled, nothing said to run that did not")


if __name__ == "__main__":
    main()
