"""leat up: each tick of a schedule is one run, whatever happens to the server."""

import datetime
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import time

from api_client import Server
from harness import LEAT, PATIENCE, wait_for, wait_until

SECONDLY = """\
name: beat
schedule: {cron: "* * * * * *", catch_up: all}
tasks:
  one: {shell: "echo {{ interval_end }} >> beats.txt"}
"""


def line_with(stream, words):
    """The next line that says so; what stands before it is somebody else's business."""
    for line in stream:
        if words in line:
            return line
    raise AssertionError(f"nobody said: {words}")


def beats(leat):
    file = leat.project / "beats.txt"
    return file.read_text().splitlines() if file.exists() else []


def seconds(lines):
    return [int(datetime.datetime.fromisoformat(line.replace("Z", "+00:00")).timestamp()) for line in lines]


def stop(server):
    server.send_signal(signal.SIGTERM)
    assert server.wait(PATIENCE) == 0


def test_each_tick_is_one_run_also_when_the_server_is_killed(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/beat.yml": SECONDLY})
    for _ in range(3):
        server = up(leat)
        had = len(beats(leat))
        wait_for(lambda: len(beats(leat)) >= had + 2, "two more beats")
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    server = up(leat)
    had = len(beats(leat))
    wait_for(lambda: len(beats(leat)) >= had + 3, "the last beats")
    stop(server)
    wait_for(lambda: all(run["status"] == "succeeded" for run in leat.runs()), "the last runs")
    ticks = sorted(seconds(beats(leat)))
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))
    assert len(leat.runs()) == len(ticks)


def test_a_run_that_is_killed_is_taken_up(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/long.yml": """\
name: long
tasks:
  first: {shell: "echo x >> first.txt"}
  second: {shell: "echo $PPID > second.txt; until [ -e go ]; do sleep 0.05; done", after: first}
"""})
    up(leat)
    leat("trigger", "long")
    wait_for(lambda: (leat.project / "second.txt").exists(), "the second task")
    (run,) = leat("status", "--json").json()[:1]
    assert run["status"] == "running"
    pid = pid_of_run(leat)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: pid_of_run(leat) not in (None, pid), "another process of the run")
    (leat.project / "go").touch()
    wait_for(lambda: leat.runs()[0]["status"] == "succeeded", "the end of the run")
    assert len(leat.runs()) == 1
    assert (leat.project / "first.txt").read_text() == "x\n"


def pid_of_run(leat):
    """The process that works for the only run: its command line says so."""
    for folder in os.listdir("/proc"):
        try:
            words = open(f"/proc/{folder}/cmdline", "rb").read().split(b"\0") if folder.isdigit() else []
        except OSError:
            continue
        if b"--resume" in words and str(leat.home).encode() in words:
            return int(folder)
    return None


def test_changed_files_are_taken_and_wrong_ones_are_not(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/other.yml": "name: other\ntasks: {a: {shell: 'true'}}\n"})
    server = up(leat)
    leat.write("pipelines/beat.yml", SECONDLY)
    wait_for(lambda: len(beats(leat)) >= 1, "a beat of the new file")
    leat.write("pipelines/other.yml", "name: other\nnonsense: 1\n")
    assert "pipelines/other.yml:2:1" in line_with(server.stderr, "runs of 'other' wait until its file is mended")
    had = len(beats(leat))
    wait_for(lambda: len(beats(leat)) >= had + 2, "beats beside the wrong file")
    leat.write("pipelines/beat.yml", SECONDLY + "nonsense: 1\n")
    assert "pipelines/beat.yml:" in line_with(server.stderr, "runs of 'beat' wait until its file is mended")
    had = len(beats(leat))
    wait_for(lambda: len([run for run in leat.runs() if run["status"] == "queued"]) >= 2, "ticks that wait")
    assert "unknown key 'nonsense'" in leat("status").out
    leat.write("pipelines/beat.yml", SECONDLY)
    leat.write("pipelines/other.yml", "name: other\ntasks: {a: {shell: 'true'}}\n")
    wait_for(lambda: len(beats(leat)) >= had + 3, "the beats that waited")
    (leat.project / "pipelines/beat.yml").unlink()
    stop(server)
    ticks = sorted(seconds(beats(leat)))
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))
    assert "the files are fine again" in server.stderr.read()


def test_a_file_that_is_just_being_saved_is_no_error(project, up):
    """Somebody truncates and writes, over and over: the server may read in between."""
    whole = "name: other\ntasks: {a: {shell: 'true'}}\n"
    leat = project({"leat.yml": "name: t\n", "pipelines/other.yml": whole})
    server, longest = up(leat), 0
    for _ in range(10):
        began = time.monotonic()
        with open(leat.project / "pipelines/other.yml", "w") as file:
            leat.write("calendars/c.yml", "name: c\ndays: {}\n")  # the server looks at all files for that
            time.sleep(0.06)
            file.write(whole)
        longest = max(longest, time.monotonic() - began)
    leat.write("pipelines/beat.yml", SECONDLY)
    wait_for(lambda: len(beats(leat)) >= 1, "a beat of the new file")
    stop(server)
    assert longest > 0.1 or "mended" not in server.stderr.read()  # a half file that stays is wrong indeed


def test_what_could_not_be_read_for_a_moment_holds_nobody_up_for_longer(project, up):
    """No more open files are no wrong file, and no file tells when there are some again."""
    leat = project({"leat.yml": "name: t\n", "pipelines/beat.yml": SECONDLY})
    server = up(leat)
    wait_for(lambda: beats(leat), "the first beat")
    limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{server.pid}/fd")), limits[1]))
    leat.write("leat.yml", "name: t\nthreads: 2\n")
    line_with(server.stderr, "Too many open files")
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
    had = len(beats(leat))
    wait_for(lambda: len(beats(leat)) >= had + 2, "beats, though nobody has written a file")
    stop(server)


def test_who_writes_beside_the_files_without_pause_stops_no_tick(project, up):
    """What was written is looked at when nobody writes any more, and that moment may never come."""
    leat = project({"leat.yml": "name: t\n", "pipelines/beat.yml": SECONDLY, "pipelines/noise.yml": """\
name: noise
tasks: {write: {shell: "until [ -e enough ]; do echo x > out.csv; sleep 0.005; done"}}
"""})
    server = up(leat)
    leat("trigger", "noise")
    wait_for(lambda: (leat.project / "out.csv").exists(), "the one who writes")
    had = len(beats(leat))
    wait_for(lambda: len(beats(leat)) >= had + 3, "beats beside the one who writes")
    leat.write("pipelines/late.yml", SECONDLY.replace("beat", "late"))
    wait_for(lambda: (leat.project / "lates.txt").exists(), "a beat of a file that came meanwhile")
    (leat.project / "enough").touch()
    stop(server)


def test_what_links_lead_to_is_watched(project, up, tmp_path):
    """The server sees what is written behind links, as it does for the project's own files, and what comes into an empty folder."""
    never = "name: {0}\nschedule: {{cron: '0 0 1 1 *'}}\ntasks: {{one: {{shell: 'touch seen.{0}'}}}}\n"
    always = never.replace("0 0 1 1 *", "* * * * * *")
    leat = project({"leat.yml": "name: t\n"})
    (far, folder, mounted) = (tmp_path / name for name in ("far", "folder", "mounted"))
    for made in (far, folder / "deep", mounted / "..1", mounted / "..2", leat.project / "pipelines" / "empty"):
        made.mkdir(parents=True)
    (far / "a.txt").write_text(never.format("a"))
    (folder / "deep" / "b.yml").write_text(never.format("b"))
    (mounted / "..1" / "c.yml").write_text(never.format("c"))
    (mounted / "..2" / "c.yml").write_text(always.format("c"))
    (mounted / "..data").symlink_to("..1")
    (mounted / "c.yml").symlink_to("..data/c.yml")  # as Kubernetes does it
    (leat.project / "pipelines" / "a.yml").symlink_to(far / "a.txt")
    (leat.project / "pipelines" / "folder").symlink_to(f"{folder}/")
    (leat.project / "pipelines" / "c.yml").symlink_to(mounted / "c.yml")
    server = up(leat)

    def seen(name):
        wait_for(lambda: (leat.project / f"seen.{name}").exists(), f"a run of {name}")

    (far / "a.txt").write_text(always.format("a"))
    seen("a")
    (folder / "deep" / "b.yml").write_text(always.format("b"))
    seen("b")
    (mounted / "..new").symlink_to("..2")
    (mounted / "..new").rename(mounted / "..data")
    seen("c")
    leat.write("pipelines/empty/d.yml", always.format("d"))
    seen("d")
    stop(server)


def test_alerts_that_nobody_is_left_to_send_are_named(project, up):
    """Its process dies each time, also the one that is to give it up: its handlers are given up with it."""
    leat = project({"leat.yml": "name: t\n", "pipelines/fragile.yml": """\
name: fragile
tasks: {one: {shell: &until "until [ -e over ]; do sleep 0.1; done"}}
on_failure: {tell: {shell: *until}}
"""})
    server = up(leat)
    leat("trigger", "fragile")
    seen = set()
    while leat.runs()[0]["status"] in ("queued", "running", "lost") and len(seen) < 20:
        pid = pid_of_run(leat)
        if pid and pid not in seen and leat.runs()[0]["status"] == "running":
            os.kill(pid, signal.SIGKILL)
            seen.add(pid)
        time.sleep(0.02)
    assert "run 1 of fragile has failed" in line_with(server.stderr, "'tell' of its on_failure was not done")
    stop(server)
    (leat.project / "over").touch()


def test_a_run_that_is_given_up_leaves_nothing_and_tells(project, up):
    """A command outlives the six processes that did its run; the seventh ends it, and then sends the alert."""
    leat = project({"leat.yml": "name: t\n", "pipelines/fragile.yml": """\
name: fragile
tasks:
  one: {shell: "echo $$ > command.pid; exec sleep 600"}
  two: {shell: "true", after: one}
on_failure: {tell: {shell: "kill -0 $(cat command.pid) && echo too early > told || echo told > told"}}
"""})
    server, command, told = up(leat), leat.project / "command.pid", leat.project / "told"
    leat("trigger", "fragile")
    seen = set()
    while len(seen) < 6 and leat.runs()[0]["status"] != "failed":
        pid = pid_of_run(leat)
        if pid and pid not in seen and leat.runs()[0]["status"] == "running" and command.exists():
            os.kill(pid, signal.SIGKILL)
            seen.add(pid)
        time.sleep(0.02)
    wait_for(lambda: leat.runs()[0]["status"] == "failed", "the end of the run")
    assert told.read_text() == "told\n"
    why = leat("why", "1").out
    assert "its process has died again and again" in why, why
    stop(server)


def test_pause_resume_and_status(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/beat.yml": SECONDLY.replace("catch_up: all", "catch_up: none")})
    leat("pause", "beat", "--why", "the source is closed")
    up(leat)
    (row,) = leat("status", "beat", "--json").json()
    assert "paused by" in row["why"] and "the source is closed" in row["why"] and row["next"] is None
    assert "already paused" in leat("pause", "beat").out
    assert beats(leat) == []
    leat("resume", "beat")
    rows = leat("status", "beat", "--json").json()
    assert len(rows) == 5 and len({row["next"] for row in rows}) == 5
    wait_for(lambda: len(beats(leat)) >= 1, "a beat")
    leat.edge(leat("pause", "beet", code=2), "beet", "did you mean 'beat'?")


def test_trigger_with_parameters_and_key(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": """\
name: p
params: {who: world}
tasks: {hello: {shell: "echo {{ params.who }} >> hello.txt"}}
"""})
    first = json.loads(leat("trigger", "p", "--param", "who=ada", "--key", "k", "--json").out)
    again = json.loads(leat("trigger", "p", "--key", "k", "--json").out)
    assert again["run"] == first["run"] and again["known"] and not first["known"]
    assert "no server works" in leat("trigger", "p", "--at", "2999-01-01").out
    leat.edge(leat("trigger", "p", "--param", "whom=x", code=2), "whom", "who")
    up(leat)
    wait_for(lambda: (leat.project / "hello.txt").exists(), "the run")
    assert (leat.project / "hello.txt").read_text() == "ada\n"
    assert "2999" in leat("status").out


def test_backfill_runs_each_tick_once_in_turn(project, up):
    leat = project({"leat.yml": "name: t\n", "calendars/off.yml": "name: off\ndays: {2026-01-02: a holiday}\n",
                    "pipelines/d.yml": """\
name: d
schedule: {cron: "0 6 * * *", timezone: Europe/London, days_off: off}
overlap: queue
tasks: {one: {shell: "echo {{ interval_start }} {{ run_date }} >> days.txt"}}
"""})
    span = ("--from", "2026-01-01", "--to", "2026-01-05")
    dry = leat("backfill", "d", *span, "--dry-run", "--json").json()
    assert [row["tick"][:13] for row in dry] == ["2026-01-01T06", "2026-01-03T06", "2026-01-04T06"]
    assert leat.runs() == []
    assert "3 runs are asked for" in leat("backfill", "d", *span, "--reverse", "--ask").out
    assert "0 runs are asked for; 3 ticks had one already" in leat("backfill", "d", *span, "--ask").out
    up(leat)
    wait_for(lambda: [run["status"] for run in leat.runs()] == ["succeeded"] * 3, "three runs")
    assert (leat.project / "days.txt").read_text().splitlines() == [
        "2026-01-03T06:00:00.000000Z 2026-01-04", "2026-01-01T06:00:00.000000Z 2026-01-03",
        "2025-12-31T06:00:00.000000Z 2026-01-01"]


def test_a_backfill_runs_so_many_at_once(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/d.yml": """\
name: d
schedule: "0 6 * * *"
tasks: {one: {shell: "echo x >> began.txt; until [ -e go ]; do sleep 0.05; done"}}
"""})
    began = lambda: (leat.project / "began.txt").read_text().count("x") if (leat.project / "began.txt").exists() else 0
    leat("backfill", "d", "--from", "2026-01-01", "--to", "2026-01-07", "--parallel", "2", "--ask")
    server = up(leat)
    wait_for(lambda: began() == 2, "two runs")
    wait_for(lambda: sum("its turn" in row["why"] for row in leat("status", "--json").json()) == 4, "four that wait")
    assert began() == 2
    os.kill(server.pid, signal.SIGKILL)  # what was asked for is in state.db
    server.wait()
    up(leat)
    (leat.project / "go").touch()
    wait_for(lambda: [run["status"] for run in leat.runs()] == ["succeeded"] * 6, "six runs")
    assert began() == 6


FILLED = """\
name: d
schedule: "0 6 * * *"
tasks: {one: {shell: 'echo {{ run_date }} >> began.txt; until [ -e go ]; do sleep 0.05; done; test {{ run_date }} != 2026-01-03'}}
"""


def began(leat):
    file = leat.project / "began.txt"
    return sorted(file.read_text().split()) if file.exists() else []


def test_a_backfill_without_a_server_does_the_runs_itself(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/d.yml": FILLED, "go": ""})
    span = ("backfill", "d", "--from", "2026-01-01", "--to", "2026-01-06", "--parallel", "3")
    done = leat(*span, code=1)
    leat.edge(done, "5 of 5", "2026-01-03T06:00:00Z  run ", "4 succeeded, 1 failed; 0 ticks had run before", "1 of the runs failed", "leat retry")
    assert began(leat) == [f"2026-01-0{day}" for day in range(1, 6)]
    assert leat(*span, "--json").json() == {"succeeded": 0, "failed": 0, "known": 5, "left": 0}
    assert len(began(leat)) == 5


def test_a_backfill_that_is_asked_to_stop_ends_what_it_has_begun_and_goes_on_later(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/d.yml": FILLED})
    span = ("backfill", "d", "--from", "2026-02-01", "--to", "2026-02-07", "--parallel", "2")
    first = leat.start(*span)
    wait_for(lambda: len(began(leat)) == 2, "two runs")
    first.send_signal(signal.SIGINT)
    (leat.project / "go").touch()
    out, err = first.communicate(timeout=60)
    assert first.returncode != 0 and "4 ticks were not begun" in err and "goes on from there" in err
    assert began(leat) == ["2026-02-01", "2026-02-02"] and [run["status"] for run in leat.runs()] == ["succeeded"] * 2
    assert "4 succeeded, 0 failed; 2 ticks had run before" in leat(*span).out
    assert len(began(leat)) == 6


def test_a_backfill_that_was_killed_is_gone_on_with(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/d.yml": FILLED})
    span = ("backfill", "d", "--from", "2026-02-01", "--to", "2026-02-04")
    first = leat.start(*span)
    wait_for(lambda: len(began(leat)) == 1, "a run")
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    (leat.project / "go").touch()
    done = leat(*span, "--json").json()  # the run of the first tick goes on by itself, and may have ended
    assert done["succeeded"] + done["known"] == 3 and done["failed"] == 0
    assert began(leat) == ["2026-02-01", "2026-02-02", "2026-02-03"]


def test_one_server_for_a_home(project, up):
    leat = project({"leat.yml": "name: t\n"})
    server = up(leat)
    leat.edge(leat("up", code=2), "works in this home already", str(server.pid))
    stop(server)
    stop(up(leat))


def test_a_wrong_leat_yml_at_the_start_is_an_error_and_a_wrong_pipeline_is_told(project, up):
    leat = project({"leat.yml": "nmae: t\n", "pipelines/p.yml": "name: p\nschedule: {cron: '@daily', days_off: none}\n"})
    leat.edge(leat("up", code=2), "leat.yml:1:1", "nmae")
    leat.write("leat.yml", "name: t\n")
    told = up(leat).stderr.readline()
    assert "pipelines/p.yml:2:" in told and "calendars/ has no calendar 'none'" in told, told


def test_a_wrong_file_stops_nobody_from_looking(project):
    """What was recorded can be read, stopped and answered while somebody's file is wrong; what needs the file says so."""
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\nschedule: '@daily'\ntasks: {a: {shell: 'exit 3'}}\n"})
    leat("run", "--pipeline", "p", code=1)
    leat("trigger", "p", "--at", "2999-01-01")
    leat("pause", "p", "--why", "moving")
    why = leat("why", "p").out
    assert "paused by" in why and "moving" in why
    leat.write("pipelines/wrong.yml", "name: wrong\nnonsense: 1\n")
    for words in (["status"], ["runs"], ["runs", "1"], ["why", "1"], ["why", "p"], ["logs", "1", "a"], ["mark", "1", "a", "success"],
                  ["store", "ls"], ["pipelines"], ["resume", "p"], ["cancel", "2"], ["sql", "select 1 as a"]):
        leat(*words)
    said = leat("status", "p")
    assert "pipelines/wrong.yml:2:1" in said.err and "p " in said.out
    leat.edge(leat("status", "wrong", code=2), "wrong", "pipelines/wrong.yml:2:1")
    assert "no server works here" in leat("why", "p").out
    leat.write("leat.yml", "name: t\nname: u\n")
    for words in (["status"], ["runs"], ["why", "1"], ["logs", "1", "a"], ["mark", "1", "a", "failed"]):
        leat(*words)
    leat.edge(leat("sql", "select 1 as a", code=2), "leat.yml:2:1")


def test_a_run_whose_moment_has_not_come_holds_nobody_up(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\noverlap: queue\ntasks: {a: {shell: 'true'}}\n"})
    leat("trigger", "p", "--at", "2999-01-01T06:00:00Z")
    leat("run", "--pipeline", "p")
    assert [run["status"] for run in leat.runs()] == ["succeeded", "queued"]


def test_the_server_begins_what_stands_behind_such_a_run(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\noverlap: queue\ntasks: {a: {shell: 'true'}}\n"})
    up(leat)
    leat("trigger", "p", "--at", "2999-01-01T06:00:00Z")
    leat("trigger", "p")
    wait_for(lambda: [run["status"] for run in leat.runs()] == ["succeeded", "queued"], "the second run")


def test_who_stops_waiting_has_cancelled_the_run(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\noverlap: queue\ntasks: {a: {shell: 'true'}}\n"})
    leat("trigger", "p")  # there is no server to begin it
    waiting = leat.start("run", "--pipeline", "p")
    assert "waits for its turn" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(timeout=PATIENCE) == 130
    assert [run["status"] for run in leat.runs()] == ["cancelled", "queued"]


def test_who_waits_behind_a_queued_run_is_told_what_to_do(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\noverlap: queue\ntasks: {a: {shell: 'true'}}\n"})
    leat("trigger", "p")  # there is no server to begin it
    waiting = leat.start("run", "--pipeline", "p")
    said = waiting.stderr.readline()
    assert "run 1 of the pipeline was asked for before it" in said and "'leat cancel 1'" in said
    leat("cancel", "1")
    assert waiting.wait(timeout=PATIENCE) == 0


def test_a_forgotten_pause_is_told_wherever_somebody_looks(project, tmp_path):
    leat = project({"leat.yml": "name: t\n", "pipelines/beat.yml": "name: beat\nschedule: {every: 1h}\ntasks: {one: {shell: 'true'}}\n",
                    "pipelines/other.yml": "name: other\nschedule: {every: 1h}\ntasks: {one: {shell: 'true'}}\n"})
    assert "paused" not in leat("status").out + leat("doctor", code=None).out + leat("trigger", "beat", "--at", "2999-01-01").out
    leat("pause", "beat", "--why", "the source is closed")
    how = re.compile(r"paused by \S+ at \S+Z: the source is closed")
    assert re.search(r"^beat is " + how.pattern, leat("status").out, re.M)
    assert re.search(r"WARN +'beat' is " + how.pattern + r"\n +next: leat resume beat\n", leat("doctor", code=None).out)
    asked = leat("trigger", "beat", "--at", "2999-01-01").out
    assert re.search(how.pattern + "; this run begins all the same", asked)
    assert "paused" not in leat("trigger", "other", "--at", "2999-01-01").out
    server = Server(leat)
    try:
        assert "2 of them with a schedule, 1 paused (beat);" in server.line
        figures = server.client("viewer").ask("GET", "/metrics", status=200).body.decode()
        assert "\nleat_pipelines_paused 1\n" in figures and re.search(r'\nleat_pipeline_paused_seconds\{pipeline="beat"\} \d+\n', figures)
        leat("resume", "beat")
        assert "\nleat_pipelines_paused 0\n" in server.client("viewer").ask("GET", "/metrics", status=200).body.decode()
    finally:
        server.end()
    assert "paused" not in leat("status").out


def test_what_rests_is_named_as_it_is(project):
    hook = "triggers: {pushed: {webhook: {secret: HOOK_WORD}}}\n"
    leat = project({"leat.yml": "name: t\n", "pipelines/nothing.yml": "name: nothing\ntasks: {one: {shell: 'true'}}\n",
                    "pipelines/hooked.yml": "name: hooked\ntasks: {one: {shell: 'true'}}\n" + hook,
                    "pipelines/both.yml": "name: both\nschedule: {every: 1h}\ntasks: {one: {shell: 'true'}}\n" + hook}, HOOK_WORD="a word of some length")
    assert leat("pause", "hooked").out == "the triggers of hooked are paused\n"
    assert leat("resume", "hooked").out == "the triggers of hooked go on\n"
    assert leat("resume", "hooked").out == "the triggers of hooked were already going on\n"
    assert leat("pause", "both").out == "the schedule and the triggers of both are paused\n"
    assert leat("pause", "nothing").out == "nothing, which nothing begins by itself, is paused\n"
    rows = {row["task"]: row["status"] for row in leat("why", "both", "--json").json()}
    assert rows == {"both": "paused", "both.pushed": "no server"}  # a message is taken all the same


def test_why_knows_pipelines_that_are_gone_and_names_that_are_nearly_right(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/morning.yml": "name: morning\ntasks: {one: {shell: 'true'}}\n",
                    "pipelines/gone.yml": "name: gone\ntasks: {one: {shell: 'false'}}\n"})
    leat("run", "--pipeline", "gone", code=1)
    (leat.project / "pipelines/gone.yml").unlink()
    told = leat("why", "gone").out
    (leat.project / "pipelines/never.yml").write_text("name: never\ntasks: {a: {shell: 'true', pool: apii}}\n")
    (row,) = leat("why", "never", "--json").json()
    assert row["status"] == "wrong" and "its runs wait until this is mended: pipelines/never.yml:2:9" in row["why"] and "no pool 'apii'" in row["why"]
    (leat.project / "pipelines/never.yml").unlink()
    (leat.project / "leat.yml").write_text("name: t\nstray\n")
    assert leat("why", "gone", "--json").json()[0]["why"].startswith("its runs wait until this is mended: leat.yml:2:1")
    (leat.project / "leat.yml").write_text("name: t\n")
    assert "no file has this pipeline any more; its last run:" in told and "exit code 1" in told
    for words in (["why", "mornin"], ["run", "--pipeline", "mornin"]):
        leat.edge(leat(*words, code=2), "there is no pipeline 'mornin'", "did you mean 'morning'?")
    assert "'zzz' is no pipeline, and: run 1 has no task 'zzz'" in leat("why", "zzz", code=2).err
    assert "did you mean 'leat store cp'?" in leat("store", "put", "x", code=2).err


def test_people_who_are_asked_and_are_not_there_are_told(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/asks.yml":
                    "name: asks\ntasks:\n  one: {approve: {people: [root, ada, adda], timeout: 1h}}\n"})
    leat("user", "add", "ada", "--password-stdin", stdin="seven brown teapots")
    stranger = "pipelines/asks.yml:3:39: there is no user 'adda' who could approve; did you mean 'ada'?"
    told = leat("doctor", code=None).out
    assert told.count(stranger) == 1 and told.count("who could approve") == 1
    server = up(leat)
    line_with(server.stderr, stranger)
    run = json.loads(leat("trigger", "asks", "--json").out)["run"]
    wait_for(lambda: leat.runs()[0]["status"] == "running", "the run")
    wait_for(lambda: "waits for the approval" in leat("why", run).out, "the question")
    why = leat("why", run).out
    assert "on the page, over the API or by 'leat approve'" in why and "it gives up at" in why and "looks again" not in why
    leat("approve", run, "one", "--reject")
    wait_for(lambda: leat.runs()[0]["status"] == "failed", "its end")


def test_a_process_that_cannot_begin_for_a_moment_holds_its_run_up_for_a_moment(project, up, tmp_path):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\ntasks: {one: {shell: 'true'}}\n"},
                   LD_LIBRARY_PATH=f"{tmp_path}:{os.environ.get('LD_LIBRARY_PATH', '')}")
    up(leat)
    leat.env["LD_LIBRARY_PATH"] = os.environ.get("LD_LIBRARY_PATH")  # the server alone has the other
    broken = tmp_path / "libcurl.so.4"  # as in the middle of an upgrade
    broken.write_text("")
    run = json.loads(leat("trigger", "p", "--json").out)["run"]
    said = leat.home / "logs" / str(run) / "run.out"
    wait_until(lambda: said.exists() and said.read_text().count("libcurl.so.4") >= 6, 25, 0.05, "six tries, which have pauses of 3.1 s in all")
    broken.unlink()
    wait_for(lambda: [r["status"] for r in leat.runs()] == ["succeeded"], "the run")


def test_a_server_whose_program_was_replaced_begins_runs_with_the_new_one(project, up, tmp_path):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\ntasks: {one: {shell: 'true'}}\n"})
    for name in ("leat", "leat-task"):
        shutil.copy2(pathlib.Path(LEAT).parent / name, tmp_path / name)
    leat.argv = lambda *args: [tmp_path / "leat", *map(str, args)]
    up(leat)
    (tmp_path / "leat").unlink()  # as install(1) and dpkg do
    shutil.copy2(LEAT, tmp_path / "leat")
    leat("trigger", "p")
    wait_for(lambda: [r["status"] for r in leat.runs()] == ["succeeded"], "the run")
