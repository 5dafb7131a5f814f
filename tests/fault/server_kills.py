"""A server with schedules and triggers of every kind, killed with all that belongs to it; what must hold then. Used by run_kills.py.

A piece is one server's life: `leat up` with pipelines on schedules, on objects, datasets, files and webhooks, with retries, a pool, a for_each, a
called pipeline, a wait, an approval, and one that is cancelled. Meanwhile servers, processes of runs, wrappers and commands are killed, one or
many at once, and the server is started again. Then the schedules are paused, everything may end, and the invariants are checked:
  - each tick of a schedule has exactly one run, from the first to the last without a gap; so has each object, file, message and key;
  - each commit of the dataset was told once, and the last one was;
  - all runs have succeeded, but for those that were cancelled;
  - of each task exactly one attempt has succeeded, and none began behind it; its effect is there, from an attempt that is recorded;
  - two attempts of a task never lived together: a command that finds its task's lock held says so in the journal;
  - what state.db calls running has a process, within `limit` seconds after a new server is ready;
  - what was cancelled has no process, also none that had gone away from its group and session."""

import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

STEP = """\
#!/bin/sh
# one step: begin, take the lock of the task, work a little, write the effect, end
set -e # the kill may have met a part of it
task=$LEAT_RUN_ID.$1 pause=$2
exec 9>"$WORLD/effects/$task.lock"
flock -n 9 || { test $? != 1 || echo "double $task $LEAT_ATTEMPT $$" >>"$WORLD/journal"; exit 1; }
echo "begin $task $LEAT_ATTEMPT $$" >>"$WORLD/journal"
sleep "$pause"
echo "$LEAT_ATTEMPT" >"$WORLD/effects/$task.new"
mv "$WORLD/effects/$task.new" "$WORLD/effects/$task"
echo "end $task $LEAT_ATTEMPT $$" >>"$WORLD/journal"
"""
# Away from its parent, its group and its session.
AWAY = """\
#!/bin/sh
(setsid sh -c 'sleep 7200 & exec sleep 7200' >/dev/null 2>&1 &)
echo "$LEAT_RUN_ID" >"$WORLD/away/$LEAT_RUN_ID.new" && mv "$WORLD/away/$LEAT_RUN_ID.new" "$WORLD/away/$LEAT_RUN_ID"
sleep 7200
"""
DEFAULTS = "defaults: {retries: 60, backoff: 20ms, backoff_max: 100ms, grace: 500ms}\noverlap: allow\n"
EVENT = "name: %s\nparams: {key: none}\n" + DEFAULTS + "triggers: {t: {%s}}\ntasks: {one: {shell: './step one 0.02', retry_on: any}}\n"
FILES = {
    "leat.yml": "name: kills\nthreads: 6\npools: {narrow: 2}\n",
    "pipelines/tick.yml": "name: tick\nschedule: {cron: '* * * * * *', catch_up: all}\n" + DEFAULTS
                          + "tasks: {one: {shell: './step one 0.03', retry_on: any}}\n",
    "pipelines/deep.yml": "name: deep\nschedule: {cron: '*/5 * * * * *', catch_up: all}\n" + DEFAULTS.replace("allow", "queue") + """\
tasks:
  a: {shell: './step a 0.05', retry_on: any, pool: narrow}
  flaky: {shell: 'f="$WORLD/effects/$LEAT_RUN_ID.tried"; test -e "$f" || { touch "$f"; exit 75; }; ./step flaky 0.02', retry_on: any}
  each: {for_each: {items: [1, 2, 3], parallel: 2, tasks: {item: {shell: './step item{{ item }} 0.03', retry_on: any, pool: narrow}}}, after: a}
  call: {pipeline: inner, after: a}
  z: {shell: './step z 0.01', retry_on: any, after: [flaky, each, call]}
""",
    "pipelines/inner.yml": "name: inner\n" + DEFAULTS + "tasks: {i: {shell: './step i 0.05', retry_on: any}}\n",
    "pipelines/object.yml": EVENT % ("object", "object: {bucket: inbox, prefix: in/}, params: {key: $.event.key}"),
    "pipelines/dataset.yml": EVENT % ("dataset", "dataset: {any_of: [raw/domain=s/dataset=a/]}, params: {key: '$.event.datasets[0].sequence'}"),
    "pipelines/file.yml": EVENT % ("file", "file: {folder: drop, name: '*.csv', quiet: 100ms}, every: 1s, params: {key: $.event.name}"),
    "pipelines/hook.yml": EVENT % ("hook", "webhook: {secret: HOOK_SECRET, by: bearer}, params: {key: $.event.body}"),
    "pipelines/people.yml": "name: people\n" + DEFAULTS + """\
tasks:
  rest: {wait: {for: 200ms}}
  ask: {approve: {message: go on?}, after: rest}
  one: {shell: './step one 0.02', retry_on: any, after: ask}
""",
    "pipelines/away.yml": "name: away\n" + DEFAULTS + "tasks: {one: {shell: ./go-away, retry_on: any}}\n",
    "sources/s.yml": "name: s\nkind: files\nresources: [{name: a, path: in/a.csv, load: {table: a}}]\n",
    "step": STEP,
    "go-away": AWAY,
}
SECRET = "a secret of at least sixteen bytes"
MOST_KILLS_OF_RUN = 3  # after five deaths a run is given up, as is promised
PATIENCE = 600


class World:
    def __init__(self, leat, seed, limit):
        self.leat, self.dice, self.limit = leat, random.Random(seed), limit
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="leat-kills-"))
        for name, text in FILES.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        for name in ("effects", "away", "drop", "in"):
            (self.folder / name).mkdir(exist_ok=True)
        self.mark = f"WORLD={self.folder}".encode()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "WORLD": str(self.folder), "NO_COLOR": "1", "LANG": "C.UTF-8",
                    "LEAT_LISTEN": "127.0.0.1:0", "HOOK_SECRET": SECRET}
        for name in ("ASAN_OPTIONS", "LD_LIBRARY_PATH", "LEAT_DUCKDB"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.server, self.url, self.said, self.starts = None, None, None, 0
        self.sent = {"object": [], "file": [], "hook": [], "people": [], "away": []}
        self.commits, self.kills, self.kills_of_run, self.worst = 0, [], {}, 0.0
        self.waiting_hook, self.extract = None, None

    # ---- the program

    def run(self, *words, stdin=None, code=0):
        done = subprocess.run([self.leat, *words], cwd=self.folder, env=self.env, input=stdin or "", capture_output=True, text=True, timeout=PATIENCE)
        assert code is None or done.returncode == code, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def start_server(self):
        self.starts += 1
        self.said = self.folder / f"server-{self.starts}.out"
        self.url = None
        with open(self.said, "w") as out, open(self.folder / "server.err", "a") as err:
            self.server = subprocess.Popen([self.leat, "up", "--runs", "8", "--rate", "0"], cwd=self.folder, env=self.env,
                                           stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)

    def server_lives(self):
        return self.server is not None and self.server.poll() is None

    def await_server(self):
        until = time.monotonic() + PATIENCE
        while "the server works on" not in self.said.read_text():
            assert self.server_lives(), f"the server ended with {self.server.returncode}: {(self.folder / 'server.err').read_text()[-2000:]}"
            assert time.monotonic() < until, "the server is not ready"
            time.sleep(0.005)
        self.url = self.said.read_text().split("http://")[1].split()[0].rstrip(":")

    def rows(self, sql, *values, base="state.db"):
        db = sqlite3.connect(f"file:{self.folder}/.leat/{base}?mode=rw", uri=True, timeout=60)
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    # ---- processes

    def processes(self):
        """(pid, kind, run) of everything that works here; kind: server, run, wrapper, command, client."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                env = open(f"/proc/{entry}/environ", "rb").read().split(b"\0")
                if self.mark not in env:
                    continue
                words = open(f"/proc/{entry}/cmdline", "rb").read().split(b"\0")
                if open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()[0] in "ZX":
                    continue
            except OSError:
                continue
            run = next((int(word[12:]) for word in env if word.startswith(b"LEAT_RUN_ID=")), None)
            program = os.path.basename(words[0])
            if program == b"leat-task":
                kind, run = "wrapper", None
            elif program != b"leat":
                kind = "command"
            elif b"--resume" in words:
                kind, run = "run", int(words[words.index(b"--resume") + 1])
            else:
                kind = "server" if b"up" in words[:2] else "client"
            found.append((int(entry), kind, run))
        return found

    def kill_some(self):
        what = self.dice.choice(["server", "server", "run", "run", "wrapper", "command", "server and run", "wrapper and command", "run and wrapper", "all"])
        now = [one for one in self.processes() if one[1] != "client"]
        victims = [one for one in now if what == "all" or one[1] in what]
        if " and " not in what and what != "all" and victims:
            victims = [self.dice.choice(victims)]
        for pid, kind, run in victims:
            if kind == "run" and self.kills_of_run.get(run, 0) >= MOST_KILLS_OF_RUN:
                continue
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.kills.append(kind)
            if kind == "run":
                self.kills_of_run[run] = self.kills_of_run.get(run, 0) + 1
        if any(pid == self.server.pid for pid, _, _ in victims):  # another one is what it is just about to start
            self.server.wait()

    # ---- what happens meanwhile

    def happen(self):
        what = self.dice.choice(["object", "file", "hook", "people", "away", "dataset", "approve", "approve", "cancel", "nothing", "nothing"])
        number = sum(map(len, self.sent.values()))
        if what == "object":
            self.run("store", "cp", "-", f"inbox/in/{number}.csv", stdin="x")
            self.sent["object"].append(f"in/{number}.csv")
        elif what == "file":
            (self.folder / f"drop/{number}.new").write_text("x")
            os.rename(self.folder / f"drop/{number}.new", self.folder / f"drop/{number}.csv")
            self.sent["file"].append(f"{number}.csv")
        elif what == "hook" and self.waiting_hook is None:
            self.waiting_hook = str(number)
            self.sent["hook"].append(str(number))
        elif what in ("people", "away"):
            if what == "people" or len(self.sent["away"]) < 6:
                self.run("trigger", what, "--key", str(number))
                self.sent[what].append(str(number))
        elif what == "dataset" and self.extract is None and self.commits < 8:
            self.commits += 1
            (self.folder / "in/a.csv").write_text(f"id\n{self.commits}\n")
            self.extract = subprocess.Popen([self.leat, "--quiet", "extract", "s.a"], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=open(self.folder / "extract.err", "a"))
        elif what == "approve":
            self.approve()
        elif what == "cancel":
            self.cancel_one()
        if self.extract is not None and self.extract.poll() is not None:
            assert self.extract.returncode == 0, (self.folder / "extract.err").read_text()
            self.extract = None
        self.post_hook()

    def post_hook(self):
        """Until somebody has answered: a server that is killed may have taken the message or not."""
        if self.waiting_hook is None or self.url is None:
            return
        connection = http.client.HTTPConnection(self.url, timeout=5)
        try:
            connection.request("POST", "/api/v1/hooks/hook/t", json.dumps(self.waiting_hook),
                               {"X-Leat-Token": SECRET, "Idempotency-Key": self.waiting_hook, "Content-Type": "application/json"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()
        assert status in (200, 201, 202, 409), f"the webhook was answered {status}"
        self.waiting_hook = None

    def approve(self):
        for run, task in self.rows("select run_id, task from approvals where decision = ''"):
            self.run("approve", str(run), task, code=None)  # a run that was killed just now may have to be asked again

    def cancel_one(self):
        """One whose command is there; afterwards nothing of it must be."""
        for run, in self.rows("select id from runs where pipeline = 'away' and status in ('running', 'lost')"):
            if not (self.folder / f"away/{run}").exists():
                continue
            self.run("cancel", str(run), "--timeout", "300s")
            left = [one for one in self.processes() if one[1] == "command" and one[2] == run]
            assert not left, f"run {run} is cancelled, and left {left}"
            status = self.rows("select status from runs where id = ?", run)[0][0]
            assert status == "cancelled", f"run {run} was cancelled and is {status}"
            return

    # ---- what must hold

    def false_running(self):
        return [run for run, pid, started in self.rows("select id, pid, pid_started from runs where status = 'running' or "
                                                       "(status = 'queued' and pid <> 0)") if start_of(pid) != started & ((1 << 43) - 1)]  # above: a mark of the boot

    def check_no_false_running(self):
        began = time.monotonic()
        while wrong := self.false_running():
            passed = time.monotonic() - began
            assert passed < self.limit, f"runs {wrong} are said to run {passed:.1f} s after the server is ready, and no process does them"
            time.sleep(0.01)
        self.worst = max(self.worst, time.monotonic() - began)
        for run, task in self.rows("select run_id, task from attempts join runs on runs.id = run_id where attempts.status = 'running' and runs.status <> 'running'"):
            raise AssertionError(f"task {task} of run {run} is said to run, and its run is not")

    def open_runs(self):
        return self.rows("select id, pipeline, status from runs where status in ('queued', 'running', 'lost')")

    def settle(self):
        """Nobody is killed any more: everything comes to its end."""
        until = time.monotonic() + PATIENCE
        if not self.server_lives():
            self.start_server()
        self.await_server()
        for pipeline in ("tick", "deep"):
            self.run("pause", pipeline)
        if self.extract is not None:
            assert self.extract.wait(PATIENCE) == 0
        while True:
            self.approve()
            self.post_hook()
            self.cancel_one()
            if self.waiting_hook is None and not self.missing() and not self.open_runs():
                return
            assert time.monotonic() < until, f"it does not end: {self.missing()} {self.open_runs()}"
            assert self.server_lives(), "the server ended by itself"
            time.sleep(0.1)

    def missing(self):
        return {kind: left for kind in ("object", "file", "hook", "people", "away") if (left := set(self.sent[kind]) - set(self.told(kind)))} or (
            "the last commit" if self.commits and self.commits not in self.sequences_told() else None)

    def told(self, kind):
        if kind in ("people", "away"):
            return [key.rsplit(":", 1)[1] for key, in self.rows("select run_key from runs where pipeline = ? and parent_run = 0", kind)]
        return [str(json.loads(params)["key"]) for params, in self.rows("select params_json from runs where pipeline = ?", kind)]

    def sequences_told(self):
        """In the order of the dataset's commits: 1, 2, ..."""
        told = [int(one["sequence"]) for text, in self.rows("select trigger_json from runs where pipeline = 'dataset'")
                for one in json.loads(text)["event"]["datasets"]]
        commits = [sequence for sequence, in self.rows("select sequence from commits order by sequence", base="store/index.db")]
        return [commits.index(sequence) + 1 for sequence in told]

    def check_events(self):
        for kind in ("object", "file", "hook", "people", "away"):
            told = self.told(kind)
            assert sorted(told) == sorted(self.sent[kind]), f"{kind}: sent {sorted(self.sent[kind])}, runs {sorted(told)}"
        told = self.sequences_told()
        assert len(told) == len(set(told)), f"a commit was told twice: {told}"

    def check_ticks(self, pipeline, step):
        ticks = sorted(int(key.rsplit("@", 1)[1]) for key, in self.rows("select run_key from runs where pipeline = ?", pipeline))
        assert ticks == [ticks[0] + step * i for i in range(len(ticks))], f"the ticks of {pipeline} have gaps or doubles: {ticks}"
        return len(ticks)

    def check_statuses(self):
        for run, pipeline, status, message in self.rows("select id, pipeline, status, message from runs"):
            wanted = ("cancelled",) if pipeline == "away" else ("succeeded",)
            assert status in wanted or pipeline == "raw" or pipeline == "", f"run {run} of {pipeline} is {status}: {message}"

    def check_attempts(self):
        """Exactly one attempt of each task has succeeded, and it was the last."""
        for run, task, good, last_good, last in self.rows(
                "select run_id, task, sum(status = 'succeeded'), max(case when status = 'succeeded' then token else 0 end), max(token) "
                "from attempts where run_id in (select id from runs where status = 'succeeded') group by run_id, task"):
            assert good == 1 and last_good == last, f"task {task} of run {run}: {good} attempts succeeded, {last_good} of {last}"

    def check_effects(self):
        lines = [line.split() for line in (self.folder / "journal").read_text().splitlines()]
        doubled = [line for line in lines if line[0] == "double"]
        assert not doubled, f"two attempts lived together: {doubled}"
        tokens = {(str(run), str(token)) for run, token in self.rows("select run_id, token from attempts")}
        ends = {(line[1], line[2].rsplit("-", 1)[1]) for line in lines if line[0] == "end"}
        for line in lines:
            run, attempt = line[1].split(".")[0], line[2].rsplit("-", 1)[1]
            assert (run, attempt) in tokens, f"an attempt that is not recorded was at work: {line}"
        for run, task, token in self.rows("select t.run_id, t.id, t.token from tasks t join runs r on r.id = t.run_id "
                                          "where t.kind = 'shell' and r.status = 'succeeded'"):
            name = task.rsplit(".", 1)[-1]
            name += str(int(task.split("[")[1].split("]")[0]) + 1) if name == "item" else ""
            effect = self.folder / f"effects/{run}.{name}"
            assert effect.exists(), f"the effect of {task} of run {run} is lost"
            assert effect.read_text().strip().rsplit("-", 1)[1] == str(token), f"the effect of {task} of run {run} is not of its last attempt {token}"
            assert (f"{run}.{name}", str(token)) in ends, f"{task} of run {run} has succeeded without an end in the journal"
        return sum(line[0] == "end" for line in lines)

    def check_end(self):
        assert not self.false_running()
        ticks = self.check_ticks("tick", 1) + self.check_ticks("deep", 5)
        self.check_events()
        self.check_statuses()
        self.check_attempts()
        ends = self.check_effects()
        self.server.send_signal(signal.SIGTERM)
        assert self.server.wait(PATIENCE) == 0
        left = self.processes()
        assert not left, f"processes are left: {left}"
        return ticks, ends

    def close(self, keep):
        for pid, _, _ in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.server is not None:
            self.server.wait()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def start_of(pid):
    """When the process began, in ticks of the kernel; None: it is gone."""
    try:
        words = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if words[0] in "ZX" else int(words[19])


def trouble_begins(world, kills, until):
    """Kill and start again until so many were killed, or the time is over."""
    dice = world.dice
    while len(world.kills) < kills and time.monotonic() < until:
        if not world.server_lives():
            world.start_server()
            if dice.random() < 0.25:
                time.sleep(dice.random() * 0.1)  # not even up when it is killed
                world.kill_some()
                continue
            world.await_server()
            world.check_no_false_running()
        time.sleep(dice.random() * 0.25)
        world.happen()
        world.kill_some()


def piece(leat, seed, kills=60, seconds=3600, limit=10.0, keep=False):
    """(kinds of the processes that were killed, a line about what happened)."""
    world = World(leat, seed, limit)
    good = False
    try:
        world.run("store", "mb", "inbox")
        world.start_server()
        world.await_server()
        until = time.monotonic() + PATIENCE
        while world.rows("select count(*) from triggers where watches <> ''")[0][0] < 3:
            assert time.monotonic() < until, "the triggers do not begin to look"
            time.sleep(0.02)
        trouble_begins(world, kills, time.monotonic() + seconds)
        world.settle()
        ticks, ends = world.check_end()
        good = True
        return world.kills, (f"{len(world.kills)} kills, {world.starts} servers, {ticks} ticks, {sum(map(len, world.sent.values()))} events, "
                             f"{world.commits} commits, {ends} steps; nothing falsely running after {world.worst:.2f} s")
    finally:
        if not good:
            print(f"seed {seed}, {len(world.kills)} kills" + (f": look at {world.folder}" if keep else ""), flush=True)
        world.close(keep and not good)
