"""The options of `leat dbt`: each one changes what it says, by the command line, the environment, or `flags:` of the project."""

import json
import os
import pty
import re
import subprocess

import pytest

from harness import LEAT, Dbt

FILES = {
    "dbt_project.yml": "name: small\nprofile: small\n",
    "profiles.yml": "small:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: small.duckdb, threads: 2}\n"
                    "    other: {type: duckdb, path: other.duckdb}\n",
    "seeds/orders.csv": "id,name,made\n1,ann,2020-01-01 00:00:00\n2,bob,2024-01-15 12:00:00\n",
    "seeds/orders.yml": "seeds:\n  - {name: orders, config: {event_time: made}}\n",
    "models/eph.sql": "{{ config(materialized='ephemeral') }}select id from {{ ref('orders') }}",
    "models/counted.sql": "select count(*) as n from {{ ref('orders') }}",
    "models/uses.sql": "select * from {{ ref('eph') }}",
    "models/twice.sql": "select 1 as a union all select 1",
    "models/m.yml": "models:\n  - name: twice\n    columns:\n      - name: a\n        data_tests:\n"
                    "          - unique: {config: {severity: warn}}\n",
    "macros/m.sql": "{% macro speak() %}{% do print('loud') %}{% do log('aloud', info=true) %}{% endmacro %}\n",
}


@pytest.fixture
def small(tmp_path, env):
    return Dbt(tmp_path / "small", env, FILES)


def flags_of(small, text):
    small.write("dbt_project.yml", FILES["dbt_project.yml"] + "flags:\n  " + text + "\n")


def one(small, sql="select n from {{ ref('counted') }}"):
    return json.loads(small("show", "-q", "--inline", sql, "--output", "json"))["show"]


def test_warn_error_options_say_which_warnings_are_errors(small):
    small("build", "-s", "orders", "twice")
    nothing = ["build", "-s", "nonexist"]
    assert "does not match any enabled nodes" in small(*nothing)
    for options in ("{error: all}", "{include: [NoNodesForSelectionCriteria]}", "{error: [NoNodesForSelectionCriteria]}"):
        assert "NoNodesForSelectionCriteria" in small(*nothing, "--warn-error-options", options, code=2)
    assert "does not match" not in small(*nothing, "--warn-error-options", "{silence: [NoNodesForSelectionCriteria]}")
    assert "FAIL 1" in small("test", "--warn-error-options", "{error: [LogTestResult]}", code=1)
    assert "WARN 1" in small("test", "--warn-error-options", "{error: all, warn: [LogTestResult]}")
    small("test", code=1, DBT_WARN_ERROR_OPTIONS="{error: all}")
    flags_of(small, "warn_error_options: {error: [LogTestResult]}")
    small("test", code=1)


@pytest.mark.parametrize("options, part", [("[a]", "must be a mapping"), ("{error: [NoSuch]}", "there is no warning"),
                                           ("{error: one}", "must be a list"), ("{warn: [LogTestResul]}", "did you mean 'LogTestResult'")])
def test_wrong_warn_error_options_are_errors(small, options, part):
    assert part in small("parse", "--warn-error-options", options, code=2)


def test_warn_error_also_holds_for_what_is_not_found(small):
    small("build", "-s", "nonexist", "--warn-error", code=2)
    assert "do not go together" in small("parse", "--warn-error", "--warn-error-options", "{error: all}", code=2)


def test_a_sample_cuts_references_to_its_window(small):
    small("build", "--exclude", "twice")
    assert one(small) == [{"n": 2}]
    small("run", "-s", "counted", "--sample", "{start: 2024-01-01, end: 2024-02-01}")
    code = (small.root / "target/compiled/small/models/counted.sql").read_text(encoding="utf-8")
    assert "made >= '2024-01-01 00:00:00+00:00' and made < '2024-02-01 00:00:00+00:00'" in code
    assert one(small) == [{"n": 1}]
    small("run", "-s", "counted", "--sample", "3 days")
    assert one(small) == [{"n": 0}]
    small("run", "-s", "counted", DBT_SAMPLE="100 years")
    assert one(small) == [{"n": 2}]
    for wrong in ("rubbish", "3 weeks", "x days", "{start: 2024-01-01}", "{start: a, end: b}"):
        assert "--sample" in small("run", "-s", "counted", "--sample", wrong, code=2)


def test_defer_state_is_another_folder(small):
    small("build", "-s", "orders", "--target", "other", "--target-path", "before")
    small.write("profiles.yml", FILES["profiles.yml"].replace("path: small.duckdb", "path: small.duckdb, attach: [{path: other.duckdb}]"))
    small("run", "-s", "counted", code=1)
    assert "--defer-state" in small("run", "-s", "counted", "--defer", code=2)
    small("run", "-s", "counted", "--defer", "--defer-state", "before")
    small("run", "-s", "counted", DBT_DEFER="1", DBT_DEFER_STATE="before")
    assert '"other"."main"."orders"' in (small.root / "target/compiled/small/models/counted.sql").read_text(encoding="utf-8")


def test_ephemeral_models_may_stay_names(small):
    assert "with __dbt__cte__eph as (" in small("compile", "-q", "-s", "uses")
    assert small("compile", "-q", "-s", "uses", "--no-inject-ephemeral-ctes").strip() == "select * from __dbt__cte__eph"


def test_show_gives_types_columns_and_seeds(small):
    small("seed")
    sql = "select 1 as a, 2.5 as b, true as c, null as d, 'x' as e"
    assert one(small, sql) == [{"a": 1, "b": 2.5, "c": True, "d": None, "e": "x"}]
    out = small("show", "-q", "--inline", "select 1 as id, 'ann' as name union all select 22, 'b' order by 1").splitlines()
    assert out == ["| id | name |", "| -- | ---- |", "|  1 | ann  |", "| 22 | b    |"]
    assert "| ann  |" in small("show", "-q", "-s", "orders")
    assert "| ann  |" in small("seed", "--show") and "| ann  |" not in small("seed")


def test_prints_colors_and_widths(small):
    assert "loud\n" in small("run-operation", "speak")
    silent = small("run-operation", "speak", "--no-print")
    assert "\nloud" not in silent and "aloud" in silent
    assert "\nloud" not in small("run-operation", "speak", DBT_PRINT="0")
    assert "\033[32mOK\033[0m" not in small("seed") and "\033[" not in small("seed")
    assert re.search("\\[\033\\[32m[A-Z0-9 ]+\033\\[0m in", small("seed", "--use-colors"))
    assert "\033[" in small("seed", DBT_USE_COLORS="1")
    assert "\033[" not in (small.root / "logs/dbt.log").read_text(encoding="utf-8").split("Completed")[1]
    small("seed", "--use-colors-file")
    assert "\033[32m" in (small.root / "logs/dbt.log").read_text(encoding="utf-8")
    assert re.search(r"START seed file main\.orders \.{70,} \[RUN\]", small("seed", "--printer-width", "120"))


def test_a_terminal_has_colors(small):
    master, slave = pty.openpty()
    done = subprocess.Popen([LEAT, "dbt", "seed"], cwd=small.root, env=small.env, stdout=slave, stderr=slave, stdin=slave)
    os.close(slave)
    out = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    os.close(master)
    assert done.wait(timeout=60) == 0 and b"\033[32m" in out


def test_logs_go_where_they_are_told_and_say_as_much(small, tmp_path):
    small("seed", "--log-path", str(tmp_path / "mine"))
    text = (tmp_path / "mine/dbt.log").read_text(encoding="utf-8")
    assert re.search(r"\d\d:\d\d:\d\d\.\d{6} \[info \] \[MainThread\]: Running with dbt=", text)
    assert "create" in text  # the SQL, at the level debug
    small("seed", "--log-path", str(tmp_path / "short"), "--log-level-file", "error")
    assert (tmp_path / "short/dbt.log").read_text(encoding="utf-8") == ""
    small("seed", "--log-path", "none", "--log-level-file", "none")
    assert not (small.root / "none").exists()
    small("seed", "--log-path", str(tmp_path / "json"), "--log-format-file", "json")
    assert all(json.loads(line)["info"] for line in (tmp_path / "json/dbt.log").read_text(encoding="utf-8").splitlines())
    small("seed", "--log-path", str(tmp_path / "mine"), "--log-file-max-bytes", "10")
    assert (tmp_path / "mine/dbt.log.1").read_text(encoding="utf-8") == text
    assert "create" in small("seed", "-f", "--debug") and "create" not in small("seed", "-f")
    assert re.search(r"\d\.\d{6} \[info \]", small("seed", "--log-format", "debug"))
    assert small("seed", "--quiet") == "" and small("seed", "--log-level", "none") == ""
    assert small("seed", DBT_QUIET="1") == "" and small("seed", DBT_LOG_LEVEL="error") == ""


def test_an_error_is_said_once(small):
    small.write("models/bad.sql", "select {{ ref('nowhere') }}")
    done = subprocess.run([LEAT, "dbt", "parse"], cwd=small.root, env=small.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and (done.stdout + done.stderr).count("nowhere") == 1


def test_failing_rows_are_told_where_they_are(small):
    out = small("build", "-s", "twice", "--store-failures")
    assert re.search(r'See test failures:\n  -+\n  select \* from "small"\."main_dbt_test__audit"\."unique_twice_a"\n', out)
    assert "See test failures" not in small("build", "-s", "twice")
    assert "See test failures" in small("build", "-s", "twice", DBT_STORE_FAILURES="1")


def test_kinds_and_indirect_selection(small):
    def kinds(*args, **extra):
        return sorted(set(line.split(".")[0] for line in small("ls", "-q", *args, **extra).split()))

    assert len(small("ls", "-q", "--resource-type", "seed").split()) == 1
    assert len(small("ls", "-q", DBT_RESOURCE_TYPES="seed test").split()) == 2
    assert "small.orders" not in small("ls", "-q", "--exclude-resource-type", "seed").split()
    assert len(small("ls", "-q", "-s", "twice").split()) == 2
    assert len(small("ls", "-q", "-s", "twice", "--indirect-selection", "empty").split()) == 1
    assert len(small("ls", "-q", "-s", "twice", DBT_INDIRECT_SELECTION="empty").split()) == 1
    flags_of(small, "indirect_selection: empty")
    assert len(small("ls", "-q", "-s", "twice").split()) == 1
    assert kinds() == ["small"]


def test_clean_leaves_what_lies_outside_unless_told(small, tmp_path):
    (tmp_path / "outside").mkdir()
    small.write("dbt_project.yml", FILES["dbt_project.yml"] + "clean-targets: [../outside]\n")
    assert "lies outside" in small("clean", code=2)
    small("clean", "--no-clean-project-files-only")
    assert not (tmp_path / "outside").exists()
    small.write("dbt_project.yml", FILES["dbt_project.yml"] + "clean-targets: [..]\n")
    assert "holds the project itself" in small("clean", "--no-clean-project-files-only", code=2)


def test_a_project_is_made_and_builds(tmp_path, env):
    empty = Dbt(tmp_path / "work", env)
    (tmp_path / "work").mkdir()
    assert "was created" in empty("init", "mine", "--skip-profile-setup")
    assert "already exists" in empty("init", "mine", "--skip-profile-setup", code=2)
    assert "is not a valid project name" in empty("init", "1-x", "--skip-profile-setup", code=2)
    mine = Dbt(tmp_path / "work/mine", env)
    assert "profile" in mine("parse", code=2)
    done = subprocess.run([LEAT, "dbt", "init"], cwd=mine.root, env=env, input="1\n", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "Profile mine written to" in done.stdout
    assert "PASS=4 WARN=0 ERROR=0" in mine("build")
    other = subprocess.run([LEAT, "dbt", "init"], cwd=tmp_path / "work", env=env, input="other\n2\n\n\nme\nsecret\ndb\nmarts\n4\n",
                           capture_output=True, text=True, timeout=60, check=False)
    assert other.returncode == 0, other.stdout
    profiles = (tmp_path / "person/.dbt/profiles.yml").read_text(encoding="utf-8")
    assert profiles.startswith("mine:\n") and 'user: "me"' in profiles and "port: 5432" in profiles
    assert (tmp_path / "person/.dbt/profiles.yml").stat().st_mode & 0o777 == 0o600
    empty("init", "third", "--profile", "mine")
    assert "profile: mine" in (tmp_path / "work/third/dbt_project.yml").read_text(encoding="utf-8")
    assert "Could not find profile named 'nope'" in empty("init", "fourth", "--profile", "nope", code=2)
    assert not (tmp_path / "work/fourth").exists()


def test_the_version_names_leat(small):
    out = small("--version")
    assert "installed: 1.11.16" in out and "This is leat" in out


def test_files_of_dbtignore_are_left_out(small):
    small.write("models/drafts/broken.sql", "select {{ nothing( }}")
    small.write("macros/broken.sql", "{% macro broken( %}")
    small("parse", code=2)
    small.write(".dbtignore", "# not yet\ndrafts/\nmacros/broken.sql\n")
    small("parse")
    assert "counted" in small("ls", "-q", "--output", "name").split()
    small.write(".dbtignore", "*.sql\n!macros/m.sql\n")
    assert "counted" not in small("ls", "-q", "--output", "name").split()


def test_help_lists_commands_and_what_each_takes(small):
    everything = small("--help")
    verbs = re.findall(r"^  ((?:source |docs )?[a-z-]+)  +\S", everything.split("Commands\n")[1].split("\n\n")[0], re.M)
    assert {"build", "list", "source freshness", "docs generate", "watch"} <= set(verbs) and len(verbs) == len(set(verbs))
    for verb in verbs:
        said = small(*verb.split(), "--help")
        assert said.startswith(f"leat dbt {verb}: ") and "--project-dir DIR" in said and "--no-NAME" in said
        assert ("--select NODE..." in said) == (verb in {
            "build", "run", "test", "seed", "snapshot", "plan", "watch", "compile", "show", "list", "clone", "source freshness", "docs generate"}), verb
        for example in re.findall(r"^  leat dbt (\S+)", said.split("Examples\n")[-1], re.M) if "Examples\n" in said else []:
            assert example in (verb, "ls" if verb == "list" else verb)
    assert "--args YAML" in small("run-operation", "--help") and "--args" not in small("build", "--help")
    assert small("docs", "--help") == everything
