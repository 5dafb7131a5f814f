"""Disks that are full, read-only or busy: the server says it, waits, goes on, and nothing is lost or doubled."""

import ctypes
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from harness import PATIENCE, wait_for

BEAT = """\
name: beat
schedule: {cron: "* * * * * *", catch_up: all}
overlap: allow
tasks:
  one: {shell: "echo {{ interval_end }} >> $BEATS"}
"""
LIBC = ctypes.CDLL(None, use_errno=True)
READ_ONLY, REMOUNT = 1, 32


def mount(source, target, kind, flags, data):
    return LIBC.mount(source.encode(), str(target).encode(), kind.encode(), flags, data.encode() if data else None) == 0


@pytest.fixture
def small_disk(project, tmp_path):
    """A project whose home lies on a disk of its own, of 24 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or not mount("none", disk, "tmpfs", 0, "size=24m"):
        pytest.skip("only root can mount a small disk")
    leat = project({"leat.yml": "name: t\n", "pipelines/beat.yml": BEAT})
    leat.home = disk / "home"
    leat.env["BEATS"] = str(leat.project / "beats.txt")
    yield leat, disk
    for _ in range(200):
        if LIBC.umount2(str(disk).encode(), 0) == 0:
            return
        time.sleep(0.05)  # a process that is just ending
    LIBC.umount2(str(disk).encode(), 2)


def fill(disk):
    """Until not a byte is left."""
    with open(disk / "ballast", "ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    assert shutil.disk_usage(disk).free < 4096


def ticks(leat):
    db = sqlite3.connect(leat.home / "state.db")
    try:
        return sorted(int(key.rsplit("@", 1)[1]) for key, in db.execute("select run_key from runs where pipeline = 'beat'"))
    finally:
        db.close()


def beats(leat):
    file = leat.project / "beats.txt"
    return file.read_text().split() if file.exists() else []


def check_nothing_is_lost_or_doubled(leat, server, step=1):
    """The ticks have no gap and no double, each has succeeded, and each of its commands has worked once."""
    had = len(ticks(leat))
    wait_for(lambda: len(ticks(leat)) > had + 1, "ticks again")
    leat("pause", "beat")
    wait_for(lambda: all(run["status"] == "succeeded" for run in leat.runs()), "the end of all runs")
    seen = ticks(leat)
    assert seen == list(range(seen[0], seen[-1] + 1, step)), seen
    assert sorted(beats(leat)) == sorted(set(beats(leat))) and len(beats(leat)) == len(seen), (beats(leat), len(seen))
    server.send_signal(signal.SIGTERM)
    server.wait()


def said(server_errors):
    return server_errors.read_text()


@pytest.fixture
def serve(up):
    def start(leat, disk):
        errors = leat.project / "errors"
        server = subprocess.Popen(leat.argv("up", "--runs", "64"), cwd=leat.project, env=leat.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=open(errors, "w"), text=True, start_new_session=True)
        line = server.stdout.readline()
        assert line.startswith("the server works"), errors.read_text()
        servers.append(server)
        wait_for(lambda: len(beats(leat)) >= 2, "two beats")
        return server, errors

    servers = []
    yield start
    for server in servers:
        if server.poll() is None:
            server.kill()
        server.communicate()


def test_a_full_disk_is_told_and_waited_for(small_disk, serve):
    leat, disk = small_disk
    server, errors = serve(leat, disk)
    fill(disk)
    wait_for(lambda: "full" in said(errors), "the word that the disk is full")
    had = len(beats(leat))
    time.sleep(2)  # so long nothing can be recorded, so nothing is begun
    assert server.poll() is None and len(beats(leat)) <= had + 1
    (disk / "ballast").unlink()
    check_nothing_is_lost_or_doubled(leat, server)


def test_the_result_of_a_command_waits_for_room(small_disk, serve):
    """Nothing can record that it has ended: it must not be done again for that."""
    leat, disk = small_disk
    server, errors = serve(leat, disk)
    leat.write("pipelines/slow.yml", "name: slow\ntasks: {a: {shell: 'echo x >> slow.txt; while [ -e gate ]; do sleep 0.05; done; echo y >> slow.txt'}}\n")
    leat("pause", "beat")
    leat.write("gate", "")
    leat("trigger", "slow")
    wait_for(lambda: (leat.project / "slow.txt").exists(), "the command")
    fill(disk)
    (leat.project / "gate").unlink()
    wait_for(lambda: (leat.project / "slow.txt").read_text() == "x\ny\n", "its end")
    time.sleep(1)  # whoever would give up does so now
    (disk / "ballast").unlink()
    wait_for(lambda: all(run["status"] == "succeeded" for run in leat.runs()), "the end of all runs")
    assert (leat.project / "slow.txt").read_text() == "x\ny\n"


def test_a_run_that_finds_no_room_when_it_begins_waits_for_it(small_disk):
    leat, disk = small_disk
    leat.write("pipelines/soon.yml", "name: soon\ntasks: {a: {shell: 'echo x >> soon.txt'}}\n")
    leat("trigger", "soon")
    fill(disk)
    run = leat.start("run", "--resume", "1")
    said = run.stderr.readline()
    assert "is full: waiting until that is over" in said, said + run.stderr.read()
    assert run.poll() is None and not (leat.project / "soon.txt").exists()
    (disk / "ballast").unlink()
    assert run.communicate(timeout=PATIENCE) and run.returncode == 0
    assert leat.runs()[0]["status"] == "succeeded" and (leat.project / "soon.txt").read_text() == "x\n"


def test_a_disk_that_becomes_read_only_is_told_and_nothing_is_lost(project, tmp_path, serve, up):
    """As the kernel does it with ext4 on a disk that fails."""
    disk, image = tmp_path / "disk", tmp_path / "image"
    disk.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 32 << 20)
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4") or subprocess.run(["mkfs.ext4", "-q", image], capture_output=True).returncode != 0 \
            or subprocess.run(["mount", "-o", "loop", image, disk], capture_output=True).returncode != 0:
        pytest.skip("no loop devices here, or not root")
    try:
        leat = project({"leat.yml": "name: t\n", "pipelines/beat.yml": BEAT})
        leat.home = disk / "home"
        leat.env["BEATS"] = str(leat.project / "beats.txt")
        server, errors = serve(leat, disk)
        subprocess.run(["mount", "-o", "remount,abort", disk], capture_output=True)
        wait_for(lambda: "read" in said(errors) or "disk I/O" in said(errors), "the word that it cannot be written")
        assert server.poll() is None
        refused = leat("run", "--pipeline", "beat", code=None)
        assert refused.code in (2, 3) and "ead-only" in refused.text, refused
        server.kill()
        server.wait()
        wait_for(lambda: LIBC.umount2(str(disk).encode(), 0) == 0, "the end of all who use the disk")
        assert subprocess.run(["e2fsck", "-fy", image], capture_output=True).returncode < 4
        subprocess.run(["mount", "-o", "loop", image, disk], check=True)
        check_nothing_is_lost_or_doubled(leat, up(leat))
    finally:
        wait_for(lambda: LIBC.umount2(str(disk).encode(), 0) == 0 or not os.path.ismount(disk), "the end of all who use the disk")


def test_a_busy_database_is_waited_for(project, serve):
    """Somebody else holds SQLite's own lock for longer than anybody is patient."""
    leat = project({"leat.yml": "name: t\n", "pipelines/beat.yml": BEAT.replace("* * * * * *", "*/5 * * * * *")})
    leat.env["BEATS"] = str(leat.project / "beats.txt")
    server, errors = serve(leat, leat.home)
    wait_for(lambda: all(run["status"] == "succeeded" for run in leat.runs()), "the end of runs, which would wait before the server")
    other = sqlite3.connect(leat.home / "state.db", isolation_level=None, timeout=60)
    other.execute("begin immediate")
    wait_for(lambda: "in use by another program" in said(errors), "the word that it is busy")
    other.execute("rollback")
    other.close()
    check_nothing_is_lost_or_doubled(leat, server, 5)
