"""The other commands: init, sql, store, doctor, version, completion, man pages."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import AIRPORTS, API_SERVER, FLIGHTS, LEAT, SHOP, TOP, check_shop


def test_init_makes_a_project_that_runs_without_a_network(project, tmp_path):
    leat = project({}, name="fresh")
    leat("init")
    for name in ("leat.yml", ".gitignore", "README.md", ".github", ".circleci", "models"):
        assert (leat.project / name).exists(), name
    assert ".leat" in (leat.project / ".gitignore").read_text()
    unshare = ["unshare", "-n"] if os.getuid() == 0 and subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0 else []
    done = subprocess.run([*unshare, LEAT, "run"], cwd=leat.project, env=leat.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    leat("run")
    assert [run["status"] for run in leat.runs()] == ["succeeded", "succeeded"]


def test_init_writes_over_nothing(project):
    leat = project({"leat.yml": "name: mine\n"}, name="mine")
    leat.edge(leat("init", code=2), "leat.yml", "--force")
    assert (leat.project / "leat.yml").read_text() == "name: mine\n"
    assert [path.name for path in leat.project.iterdir() if path.name != ".leat"] == ["leat.yml"]


def test_init_into_a_named_folder(project):
    leat = project({}, name="above")
    leat("init", "my-shop")
    assert "name: my_shop" in (leat.project / "my-shop" / "leat.yml").read_text()


# ---- sql ----


def test_sql_gives_tables_and_json(shop):
    leat, _ = shop(rows=20)
    leat("run")
    leat.edge(leat("sql", "select city, items from totals order by city"), "city", "Ambridge", "4")
    assert leat("sql", "--json", "select 1 as a, 'x' as b, null as c, true as d, 1.5 as e").json() == [
        {"a": 1, "b": "x", "c": None, "d": True, "e": 1.5}]
    assert leat("sql", "--json", "select 1 as a where false").json() == []
    leat.edge(leat("sql", "select\n  nothere from totals", code=(1, 2)), "nothere")


def test_sql_reads_statements_from_standard_input(shop):
    leat, _ = shop(rows=20)
    result = leat("sql", stdin="create table t as select 1 as a;\nselect a + 1 as b from t;\n", code=None)
    assert result.code == 0 and "2" in result.out, result


def test_sql_reads_statements_from_a_file(shop):
    leat, _ = shop(rows=20)
    (leat.project / "two.sql").write_text("select 1 as a;\nselect 2 as b;\n", encoding="utf-8")
    assert leat("sql", "--csv", "-f", "two.sql").out.split() == ["a", "1", "b", "2"]
    leat.edge(leat("sql", "--file", "no.sql", code=(1, 2)), "no.sql")


def test_sql_streams_a_large_result_in_little_memory(project):
    leat = project(SHOP, API_URL="http://127.0.0.1:9", API_TOKEN="t")
    process = subprocess.Popen(leat.argv("sql", "--json", "select i, 'some text ' || i as t from range(2000000) r(i)"),
                               cwd=leat.project, env=leat.environment(), stdout=subprocess.PIPE)
    count = size = 0
    for line in process.stdout:
        count += line.count(b'"t"')
        size += len(line)
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0 and count == 2000000
    assert usage.ru_maxrss < 400 * 1024, f"{usage.ru_maxrss} KiB for {size} bytes of output"


def test_a_reader_that_has_enough_is_no_error(project):
    leat = project(SHOP, API_URL="http://127.0.0.1:9", API_TOKEN="t")
    done = subprocess.run(f"'{LEAT}' sql --json 'select i from range(1000000) r(i)' | head -c 100 > /dev/null; echo ${{PIPESTATUS[0]}}",
                          shell=True, executable="/bin/bash", cwd=leat.project, env=leat.environment(), capture_output=True, text=True)
    assert done.stdout.strip() in ("0", "141"), done
    assert not done.stderr.strip(), done


# ---- store ----


def test_store_keeps_every_version(project, tmp_path):
    leat = project(SHOP, API_URL="http://127.0.0.1:9", API_TOKEN="t")
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"first" * 10)
    two.write_bytes(os.urandom(200000))
    leat("store", "mb", "files")
    leat("store", "cp", one, "store://files/a/x.bin")
    leat("store", "cp", two, "store://files/a/x.bin")
    versions = leat("store", "versions", "files/a/", "--json").json()
    assert [int(v["size"]) for v in versions] == [200000, 50]
    back = subprocess.run(leat.argv("store", "cat", "files/a/x.bin"), cwd=leat.project, env=leat.environment(), capture_output=True)
    assert back.stdout == two.read_bytes()
    old = leat("store", "cat", "files/a/x.bin", "--version-id", versions[1]["version"])
    assert old.out == "first" * 10
    leat("store", "rm", "files/a/x.bin")
    assert leat("store", "ls", "-r", "files/").out.strip() == ""
    leat.edge(leat("store", "cat", "files/a/x.bin", code=2), "files", "a/x.bin")
    assert len(leat("store", "versions", "files/a/", "--json").json()) == 3, "deleting adds a marker"
    leat("store", "restore", "files/a/x.bin", code=None)
    leat("store", "check")


def test_store_tells_a_damaged_object(shop):
    leat, _ = shop(rows=5000)
    leat("extract")
    leat("store", "check")
    blobs = [path for path in (leat.home / "store").rglob("*") if path.is_file() and "index.db" not in path.name and path.stat().st_size > 0]
    assert blobs, "an extract of 5,000 records is no inline object"
    raw = bytearray(blobs[0].read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    blobs[0].chmod(0o600)
    blobs[0].write_bytes(raw)
    result = leat("store", "check", code=(1, 3))
    assert "damaged" in result.text or "checksum" in result.text, result


def test_store_names_what_is_not_there(project):
    leat = project(SHOP, API_URL="http://127.0.0.1:9", API_TOKEN="t")
    leat.edge(leat("store", "ls", "nobucket/", code=2), "nobucket")
    leat.edge(leat("store", "cat", "nobucket/key", code=2), "nobucket")
    leat.edge(leat("store", "lss", code=2), "ls")


# ---- the rest ----


def test_version_says_its_own_and_its_parts(project):
    leat = project({}, name="none")
    leat.edge(leat("version"), "leat")
    assert "version" in json.loads(leat("version", "--json").out)
    assert leat("--version").out == leat("version").out


def test_help_names_every_command(project):
    leat = project({}, name="none")
    text = leat("--help").out
    for command in ("init", "run", "runs", "logs", "retry", "reproduce", "extract", "load", "sql", "store", "secret", "doctor",
                    "version", "completion"):
        assert command in text, command
        assert leat(command, "--help").out.strip()


def test_doctor_looks_at_the_machine_and_the_project(shop):
    leat, _ = shop(rows=20)
    result = leat("doctor", code=None)
    assert result.code == 0, result
    leat.write("leat.yml", "name: shop\ntagets: {}\n")
    result = leat("doctor", code=2)
    leat.edge(result, "tagets")


@pytest.mark.parametrize("shell,check", [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])])
def test_completion_scripts_are_valid(shell, check, project, tmp_path):
    leat = project({}, name="none")
    script = tmp_path / f"leat.{shell}"
    script.write_text(leat("completion", shell).out)
    assert "retry" in script.read_text()
    if not shutil.which(check[0]):
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([*check, script], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done


def test_bash_completes_commands_and_options(project, tmp_path):
    leat = project({}, name="none")
    script = tmp_path / "leat.bash"
    script.write_text(leat("completion", "bash").out)
    ask = f"""source {script}
complete_it() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${{#COMP_LINE}}; COMPREPLY=()
  f=$(complete -p leat | sed -E 's/.*-F ([^ ]+).*/\\1/'); $f leat "${{COMP_WORDS[$COMP_CWORD]}}" ""; printf '%s\\n' "${{COMPREPLY[@]}}"; }}
complete_it leat repr
complete_it leat run --full
complete_it leat dbt ret
complete_it leat dbt docs gen
complete_it leat dbt retry --full
"""
    done = subprocess.run(["bash", "--norc", "-c", ask], capture_output=True, text=True)
    assert [word.strip() for word in done.stdout.split()] == ["reproduce", "--full-refresh", "retry", "generate", "--full-refresh"], done


def test_man_pages_are_well_formed(project, tmp_path):
    leat = project({}, name="none")
    leat("__man", tmp_path / "man")
    pages = sorted((tmp_path / "man").glob("*.1"))
    assert {"leat.1", "leat-run.1", "leat-store-ls.1", "leat-dbt-run.1", "leat-dbt-docs-generate.1"} <= {page.name for page in pages}
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    for page in pages:
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, (page.name, done.stderr)


def test_the_project_is_found_from_a_folder_below(shop):
    leat, _ = shop(rows=20)
    leat("run", cwd=leat.project / "models")
    check_shop(leat, 20)


# ---- the example's demo, and what `make install` copies ----


def test_the_demo_prints_the_marts(flights, tmp_path):
    leat, _ = flights(4000)
    data = tmp_path / "data"
    data.mkdir()
    leat("sql", f"copy (select * from read_parquet('{FLIGHTS}') limit 5000) to '{data / FLIGHTS.name}'")
    shutil.copy(AIRPORTS, data)
    env = {**leat.env, "FLIGHTS_DATA": str(data), "DEMO_HOME": str(tmp_path / "demo"), "LEAT": LEAT, "API_SERVER": API_SERVER}
    for name in ("FLIGHTS_API_URL", "FLIGHTS_API_TOKEN"):
        env.pop(name)
    for _ in range(2):
        done = subprocess.run([TOP / "examples" / "flights" / "demo"], env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        for part in ("daily_flights", "busiest_routes", "delays_by_airport", "2001-01-0"):
            assert part in done.stdout, done.stdout


def test_what_is_installed_works_elsewhere(tmp_path, project):
    env = {**os.environ, "DESTDIR": str(tmp_path / "root"), "PREFIX": "/usr"}
    if pathlib.Path(LEAT).resolve() != TOP / "build" / "leat":
        pytest.skip("another program than build/leat is tested")
    subprocess.run([TOP / "tools" / "install"], env=env, check=True, capture_output=True)
    program = tmp_path / "root" / "usr" / "bin" / "leat"
    leat = project({}, name="fresh")
    leat("init")
    done = subprocess.run([program, "run"], cwd=leat.project, env=leat.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "root" / "usr" / "share" / "man" / "man1").glob("leat*.1"))
    maps = subprocess.run([program, "sql", "select 1 as a"], cwd=leat.project, env={**leat.environment(), "LD_DEBUG": "files"},
                          capture_output=True, text=True).stderr
    loaded = re.findall(r"file=(\S+libduckdb\S*)", maps)
    assert loaded and all(os.path.realpath(path) == str(tmp_path / "root/usr/lib/leat/libduckdb.so") for path in loaded), loaded


def test_results_of_several_statements_stand_apart(project):
    leat = project({"leat.yml": "name: shop\n"})
    result = leat("sql", "create table t as select 1 as a; select a from t; drop table t; select 2 as b")
    assert result.out == "a\n-\n1\n\nb\n-\n2\n"
    assert leat("sql", "--format", "csv", "select 1 as a; select 2 as b").out == "a\n1\nb\n2\n"


def test_quiet_init_prints_nothing(project, tmp_path):
    leat = project({})
    result = leat("init", "-q", tmp_path / "quiet")
    assert result.text == "" and (tmp_path / "quiet" / "leat.yml").exists()


def test_threads_have_the_same_range_everywhere(project):
    leat = project({"leat.yml": "name: shop\nthreads: 256\n", "models/a.sql": "select 1 as a\n"})
    leat("run", "--threads", "256")
    leat.edge(leat("run", "--threads", "257", code=2), "256")
