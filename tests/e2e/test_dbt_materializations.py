"""leat dbt on DuckDB: unit tests, increments, snapshots and own materialisations of a project."""

import subprocess

from harness import LEAT, Dbt, clean_env, write_files

PROJECT = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\n",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 2}}}\n",
    "seeds/raw.csv": "id,amount\n1,10\n2,20\n",
    "models/double.sql": "select id, amount * 2 as doubled\nfrom {{ ref('raw') }}\n"
                         "{% if is_incremental() %}where id > 1{% endif %}\n",
    "models/double.yml": """
unit_tests:
  - name: doubles
    model: double
    overrides: {macros: {is_incremental: false}}
    given:
      - input: ref('raw')
        rows: [{id: 1, amount: 3}, {id: 2, amount: null}]
    expect:
      rows: [{id: 1, doubled: 6}, {id: 2, doubled: null}]
  - name: doubles_csv
    model: double
    overrides: {macros: {is_incremental: true}}
    given:
      - input: this
        format: sql
        rows: select 1 as id, 2 as doubled
      - input: ref('raw')
        format: csv
        rows: |
          id,amount
          1,5
          2,7
    expect:
      format: sql
      rows: select 2 as id, 14 as doubled
""",
}


def dbt(folder, *words, code=0):
    done = subprocess.run([LEAT, "dbt", *words, "--profiles-dir", "."], cwd=folder, env=clean_env(folder), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == code, done.stdout
    return done.stdout


def test_unit_tests_pass_and_show_what_differs(tmp_path):
    write_files(tmp_path, PROJECT)
    assert "PASS=4 WARN=0 ERROR=0" in dbt(tmp_path, "build")
    write_files(tmp_path, {"models/double.sql": PROJECT["models/double.sql"].replace("* 2", "* 3")})
    out = dbt(tmp_path, "test", code=1)
    assert "actual differs from expected" in out
    assert "| --- | 1 | 6 |" in out and "| +++ | 1 | 9 |" in out
    assert "| 2 | None |" not in out  # what is the same is not shown


def test_a_unit_test_gives_variables_and_the_environment(tmp_path):
    write_files(tmp_path, {**PROJECT, "models/double.sql": "select id, '{{ env_var('WHO', 'nobody') }}{{ var('x') }}' as who from {{ ref('raw') }}\n",
                           "models/double.yml": """
unit_tests:
  - name: who
    model: double
    overrides: {env_vars: {WHO: ann}, vars: {x: 1}}
    given: [{input: ref('raw'), rows: [{id: 1}]}]
    expect: {rows: [{id: 1, who: ann1}]}
"""})
    dbt(tmp_path, "seed", "--vars", "{x: 2}")
    assert "PASS=1" in dbt(tmp_path, "test", "--vars", "{x: 2}")


def test_a_unit_test_must_give_all_that_its_model_reads(tmp_path):
    wrong = PROJECT["models/double.yml"].replace("ref('raw')", "this", 1)
    write_files(tmp_path, {**PROJECT, "models/double.yml": wrong})
    dbt(tmp_path, "run", code=1)  # there is no seed yet
    dbt(tmp_path, "seed")
    dbt(tmp_path, "run")
    assert "the model reads 'raw', for which 'given' has no rows" in dbt(tmp_path, "test", code=1)


def test_a_projects_own_materialization_comes_before_ours(tmp_path):
    own = """{% materialization view, default %}
  {% set target_relation = this.incorporate(type='table') %}
  {% call statement('main') %}create or replace table {{ target_relation }} as select 42 as answer{% endcall %}
  {{ adapter.commit() }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
"""
    write_files(tmp_path, {**PROJECT, "models/double.yml": "", "macros/own.sql": own})
    dbt(tmp_path, "build")
    assert "42" in dbt(tmp_path, "show", "--inline", "select answer from {{ ref('double') }}")


def test_an_error_of_sql_is_told_at_the_models_own_line(tmp_path):
    write_files(tmp_path, {**PROJECT, "models/double.yml": "", "models/bad.sql": "select 1 as a,\n  nothing as b\n"})
    out = dbt(tmp_path, "build", code=1)
    assert "models/bad.sql:2:3: " in out and "macros/dbt" not in out


def test_the_text_of_a_unit_test_is_where_dbt_puts_it(tmp_path, env):
    write_files(tmp_path, {
        "dbt_project.yml": "name: ut\nprofile: ut\n",
        "profiles.yml": "ut:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ut.duckdb}\n",
        "models/deep/b.sql": "select 3 as w\n",
        "models/deep/u.yml": "unit_tests: [{name: my_test, model: b, given: [], expect: {rows: [{w: 3}]}}]\n",
    })
    Dbt(tmp_path, {**env, "DBT_PROFILES_DIR": str(tmp_path)})("build")
    for folder in ("compiled", "run"):
        assert "3 as w" in (tmp_path / "target" / folder / "ut/models/deep/u.yml/models/deep/my_test.sql").read_text()
