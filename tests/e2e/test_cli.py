"""The command line as people and scripts use it: exit codes, JSON, files, pipes, a terminal."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

LEAT = os.environ.get("LEAT_BIN", os.path.join(os.path.dirname(__file__), "../../build/leat"))


def leat(*args, cwd=None, stdin="", env=None, timeout=60):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LEAT_") or k == "LEAT_DUCKDB"}
    return subprocess.run(
        [LEAT, *args], cwd=cwd, input=stdin, env={**clean, **(env or {})}, capture_output=True, text=True, timeout=timeout
    )


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "shop"
    done = leat("init", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


# ---------------------------------------------------------------- frame


def test_version_says_what_is_in_it():
    done = leat("version")
    assert done.returncode == 0
    assert re.fullmatch(r"leat \d+\.\d+\.\d+ \(\w+\), SQLite 3\.\d+\.\d+\n", done.stdout)
    assert leat("--version").stdout == done.stdout
    told = json.loads(leat("version", "--json", "-v").stdout)
    assert told["duckdb"].startswith("v")


def test_help_names_every_command_and_each_explains_itself():
    text = leat("help").stdout
    names = re.findall(r"^  ([a-z]+)  ", text, re.M)
    assert {"init", "sql", "store", "secret", "doctor", "version"} <= set(names)
    for name in names:
        done = leat(name, "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"leat {name}: "), name


@pytest.mark.parametrize(
    "args, hint",
    [
        (["stroe"], "did you mean 'leat store'?"),
        (["sql", "--formt", "csv"], "did you mean '--format'?"),
        (["store", "lss"], "did you mean 'leat store ls'?"),
        (["version", "extra"], "'leat version --help' explains it"),
    ],
)
def test_a_wrong_command_ends_with_2_and_a_hint(args, hint):
    done = leat(*args)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("leat: error: ") and f"  hint: {hint}\n" in done.stderr
    told = json.loads(leat("--json", *args).stderr)["error"]
    assert told["status"] == "invalid" and told["hint"] == hint


def test_a_reader_that_goes_away_is_no_error(project):
    done = subprocess.run(
        f"'{LEAT}' sql --csv 'select * from range(10000000)' | head -n 2; echo ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", cwd=project, capture_output=True, text=True, timeout=60,
    )
    assert done.stdout.splitlines() == ["range", "0", "0"] and done.stderr == ""


def test_a_full_disk_is_told():
    with open("/dev/full", "w") as full:
        done = subprocess.run([LEAT, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3 and "cannot write the output" in done.stderr


def test_man_pages_please_groff(tmp_path):
    assert leat("__man", str(tmp_path)).returncode == 0
    pages = sorted(p.name for p in tmp_path.iterdir())
    assert "leat.1" in pages and "leat-store-ls.1" in pages
    for page in pages:
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", tmp_path / page], capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == "", page


# ---------------------------------------------------------------- init


def test_init_writes_a_project_and_never_over_one(project):
    for name in ["leat.yml", ".gitignore", ".github/workflows/leat.yml", ".circleci/config.yml", "pipelines/daily.yml"]:
        assert (project / name).is_file(), name
    assert "name: shop\n" in (project / "leat.yml").read_text()
    (project / "leat.yml").write_text("mine")
    done = leat("init", str(project))
    assert done.returncode == 2 and "holds already: " in done.stderr
    assert (project / "leat.yml").read_text() == "mine"
    assert leat("init", "--force", "--name", "other", str(project)).returncode == 0
    assert "name: other\n" in (project / "leat.yml").read_text()


def test_init_refuses_a_bad_name_and_writes_nothing(tmp_path):
    done = leat("init", "--name", "9 x", str(tmp_path / "p"))
    assert done.returncode == 2 and not (tmp_path / "p").exists()


def test_a_new_project_is_healthy(project):
    done = leat("doctor", "--json", cwd=project)
    assert done.returncode == 0, done.stdout
    assert not [f for f in json.loads(done.stdout) if f["grade"] == "FAIL"]


def test_doctor_finds_what_is_wrong(project):
    (project / ".env").write_text("A=1\n")
    (project / ".env").chmod(0o644)
    (project / "leat.yml").write_text("name: x\nnmae: y\n")
    done = leat("doctor", cwd=project)
    assert done.returncode == 2
    assert "chmod 600 .env" in done.stdout and "leat.yml:2:1" in done.stdout


def test_a_command_that_reads_the_project_warns_of_an_env_file_that_git_tracks(project):
    (project / ".env").write_text("A=1\n")
    (project / ".env").chmod(0o600)
    git = ["git", "-c", "user.email=a@example.org", "-c", "user.name=a"]
    for words in (["init", "-q"], ["add", "-f", ".env"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *words], cwd=project, check=True)
    assert "git tracks" in leat("run", "--dry-run", cwd=project).stderr
    subprocess.run(["git", "rm", "-q", "--cached", ".env"], cwd=project, check=True)
    assert "git tracks" not in leat("run", "--dry-run", cwd=project).stderr


# ---------------------------------------------------------------- store


def test_store_keeps_versions_and_gives_them_back(project):
    assert leat("store", "mb", "raw", cwd=project).returncode == 0
    assert leat("store", "mb", "raw", cwd=project).returncode == 2
    for text in ["one", "two"]:
        assert leat("store", "cp", "-", "raw/a/b.txt", stdin=text, cwd=project).returncode == 0
    assert leat("store", "cat", "raw/a/b.txt", cwd=project).stdout == "two"
    versions = json.loads(leat("store", "versions", "--json", "raw/a/", cwd=project).stdout)
    assert [v["current"] for v in versions] == [True, False]
    old = versions[1]["version"]
    assert leat("store", "cat", "raw/a/b.txt", "--version-id", old, cwd=project).stdout == "one"
    assert leat("store", "rm", "raw/a/b.txt", cwd=project).returncode == 0
    gone = leat("store", "cat", "raw/a/b.txt", cwd=project)
    assert gone.returncode == 2 and "delete marker" in gone.stderr
    assert leat("store", "restore", "raw/a/b.txt", "--version-id", old, cwd=project).returncode == 0
    assert leat("store", "cat", "raw/a/b.txt", cwd=project).stdout == "one"
    assert json.loads(leat("store", "check", "--json", cwd=project).stdout)["damaged"] == 0


def test_store_copies_folders_both_ways(project, tmp_path):
    source = tmp_path / "in"
    (source / "x/y").mkdir(parents=True)
    for i in range(1200):
        (source / f"x/{i:04}.txt").write_text(str(i))
    (source / "x/y/large.bin").write_bytes(os.urandom(3_000_000))
    leat("store", "mb", "raw", cwd=project)
    assert leat("store", "cp", "-r", str(source), "raw/copy/", cwd=project).returncode == 0
    listed = leat("store", "ls", "-r", "raw/copy/", cwd=project).stdout.splitlines()
    assert len(listed) == 1201 and listed == sorted(listed)
    assert "copy/x/y/" in leat("store", "ls", "raw/copy/x/", cwd=project).stdout.splitlines()
    assert leat("store", "cp", "-r", "raw/copy/", str(tmp_path / "out"), cwd=project).returncode == 0
    assert subprocess.run(["diff", "-r", source, tmp_path / "out"]).returncode == 0
    assert json.loads(leat("store", "rm", "-r", "--json", "raw/", cwd=project).stdout) == {"removed": 1201}


def test_store_never_writes_outside_of_the_folder(project, tmp_path):
    leat("store", "mb", "raw", cwd=project)
    leat("store", "cp", "-", "raw/p/../../evil", stdin="x", cwd=project)
    done = leat("store", "cp", "-r", "raw/p/", str(tmp_path / "a/b"), cwd=project)
    assert done.returncode == 2 and "cannot be a path" in done.stderr
    assert not (tmp_path / "evil").exists()


def test_store_asks_when_a_name_means_two_things(project):
    leat("store", "mb", "raw", cwd=project)
    (project / "raw").mkdir()
    (project / "raw/x").write_text("x")
    done = leat("store", "cp", "raw/x", "./y", cwd=project)
    assert done.returncode == 2 and "store://raw/x" in done.stderr


# ---------------------------------------------------------------- sql


def test_sql_shows_rows_in_every_format(project):
    query = "select 1 as n, 'a,b' as t, null as nothing, [1, 2] as l, true as b"
    assert leat("sql", "--csv", query, cwd=project).stdout == 'n,t,nothing,l,b\n1,"a,b",,"[1, 2]",true\n'
    assert json.loads(leat("sql", "--json", query, cwd=project).stdout) == [
        {"n": 1, "t": "a,b", "nothing": None, "l": [1, 2], "b": True}
    ]
    assert leat("sql", query, cwd=project).stdout.splitlines()[2] == "1  a,b     NULL  [1, 2]  true"


def test_sql_reads_statements_from_a_pipe_and_stops_at_the_first_error(project):
    done = leat("sql", "--csv", cwd=project, stdin="create table t (a int); insert into t values (1); -- ;\nselect * from t;")
    assert (done.returncode, done.stdout) == (0, "a\n1\n")
    done = leat("sql", cwd=project, stdin="select nope from t;\ndrop table t;")
    assert done.returncode == 1 and "line 1, column 8 of the statement" in done.stderr
    assert leat("sql", "--csv", "select count(*) as c from t", cwd=project).stdout == "c\n1\n"


def test_sql_streams_a_large_result_in_bounded_memory(project):
    script = f"'{LEAT}' sql --format ndjson 'select i, i::varchar || repeat(chr(120), 100) as t from range(1000000) r(i)' | wc -l"
    done = subprocess.run(["/bin/bash", "-c", f"ulimit -v 4000000; {script}"], cwd=project, capture_output=True, text=True)
    assert done.stdout.strip() == "1000000", done.stderr


def wait_until_it_works_hard(pid, seconds=0.5, most=60):
    """Until the process has used so much more processor time, which only a long statement does."""

    def used():
        fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    end, start = time.monotonic() + most, used()
    while used() < start + seconds:
        assert time.monotonic() < end, "the statement never began"
        time.sleep(0.02)


def test_sql_stops_at_ctrl_c(project):
    running = subprocess.Popen(
        [LEAT, "sql", "select count(*) from range(10000000) a, range(10000000) b"],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    wait_until_it_works_hard(running.pid)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130 and out == "" and "cancelled" in err


# ---------------------------------------------------------------- a terminal


class Terminal:
    """leat on a pseudo-terminal."""

    def __init__(self, *args, cwd):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.environ["TERM"] = "xterm"
            os.execv(LEAT, [LEAT, *args])
        self.seen = ""

    def wait_for(self, text, seconds=20):
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], f"no {text!r} in {self.seen!r}"
            try:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                assert text in self.seen, f"ended; no {text!r} in {self.seen!r}"
        self.seen = self.seen[self.seen.index(text) + len(text) :]

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        try:
            while select.select([self.fd], [], [], 20)[0] and os.read(self.fd, 65536):
                pass
        except OSError:
            pass
        os.close(self.fd)  # a program that still runs gets SIGHUP
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_the_shell_runs_statements_and_survives_errors_and_ctrl_c(project):
    shell = Terminal("sql", cwd=project)
    shell.wait_for("leat=> ")
    shell.type("select 40\r")
    shell.wait_for("leat-> ")
    shell.type("+ 2 as answer;\r")
    shell.wait_for("answer")
    shell.wait_for("42")
    shell.type("selec;\r")
    shell.wait_for("syntax error")
    shell.type("select count(*) from range(10000000) a, range(10000000) b;\r")
    wait_until_it_works_hard(shell.pid)
    shell.type("\x03")
    shell.wait_for("cancelled")
    shell.type("create table seen (a int);\r")
    shell.wait_for("leat=> ")
    shell.type("\\d\r")
    shell.wait_for("seen")
    shell.type("\\d seen\r")
    shell.wait_for("INTEGER")
    shell.type("half a statement")
    shell.type("\x03")
    shell.wait_for("leat=> ")
    shell.type("\\q\r")
    assert shell.end() == 0
    history = project / ".leat/sql_history"
    assert "answer" in history.read_text() and history.stat().st_mode & 0o077 == 0


def test_a_secret_is_asked_for_without_showing_it(project):
    os.environ["LEAT_KEY"] = "a long pass phrase"
    try:
        asked = Terminal("secret", "set", "TOKEN", cwd=project)
    finally:
        del os.environ["LEAT_KEY"]
    asked.wait_for("value of TOKEN (not shown): ")
    asked.type("hunter22\r")
    asked.wait_for("sealed TOKEN")
    assert "hunter22" not in asked.seen
    assert asked.end() == 0
    assert leat("secret", "list", "--json", cwd=project).stdout == '[{"name":"TOKEN"}]\n'
    assert b"hunter22" not in (project / "secrets.sealed").read_bytes()
    assert leat("secret", "rm", "NONE", cwd=project, env={"LEAT_KEY": "a long pass phrase"}).returncode == 2
