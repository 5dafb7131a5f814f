"""leat doctor: finds what was left wrong, puts right what is safe with --repair, and never takes data away."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from harness import wait_for

FILES = {"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\ntasks: {a: {shell: 'true'}}\n",
         "pipelines/long.yml": "name: long\ntasks: {a: {shell: 'touch there; sleep 600'}}\n"}
OLD = 7200  # seconds; what is younger than an hour may be somebody's work


@pytest.fixture
def home(project):
    leat = project(FILES)
    leat("run", "--pipeline", "p")
    return leat


def findings(leat, *options, code=0):
    return [(row["grade"], row["what"], row["next"]) for row in leat("doctor", "--json", *options, code=code).json()]


def grades(leat, part, *options, code=0):
    """The grades of what is said with this in it; they must be there."""
    found = [grade for grade, what, _ in findings(leat, *options, code=code) if part in what]
    assert found, f"nothing says {part!r}: {findings(leat, code=None)}"
    return found


def make_old(path):
    os.utime(path, (time.time() - OLD, time.time() - OLD))


def test_a_home_that_was_left_well_is_fine_and_repair_changes_nothing(home):
    before = home("runs", "--json").json()
    said = [what for grade, what, _ in findings(home, "--repair") if grade == "DONE"]
    assert said == []
    assert home("runs", "--json").json() == before


def test_a_run_without_a_process_is_marked(home):
    process = home.start("run", "--pipeline", "long")
    wait_for(lambda: (home.project / "there").exists(), "the command")
    process.send_signal(signal.SIGKILL)
    process.wait()  # its command holds the pipes
    assert grades(home, "1 run was said to run and had no process") == ["DONE"]
    assert home.runs()[0]["status"] == "lost"
    # Its command works on, and belongs to whoever resumes the run.
    assert "WARN" in grades(home, "of lost runs", "--repair")
    home("cancel", "last")
    assert not any("of lost runs" in what for _, what, _ in findings(home))


def test_what_a_run_that_ended_has_left_is_ended_and_removed(home):
    with sqlite3.connect(home.home / "state.db") as db:
        (home_id,), = db.execute("select id from home").fetchall()
    folder = home.home / "attempts/1"
    folder.mkdir(parents=True)
    (folder / "0123456789abcdef.lock").write_text("")
    left = subprocess.Popen(["sleep", "600"], env={**os.environ, "LEAT_TASK": f"{home_id}-1-0123456789abcdef"})
    assert grades(home, "1 run that ended left 1 process") == ["WARN"]
    assert left.poll() is None and folder.exists()
    assert grades(home, "1 run that ended left 1 process", "--repair") == ["DONE"]
    assert left.wait(10) == -signal.SIGKILL and not folder.exists()
    assert grades(home, "no run that ended has left anything") == ["OK"]


def test_half_written_files_are_removed_and_young_ones_are_not(home):
    names = ["key.0123abcd.tmp", "leases/x.lock.89abcdef.tmp", "warehouse.duckdb.restoring-0123abcd", ".doctor-99999999"]
    for name in names:
        (home.home / name).write_text("half")
        make_old(home.home / name)
    keep = ["young.0123abcd.tmp", "report.tmp", "warehouse.duckdb.restored"]
    for name in keep:
        (home.home / name).write_text("whole")
    make_old(home.home / "report.tmp")
    make_old(home.home / "warehouse.duckdb.restored")
    assert grades(home, "4 half-written files") == ["WARN"]
    assert grades(home, "4 half-written files", "--repair") == ["DONE"]
    assert not any((home.home / name).exists() for name in names) and all((home.home / name).exists() for name in keep)
    assert grades(home, "no half-written files") == ["OK"]


def test_rights_that_nobody_needs_are_taken_away(home):
    env, key = home.project / ".env", home.project.parent / "config/leat/key"
    key.parent.mkdir(parents=True)
    key.write_text("x")
    env.write_text("TOKEN=t\n")
    for path, mode in ((home.home, 0o755), (home.home / "state.db", 0o644), (env, 0o644), (key, 0o640)):
        path.chmod(mode)
    home.env["XDG_CONFIG_HOME"] = str(key.parent.parent)
    assert set(grades(home, "others")) == {"WARN"} and len(grades(home, "others")) >= 4  # SQLite's other files take the mode over
    assert set(grades(home, "others", "--repair")) == {"DONE"}
    assert [path.stat().st_mode & 0o777 for path in (home.home, home.home / "state.db", env, key)] == [0o750, 0o640, 0o600, 0o600]


def test_an_index_that_does_not_fit_its_table_is_made_anew(home):
    with sqlite3.connect(home.home / "state.db") as db:
        db.execute("pragma writable_schema = on")
        db.execute("update sqlite_schema set sql = replace(sql, ' where parent_run <> 0', '') where name = 'runs_of_parent'")
    assert grades(home, "index runs_of_parent") == ["WARN"]
    assert grades(home, "state.db' was damaged", "--repair") == ["DONE"]
    assert grades(home, "state.db is whole") == ["OK"]
    assert len(home.runs()) == 1


def test_a_damaged_database_is_told_and_not_touched(home):
    path = home.home / "state.db"
    with sqlite3.connect(path) as db:
        db.execute("pragma wal_checkpoint(truncate)")
        (page,), = db.execute("select rootpage from sqlite_schema where name = 'tasks'").fetchall()
        (size,), = db.execute("pragma page_size").fetchall()
    with open(path, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 200)
    before = path.read_bytes()
    rows = findings(home, "--repair", code=3)
    (row,) = [row for row in rows if row[0] == "FAIL"]
    assert "damaged" in row[1] and "leat restore" in row[2], row
    assert path.read_bytes() == before


def test_logs_that_nobody_knows_are_kept(home):
    (home.home / "logs/77").mkdir()
    (home.home / "logs/77/task.log").write_text("the last trace")
    assert grades(home, "logs of 1 run that state.db does not know", "--repair") == ["WARN"]
    assert (home.home / "logs/77/task.log").exists()


def test_missing_folders_are_made_when_they_are_needed(home):
    for name in ("logs", "attempts", "leases", "cache"):
        shutil.rmtree(home.home / name, ignore_errors=True)
    home("doctor", "--repair")
    home("run", "--pipeline", "p")
    assert home.runs()[0]["status"] == "succeeded"


def test_tables_that_a_build_left_are_told_and_kept(home):
    home("sql", "create table keep as select 1 as x; create table orders__dbt_tmp as select 1 as x; create view orders__dbt_backup as select 1 as x")
    assert grades(home, "2 temporary tables that a build left", "--repair") == ["WARN"]
    assert home.rows("select count(*) as n from information_schema.tables where table_name like 'orders%'") == [[2]]


def test_a_target_without_its_library_does_not_answer(home):
    home.env["LEAT_DUCKDB"] = str(home.project / "nothing.so")
    assert grades(home, "target 'dev'", code=3) == ["FAIL"]
    assert not any("answers" in what for _, what, _ in findings(home, code=3))


def test_beside_a_wrong_file_everything_else_is_looked_at(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/good.yml": "name: good\ntasks: {one: {shell: 'true', env: {X: \"{{ env_var('NOT_THERE') }}\"}}}\n",
                    "pipelines/a.yml": "name: a\ntask: {}\n", "pipelines/b.yml": "name: b\ntasks: {one: {shell: 'true', after: two}}\npools: 1\n"})
    said = leat("doctor", code=2)
    leat.edge(said, "pipelines/a.yml:2:1", "did you mean 'tasks'", "pipelines/b.yml:3:1", "project 't': 0 sources, 1 pipelines", "'NOT_THERE' is not set", "2 of ")
    assert "was not looked at" not in said.out


def test_a_linked_file_is_a_file_of_the_project(project, tmp_path):
    (tmp_path / "far.yml").write_text("name: far\ntasks: {one: {shell: 'true'}}\n")
    leat = project({"leat.yml": "name: t\n", "pipelines/near.yml": "name: near\ntasks: {one: {shell: 'true'}}\n"})
    (leat.project / "pipelines" / "far.yml").symlink_to(tmp_path / "far.yml")
    assert sorted(p["pipeline"] for p in leat("pipelines", "--json").json()) == ["far", "near"]
