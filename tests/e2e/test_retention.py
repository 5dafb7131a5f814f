"""What runs leave behind ends: records, logs, snapshots of files, commits that nobody needs any more."""

import sqlite3


def commits(leat):
    """How many commits the store still knows."""
    with sqlite3.connect(leat.home / "store" / "index.db") as db:
        return db.execute("select count(*) from commits").fetchone()[0]


def keeps(leat):
    with sqlite3.connect(leat.home / "store" / "index.db") as db:
        return [row[0] for row in db.execute("select distinct owner from keeps order by 1")]


def trees(leat):
    return len(leat("store", "ls", "--json", "leat/trees/").json())


def make_older(leat):
    """All that is there now was made a day earlier."""
    for file, statement in (("state.db", "update runs set started_at_us = started_at_us - 86400000000"),
                            ("store/index.db", "update commits set committed_at_us = committed_at_us - 86400000000")):
        with sqlite3.connect(leat.home / file) as db:
            db.execute(statement)


FILES = {
    "leat.yml": "name: shop\n",
    "sources/f.yml": "name: f\nkind: files\nresources:\n  - {name: items, path: 'data/*.csv', load: {table: raw.items}}\n",
    "models/n.sql": "{{ config(materialized='table') }}\nselect count(*) as n from {{ source('f', 'items') }}\n",
}


def changed_runs(leat, count):
    for n in range(count):
        leat.write("data/items.csv", "id,n\n" + "".join(f"{i},{n}\n" for i in range(n + 1)))
        leat("run")


def test_prune_removes_runs_and_the_commits_that_only_they_needed(project):
    leat = project(FILES)
    changed_runs(leat, 5)
    assert commits(leat) == 5 and keeps(leat) == [f"run-{n}" for n in range(1, 6)]
    assert trees(leat) == 5, "the data are part of the project here"
    dry = leat("runs", "prune", "--keep", "2", "--dry-run", "--json")
    assert [row["run"] for row in dry.json()] == [1, 2, 3] and len(leat.runs()) == 5
    result = leat("runs", "prune", "--keep", "2", "--commits", "0s")
    leat.edge(result, "3 runs removed", "3 commits forgotten")
    assert [run["run"] for run in leat.runs()] == [5, 4]
    assert commits(leat) == 2 and keeps(leat) == ["run-4", "run-5"]
    assert sorted(path.name for path in (leat.home / "logs").iterdir()) == ["4", "5"]
    assert trees(leat) == 2
    leat.edge(leat("reproduce", "4"), "identical")
    leat.edge(leat("reproduce", "1", code=2), "there is no run 1")
    leat("store", "check")
    leat.edge(leat("runs", "prune", "--keep", "3", "--commits", "0s"), "0 runs removed", "0 commits forgotten")


def test_a_snapshot_of_files_goes_with_its_last_run(project):
    leat = project(FILES)
    changed_runs(leat, 1)
    leat.write("models/m.sql", "select 1 as one\n")
    leat("run")
    leat("run")
    assert trees(leat) == 2
    leat("runs", "prune", "--keep", "1")
    assert trees(leat) == 1
    leat.edge(leat("reproduce", "last"), "identical")


def test_what_is_written_in_leat_yml_happens_at_the_end_of_each_run(project):
    leat = project({**FILES, "leat.yml": "name: shop\nretention: {runs: 12h, commits: 12h, keep: 2}\n"})
    changed_runs(leat, 2)
    make_older(leat)
    leat.write("data/items.csv", "id,n\n1,99\n")
    result = leat("run")
    leat.edge(result, "removed the records of 1 old run (1 to 1)", "forgot 1 old commit")
    assert [run["run"] for run in leat.runs()] == [3, 2] and keeps(leat) == ["run-2", "run-3"]
    make_older(leat)
    leat.edge(leat("reproduce", "2"), "identical")
    assert [run["run"] for run in leat.runs()] == [4, 3, 2], "a reproduction removes nothing"


def test_nothing_goes_unless_something_says_what_is_old(project):
    leat = project(FILES)
    changed_runs(leat, 2)
    leat.edge(leat("runs", "prune", code=2), "nothing says which runs are old", "retention")
    leat.edge(leat("runs", "prune", "--older-than", "soon", code=2), "--older-than: 'soon' is no length of time")
    leat.edge(leat("runs", "prune", "--older-than", "30d"), "0 runs removed")
    assert len(leat.runs()) == 2


def test_a_load_goes_on_from_a_commit_that_was_forgotten(shop, tmp_path):
    leat, server = shop()
    server.visible("items", 400)
    leat("run")
    for rows in (600, 800):
        server.visible("items", rows)
        leat("extract")
    leat("runs", "prune", "--keep", "1", "--commits", "0s")
    assert commits(leat) == 1
    server.visible("items", 1000)
    leat("run")
    counts = leat.rows("select count(*) as n, count(distinct id) as d from raw.items")
    assert counts == [[1000, 1000]]


def test_help_and_completion_know_both_forms(project):
    leat = project(FILES)
    leat.edge(leat("runs", "--help"), "leat runs [OPTION...] [RUN]", "leat runs COMMAND", "prune")
    assert "prune" in leat("completion", "bash").out
    assert leat("runs", "--json").json() == []
