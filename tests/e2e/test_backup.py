"""A home is copied while it is used, and a copy becomes a home: everything is there, whole, or nothing is."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from harness import PATIENCE

FILES = {
    "leat.yml": "name: shop\n",
    "data/items.csv": "id,n\n1,2\n2,3\n",
    "sources/f.yml": "name: f\nkind: files\nresources:\n  - {name: items, path: 'data/*.csv', load: {table: raw.items}}\n",
    "models/n.sql": "{{ config(materialized='table') }}\nselect count(*) as n from {{ source('f', 'items') }}\n",
}
LARGE = 200 * 1024  # bytes: more than what lies in the index


def put(leat, key, content):
    file = leat.project / "upload.bin"
    file.write_bytes(content)
    leat("store", "cp", file, f"keep/{key}")


@pytest.fixture
def shop(project, tmp_path):
    leat = project(FILES)
    leat("run")
    leat("store", "mb", "keep")
    put(leat, "a", b"a" * LARGE)
    put(leat, "small", b"small")
    leat.backups = tmp_path / "backups"
    return leat


def backups(leat):
    return sorted(path for path in leat.backups.iterdir() if path.name[0] != ".") if leat.backups.exists() else []


def blobs(folder):
    return sorted((folder / "store" / "blobs").glob("*/*/*"))


def lose(leat):
    """The disk is gone."""
    leat.home.rename(leat.home.with_name("lost"))


def test_a_lost_home_comes_back_from_a_backup(shop):
    put(shop, "a", b"b" * LARGE)
    shop("store", "rm", "keep/small")
    result = shop("backup", shop.backups)
    shop.edge(result, "2 new contents of the store", "the master key is not in it")
    had = {"runs": shop.runs(), "versions": shop("store", "versions", "--json", "keep/").json(),
           "rows": shop.rows("select * from n")}
    logs = shop("logs", "1").out
    lose(shop)
    shop.edge(shop("restore", shop.backups), "verified", "warehouse.duckdb")
    assert had == {"runs": shop.runs(), "versions": shop("store", "versions", "--json", "keep/").json(),
                   "rows": shop.rows("select * from n")}
    assert shop("logs", "1").out == logs
    assert shop("store", "cat", "keep/a").out == "b" * LARGE
    shop("store", "check")
    shop("run")
    shop.edge(shop("reproduce", "1"), "identical")


def test_a_second_backup_shares_what_has_not_changed_and_old_ones_go(shop):
    shop("backup", shop.backups)
    put(shop, "b", b"b" * LARGE)
    told = shop("backup", shop.backups, "--json").json()
    assert (told["new_contents"], told["shared_contents"], told["new_bytes"]) == (1, 1, LARGE)
    first, second = backups(shop)
    old = {path.name: path.stat().st_ino for path in blobs(first)}
    new = {path.name: path.stat().st_ino for path in blobs(second)}
    assert len(old) == 1 and len(new) == 2 and set(old.items()) < set(new.items())
    shop("backup", shop.backups, "--keep", "2")
    assert len(backups(shop)) == 2 and first not in backups(shop)
    lose(shop)
    shop("restore", backups(shop)[0])
    assert shop("store", "cat", "keep/b").out == "b" * LARGE and shop("store", "cat", "keep/a").out == "a" * LARGE


def test_nothing_is_written_over(shop):
    shop("backup", shop.backups)
    shop.edge(shop("restore", shop.backups, code=2), "is there already", "move it away first")
    assert shop.rows("select * from n") == [[2]]
    shop.edge(shop("restore", shop.project, code=2), "is no backup")


def test_a_damaged_backup_is_refused_and_leaves_no_home(shop):
    shop("backup", shop.backups)
    lose(shop)
    blob = blobs(backups(shop)[0])[0]
    content = bytearray(blob.read_bytes())
    content[5] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(content)
    shop.edge(shop("restore", shop.backups, code=1), "keep/a is damaged", "take an older one")
    assert not list(shop.home.iterdir()) and not list(shop.home.parent.glob("*restoring*"))


def test_a_damaged_store_is_told_and_the_rest_is_saved(shop):
    put(shop, "b", b"b" * LARGE)
    blob = blobs(shop.home)[0]
    blob.chmod(0o600)
    blob.write_bytes(b"x" * LARGE)
    shop.edge(shop("backup", shop.backups, code=1), "is damaged", "leat store check", "1 new contents")
    assert len(backups(shop)) == 1


def test_a_path_in_the_record_cannot_leave_the_project(shop):
    shop("backup", shop.backups)
    record = backups(shop)[0] / "backup.json"
    for below, path in (("home", "../../evil"), ("project", "a/../../evil"), ("/", "tmp/evil"), ("project", "")):
        said = json.loads(record.read_text())
        said["targets"][0].update(below=below, path=path)
        record.write_text(json.dumps(said))
        shop.home.rename(shop.home.with_name(f"lost-{abs(hash((below, path)))}"))
        shop.edge(shop("restore", shop.backups), "copy it yourself")
        assert not list(shop.project.parent.glob("evil*"))
    said["targets"][0].update(name="../state")
    record.write_text(json.dumps(said))
    lose(shop)
    shop.edge(shop("restore", shop.backups, code=2), "names no target")


def test_a_backup_beside_writers_is_one_moment(shop):
    """Objects come, are replaced and go while backups are made: each can be restored, with everything it speaks of."""
    stop, rounds = threading.Event(), []

    def write():
        while not stop.is_set():
            n = len(rounds)
            file = shop.project / "busy.bin"
            file.write_bytes(bytes([n % 251]) * LARGE)
            shop("store", "cp", file, f"keep/busy-{n % 3}")
            shop("store", "rm", f"keep/busy-{(n + 1) % 3}", code=0 if n > 2 else (0, 2))  # at first there is none
            rounds.append(n)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while writer.is_alive() and (len(rounds) < 4 or len(backups(shop)) < 3):
            shop("backup", shop.backups)
    finally:
        stop.set()
        writer.join()
    assert len(rounds) >= 4, "the writer failed"
    for one in backups(shop)[-5:]:
        home = shop.project.parent / f"from-{one.name}"
        shop("restore", one, "--home", home)
        shop("store", "check", "--home", home)


def test_a_backup_that_is_killed_leaves_nothing_that_counts(shop):
    for n in range(8):
        put(shop, f"k{n}", os.urandom(4 * 1024 * 1024))
    for delay in (0.0, 0.02, 0.05, 0.1):
        process = shop.start("backup", shop.backups)
        time.sleep(delay)  # anywhere in it
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    for whole in backups(shop) if shop.backups.exists() else []:
        assert (whole / "backup.json").exists()
    shop("backup", shop.backups)
    assert not [path for path in shop.backups.iterdir() if re.match(r"\.\d", path.name)]
    lose(shop)
    shop("restore", shop.backups)
    shop("store", "check")


def test_a_target_that_another_program_writes_is_not_copied(shop):
    holder = subprocess.Popen([sys.executable, "-c", "import fcntl, sys, struct\n"
                               f"f = open({str(shop.home / 'warehouse.duckdb')!r}, 'r+b')\n"
                               "fcntl.lockf(f, fcntl.LOCK_EX)\nprint('locked', flush=True)\nsys.stdin.read()"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "locked\n"
        shop.edge(shop("backup", shop.backups, code=2), "another program has", "--no-targets")
        assert not backups(shop)
        shop("backup", shop.backups, "--no-targets")
    finally:
        holder.communicate("", timeout=PATIENCE)
    lose(shop)
    shop("restore", shop.backups)
    assert not (shop.home / "warehouse.duckdb").exists() and len(shop.runs()) == 1


def test_targets_elsewhere_in_the_project_and_stores_elsewhere(project, tmp_path):
    leat = project({**FILES, "leat.yml": "name: shop\ntargets:\n  dev: {engine: duckdb, path: out/w.duckdb}\n"})
    (leat.project / "out").mkdir()
    leat("run")
    leat("backup", tmp_path / "backups")
    leat.home.rename(leat.home.with_name("lost"))
    leat.edge(leat("restore", tmp_path / "backups", code=2), "the file", "w.duckdb' is there already")
    (leat.project / "out" / "w.duckdb").unlink()
    leat("restore", tmp_path / "backups")
    assert leat.rows("select * from n") == [[2]]


def test_a_clock_that_was_set_back_costs_no_backup(shop):
    """By name the newest is the last made: neither --keep nor restore takes an older one for it."""
    shop("backup", shop.backups)
    backups(shop)[0].rename(shop.backups / "20991231T235959Z")
    put(shop, "b", b"b" * LARGE)
    shop.edge(shop("backup", shop.backups, "--keep", "1"), "the clock stands before the newest backup", "21000101T000000Z")
    assert [path.name for path in backups(shop)] == ["21000101T000000Z"]
    lose(shop)
    shop("restore", shop.backups)
    assert shop("store", "cat", "keep/b").out == "b" * LARGE


def test_what_only_has_the_name_of_a_backup_is_none(shop):
    shop.backups.mkdir()
    (shop.backups / "20260101T000000Z").write_text("mine")
    (shop.backups / "20260102T000000Z").mkdir()
    shop.edge(shop("restore", shop.backups, "--home", shop.project.parent / "other", code=2), "is no backup, and holds none")
    shop("backup", shop.backups, "--keep", "1")
    assert len(backups(shop)) == 3


def elsewhere(project):
    leat = project({**FILES, "leat.yml": "name: shop\ntargets:\n  dev: {engine: duckdb, path: out/w.duckdb}\n"})
    (leat.project / "out").mkdir()
    leat("run")
    leat.backups = leat.project.parent / "backups"
    return leat


def test_a_target_behind_a_link_is_copied(project, tmp_path):
    leat = elsewhere(project)
    (tmp_path / "disk").mkdir()
    (leat.project / "out" / "w.duckdb").rename(tmp_path / "disk" / "w.duckdb")
    (leat.project / "out" / "w.duckdb").symlink_to(tmp_path / "disk" / "w.duckdb")
    leat("backup", leat.backups)
    (leat.project / "out" / "w.duckdb").unlink()
    lose(leat)
    leat("restore", leat.backups)
    assert leat.rows("select * from n") == [[2]]


def test_an_old_log_does_not_become_that_of_a_restored_target(project):
    leat = elsewhere(project)
    leat("backup", leat.backups)
    lose(leat)
    (leat.project / "out" / "w.duckdb").rename(leat.project / "out" / "w.duckdb.wal")
    leat.edge(leat("restore", leat.backups, code=2), "w.duckdb.wal' is there already")
    assert not list(leat.home.iterdir())


def test_a_restore_that_fails_leaves_no_target_in_the_project(project):
    leat = elsewhere(project)
    leat("backup", leat.backups)
    lose(leat)
    (leat.project / "out" / "w.duckdb").unlink()
    record = backups(leat)[0] / "backup.json"
    said = json.loads(record.read_text())
    said["targets"].append({"name": "lost", "below": "project", "path": "out/lost.duckdb"})
    record.write_text(json.dumps(said))
    leat("restore", leat.backups, code=(1, 2, 3))
    assert not list((leat.project / "out").iterdir()) and not list(leat.project.glob(".leat?*"))


def test_what_a_killed_restore_left_is_swept(shop):
    shop("backup", shop.backups)
    lose(shop)
    left = shop.home.with_name(shop.home.name + ".restoring")
    left.mkdir()
    (left / "state.db").write_text("half")
    shop("restore", shop.backups)
    assert shop.rows("select * from n") == [[2]] and not list(shop.home.parent.glob(".leat.*"))
