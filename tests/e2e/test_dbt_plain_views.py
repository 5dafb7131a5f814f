"""Views of leat dbt on PostgreSQL that are built without templates: nothing tells them from those that the macros build, and a macro of
anybody's is called."""

import json
import pathlib
import re
import signal
import subprocess
import time

import pytest
from harness import LEAT, Dbt, clean_env

COUNT = 40
VIEW = "select {n} as id, 'it''s \"{n}\" -- no comment' as label"
# What leat's own macro says: only somebody else says it.
OTHERS = "{% macro default__drop_relation(relation) %}{% call statement('drop_relation', auto_begin=false) %}\n        {{ get_drop_sql(relation) }}\n" \
         "    {% endcall %}{% endmacro %}\n"


class Views(Dbt):
    def __init__(self, root, postgres):
        super().__init__(root, clean_env(root), {f"models/v_{n}.sql": VIEW.format(n=n) for n in range(COUNT)})
        self.server, self.url = postgres, postgres.database()
        self.database = self.url.split("@/")[1].split("?")[0]
        self.write("dbt_project.yml", "name: views\nprofile: views\nversion: '1.0'\n")
        self.write("profiles.yml", f"views: {{target: dev, outputs: {{dev: {{type: postgres, host: {postgres.folder}, port: 5432, user: postgres, "
                                   f"password: none, dbname: {self.database}, schema: built, threads: 3}}}}}}\n")

    def sql(self, text):
        return self.server.psql(text, self.url)

    def relations(self):
        return dict(self.sql("select relname, relkind from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = 'built' order by 1"))

    def changed(self):
        """How many relations have the column that only macros of this file make."""
        return int(self.sql("select count(*) from information_schema.columns where table_schema = 'built' and column_name = 'changed'")[0][0])


@pytest.fixture
def views(tmp_path, postgres):
    return Views(tmp_path, postgres)


def done(views, folder):
    """What a run has left: files, results, lines of the log, statements as the log has them."""
    views("run", "--threads", "1", "--log-path", folder, "--target-path", folder)
    results = [{key: result[key] for key in ("unique_id", "status", "message", "adapter_response", "failures", "relation_name", "compiled_code")}
               for result in json.loads((views.root / folder / "run_results.json").read_text())["results"]]
    files = {str(file.relative_to(views.root / folder)): file.read_text() for file in (views.root / folder).glob("run/**/*.sql")}
    log = re.sub(r"(?m)^[0-9:.]+ |\b[0-9.]+(s\b| seconds)|^=====.*|, \d+ macros", "", (views.root / folder / "dbt.log").read_text())
    return files, results, log


def test_a_view_is_built_as_the_macros_build_it(views):
    views.sql("alter database %s set log_statement = 'all'" % views.database)
    server_log = pathlib.Path(views.server.folder, "server.log")
    begun = server_log.stat().st_size
    ours = done(views, "ours"), done(views, "ours_again")
    said = server_log.read_bytes()[begun:].decode()
    assert said.count("COMMIT") >= 2 * COUNT and said.count("LOG:  statement: COMMIT") < COUNT  # they end with what is committed
    views.sql("drop schema built cascade")
    views.write("macros/m.sql", OTHERS)
    theirs = done(views, "theirs"), done(views, "theirs_again")
    assert len(ours[0][0]) == COUNT
    for mine, other in zip(ours, theirs):
        for a, b in zip(mine, other):
            assert a == b
    assert views.relations() == {f"v_{n}": "v" for n in range(COUNT)}


@pytest.mark.parametrize("macro", [
    "{% macro postgres__create_view_as(relation, sql) %}create view {{ relation }} as (select 1 as changed){% endmacro %}",
    "{% macro get_create_view_as_sql(relation, sql) %}create view {{ relation }} as (select 1 as changed){% endmacro %}",
    "{% macro statement(name=none, fetch_result=false, auto_begin=true, language='sql') %}{% set code = caller() %}{% if name == 'main' %}"
    "{% set code = code | replace('as id,', 'as changed,') %}{% endif %}{% set response, rows = adapter.execute(code, auto_begin, fetch_result) %}"
    "{% do store_result(name, response, rows) %}{% endmacro %}",
    "{% materialization view, adapter='postgres' %}{% call statement('main') %}create view {{ this }} as select 1 as changed{% endcall %}"
    "{{ adapter.commit() }}{{ return({'relations': [this.incorporate(type='view')]}) }}{% endmaterialization %}",
    "{% macro write(text) %}{% do run_query('create table ' ~ target.schema ~ '.by_' ~ this.identifier ~ ' (changed int)') %}{% endmacro %}",
])
def test_a_macro_of_the_project_is_called(views, macro):
    views.write("macros/m.sql", macro)
    views("run", "--threads", "1")
    assert views.changed() == COUNT


def test_a_macro_of_an_installed_package_is_called(views):
    views.write("packages.yml", "packages: [{local: other}]\n")
    views.write("other/dbt_project.yml", "name: other\nversion: '1.0'\n")
    views.write("other/macros/m.sql", "{% macro default__create_view_as(relation, sql) %}create view {{ relation }} as (select 1 as changed){% endmacro %}")
    views.write("dbt_project.yml", "name: views\nprofile: views\nversion: '1.0'\ndispatch: [{macro_namespace: dbt, search_order: [other, dbt]}]\n")
    views("deps")
    views("run")
    assert views.changed() == COUNT


def test_what_a_node_asks_for_besides_its_view_is_done(views):
    views.write("models/v_1.sql", "{{ config(post_hook='create table if not exists built.hooked (i int)') }} " + VIEW.format(n=1))
    views.write("models/v_2.sql", "{{ config(grants={'select': ['pg_monitor']}) }} " + VIEW.format(n=2))
    views.write("models/v_3.sql", "{{ config(sql_header='set local work_mem = 65;') }} select current_setting('work_mem') as id")
    views.write("models/m.yml", "models:\n  - {name: v_4, description: said of it, config: {persist_docs: {relation: true}}}\n"
                                "  - {name: v_5, config: {contract: {enforced: true}}, columns: [{name: id, data_type: text}]}\n")
    for _ in range(2):
        out = views("run", code=1)
        assert f"PASS={COUNT - 1}" in out and "contract" in out
        assert views.relations()["hooked"] == "r"
        assert views.sql("select has_table_privilege('pg_monitor', 'built.v_2', 'select'), obj_description('built.v_4'::regclass)") == [["t", "said of it"]]
    assert "v_5" not in views.relations()


def test_what_is_in_the_way_goes_and_what_read_it_comes_back(views):
    views.write("models/reader.sql", "select * from {{ ref('v_0') }}")
    views.write("models/reader_of_it.sql", "select * from {{ ref('reader') }}")
    views("run")
    views.sql("drop view built.v_1; create table built.v_1 (i int); create view built.v_2__dbt_tmp as select 1 as i; "
              "create table built.v_3__dbt_backup (i int); create view built.foreign_reader as select * from built.v_4")
    views("run")
    assert views.relations() == {**{f"v_{n}": "v" for n in range(COUNT)}, "reader": "v", "reader_of_it": "v"}
    views("run", "--select", "v_0")  # dbt's meaning: what read the old one goes along
    assert "reader" not in views.relations()
    views("run")
    assert views.relations()["reader_of_it"] == "v"


def test_an_error_is_told_at_the_line_of_the_model(views):
    views.write("models/v_7.sql", "select\n  nothing as id\n")
    out = views("run", code=1)
    assert f"PASS={COUNT - 1} WARN=0 ERROR=1" in out
    assert 'models/v_7.sql:2:3' in out and 'column "nothing" does not exist' in out
    assert "v_7" not in views.relations()
    views.write("models/v_7.sql", "select 1 as id); create table built.more (i int); create view built.v_7_more as (select 1 as id")
    views("run")  # dbt sends it as it is
    assert views.relations()["more"] == "r"


def test_texts_that_end_later_than_they_seem_stay_what_they_are(views):
    texts = {"v_1": "select $$;)$$ as id", "v_2": r"select E'\');' as id", "v_3": "select 1 /* ) /* ; */ */ as id", "v_4": "select 1 as id -- ); 'x",
             "v_5": "select ';)' as \"(;\"", "v_6": "select (1) as id --"}
    for name, text in texts.items():
        views.write(f"models/{name}.sql", text)
    views("run")
    views.write("models/v_8.sql", "select 'it never ends as id")
    views.write("models/v_9.sql", "select 1 as id /* nor does this")
    views.write("models/v_10.sql", "select 1 as id)")
    out = views("run", code=1)
    assert f"PASS={COUNT - 3} WARN=0 ERROR=3" in out and "unterminated quoted string" in out and "unterminated /* comment" in out
    assert views.relations() == {f"v_{n}": "v" for n in range(COUNT)}  # those that failed are the old ones
    assert views.sql("select * from built.v_1 union all select * from built.v_2 union all select \"(;\" from built.v_5") == [[";)"], ["');"], [";)"]]


def test_a_name_without_room_for_a_suffix_is_built(views):
    name = "a" * 60
    views.write(f"models/{name}.sql", VIEW.format(n=1))
    for _ in range(2):
        views("run")
        assert views.relations() == {**{f"v_{n}": "v" for n in range(COUNT)}, name: "v"}


def test_a_build_that_is_killed_leaves_every_view(views):
    views("run")
    for turn in range(8):
        process = subprocess.Popen([LEAT, "dbt", "run", "--quiet"], cwd=views.root, env=views.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.03 + 0.02 * turn)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kinds = views.relations()
        assert all(kinds.get(f"v_{n}") == "v" for n in range(COUNT)), turn
    views("run")
    assert views.relations() == {f"v_{n}": "v" for n in range(COUNT)}
