"""manifest.json is brought up to date in the file before it: whoever reads, kills or links it sees a whole one, and never an old one as new."""

import json
import mmap
import os
import random
import shutil
import signal
import subprocess
import threading

import pytest

from harness import LEAT

TIMES = {"created_at", "generated_at", "invocation_id", "invocation_started_at", "run_started_at"}
MODELS = 60

# Ends the process at its KILL_AT-th call that changes a file or a name.
KILLER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>
static atomic_int calls;
static void count(void)
{
    const char *at = getenv("KILL_AT");
    if (at && atomic_fetch_add(&calls, 1) + 1 == atoi(at))
        kill(getpid(), SIGKILL);
}
#define CALL(type, name, args, given)                                                              \
    type name args                                                                                 \
    {                                                                                              \
        static type(*real) args;                                                                   \
        if (!real)                                                                                 \
            real = (type(*) args)dlsym(RTLD_NEXT, #name);                                          \
        count();                                                                                   \
        type done = real given;                                                                    \
        return done;                                                                               \
    }
CALL(ssize_t, write, (int fd, const void *from, size_t len), (fd, from, len))
CALL(ssize_t, pwrite, (int fd, const void *from, size_t len, off_t at), (fd, from, len, at))
CALL(ssize_t, pwrite64, (int fd, const void *from, size_t len, off_t at), (fd, from, len, at))
CALL(ssize_t, copy_file_range, (int in, off_t *at, int out, off_t *to, size_t len, unsigned how), (in, at, out, to, len, how))
CALL(int, ftruncate, (int fd, off_t len), (fd, len))
CALL(int, ftruncate64, (int fd, off_t len), (fd, len))
CALL(int, rename, (const char *from, const char *to), (from, to))
CALL(int, renameat2, (int a, const char *from, int b, const char *to, unsigned how), (a, from, b, to, how))
CALL(int, unlink, (const char *path), (path))
"""


def no_times(value):
    if isinstance(value, dict):
        return {key: no_times(item) for key, item in value.items() if key not in TIMES}
    return [no_times(item) for item in value] if isinstance(value, list) else value


class Project:
    def __init__(self, root, env):
        self.root, self.env, self.serial = root, dict(env), 0
        self.put("dbt_project.yml", "name: shop\nprofile: shop\n")
        self.put("profiles.yml", "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}\n")
        for number in range(MODELS):
            self.model(number)
        self.put("models/schema.yml", "models:\n" + "".join(
            f"  - {{name: m_{number}, description: about {number}, columns: [{{name: id, data_tests: [unique, not_null]}}]}}\n" for number in range(MODELS)))

    def put(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def model(self, number, more=""):
        self.serial += 1
        needs = f" from {{{{ ref('m_{number - 1}') }}}}" if number else ""
        self.put(f"models/m_{number}.sql", f"select {self.serial} as id{needs}\n{more}\n")

    def run(self, *words, check=True, **more):
        return subprocess.run([LEAT, "dbt", *words], cwd=self.root, env={**self.env, **more}, capture_output=True, text=True, timeout=90, check=check)

    def manifest(self, folder="target"):
        return json.loads((self.root / folder / "manifest.json").read_text(encoding="utf-8"))

    def parse(self):
        self.run("parse", "--quiet")
        return self.manifest()

    def cold(self):
        self.run("parse", "--quiet", "--no-partial-parse", "--target-path", "target_cold")
        return json.dumps(no_times(self.manifest("target_cold")))

    def check(self):
        assert json.dumps(no_times(self.parse())) == self.cold()

    def inode(self, name="manifest.json"):
        return (self.root / "target" / name).stat().st_ino


@pytest.fixture
def project(tmp_path, env):
    made = Project(tmp_path, env)
    for number in (1, 2, 3):  # two files take turns from now on
        made.parse()
        made.model(number)
    made.check()
    return made


def patched(project):
    """The file that was the spare is the manifest now."""
    spare = project.inode("leat_manifest.spare")
    manifest = project.parse()
    return project.inode() == spare, manifest


def test_a_change_is_made_in_the_file_before(project):
    for number in (5, 6, 59, 0):
        project.model(number)
        done, manifest = patched(project)
        assert done and json.dumps(no_times(manifest)) == project.cold()
        assert f"select {project.serial} as id" in manifest["nodes"][f"model.shop.m_{number}"]["raw_code"]


def test_nodes_grow_and_shrink_as_they_like(project):
    dice = random.Random(7)
    for _ in range(25):
        for _ in range(dice.randrange(1, 4)):
            project.model(dice.randrange(MODELS), "-- word" * dice.choice([0, 1, 3, 40, 200, 3000, 30000]))
        project.check()
    for size in (1, 150, 10, 140):  # a kilobyte has its place; most of the file stays as it is
        project.model(20, "-- word" * size)
        project.check()


def test_nodes_come_and_go_and_change_their_edges(project):
    for name, text in (("m_10a", "select 1 as id from {{ ref('m_9') }}"), ("m_9a", "select 1 as id"), ("m_10a", None), ("zz", "select 2 as id"), ("m_9a", None),
                       ("m_30", "select 1 as id from {{ ref('m_1') }} join {{ ref('m_2') }}"), ("m_30", "select 1 as id")):
        if text:
            project.put(f"models/{name}.sql", text)
        else:
            (project.root / f"models/{name}.sql").unlink()
        project.check()


def test_who_has_it_open_reads_what_was_there(project):
    before = (project.root / "target/manifest.json").read_bytes()
    with open(project.root / "target/manifest.json", "rb") as file:
        opened = os.dup(file.fileno())
    with open(project.root / "target/manifest.json", "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    for number in range(10, 14):
        project.model(number)
        project.check()
        assert os.pread(opened, len(before) + 1, 0) == before and mapped[:] == before
    os.close(opened)
    for number in range(14, 18):  # the mapping alone
        project.model(number)
        project.check()
        assert mapped[:] == before
    mapped.close()


def test_another_name_of_it_keeps_what_it_has(project):
    before = (project.root / "target/manifest.json").read_bytes()
    os.link(project.root / "target/manifest.json", project.root / "kept.json")
    for number in range(10, 14):
        project.model(number)
        project.check()
        assert (project.root / "kept.json").read_bytes() == before


@pytest.mark.parametrize("name", ["manifest.json", "leat_manifest.spare", "leat_manifest.index", "leat_manifest.spare_index", "manifest.json.new",
                                  "leat_manifest.spare.new"])
def test_what_others_do_to_its_files_is_seen(project, name):
    file = project.root / "target" / name
    for number, change in enumerate((lambda: file.write_bytes(file.read_bytes().replace(b"select", b"SELECT")), lambda: file.write_bytes(b"{}"),
                                     lambda: file.write_bytes(file.read_bytes()[:-7]), file.unlink, lambda: (file.unlink(), file.mkdir()),
                                     lambda: (file.unlink(), file.symlink_to(project.root / "other")))):
        if name.startswith("manifest.json") and number == 4:
            continue  # a folder of this name is in the way
        if file.is_dir():
            file.rmdir()
        if not file.exists():
            file.write_bytes(b"something")
        change()
        project.model(number + 10)
        project.check()
        project.model(number + 10)
        project.check()
        if file.is_dir() and not file.is_symlink():
            file.rmdir()
        if file.is_symlink():
            file.unlink()
    assert not (project.root / "other").exists()


def test_another_command_writes_it_in_between(project):
    for number in (20, 21):
        project.run("compile", "--quiet", "--select", "m_5")
        project.model(number)
        project.check()
        project.run("compile", "--quiet")
        project.check()


@pytest.fixture
def killer(tmp_path):
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    (tmp_path / "killer.c").write_text(KILLER, encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "killer.so", tmp_path / "killer.c", "-ldl"], check=True)
    return str(tmp_path / "killer.so")


@pytest.fixture
def large(project):
    """Its manifest is written in several pieces."""
    for number in range(40, 52):
        project.model(number, "-- word" * 40000)
    return project


def test_the_first_change_after_a_parse_from_scratch_is_made_in_place(large):
    for number in (1, 2):
        large.run("parse", "--quiet", "--no-partial-parse")
        assert large.inode("leat_manifest.spare") != large.inode()
        assert (large.root / "target/leat_manifest.spare").read_bytes() == (large.root / "target/manifest.json").read_bytes()
        assert not (large.root / "target/leat_manifest.spare.new").exists()
        large.model(number)
        done, manifest = patched(large)
        assert done and json.dumps(no_times(manifest)) == large.cold()


def test_a_spare_from_scratch_that_was_changed_since_is_not_used(large):
    large.run("parse", "--quiet", "--no-partial-parse")
    spare = large.root / "target/leat_manifest.spare"
    spare.write_bytes(spare.read_bytes().replace(b"select", b"SELECT"))
    large.model(1)
    large.check()


def test_a_parse_from_scratch_that_is_killed_leaves_it_whole(large, killer):
    killed = at = 0
    while True:
        at += 1
        before = json.dumps(no_times(large.manifest()))
        large.model(30, "-- word" * (at % 5 * 60))
        done = large.run("parse", "--quiet", "--no-partial-parse", check=False, LD_PRELOAD=killer, KILL_AT=str(at))
        assert json.dumps(no_times(large.manifest())) in (before, large.cold()), at
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done
        killed += 1
        large.check()
        large.model(31)
        large.check()
    assert killed > 12


def test_what_is_killed_leaves_it_whole(project, killer):
    killed = at = 0
    while True:
        at += 1
        before = json.dumps(no_times(project.manifest()))
        project.model(30, "-- word" * (at % 5 * 60))
        done = project.run("parse", "--quiet", check=False, LD_PRELOAD=killer, KILL_AT=str(at))
        now = project.cold()
        assert json.dumps(no_times(project.manifest())) in (before, now), at
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done
        killed += 1
        project.check()
        project.model(31)
        project.check()
    assert killed > 8


def test_several_at_once_and_a_reader(project):
    done, bad = threading.Event(), []

    def read():
        while not done.is_set():
            try:
                assert len(project.manifest()["nodes"]) == 3 * MODELS
            except (ValueError, AssertionError, OSError) as error:
                bad.append(repr(error))

    def parse():
        for _ in range(8):
            if project.run("parse", "--quiet", check=False).returncode:
                bad.append("a parse failed")

    reader = threading.Thread(target=read)
    parsers = [threading.Thread(target=parse) for _ in range(3)]
    reader.start()
    for parser in parsers:
        parser.start()
    for number in range(12):
        fresh = project.root / "fresh.sql"
        fresh.write_text(f"select {number} as other\n", encoding="utf-8")
        fresh.rename(project.root / f"models/m_{number + 20}.sql")
    for parser in parsers:
        parser.join()
    done.set()
    reader.join()
    assert not bad, bad[:3]
    project.check()
