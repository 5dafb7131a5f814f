"""What somebody who is new here meets: the words that say what happened and what to do next."""

from harness import SHOP


def test_a_cursor_that_no_record_has_is_told(shop):
    source = SHOP["sources/api.yml"]
    leat, _ = shop(rows=20, files={"sources/api.yml": source.replace("field: updated_at", "field: updatedAt")})
    said = leat("run", code=2)
    leat.edge(said, "no record has the field 'updatedAt' of the cursor", "did you mean 'updated_at'?", "sources/api.yml:")


def test_the_first_secret_says_where_its_key_is(project, tmp_path):
    leat = project({"leat.yml": "name: shop\n"})
    first = leat("secret", "set", "TOKEN", stdin="abc")
    leat.edge(first, str(tmp_path / "person" / ".config/leat/key"), "keep a copy")
    assert "keep a copy" not in leat("secret", "set", "OTHER", stdin="abc").text


WARNS = {
    "leat.yml": "name: shop\n",
    "models/numbers.sql": "select 1 as id union all select 1",
    "models/m.yml": "models:\n  - name: numbers\n    columns:\n      - name: id\n        tests: [{unique: {severity: warn}}]\n",
}


def test_a_warning_says_where_its_rows_are(project):
    leat = project(WARNS)
    said = leat("run")
    leat.edge(said, "warning: models/m.yml:5:17: test unique_numbers_id found 1 row\n",
              "hint: look at them: leat sql 'select * from \"main_dbt_test__audit\".\"unique_numbers_id\" limit 10'")
    assert leat.rows('select n_records from main_dbt_test__audit.unique_numbers_id') == [[2]]


def test_logs_of_a_task_need_no_run(project):
    leat = project(WARNS)
    leat("run")
    assert "SQL:" in leat("logs", "numbers").out and "==>" not in leat("logs", "numbers").out
    leat.edge(leat("logs", "nmbers", code=2), "run 1 has no task 'nmbers'")
    leat.edge(leat("logs", "-3", code=2), "'-3'")


def test_tables_of_runs_have_no_null(project):
    leat = project(WARNS)
    leat("run")
    assert "NULL" not in leat("runs", "last").out + leat("reproduce", "1").out


def test_what_a_retry_reuses_keeps_its_counts(project):
    broken = {"models/more.sql": "{{ config(materialized='table') }} select id, nothing from {{ ref('numbers') }}",
              "models/m.yml": "models: []\n"}
    leat = project({**WARNS, **broken, "models/numbers.sql": "{{ config(materialized='table') }} select 7 as id"})
    leat("run", code=1)
    leat.write("models/more.sql", "select id from {{ ref('numbers') }}")
    said = leat("retry", "last")
    reused = [line.split() for line in said.out.splitlines() if "reused" in line]
    assert reused and reused[0][:4] == ["model.shop.numbers", "reused", "-", "1"], said


def test_commands_of_dbt_name_what_does_it_here(project):
    leat = project(WARNS)
    leat.edge(leat("build", code=2), "'leat' has no command 'build'", "'leat run' extracts, loads, builds and tests", "'leat dbt build'")
    leat.edge(leat("rnu", code=2), "did you mean 'leat run'?")


def test_a_file_that_the_shell_completes_is_a_selection(project):
    leat = project(WARNS)
    assert "numbers" in leat("run", "models/numbers.sql", "--dry-run").out
    assert "numbers" in leat("run", "./models/numbers.sql", "--dry-run").out
    leat.edge(leat("run", "models/number.sql", code=2), "the selection 'models/number.sql' matches nothing")


def test_after_a_failed_test_a_run_is_named_and_not_only_the_retry(project):
    leat = project({**WARNS, "models/m.yml": WARNS["models/m.yml"].replace("warn", "error")})
    leat.edge(leat("run", code=1), "then mend the data, its model or the test, and say 'leat run' ('leat retry 1' only tests again)")


def test_a_project_inside_of_another_is_told(project):
    leat = project(WARNS)
    leat.edge(leat("init", "inner"), "warning: the new project lies inside of another one")


def test_tables_of_the_store_have_no_null(project):
    leat = project(WARNS)
    leat("store", "mb", "notes")
    leat("store", "cp", "leat.yml", "notes/x")
    leat("store", "rm", "notes/x")
    leat("store", "key", "create", "--name", "anna", "--allow", "read")
    said = leat("store", "versions", "notes/").out + leat("store", "key", "list").out
    assert "NULL" not in said and " - " in said
    leat.edge(leat("store", "key", "revoke", "anna", code=2), "there is no access key 'anna'", "'leat store key list' shows the ids")
