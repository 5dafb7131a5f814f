"""Stopped, killed, cut off: nothing is lost or doubled, nothing is said to run that does not, and a new run mends it."""

import random
import signal
import time

import pytest

from harness import check_shop, end_group, finish, wait_until

SEED = 20261122


def statuses(leat):
    return [run["status"] for run in leat.runs()]


@pytest.mark.parametrize("sig,code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_is_recorded_as_cancelled_and_can_be_retried(sig, code, shop):
    leat, server = shop("--latency", 150)
    process = leat.start("run")
    wait_until(lambda: server.requests() >= 3)
    stopped_at = time.monotonic()
    end_group(process, sig)
    result = finish(process, 30)
    assert time.monotonic() - stopped_at < 10, "a stopped run ends soon"
    assert result.code == code, result
    assert statuses(leat) == ["cancelled"]
    leat("retry", "last")
    check_shop(leat)


def test_a_long_statement_is_cancelled(shop):
    leat, _ = shop(files={"models/slow.sql": "{{ config(materialized='table') }}\nselect count(*) as n from range(100000000000) a\n"})
    process = leat.start("run", "slow")
    time.sleep(1.5)
    end_group(process, signal.SIGINT)
    result = finish(process, 30)
    assert result.code == 130, result
    assert statuses(leat) == ["cancelled"]


def killing(leat, server, times, target=None, least=0.0):
    """Make more records visible, kill a run at a random moment, look, run to the end, compare; again and again."""
    dice = random.Random(SEED)
    words = ["run"] + (["--target", target] if target else [])
    server.visible("items", 100)
    took = [leat(*words).seconds]
    count, killed, rounds = 100, 0, 0
    while rounds < times or (killed < times // 2 and rounds < 5 * times):
        count, rounds = count + 40, rounds + 1
        server.visible("items", count)
        process = leat.start(*words)
        time.sleep(least + dice.random() * min(took[-3:]))  # the first one had more to do, and others may be slowed down
        end_group(process)
        killed += finish(process).code == -signal.SIGKILL
        assert "running" not in statuses(leat), "a killed run is not said to run"
        took.append(leat(*words).seconds)
        check_shop(leat, count, target)
    assert killed >= times // 2, f"only {killed} of {rounds} runs were killed: the test proves little"
    leat("store", "check")


def test_a_run_killed_at_any_moment_is_made_good_by_the_next(shop):
    leat, server = shop()
    killing(leat, server, 20)


def test_a_run_to_postgresql_killed_at_any_moment_is_made_good_by_the_next(shop, postgres):
    leat, server = shop()
    leat.env["PG_URL"] = postgres.database()
    killing(leat, server, 8, "pg")


def test_a_first_run_killed_at_any_moment_leaves_a_home_that_works(shop, tmp_path):
    leat, _ = shop(rows=300)
    dice = random.Random(SEED)
    took = leat("run").seconds
    for turn in range(8):
        leat.home = tmp_path / f"home{turn}"
        process = leat.start("run")
        time.sleep(dice.random() * took)
        end_group(process)
        finish(process)
        leat("run")
        check_shop(leat, 300)


def test_a_killed_run_can_be_retried(shop):
    leat, server = shop("--latency", 100)
    process = leat.start("run")
    wait_until(lambda: server.requests() >= 5)
    end_group(process)
    finish(process)
    leat("retry", "last")
    check_shop(leat)


def test_postgresql_going_away_in_the_middle_of_a_load_leaves_nothing_half_done(shop, tmp_path):
    import shutil
    import tempfile

    from harness import Postgres
    folder = tempfile.mkdtemp(prefix="leat-pg-")
    try:
        server = Postgres(folder)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    try:
        leat, _ = shop(rows=200000, files=None)
        leat.edit("sources/api.yml", "size: 50,", "size: 1000,")
        leat.env["PG_URL"] = server.database()
        leat("extract")
        process = leat.start("run", "--target", "pg", "--pipeline", "all")
        wait_until(lambda: server.psql("select 1 from pg_stat_progress_copy where tuples_processed > 0", check=False), 60, 0.01)
        server.crash()
        result = finish(process, 60)
        assert result.code == 3, result
        leat.edge(result, "load")
        server.again()
        assert server.psql("select count(*) from pg_tables where schemaname = 'raw'", leat.env["PG_URL"]) == [["0"]]
        leat("run", "--target", "pg")
        check_shop(leat, 200000, "pg")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_postgresql_that_is_not_there_is_named(shop, tmp_path):
    leat, _ = shop()
    leat.env["PG_URL"] = f"postgresql://postgres@/x?host={tmp_path}"
    result = leat("run", "--target", "pg", code=3)
    leat.edge(result, "pg")


def test_a_killed_reproduction_leaves_no_scratch_schemas_behind(shop):
    leat, _ = shop()
    leat("run")
    took = leat("reproduce", "1").seconds
    dice = random.Random(SEED)
    for _ in range(5):
        process = leat.start("reproduce", "1")
        time.sleep(took * (0.3 + 0.6 * dice.random()))
        end_group(process)
        finish(process)
    leat("reproduce", "1")
    assert leat.rows("select schema_name as s from information_schema.schemata where schema_name like 'leat_reproduce%'") == []
    check_shop(leat)


def test_postgresql_restarting_at_random_moments_costs_a_run_and_no_row(shop, tmp_path):
    import shutil
    import tempfile

    from harness import Postgres
    folder = tempfile.mkdtemp(prefix="leat-pg-")
    try:
        server = Postgres(folder)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    try:
        leat, _ = shop(rows=20000)
        leat.edit("sources/api.yml", "size: 50,", "size: 1000,")
        leat.env["PG_URL"] = server.database()
        dice, hurt = random.Random(SEED), 0
        took = leat("run", "--target", "pg").seconds
        for _ in range(12):
            process = leat.start("run", "--target", "pg", "--full-refresh", "--pipeline", "all")
            time.sleep(dice.random() * took)
            server.crash()
            server.again()
            result = finish(process, 60)
            assert result.code in (0, 3), result
            hurt += result.code == 3
            leat("run", "--target", "pg")
            check_shop(leat, 20000, "pg")
        assert hurt >= 3, f"only {hurt} of 12 runs were hurt: the test proves little"
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_objects_removed_and_restored_during_a_run_do_no_harm(shop):
    leat, _ = shop("--latency", 50)
    leat("run")
    landed = [f"raw/{row['key']}" for row in leat("store", "ls", "-r", "--json", "raw/").json()]
    assert landed
    process = leat.start("run", "--full-refresh")
    turns = 0
    while process.poll() is None and turns < 100:
        for key in landed:
            leat("store", "rm", key, code=(0, 2))  # a full refresh takes it out itself
            leat("store", "restore", key)
        turns += 1
    result = finish(process, 60)
    assert result.code == 0 and turns >= 2, (turns, result)
    check_shop(leat)
    leat("store", "check")
    leat("run")
    check_shop(leat)
    leat.edge(leat("reproduce", "1"), "identical")
