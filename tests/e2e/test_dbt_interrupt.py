"""leat dbt and Ctrl-C: statements that run are cancelled, what is done is told, and a second one ends at once. And sessions on PostgreSQL."""

import json
import os
import signal
import subprocess
import time

import pytest

from harness import LEAT, clean_env, write_files

PROFILES = {
    "duckdb": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 2}}}\n",
    "postgres": "shop: {target: dev, outputs: {dev: {type: postgres, host: '%s', user: postgres, pass: x, port: 5432, dbname: '%s', schema: work, threads: 2}}}\n",
}
SLOW = {"duckdb": "select count(*) as n from range(100000000) a, range(1000000) b where a.range * b.range % 7 = 3",
        "postgres": "select 1 as n from (select pg_sleep(3600)) s"}


class Shop:
    def __init__(self, kind, folder, url=None):
        self.kind, self.folder, self.url = kind, folder, url

    def write(self, files):
        write_files(self.folder, files)

    def start(self, *words):
        return subprocess.Popen([LEAT, "dbt", *words, "--profiles-dir", "."], cwd=self.folder, env=clean_env(self.folder), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def results(self):
        made = json.loads((self.folder / "target/run_results.json").read_text())
        return {entry["unique_id"].split(".")[-1]: entry["status"] for entry in made["results"]}


@pytest.fixture(params=["duckdb", "postgres"])
def shop(request, tmp_path):
    profile, url = PROFILES[request.param], None
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").database()
        profile = profile % (url.split("host=")[1], url.split("@/")[1].split("?")[0])
    made = Shop(request.param, tmp_path, url)
    made.write({"dbt_project.yml": "name: shop\nprofile: shop\n", "profiles.yml": profile, "models/quick.sql": "select 1 as n",
                "models/slow.sql": "{{ config(materialized='table') }}\n-- {{ ref('quick') }}\n" + SLOW[request.param],
                "models/below.sql": "select * from {{ ref('slow') }}"})
    return made


def read_until(process, word):
    seen = []
    for line in process.stdout:
        seen.append(line)
        if word in line:
            return "".join(seen)
    raise AssertionError("".join(seen))


def is_running(shop, postgres):
    return postgres.psql("select count(*) from pg_stat_activity where datname = current_database() and state = 'active' and query like '%pg_sleep(3600)%' "
                         "and pid <> pg_backend_pid()", shop.url)[0][0] != "0"


@pytest.mark.parametrize("verb", ["run", "build"])
def test_an_interrupt_cancels_what_runs_and_tells_what_was_done(shop, verb, request):
    process = shop.start(verb)
    read_until(process, "START sql table model")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out = process.communicate(timeout=120)[0]
    assert process.returncode == 2, out
    assert time.monotonic() - began < 100
    assert "Exited because of keyboard interrupt" in out and "PASS=1 WARN=0 ERROR=1 SKIP=1" in out and "interrupted" in out
    assert shop.results() == {"quick": "success", "slow": "error", "below": "skipped"}
    if shop.kind == "postgres":
        assert not is_running(shop, request.getfixturevalue("postgres"))


def test_an_interrupt_cancels_a_hook_of_the_project(shop):
    shop.write({"dbt_project.yml": f"name: shop\nprofile: shop\non-run-start: [\"{SLOW[shop.kind]}\"]\n"})
    process = shop.start("run")
    read_until(process, "START hook")
    process.send_signal(signal.SIGINT)
    out = process.communicate(timeout=120)[0]
    assert process.returncode == 2 and "shop-on-run-start-0: cancelled" in out, out


def test_an_interrupt_ends_a_template_that_does_not_come_to_an_end(tmp_path):
    shop = Shop("duckdb", tmp_path)
    shop.write({"dbt_project.yml": "name: shop\nprofile: shop\n", "profiles.yml": PROFILES["duckdb"],
                "models/long.sql": "{% if execute %}{{ log('it begins', true) }}{% for a in range(100000) %}{% for b in range(100000) %}"
                "{% set c = b ~ 'x' %}{% endfor %}{% endfor %}{% endif %}select 1 as n"})
    process = shop.start("run")
    read_until(process, "it begins")
    process.send_signal(signal.SIGINT)
    said, code = process.communicate(timeout=100)[0], process.returncode
    assert code == 2 and "interrupted before all was done" in said and "steps" not in said


def test_the_end_has_no_hooks_when_it_is_interrupted(shop):
    shop.write({"dbt_project.yml": "name: shop\nprofile: shop\non-run-end: ['create table ended as select 1 as x']\n"})
    process = shop.start("run")
    read_until(process, "START sql table model")
    process.send_signal(signal.SIGINT)
    assert "on-run-end" not in process.communicate(timeout=120)[0]


@pytest.mark.parametrize("shop", ["postgres"], indirect=True)
def test_a_second_interrupt_ends_at_once(shop, postgres):
    process = shop.start("run")
    read_until(process, "START sql table model")
    backends = []
    while not backends:  # the statement is on its way
        backends = [int(row[0]) for row in postgres.psql("select pid from pg_stat_activity where state = 'active' and query like '%pg_sleep(3600)%' "
                                                         "and pid <> pg_backend_pid()", shop.url)]
    os.kill(backends[0], signal.SIGSTOP)  # a server that does not answer: nothing can be cancelled
    try:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(100) == -signal.SIGINT
    finally:
        os.kill(backends[0], signal.SIGCONT)
        process.kill()
        process.stdout.close()


def test_a_session_on_postgresql_reads_dates_as_the_server_does(postgres, tmp_path):
    url = postgres.database()
    name = url.split("@/")[1].split("?")[0]
    postgres.psql(f"alter database {name} set datestyle = 'SQL, DMY'")
    write_files(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\n", "profiles.yml": PROFILES["postgres"] % (url.split("host=")[1], name),
                           "models/a.sql": "select '02/12/2023'::date as day"})
    done = subprocess.run([LEAT, "dbt", "show", "-s", "a", "--profiles-dir", ".", "--output", "json", "--quiet"], cwd=tmp_path, env=clean_env(tmp_path), text=True,
                          capture_output=True, timeout=120)
    assert json.loads(done.stdout)["show"] == [{"day": "2023-12-02"}], done.stdout + done.stderr
