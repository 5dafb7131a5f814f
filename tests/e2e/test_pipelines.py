"""Pipelines of tasks: what each kind does, rules and branches, retries and limits, cancelling, marking, approving, resuming."""

import http.server
import json
import os
import pathlib
import re
import signal
import socketserver
import subprocess
import threading
import time

import pytest

from harness import LEAT, TOP, end_group, finish, wait_until

BASE = {"leat.yml": "name: p\npools: {one: 1}\n"}


@pytest.fixture
def pipe(project):
    """pipe(yaml, **files) gives the program in a project with pipelines/p.yml."""

    def make(text, files=None, **extra):
        return project({**BASE, "pipelines/p.yml": "name: p\n" + text, **(files or {})}, **extra)

    return make


def statuses(leat, run="last"):
    found = leat("runs", run, "--json", code=None)
    return {task["task"].split(".", 2)[2]: task["status"] for task in found.json()} if found.code == 0 else {}


def messages(leat, run="last"):
    return {task["task"].split(".", 2)[2]: task["message"] for task in leat("runs", run, "--json").json()}


def run_of(leat, number=0):
    return leat.runs()[number]


# ---- kinds ----


def test_commands_see_parameters_and_leave_outputs(pipe):
    leat = pipe("""\
params: {day: 2026-01-02, n: {type: int, default: 3}, size: {type: enum, options: [small, big], default: small}}
tasks:
  a: {shell: 'echo "$LEAT_PARAM_DAY $LEAT_RUN_ID"; echo "{\\"rows\\": {{ params.n }}, \\"list\\": [1, {\\"x\\": \\"y\\"}]}" > "$LEAT_OUTPUT"', env: {X: "{{ params.size }}"}}
  b: {shell: 'echo "got {{ outputs.a.rows }} {{ outputs.a.list[1].x }}"', after: a}
  c: {python: "import sys, os\\nprint(sys.argv[1:], os.environ['LEAT_PARAM_SIZE'])\\n", args: [x, "{{ params.day }}"]}
""")
    leat("run", "--pipeline", "p", "--param", "n=7", "-P", "size=big")
    assert "2026-01-02 1" in leat("logs", "last", "a").out
    assert "got 7 y" in leat("logs", "last", "b").out
    assert "['x', '2026-01-02'] big" in leat("logs", "last", "c").out
    leat.edge(leat("run", "--pipeline", "p", "--param", "n=x", code=2), "'n' is a whole number, not 'x'")
    leat.edge(leat("run", "--pipeline", "p", "--param", "size=huge", code=2), "one of small, big")
    leat.edge(leat("run", "--pipeline", "p", "--param", "sise=big", code=2), "did you mean 'size'")
    leat.edge(leat("pipelines", "p"), "enum", "date" if False else "small")


def test_a_parameter_without_a_default_must_be_given(pipe):
    leat = pipe("params: {who: {type: string, help: x}}\ntasks: {a: {shell: 'echo hi $LEAT_PARAM_WHO'}}\n")
    leat.edge(leat("run", "--pipeline", "p", code=2), "'who' (string) must be given", "--param who=")
    leat("run", "--pipeline", "p", "--param", "who=you and me")
    assert "hi you and me" in leat("logs", "last", "a").out


def test_a_command_cannot_see_the_master_key_and_its_secrets_are_masked(pipe):
    leat = pipe("tasks: {a: {shell: 'echo key=$LEAT_KEY; echo tok=$TOK; printf \"sec\"; sleep 0.1; echo \"ret-4711\"', env: {TOK: \"{{ secret('T') }}\"}}}\n",
                LEAT_KEY="correct horse battery staple", T="secret-4711")
    leat("run", "--pipeline", "p")
    log = leat("logs").out
    assert "key=\n" in log and "secret-4711" not in log and "tok=***" in log


def test_sql_runs_and_returns_rows(pipe):
    leat = pipe("""\
tasks:
  make: {sql: "create or replace table t as select range as x from range(5)"}
  row: {sql: "select count(*) as n, 'a''b' as s, true as yes from t", returns: row, after: make}
  rows: {sql: "select x from t where x > 2 order by x", returns: rows, after: make}
  show: {shell: 'echo "{{ outputs.row.n + 1 }} {{ outputs.row.s }} {{ outputs.row.yes }} {{ outputs.rows.rows[1].x }}"', after: [row, rows]}
""")
    leat("run", "--pipeline", "p")
    assert "6 a'b True 4" in leat("logs", "last", "show").out


def test_groups_extract_load_build_and_test(shop):
    leat, _ = shop(rows=50)
    leat.write("pipelines/g.yml", """\
name: g
tasks:
  get: {extract: "source:*"}
  put: {load: "source:*", after: get}
  make: {build: "+newest", after: put}
  check: {test: "+newest", after: make, when: always}
  say: {shell: "echo made", after: check}
""")
    leat("run", "--pipeline", "g")
    kinds = [(t["task"], t["status"]) for t in leat("runs", "last", "--json").json()]
    assert ("task.g.say", "succeeded") in kinds and any(t.startswith("extract.") for t, _ in kinds), kinds
    assert any(t.startswith("model.") for t, _ in kinds), kinds


class Sink(http.server.BaseHTTPRequestHandler):
    seen, fail = [], 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Sink.seen.append((self.path, self.headers, body))
        Sink.fail -= 1
        self.send_response(503 if Sink.fail >= 0 else 200)
        raw = b'{"ok": true, "n": 3}'
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST

    def log_message(self, *_):
        pass


@pytest.fixture
def sink():
    Sink.seen, Sink.fail = [], 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_requests_and_messages_go_out(pipe, sink):
    leat = pipe("""\
tasks:
  ask: {http: {url: "%s/x?run={{ run_id }}", method: POST, headers: {X-A: b}, body: "hello"}, retries: 3, backoff: 10ms}
  use: {shell: 'echo "n={{ outputs.ask.body.n }}"', after: ask}
  bad: {shell: "echo broken >&2; exit 4", after: use}
on_failure:
  tell: {notify: {webhook: "%s/hook", slack: "%s/slack"}}
on_success:
  never: {shell: "echo never"}
""" % (sink, sink, sink))
    Sink.fail = 2
    leat("run", "--pipeline", "p", code=1)
    paths = [path for path, _, _ in Sink.seen]
    assert paths.count("/x?run=1") == 3, "the server failed twice"
    assert "n=3" in leat("logs", "last", "use").out
    hook = json.loads(next(body for path, _, body in Sink.seen if path == "/hook"))
    assert hook["status"] == "failed" and hook["pipeline"] == "p" and "exit code 4: broken" in hook["message"]
    slack = json.loads(next(body for path, _, body in Sink.seen if path == "/slack"))
    assert slack["text"].startswith("*p: run 1 failed*")
    assert statuses(leat)["never"] == "skipped" and statuses(leat)["tell"] == "succeeded"


class Mailbox(socketserver.StreamRequestHandler):
    mails = []

    def handle(self):
        def say(line):
            self.wfile.write(line.encode() + b"\r\n")
        say("220 sink")
        data, to = None, []
        for raw in self.rfile:
            line = raw.rstrip(b"\r\n").decode()
            if data is not None:
                if line == ".":
                    Mailbox.mails.append((to, "\n".join(data)))
                    data = None
                    say("250 ok")
                else:
                    data.append(line)
            elif line.upper().startswith(("EHLO", "HELO")):
                say("250 sink")
            elif line.upper().startswith("RCPT"):
                to.append(line.split(":", 1)[1])
                say("550 nobody" if "nobody" in line else "250 ok")
            elif line.upper() == "DATA":
                data = []
                say("354 go on")
            elif line.upper() == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


@pytest.fixture
def mailbox():
    Mailbox.mails = []
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"smtp://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_mails_are_sent(pipe, mailbox):
    import base64
    leat = pipe("""\
tasks:
  mail: {notify: {email: {smtp: "%s", from: leat@example.org, to: [a@example.org, b@example.org]}, subject: "Zahlen für {{ run_date }}", message: "Grüße\\n.\\nEnde"}}
  bad: {notify: {email: {smtp: "%s", from: leat@example.org, to: nobody@example.org}}}
""" % (mailbox, mailbox))
    leat("run", "--pipeline", "p", code=1)
    (to, text), = Mailbox.mails
    assert to == ["<a@example.org>", "<b@example.org>"]
    head, body = text.split("\n\n", 1)
    assert base64.b64decode(body).decode() == "Grüße\n.\nEnde"
    assert "Subject: =?UTF-8?B?" in head and "From: <leat@example.org>" in head
    assert "550" in messages(leat)["bad"] or "RCPT" in messages(leat)["bad"], messages(leat)["bad"]


# ---- waiting ----


def test_waits_for_objects_conditions_and_moments(pipe, sink):
    leat = pipe("""\
tasks:
  short: {wait: {for: 100ms}}
  past: {wait: {until: "2020-01-01T00:00:00Z"}}
  file: {wait: {object: {bucket: raw, key: "in/*.csv"}, every: 50ms, deadline: 30s}}
  use: {shell: 'echo "{{ outputs.file.key }} {{ outputs.file.size }} {{ outputs.file.late }}"', after: file}
  cond: {wait: {sql: "select count(*) from information_schema.tables where table_name = 'there'", every: 50ms}}
  make: {sql: "create table there as select 1 as x", after: short}
  web: {wait: {http: {url: "%s/up"}, every: 50ms}}
  late: {wait: {object: {bucket: raw, key: nothing}, every: 50ms, deadline: 200ms, fail: false}}
  missing: {wait: {object: {bucket: raw, key: nothing}, every: 50ms, deadline: 200ms}}
  after: {shell: 'echo "late {{ outputs.late.late }}"', after: late}
""" % sink)
    leat("store", "mb", "raw")
    Sink.fail = 3
    process = leat.start("run", "--pipeline", "p")
    wait_until(lambda: statuses(leat).get("missing") == "failed")
    assert statuses(leat)["file"] == "waiting"
    why = leat("why", "last", "file").out
    assert "waits for the object raw/in/*.csv" in why and "gives up at" in why, why
    leat.write("x.csv", "a,b\n")
    leat("store", "cp", "x.csv", "raw/in/x.csv")
    result = finish(process)
    assert result.code == 1, result
    assert "in/x.csv 4 False" in leat("logs", "last", "use").out
    assert "late True" in leat("logs", "last", "after").out
    done = statuses(leat)
    assert done["cond"] == done["web"] == done["late"] == "succeeded" and done["missing"] == "failed", done
    assert "waited" in messages(leat)["missing"]


def test_thousands_of_waits_need_no_threads(pipe):
    leat = pipe("defaults: {threads: 2}\ntasks:\n" + "".join(f"  w{i}: {{wait: {{for: 2s}}}}\n" for i in range(1000)))
    started = time.monotonic()
    leat("run", "--pipeline", "p", "--quiet")
    assert time.monotonic() - started < 30, "they wait side by side"


def test_approvals_are_asked_for_and_recorded(pipe):
    me = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    leat = pipe(f"""\
tasks:
  ok: {{approve: {{people: [{me}], message: "release?"}}}}
  go: {{shell: 'echo "by {{{{ outputs.ok.by }}}}: {{{{ outputs.ok.comment }}}}"', after: ok}}
  no: {{approve: {{roles: [admin]}}}}
  stays: {{shell: "echo x", after: no}}
  others: {{approve: {{people: [somebody_else], timeout: 1500ms}}}}
""")
    process = leat.start("run", "--pipeline", "p")
    wait_until(lambda: statuses(leat).get("others") == "waiting" and statuses(leat).get("ok") == "waiting")
    leat.edge(leat("why", "ok"), f"waits for the approval of {me}")
    leat.edge(leat("approve", "last", "others", code=2), "may not decide")
    leat("approve", "last", "ok", "--comment", "looks good")
    leat("approve", "last", "no", "--reject", "--comment", "not now")
    leat.edge(leat("approve", "last", "ok", code=(1, 2, 3)), "already approved")
    result = finish(process)
    assert result.code == 1
    assert f"by {me}: looks good" in leat("logs", "last", "go").out
    done = statuses(leat)
    assert done == {"ok": "succeeded", "go": "succeeded", "no": "failed", "stays": "skipped", "others": "failed"}, done
    assert "rejected by" in messages(leat)["no"] and "nobody has decided in time" in messages(leat)["others"]


# ---- order ----


def test_rules_say_when_a_task_begins(pipe):
    leat = pipe("""\
tasks:
  good: {shell: "true"}
  bad: {shell: "exit 1"}
  success: {shell: "true", after: [good, bad]}
  failed: {shell: "true", after: [good, bad], when: failed}
  always: {shell: "true", after: [good, bad], when: always}
  any: {shell: "true", after: [good, bad], when: any}
  none_failed: {shell: "true", after: [good, bad], when: none_failed}
  all_failed: {shell: "true", after: [good, bad], when: all_failed}
  behind: {shell: "true", after: success, when: failed}
  idle: {shell: "true", after: good, when: failed}
""")
    leat("run", "--pipeline", "p", code=1)
    assert statuses(leat) == {"good": "succeeded", "bad": "failed", "success": "skipped", "failed": "succeeded", "always": "succeeded",
                              "any": "succeeded", "none_failed": "skipped", "all_failed": "skipped", "behind": "succeeded", "idle": "skipped"}


@pytest.mark.parametrize("n,branch", [(9, "big"), (5, "middle"), (1, "small")])
def test_a_branch_is_chosen(n, branch, pipe):
    leat = pipe("""\
params: {n: 1}
tasks:
  c: {choose: [{if: params.n > 7, then: big}, {if: "{{ params.n > 3 }}", then: middle}, {then: small}]}
  big: {shell: "true"}
  middle: {shell: "true"}
  small: {shell: "true"}
  behind: {shell: "true", after: big}
  join: {shell: "true", after: [big, middle, small], when: some_success}
""")
    leat("run", "--pipeline", "p", "--param", f"n={n}")
    done = statuses(leat)
    assert [name for name in ("big", "middle", "small") if done[name] == "succeeded"] == [branch]
    assert done["join"] == "succeeded" and done["behind"] == ("succeeded" if branch == "big" else "skipped")


def test_items_are_done_a_few_at_a_time(pipe):
    leat = pipe("""\
tasks:
  list: {shell: 'echo "{\\"files\\": [\\"a\\", \\"b b\\", \\"c\\"]}" > $LEAT_OUTPUT'}
  each: {for_each: {items: "{{ outputs.list.files }}", as: file, parallel: 1, tasks: {one: {shell: 'echo "{{ index }}:{{ file }}" >> $OUT; test "{{ file }}" != "b b"', env: {OUT: "{{ env_var('OUT') }}"}}, two: {shell: "true", after: one}}}, after: list}
  rows: {for_each: {query: "select range as n, 'x' as s from range(3)", as: row, tasks: {one: {shell: 'echo "row {{ row.n + 1 }}{{ row.s }}" >> $OUT'}}}}
  empty: {for_each: {items: [], tasks: {one: {shell: "true"}}}}
  behind: {shell: 'echo "{{ outputs.empty.count }}"', after: empty}
""", OUT="")
    out = leat.project / "out.txt"
    leat.env["OUT"] = str(out)
    leat("run", "--pipeline", "p", code=1)
    lines = out.read_text().splitlines()
    assert [line for line in lines if ":" in line] == ["0:a", "1:b b", "2:c"]
    assert sorted(line for line in lines if "row" in line) == ["row 1x", "row 2x", "row 3x"]
    done = statuses(leat)
    assert done["each[1].two"] == "skipped" and done["each[2].two"] == "succeeded" and done["each"] == "failed"
    assert "1 of 3 items failed" in messages(leat)["each"] and done["behind"] == "succeeded"


def test_a_pipeline_calls_another_and_shares_the_target(pipe):
    leat = pipe("""\
tasks:
  first: {sql: "create table a as select 1 as x"}
  call: {pipeline: q, params: {n: "{{ 40 + 2 }}"}, after: first}
  fire: {pipeline: q, fire: true, params: {n: 1}}
  last: {sql: "insert into a select n from b", after: call}
  bad: {pipeline: r}
""", {"pipelines/q.yml": "name: q\nparams: {n: 1}\ntasks: {b: {sql: 'create or replace table b as select {{ params.n }} as n'}}\n",
         "pipelines/r.yml": "name: r\ntasks: {x: {shell: 'exit 3'}}\n"})
    leat("run", "--pipeline", "p", code=1)
    wait_until(lambda: all(run["status"] not in ("running", "queued") for run in leat.runs()))
    done = statuses(leat, "1")
    assert done["last"] == "succeeded" and done["fire"] == "succeeded" and done["bad"] == "failed", done
    assert sorted(leat.rows("select x from a"))[0] == ["1"] or leat.rows("select x from a")
    assert "of r failed" in messages(leat, "1")["bad"]


def test_pipelines_that_call_each_other_for_ever_are_stopped(pipe):
    leat = pipe("tasks: {again: {pipeline: p}}\ndefaults: {retries: 0}\n")
    leat("run", "--pipeline", "p", code=(1, 2))
    assert len(leat.runs()) <= 20


# ---- retries and limits ----


def test_errors_are_tried_again_by_their_kind(pipe):
    leat = pipe("""\
tasks:
  third: {shell: 'echo x >> n; test $(wc -l < n) -ge 3', retries: 5, backoff: 10ms}
  code: {shell: 'echo x >> m; exit 75', retries: 2, retry_on: ["exit:70-80"], backoff: 10ms}
  never: {shell: 'echo x >> o; exit 2', retries: 5, retry_never: "exit:2", backoff: 10ms}
  plain: {shell: 'echo x >> q; exit 1'}
  slow: {shell: 'echo x >> r; sleep 60', timeout: 200ms, retries: 1, backoff: 10ms}
defaults: {grace: 1s}
""")
    leat("run", "--pipeline", "p", code=1)
    count = {name: (leat.project / name).read_text().count("x") for name in "nmoqr"}
    assert count == {"n": 3, "m": 3, "o": 1, "q": 1, "r": 2}
    assert statuses(leat)["third"] == "succeeded"
    assert "longer than its timeout" in messages(leat)["slow"]


@pytest.fixture
def cgroup():
    """cgroup(*controllers) makes a group of cgroup v2 for the test, with these enabled."""
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    roots = [pathlib.Path(words[1]) for words in mounts if words[2] == "cgroup2"]
    made = []

    def make(*controllers):
        if not roots:
            pytest.skip("no cgroup v2 is mounted here")
        there = (roots[0] / "cgroup.controllers").read_text().split()
        if set(controllers) - set(there):
            pytest.skip(f"cgroup v2 has only {' '.join(there) or 'no controllers'} here")
        group = roots[0] / f"leat-test-{os.getpid()}"
        try:
            group.mkdir()
            made.append(group)
            for folder in (roots[0], group):
                for name in controllers:
                    (folder / "cgroup.subtree_control").write_text("+" + name)
        except OSError as wrong:
            pytest.skip(f"a cgroup cannot be made here: {wrong}")
        return group

    yield make
    for group in made:
        for inner in group.iterdir():
            if inner.is_dir():
                inner.rmdir()
        group.rmdir()


def test_a_command_is_in_a_cgroup_of_its_own_and_nothing_of_it_stays(pipe, cgroup):
    group = cgroup()
    leat = pipe("""\
tasks:
  where: {shell: 'cat /proc/self/cgroup; echo cores $(nproc)', cpu: 1}
  hidden: {shell: 'setsid sh -c "trap \\"\\" TERM; sleep 301" >/dev/null 2>&1 & sleep 0.2; echo done', timeout: 30s, grace: 100ms}
  slow: {shell: 'trap "" TERM; sleep 302 & sleep 302', timeout: 300ms, grace: 100ms}
defaults: {retries: 0}
""", LEAT_CGROUP=str(group))
    leat("run", "--pipeline", "p", code=(1, 3))
    assert statuses(leat) == {"where": "succeeded", "hidden": "succeeded", "slow": "failed"}
    log = leat("logs", "last", "where").out
    assert re.search(f"/{group.name}/leat-[0-9a-f]+-1-", log)
    assert "cores 1\n" in log, "without the controller of processors the task has whole cores"
    assert [inner for inner in group.iterdir() if inner.is_dir()] == [], "the groups are gone"
    assert subprocess.run(["pgrep", "-f", "^sleep 30[12]$"], capture_output=True).returncode != 0, "nothing is left"


def test_a_server_moves_aside_in_a_group_that_is_its_own(pipe, cgroup):
    group = cgroup()
    leat = pipe("tasks:\n  where: {shell: 'cat /proc/self/cgroup'}\n")

    def serve(expected):
        leave = lambda: (group / "cgroup.procs").write_text("0")  # noqa: E731
        server = subprocess.Popen(leat.argv("up", "--listen", "127.0.0.1:0"), cwd=leat.project, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=leat.environment({"LEAT_CGROUP": "own"}), preexec_fn=leave)
        try:
            assert server.stdout.readline().startswith("the server works")
            assert f"/{group.name}/server\n" in pathlib.Path(f"/proc/{server.pid}/cgroup").read_text()
            leat("trigger", "p")
            wait_until(lambda: leat("runs", "--json").json()[0]["status"] == "succeeded")
            assert re.search(f"/{group.name}/leat-[0-9a-f]+-{expected}-", leat("logs", "last", "where").out)
        finally:
            server.terminate()
            server.communicate()

    (group / "leat-gone-1-1").mkdir()
    serve(1)
    serve(2)  # the group of the first is there already
    assert [inner.name for inner in group.iterdir() if inner.is_dir()] == ["server"]


def test_without_a_group_a_server_says_so_and_works(pipe):
    if any(line.split()[2] == "cgroup2" for line in pathlib.Path("/proc/mounts").read_text().splitlines()) and os.getuid() == 0:
        pytest.skip("a cgroup can be made here")
    leat = pipe("tasks:\n  one: {shell: 'true'}\n", LEAT_CGROUP="own")
    server = leat.start("up", "--listen", "127.0.0.1:0")
    try:
        assert server.stdout.readline().startswith("the server works")
    finally:
        server.terminate()
        assert "limited without cgroups" in server.communicate()[1]


BOMB = """\
import mmap, os, signal, sys
seen = mmap.mmap(os.open(sys.argv[2], os.O_RDWR), 4096)
signal.alarm(60)
while int.from_bytes(seen[:8], "little") < int(sys.argv[1]):
    seen[:8] = (int.from_bytes(seen[:8], "little") + 1).to_bytes(8, "little")
    try:
        if os.fork() == 0:
            os.setsid()
            signal.alarm(60)
    except OSError:
        pass
signal.pause()
"""


def test_a_fork_bomb_in_sessions_of_its_own_is_outrun(pipe):
    """It ends by itself after some thousand forks, for the machine's sake; it must not come so far."""
    if os.getuid() != 0:
        pytest.skip("only root may go before others")
    leat = pipe("""\
tasks:
  bomb: {shell: 'exec python3 bomb.py 6000 count', processes: 50, timeout: 60s}
defaults: {retries: 0}
""", files={"bomb.py": BOMB, "count": "\0" * 4096})
    leat("run", "--pipeline", "p", code=1)
    assert "more processes" in messages(leat)["bomb"]
    assert int.from_bytes((leat.project / "count").read_bytes()[:8], "little") < 5500
    assert subprocess.run(["pgrep", "-f", "bomb.py 6000 count$"], capture_output=True).returncode != 0, "nothing is left"


def test_the_kernel_keeps_the_limits_of_a_cgroup(pipe, cgroup):
    group = cgroup("memory", "cpu", "pids")
    leat = pipe("""\
tasks:
  memory: {python: "x = [bytes([1]) * (1 << 20) for _ in range(400)]\\nimport time\\ntime.sleep(5)\\n", memory: 100MiB}
  limits: {shell: 'g=%s/$(basename $(cat /proc/self/cgroup)); cat $g/memory.max $g/cpu.max $g/pids.max', memory: 64MiB, cpu: 0.5, processes: 20}
defaults: {retries: 0}
""" % group, LEAT_CGROUP=str(group))
    leat("run", "--pipeline", "p", code=1)
    assert "more than its 100 MiB of memory" in messages(leat)["memory"]
    assert leat("logs", "last", "limits").out.split()[-4:] == [str(64 << 20), "50000", "100000", "20"]


def test_a_command_has_limits(pipe):
    leat = pipe("""\
tasks:
  memory: {python: "x = bytearray(300 << 20)\\nimport time\\ntime.sleep(5)\\n", memory: 100MiB}
  bomb: {shell: 'b() { b | b & b; }; b', processes: 50, timeout: 30s, after: hidden}
  deaf: {shell: 'trap "" TERM; sleep 60', timeout: 200ms, grace: 200ms}
  hidden: {shell: 'setsid sh -c "touch one; exec sleep 300" >/dev/null 2>&1 & setsid sh -c "trap \\"\\" TERM; touch two; sleep 300" >/dev/null 2>&1 & until [ -e one ] && [ -e two ]; do sleep 0.1; done; echo done'}
  signal: {shell: 'kill -SEGV $$'}
  nothing: {python: "import os\\nos.execvp('/nowhere', ['x'])\\n"}
defaults: {retries: 0}
""")
    started = time.monotonic()
    leat("run", "--pipeline", "p", code=1)
    assert time.monotonic() - started < 60
    said = messages(leat)
    assert statuses(leat)["memory"] == "failed"
    assert "more processes" in said["bomb"] or "timeout" in said["bomb"], said["bomb"]
    assert statuses(leat)["deaf"] == "failed" and statuses(leat)["hidden"] == "succeeded"
    assert "signal 11" in said["signal"]
    assert "left behind" in leat("logs", "last", "hidden").out
    assert subprocess.run(["pgrep", "-f", "^sleep 300$"], capture_output=True).returncode != 0, "nothing is left"


def rss_of_wrappers(leat):
    """The greatest resident memory of the wrappers of this home, in MiB."""
    most = 0
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and open(f"/proc/{entry}/comm").read() == "leat-task\n" and str(leat.home) in open(f"/proc/{entry}/environ").read():
                most = max(most, int(open(f"/proc/{entry}/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") >> 20)
        except OSError:
            pass
    return most


def test_a_log_of_a_gigabyte_costs_neither_disk_nor_memory(pipe):
    leat = pipe("""\
tasks:
  lines: {shell: 'echo first; yes "a line of a log that nobody will ever read" | head -c 1073741824; echo last', log: 4MiB}
  line: {shell: 'echo first; head -c 104857600 /dev/zero | tr "\\0" x; echo; echo last', log: 4MiB}
  nul: {shell: 'echo first; head -c 20971520 /dev/zero; printf "\\033[2J\\033]0;title\\007"; head -c 5000000 /dev/urandom; echo; echo last', log: 4MiB}
""")
    process, most = leat.start("run", "--pipeline", "p"), 0
    while process.poll() is None:
        most = max(most, rss_of_wrappers(leat))
        time.sleep(0.05)
    assert finish(process).code == 0
    assert 0 < most < 40, most
    for task, size in (("lines", 1 << 30), ("line", 100 << 20), ("nul", 20 << 20)):
        files = list((leat.home / "logs/1").glob(f"task.p.{task}.log*"))
        assert sum(file.stat().st_size for file in files) < (4 << 20) + 65536, files
        kept = subprocess.run(leat.argv("logs", "last", task), cwd=leat.project, env=leat.environment(), capture_output=True).stdout
        assert b"first\n" in kept and b"last\n" in kept and b"bytes of output were left out" in kept
        assert len(kept) < size


def test_a_large_log_is_cut_in_the_middle_and_garbage_is_kept(pipe):
    leat = pipe("""\
tasks:
  loud: {python: "import sys\\nfor i in range(400000):\\n    print('line', i)\\n", log: 1MiB}
  garbage: {python: "import sys\\nsys.stdout.buffer.write(bytes(range(256)) * 4)\\n"}
""")
    leat("run", "--pipeline", "p")
    folder = leat.home / "logs" / "1"
    assert sum(f.stat().st_size for f in folder.glob("task.p.loud*")) < 1_200_000
    log = leat("logs", "last", "loud").out
    assert "line 0\n" in log and "line 399999\n" in log and "bytes of output were left out" in log
    assert bytes(range(256)) * 4 in (folder / "task.p.garbage.log").read_bytes()


def test_pools_are_shared_by_runs(pipe):
    leat = pipe("""\
tasks:
  a: {shell: 'echo + >> t; sleep 0.15; echo - >> t', pool: one}
  b: {shell: 'echo + >> t; sleep 0.15; echo - >> t', pool: one, priority: 5}
  too_many: {shell: "true", pool: one, places: 2}
defaults: {retries: 0}
""")
    both = [leat.start("run", "--pipeline", "p") for _ in range(2)]
    wait_until(lambda: "waits for places in the pool 'one', held by run" in leat("status").out)
    for process in both:
        assert finish(process).code in (1, 2)
    marks = (leat.project / "t").read_text().split()
    assert marks == ["+", "-"] * 4, marks
    assert "wants 2 places" in messages(leat)["too_many"]


# ---- several runs ----


@pytest.mark.parametrize("overlap,ends", [("allow", ["succeeded", "succeeded"]), ("queue", ["succeeded", "succeeded"]),
                                          ("skip", ["skipped", "succeeded"]), ("cancel_old", ["succeeded", "cancelled"])])
def test_runs_of_a_pipeline_overlap_as_it_says(overlap, ends, pipe):
    leat = pipe(f"overlap: {overlap}\ntasks: {{a: {{shell: 'echo + >> t; sleep 1; echo - >> t'}}}}\n")
    first = leat.start("run", "--pipeline", "p")
    wait_until(lambda: (leat.project / "t").exists())
    second = leat.start("run", "--pipeline", "p")
    codes = [finish(first).code, finish(second).code]
    assert [run["status"] for run in leat.runs()] == ends
    marks = (leat.project / "t").read_text().split()
    assert marks == {"allow": ["+", "+", "-", "-"], "queue": ["+", "-", "+", "-"], "skip": ["+", "-"], "cancel_old": ["+", "+", "-"]}[overlap]
    assert codes[1] == 0


def test_a_key_makes_one_run(pipe):
    leat = pipe("tasks: {a: {shell: 'echo x >> t; sleep 0.3'}}\n")
    several = [leat.start("run", "--pipeline", "p", "--key", "2026-01-01") for _ in range(4)]
    assert [finish(process).code for process in several] == [0] * 4
    assert len(leat.runs()) == 1 and (leat.project / "t").read_text() == "x\n"
    leat.edge(leat("run", "--pipeline", "p", "--key", "2026-01-01"), "run 1 has this key: succeeded")


def test_cancel_stops_everything_and_says_what_was_left(pipe):
    leat = pipe("""\
defaults: {grace: 300ms}
tasks:
  deaf: {shell: 'trap "" TERM; sleep 301 & wait; sleep 301'}
  ok: {approve: {}}
  sleepy: {wait: {for: 1h}}
  one: {shell: "sleep 302"}
on_failure: {tell: {shell: "echo told"}}
""")
    process = leat.start("run", "--pipeline", "p")
    wait_until(lambda: statuses(leat).get("one") == "running" and statuses(leat).get("deaf") == "running")
    time.sleep(0.3)
    leat.edge(leat("cancel", "last", "one"), "one of run 1 is cancelled")
    assert statuses(leat)["one"] == "cancelled"
    leat.edge(leat("cancel", "last"), "run 1 is cancelled: stopped")
    result = finish(process)
    assert result.code == 130 and set(statuses(leat).values()) == {"cancelled"}, statuses(leat)
    assert subprocess.run(["pgrep", "-f", "^sleep 30[12]$"], capture_output=True).returncode != 0
    leat.edge(leat("cancel", "last", code=2), "has ended already")


def test_a_task_can_be_marked(pipe):
    leat = pipe("tasks: {a: {shell: 'sleep 300'}, b: {shell: 'echo b', after: a}, c: {shell: 'exit 1'}, d: {shell: 'echo d', after: c}}\ndefaults: {grace: 1s}\n")
    process = leat.start("run", "--pipeline", "p")
    wait_until(lambda: statuses(leat).get("a") == "running")
    time.sleep(0.2)
    leat("mark", "last", "a", "success")
    assert finish(process).code == 1
    done = statuses(leat)
    assert done["a"] == done["b"] == "succeeded" and done["d"] == "skipped", done
    leat("mark", "1", "c", "success")
    leat("retry", "1")
    assert statuses(leat) == {"a": "reused", "b": "reused", "c": "reused", "d": "succeeded"}


def test_a_retry_begins_where_it_is_told(pipe):
    leat = pipe("tasks: {a: {shell: 'echo a >> t'}, b: {shell: 'echo b >> t', after: a}, c: {shell: 'echo c >> t', after: b}}\n")
    leat("run", "--pipeline", "p")
    leat("retry", "last", code=2)
    leat("retry", "1", "--from", "b")
    assert statuses(leat) == {"a": "reused", "b": "succeeded", "c": "succeeded"}
    leat("retry", "1", "--all")
    assert (leat.project / "t").read_text().split() == list("abc" "bc" "abc")


# ---- death ----


def test_a_command_outlives_its_run_and_is_taken_over(pipe):
    leat = pipe("""\
tasks:
  before: {shell: "echo before >> t"}
  long: {shell: 'echo begin >> t; sleep 1.5; echo "{\\"x\\": 5}" > $LEAT_OUTPUT; echo end >> t', after: before}
  after: {shell: 'echo "after {{ outputs.long.x }}" >> t', after: long}
""")
    process = leat.start("run", "--pipeline", "p")
    wait_until(lambda: (leat.project / "t").exists() and "begin" in (leat.project / "t").read_text())
    os.kill(process.pid, signal.SIGKILL)
    finish(process)
    assert run_of(leat)["status"] == "lost"
    leat("run", "--resume", "last")
    assert (leat.project / "t").read_text().split("\n") == ["before", "begin", "end", "after 5", ""]
    assert run_of(leat)["status"] == "succeeded"
    leat.edge(leat("run", "--resume", "last", code=2), "has ended: it succeeded")


def test_a_result_that_nobody_waited_for_is_found(pipe):
    leat = pipe("tasks: {long: {shell: 'echo begin >> t; sleep 0.7; echo end >> t'}, z: {shell: 'echo z >> t', after: long}}\n")
    process = leat.start("run", "--pipeline", "p")
    wait_until(lambda: (leat.project / "t").exists())
    os.kill(process.pid, signal.SIGKILL)
    finish(process)
    wait_until(lambda: list((leat.home / "attempts").rglob("*.result")))
    leat("run", "--resume", "last")
    assert (leat.project / "t").read_text().split() == ["begin", "end", "z"]


def test_what_a_killed_wrapper_leaves_is_ended_before_the_next_attempt(pipe):
    leat = pipe("tasks: {a: {shell: 'echo x >> t; test $(wc -l < t) -ge 2 || sleep 303', retries: 2, backoff: 10ms}}\n")
    process = leat.start("run", "--pipeline", "p")
    wait_until(lambda: (leat.project / "t").exists())
    wrapper = subprocess.run(["pgrep", "-P", str(process.pid), "leat-task"], capture_output=True, text=True).stdout.split()[0]
    os.kill(int(wrapper), signal.SIGKILL)
    assert finish(process).code == 0
    assert subprocess.run(["pgrep", "-f", "^sleep 303$"], capture_output=True).returncode != 0


def test_retries_are_counted_over_a_death(pipe):
    """Three attempts were promised: however often the run dies in between, there are no more."""
    leat = pipe("tasks: {a: {shell: 'echo x >> t; test $(wc -l < t) = 2 && kill -9 $RUN_PID; exit 1', env: {RUN_PID: \"{{ env_var('RUN_PID', '') }}\"}, "
                "retries: 2, backoff: 10ms, backoff_max: 10ms}}\n")
    leat.write("run.sh", 'RUN_PID=$$ exec "$@"\n')
    died = subprocess.run(["sh", "run.sh", LEAT, "run", "--pipeline", "p"], cwd=leat.project, env=leat.environment({"RUN_PID": None}), capture_output=True)
    assert died.returncode == -signal.SIGKILL, died
    leat("run", "--resume", "last", code=1)
    assert (leat.project / "t").read_text() == "x\n" * 3
    (task,) = leat("runs", "last", "--json").json()
    assert (task["status"], task["attempts"]) == ("failed", 3)


def test_servers_and_all_that_belongs_to_them_survive_random_kills():
    done = subprocess.run([str(TOP / "tests/fault/run_kills.py"), "--rounds", "0", "--pieces", "1", "--each", "150", "--seconds", "12", "--leat", LEAT],
                          capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr


def test_runs_survive_random_kills():
    done = subprocess.run([str(TOP / "tests/fault/run_kills.py"), "--rounds", "5", "--leat", LEAT], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- logs ----


def test_logs_are_followed_from_the_first_byte(pipe):
    leat = pipe("tasks: {a: {shell: 'for i in 1 2 3 4; do echo line $i; sleep 0.3; done'}, b: {shell: 'echo b', after: a}}\n")
    process = leat.start("run", "--pipeline", "p")
    wait_until(lambda: leat("runs", code=None).code == 0 and leat.runs())
    follower = leat.start("logs", "-f")
    seen = []
    for line in follower.stdout:
        seen.append((time.monotonic(), line.strip()))
        if line.strip() == "line 2":
            assert process.poll() is None, "while it still runs"
    assert finish(follower).code == 0 and finish(process).code == 0
    text = [line for _, line in seen]
    assert [line for line in text if line.startswith("line")] == ["line 1", "line 2", "line 3", "line 4"]
    assert "==> task.p.b <==" in text


# ---- real pipelines ----

CASES = TOP / "tests/cases/pipelines"


@pytest.fixture
def team(project):
    """team(failing={pipeline: task}, then=...) gives the program among all sixteen, since they call each other. Files are there unless told."""

    def make(failing=(), edit=lambda name, text: text, arrived=True):
        files = {path.name: edit(path.stem, path.read_text()) for path in CASES.glob("*.yml")}
        assert len(files) == 16
        for name, task in dict(failing).items():
            files[name + ".yml"], count = re.subn(rf"(?m)^(\s+{task}: {{shell: )('[^']*'|\"[^\"]*\")", r"\1'exit 1'", files[name + ".yml"])
            assert count == 1, (name, task)
        leat = project({"leat.yml": "name: workforce\nthreads: 4\npools: {crawler: 1, warehouse: 2}\n",
                        **{"pipelines/" + name: text for name, text in files.items()}})
        leat("store", "mb", "raw")
        day = time.strftime("%Y-%m-%d", time.gmtime())
        for dataset in ("worker", "workplace") if arrived else ():
            leat.write("f", "x\n")
            leat("store", "cp", "f", f"raw/domain=ASCWDS/dataset={dataset}/day={day}/part.csv")
        return leat

    return make


def run_all(leat, name, *args, code=0):
    """The pipeline, and what it has started without waiting."""
    leat("run", "--pipeline", name, "--quiet", *args, code=code, timeout=180)
    wait_until(lambda: all(run["status"] not in ("running", "queued") for run in leat.runs()), 120)



def ends(leat, pipeline):
    """{task: status} of the newest run of a pipeline, without the items of for_each."""
    rows = leat("runs", str(next(run["run"] for run in leat.runs() if run["selection"] == pipeline)), "--json").json()
    return {row["task"].split(".", 2)[2]: row["status"] for row in rows if "[" not in row["task"]}


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.yml")))
def test_the_pipelines_of_a_real_team_run(name, team):
    leat = team()
    run_all(leat, name)
    assert {run["status"] for run in leat.runs()} == {"succeeded"}, leat.runs()


def test_they_begin_by_files_and_by_the_clock(team):
    leat = team()
    begin = {row["pipeline"]: row["begins_by"] for row in leat("pipelines", "--json").json()}
    assert sum("(object)" in (by or "") for by in begin.values()) == 5 and begin["ingest_ascwds"].count("(object)") == 2
    spring = leat("backfill", "orchestrator", "--from", "2026-03-01", "--to", "2026-04-30", "--dry-run", "--json").json()
    assert [row["tick"][:16] for row in spring] == [f"2026-03-{day}T01:00" for day in ("01", "08", "15", "23")] + [
        "2026-04-01T00:00", "2026-04-08T00:00", "2026-04-15T00:00", "2026-04-23T00:00"]  # one o'clock in London


def test_a_failure_is_caught_told_and_the_catalogue_is_refreshed_all_the_same(team):
    leat = team({"ingest_cqc_pir": "ingest"})
    run_all(leat, "ingest_cqc_pir", code=1)
    assert ends(leat, "ingest_cqc_pir") == {"ingest": "failed", "clean": "skipped", "check_raw": "skipped", "check_clean": "skipped",
                                            "catalogue_checks": "succeeded", "catalogue": "succeeded", "tell": "succeeded"}
    assert [run["status"] for run in leat.runs() if run["selection"] == "run_crawler"] == ["succeeded"] * 2


@pytest.mark.parametrize("failing, told", [({"ingest_capacity_tracker_non_res": "check"}, "data"), ({"run_crawler": "refresh"}, "catalogue")])
def test_a_catalogue_that_fails_is_told_apart_from_data_that_fail(team, failing, told):
    leat = team(failing)
    run_all(leat, "ingest_capacity_tracker_non_res", code=1)
    seen = ends(leat, "ingest_capacity_tracker_non_res")
    assert {task: seen[task] for task in ("tell_of_data", "tell_of_catalogue")} == {
        f"tell_of_{what}": "succeeded" if what == told else "skipped" for what in ("data", "catalogue")}
    assert seen["catalogue"] == ("failed" if told == "catalogue" else "succeeded")


def test_files_that_do_not_arrive_end_the_wait_at_its_deadline(team):
    leat = team(arrived=False, edit=lambda name, text: text.replace("deadline: 15h", "deadline: 1s"))
    run_all(leat, "orchestrator", code=(1, 3))
    assert ends(leat, "orchestrator") == {"fetch": "succeeded", "workers": "failed", "workplaces": "failed", "build": "skipped",
                                          "tell": "succeeded", "tell_late": "skipped"}
    assert not [run for run in leat.runs() if run["selection"] == "workforce_intelligence"], "nothing is built without the files"


def test_a_file_that_arrives_late_lets_the_orchestrator_go_on(team):
    leat = team(arrived=False)
    process = leat.start("run", "--pipeline", "orchestrator", "--quiet")
    wait_until(lambda: statuses(leat, "1").get("workers") == statuses(leat, "1").get("workplaces") == "waiting", 60)
    assert "it gives up at" in leat("why", "1", "workers").out
    day = time.strftime("%Y-%m-%d", time.gmtime())
    leat.write("f", "x\n")
    for dataset in ("worker", "workplace"):
        leat("store", "cp", "f", f"raw/domain=ASCWDS/dataset={dataset}/day={day}/part.csv")
    assert finish(process).code == 0
    assert ends(leat, "orchestrator")["build"] == "succeeded"
    wait_until(lambda: all(run["status"] not in ("running", "queued") for run in leat.runs()), 120)
    assert {run["selection"] for run in leat.runs()} >= {"ingest_cqc_api", "workforce_intelligence", "transform_cqc", "ind_cqc_slv"}


def test_a_check_that_fails_does_not_hold_up_the_stage_beside_it(team):
    leat = team({"transform_cqc": "check_flat_providers"})
    run_all(leat, "transform_cqc", code=1)
    seen = ends(leat, "transform_cqc")
    assert seen["check_flat_providers"] == "failed" and seen["clean_providers"] == seen["check_clean_providers"] == seen["tell"] == "succeeded"


def test_a_pipeline_that_was_called_and_failed_stops_what_builds_on_it(team):
    leat = team({"transform_cqc": "full_locations"})
    run_all(leat, "workforce_intelligence", code=1)
    assert ends(leat, "workforce_intelligence") == {
        "transform_cqc": "failed", "transform_ascwds": "succeeded", "catalogue_checks": "succeeded", "internal": "skipped",
        "estimates": "skipped", "slv": "skipped", "tell": "succeeded"}


@pytest.mark.parametrize("split", [True, False])
def test_a_branch_is_taken_by_its_parameter(team, split):
    leat = team()
    run_all(leat, "direct_payment_recipients", "--param", f"split={str(split).lower()}")
    seen = ends(leat, "direct_payment_recipients")
    assert seen["split"] == ("succeeded" if split else "skipped") and seen["catalogue"] == "succeeded"


def test_models_side_by_side_have_each_its_own_chain(team):
    leat = team()
    run_all(leat, "ind_cqc_estimates")
    rows = leat("runs", "last", "--json").json()
    items = sorted(row["task"].split(".", 2)[2] for row in rows if "[" in row["task"])
    assert items == sorted(f"models[{n}].{task}" for n in range(3) for task in ("features", "check_features", "train", "predict"))


def test_a_model_that_fails_leaves_the_others_beside_it_alone(team):
    leat = team({"ind_cqc_estimates": "train"})
    run_all(leat, "ind_cqc_estimates", code=1)
    seen = ends(leat, "ind_cqc_estimates")
    assert seen["models"] == "failed" and seen["estimate"] == "skipped" and seen["check_impute"] == seen["role_counts"] == "succeeded"


def test_each_attempt_that_fails_is_a_line_and_the_run_names_its_task(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": """\
name: p
tasks:
  flaky: {shell: "echo no >&2; exit 75", retries: 2, backoff: 10ms}
on_failure:
  tell: {shell: "true"}
"""})
    done = leat("run", "--pipeline", "p", code=1)
    assert done.err.count("attempt 2 of 3 in ") == 1 and done.err.count("attempt 3 of 3 in ") == 1
    assert "the task 'flaky' failed: the command ended with exit code 75" in done.err
    (run,) = leat.runs()
    assert "flaky" in json.dumps(run)


def test_marking_the_last_failure_mends_the_run(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\ntasks: {a: {shell: 'exit 1'}, b: {shell: 'exit 1'}}\n"})
    leat("run", "--pipeline", "p", code=1)
    leat("mark", "1", "a", "success")
    assert leat.runs()[0]["status"] == "failed"
    leat("mark", "1", "b", "success")
    assert leat.runs()[0]["status"] == "succeeded"
    assert "marked as succeeded by" in leat("why", "1", "b").out
    leat("mark", "1", "b", "failed")
    assert leat.runs()[0]["status"] == "failed"


def test_a_handler_says_what_it_waits_for(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": """\
name: p
tasks: {ask: {approve: {message: sure?}}}
on_failure: {tell: {shell: "true"}}
"""})
    running = leat.start("run", "--pipeline", "p")
    try:
        until = time.monotonic() + 60
        while "approval" not in leat("status").out:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert "begins only if the run fails" in leat("why", "1", "tell").out
        leat("approve", "1", "ask")
    finally:
        running.communicate(timeout=60)
    assert leat.runs()[0]["status"] == "succeeded"


def test_a_selection_that_lacks_its_source_is_told_the_whole_name(project):
    leat = project({"leat.yml": "name: t\n", "in/a.csv": "id\n1\n",
                    "sources/shop.yml": "name: shop\nkind: files\nresources: [{name: orders, path: in/a.csv}]\n",
                    "pipelines/p.yml": "name: p\ntasks: {get: {extract: orders}}\n"})
    leat.edge(leat("run", "--pipeline", "p", code=2), "pipelines/p.yml:2:", "did you mean 'shop.orders'?")
