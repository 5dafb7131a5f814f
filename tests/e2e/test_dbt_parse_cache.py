"""The parse cache of `leat dbt`: after any change, a parse with it gives the manifest that a parse without it gives."""

import json
import os
import random
import shutil
import subprocess

import pytest

from harness import LEAT

ROUNDS = int(os.environ.get("LT_TEST_ROUNDS", "40"))
MODELS = 24
PARTS = 3
TIMES = {"created_at", "generated_at", "invocation_id", "invocation_started_at", "run_started_at"}

PROJECT = """name: zoo
profile: zoo
models:
  zoo:
    +tags: [{tag}]
    deep: {{+materialized: {deep}, +schema: deep}}
seeds: {{zoo: {{+quote_columns: {quote}}}}}
vars: {{colour: {colour}}}
on-run-start: "insert into runs select '{{{{ run_started_at }}}}', '{{{{ var('colour') }}}}'"
on-run-end: ["select 1 from {{{{ ref('m_0') }}}}", "select {{{{ outer('9') }}}}"]
dispatch: [{{macro_namespace: zoo, search_order: [zoo, helper]}}]
"""
PROFILES = """zoo:
  target: dev
  outputs:
    dev: {type: duckdb, path: zoo.duckdb, threads: 1}
    other: {type: duckdb, path: zoo.duckdb, schema: other, threads: 1}
    pg: {type: postgres, host: localhost, port: 5432, user: u, password: "{{ env_var('DBT_ENV_SECRET_PW', 'x') }}", dbname: d, schema: s, threads: 1}
"""


def no_times(value):
    if isinstance(value, dict):
        return {key: no_times(item) for key, item in value.items() if key not in TIMES}
    return [no_times(item) for item in value] if isinstance(value, list) else value


class Zoo:
    """A project that changes at random, but stays one that can be parsed most of the time."""

    def __init__(self, root, env, seed):
        self.root, self.env, self.chance = root, dict(env), random.Random(seed)
        self.options, self.ids, self.serial, self.parsed, self.used, self.stayed = [], set(), 0, 0, 0, 0
        self.shares = seed % 2 == 0  # the package has nodes too
        self.part_of = {number: number % PARTS for number in range(MODELS)}
        self.put("profiles.yml", PROFILES)
        self.project()
        for number in range(MODELS):
            self.model(number)
        for part in range(PARTS):
            self.schema(part)
        self.groups()
        self.utils()
        self.more_docs()
        self.analysis()
        self.sources()
        self.macro()
        self.seed()
        self.snapshot()
        self.docs()
        self.packages()
        self.singular()
        if self.shares:  # without them, edges may stay as they were
            self.unit_tests()

    def put(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def next(self):
        self.serial += 1
        return self.serial

    def pick(self, *words):
        return self.chance.choice(words)

    def path_of(self, number):
        return f"models/{'deep/' if number % 3 == 0 else ''}m_{number}.sql"

    # ---- what can change; each may be called again at any time

    def project(self):
        self.put("dbt_project.yml", PROJECT.format(tag=self.pick("a", "b"), deep=self.pick("table", "view", "incremental"),
                                                   quote=self.pick("true", "false"), colour=self.pick("red", "blue")))

    def model(self, number=None):
        number = self.chance.randrange(MODELS) if number is None else number
        lower = [self.chance.randrange(number) for _ in range(self.chance.randrange(3))] if number else []
        head = self.pick("", "", "{{ config(tags=['own', 't%d']) }}" % self.chance.randrange(4),
                         "{{ config(materialized='table', alias='alias_%d_%d') }}" % (number, self.chance.randrange(3)),
                         "{{ config(meta={'n': %d, 'l': [1, 2.5, none, 'x']}, schema='s%d') }}" % (self.next(), self.chance.randrange(2)),
                         "{{ config(enabled=%s) }}" % self.pick("true", "var('nothing', true)") if number > 18 else "",
                         "{{ config(group='keepers') }}" if number == 7 else "",
                         "{{ config(post_hook=\"grant {{ var('colour') }} on {{ ref('m_0') }}\") }}" if number > 3 else "",
                         "{{ config(pre_hook=[\"select '{{ run_started_at }}'\"]) }}")
        body = self.pick("select %d as id" % self.next(), "select {{ cents('%d') }} as id" % self.next(),
                         "select '{{ env_var('ZOO_ENV', 'none') }}' as id", "select '{{ var('colour') }}' as id",
                         "select '{{ target.schema }}' as id", "select '{{ run_started_at.year }}' as id",
                         "{% if env_var('ZOO_ENV', 'none') == 'b' %}{{ config(tags=['env']) }}{% endif %}select 1 as id",
                         "{% if target.name == 'other' %}{{ config(materialized='ephemeral') }}{% endif %}select 1 as id",
                         "select '{{ modules.datetime.date.today() }}' as id", "select '{{ helper.shout('a') }}' as id",
                         "select {{ outer('7') }} as id", "select {{ outer('8') }} as id", "select '{{ doc('places') }}' as id",
                         "{{ config(severity='warn', tags=[inner('tag')]) }}select 1 as id",
                         "select * from {{ source('raw', 'animals') }}", "select [1, 2]|{{ [1, 2]|join('+') }} as id")
        tail = "".join("\n-- {{ ref('m_%d') }}" % n for n in lower)
        self.put(self.path_of(number), f"{head}\n{body}{tail}\n")

    def schema(self, part=None):
        """Entries of some models, tests among them; which file a model's entry stands in may change."""
        part = self.chance.randrange(PARTS) if part is None else part
        text = "version: 2\nmodels:\n  - {name: m_0_nothing, config: {}}\n" if self.chance.random() < 0.1 else "version: 2\nmodels:\n"
        for number in range(0, MODELS):
            if self.part_of[number] != part or self.chance.random() < 0.3 or not (self.root / self.path_of(number)).exists():
                continue
            text += (f"  - name: m_{number}\n    description: \"{self.pick('A', 'B')} {{{{ doc('{self.pick('animals', 'places')}') }}}}"
                     f" {{{{ env_var('ZOO_TEXT', '-') }}}}\"\n")
            config = self.pick(f"meta: {{size: {self.next()}}}", f"tags: [{self.pick('x', 'y')}]", "materialized: table", "schema: yml",
                               "group: keepers", "enabled: \"{{ var('nothing', true) }}\"" if number > 18 else "", "", "")
            text += f"    config: {{{config}}}\n" if config else ""
            text += "    columns:\n      - name: id\n        description: \"The key {{ doc('keys') }}\"\n        data_tests:\n          - unique\n"
            if self.chance.random() < 0.5:
                text += f"          - not_null: {{config: {{severity: {self.pick('warn', 'error')}}}}}\n"
            if self.chance.random() < 0.3:
                text += f"          - at_least: {{arguments: {{least: {self.chance.randrange(5)}}}}}\n"
            if self.chance.random() < 0.1:
                text += "          - nobody_has_this_test\n"
            if self.chance.random() < 0.1:
                text += "      - {name: other, data_tests: [helper.is_loud]}\n"
        text += self.pick("", "", "seeds:\n  - name: colours\n    columns: [{name: name, data_tests: [unique]}]\n" if part == 0 else "")
        text += self.pick("", "", "snapshots:\n  - name: snap\n    description: \"S {{ doc('keys') }}\"\n" if part == 1 else "")
        text += self.pick("", "", "models:\n  - name: colours\n    columns: [{name: id, data_tests: [unique]}]\n" if part == 2 else "")
        if part == 0:
            text += ("exposures:\n  - {name: board, type: dashboard, owner: {email: a@b.c}, depends_on: [ref('m_0')], "
                     f"description: \"{{{{ doc('places') }}}} {self.next()}\"}}\n")
        self.put(f"models/schema_{part}.yml", text)

    def move_entries(self):
        """A model's entry moves from one file to another: for a time it is in both, or in none."""
        number = self.chance.randrange(MODELS)
        old, self.part_of[number] = self.part_of[number], self.chance.randrange(PARTS)
        if self.chance.random() < 0.7:
            self.schema(old)
        if self.chance.random() < 0.7:
            self.schema(self.part_of[number])

    def groups(self):
        self.put("models/groups.yml", f"groups:\n  - {{name: keepers, owner: {{name: ann{self.next()}}}}}\n" +
                 self.pick("", f"  - {{name: guests, owner: {{name: bob}}}}\n"))

    def extra(self):
        """A file that comes and goes."""
        file = self.root / "models/extra.yml"
        if file.exists() and self.chance.random() < 0.5:
            file.unlink()
            return
        self.put("models/extra.yml", self.pick(
            "models:\n  - name: m_3\n    columns: [{name: id, data_tests: [unique, not_null]}]\n",
            f"exposures:\n  - {{name: extra, type: notebook, owner: {{email: a@b.c}}, depends_on: [ref('m_{self.pick(1, 2)}')]}}\n",
            "snapshots:\n  - {name: yml_snap, relation: ref('m_0'), config: {strategy: check, unique_key: id, check_cols: all},"
            f" description: \"{{{{ doc('keys') }}}}\", columns: [{{name: id, data_tests: [{self.pick('unique', 'not_null')}]}}]}}\n",
            "models:\n  - {name: m_5, description: five, versions: [{v: 1, defined_in: m_5}]}\n",
            "models:\n  - {name: h_model, description: of another package, columns: [{name: id, data_tests: [unique]}]}\n",
            "seeds:\n  - {name: h_seed, config: {alias: h_other}}\n",
            "analyses:\n  - {name: look, description: \"{{ doc('places') }}\"}\n",
            "data_tests:\n  - {name: one, description: \"{{ doc('places') }}\"}\n",
            "sources:\n  - {name: far, overrides: helper, description: mine, tables: [{name: away, description: own}]}\n", ""))

    def analysis(self):
        self.put("analyses/look.sql", f"select {self.next()} from {{{{ ref('m_0') }}}} where {{{{ inner('1') }}}}\n")

    def utils(self):
        """Macros that call one another, beside others and by dispatch."""
        self.put("macros/utils.sql", "{% macro outer(x) %}{{ inner(x) }} + {{ adapter.dispatch('spread', 'zoo')(x) }}{% endmacro %}\n"
                 f"{self.pick('', '{# a word #}', '')}\n"
                 "{% macro inner(x) %}" + self.pick("i", "j") + "{{ x }}{% endmacro %}\n"
                 "{% macro default__spread(x) %}" + self.pick("1", "2") + "{% endmacro %}\n" +
                 self.pick("", "", "{% macro duckdb__spread(x) %}3{{ x }}{% endmacro %}\n"))

    def more_docs(self):
        self.put("models/more.md", "{% docs places %}Places " + self.pick("P", "Q") + "{% enddocs %}\nbetween\n"
                                   "{% docs keys %}Keys " + self.pick("K", "L") + "{% enddocs %}\n" +
                                   self.pick("", "", "", "{% docs last %}Z{% enddocs %}\n"))

    def helper(self):
        """A package whose macros call one another, and the root's."""
        self.put("dbt_packages/helper/macros/h.sql",
                 "{% macro shout(x) %}{{ quiet(x)|upper }}{% endmacro %}\n{% macro quiet(x) %}{{ x }}" + self.pick("1", "2", "3") + "{% endmacro %}\n"
                 "{% test is_loud(model, column_name) %}{{ config(" + self.pick("severity='warn'", "tags=['loud']") + ") }}"
                 "select '{{ shout('x') }}' from {{ model }}{% endtest %}\n")
        if not self.shares:
            return
        self.put("dbt_packages/helper/models/h.yml", "sources:\n  - name: far\n    tables: [{name: away, columns: [{name: id, data_tests: [unique]}]}]\n"
                 + self.pick("", f"models:\n  - {{name: h_model, description: h{self.pick(1, 2)}, columns: [{{name: id, data_tests: [is_loud]}}]}}\n"))
        self.put("dbt_packages/helper/seeds/h_seed.csv", "id\n1\n")

    def sources(self):
        self.put("models/sources.yml", "sources:\n  - name: raw\n    schema: \"{{ var('colour') }}_raw\"\n    tables:\n"
                                       f"      - name: animals\n        description: \"n {self.next()} {{{{ doc('places') }}}}\"\n        columns: "
                                       f"[{{name: id, data_tests: [unique{self.pick('', ', not_null', ', {at_least: {arguments: {least: 1}}}')}]}}]\n"
                                       f"{self.pick('', '      - name: plants' + chr(10))}")

    def macro(self):
        self.put("macros/m.sql", "{% macro cents(x) %}(" + f"{self.next()}" + " * {{ x }}){% endmacro %}\n"
                                 "{% test at_least(model, column_name, least) %}select * from {{ model }} where "
                                 "{{ column_name }} < {{ least }} and {{ inner('t') }}{% endtest %}\n")
        own = ("{% macro generate_schema_name(name, node) %}{{ target.schema }}_{{ name or '" + self.pick("p", "q") + "' }}"
               "{{ '_tagged' if 'own' in node.config.tags }}{% endmacro %}\n")
        alias = ("{% macro generate_alias_name(name, node) %}{{ name or node.name }}{{ '" + self.pick("", "_al", "_bl") + "' }}{% endmacro %}\n")
        self.put("macros/schema.sql", self.pick("", "", own, alias))
        self.put("macros/macros.yml", f"macros:\n  - name: cents\n    description: \"{self.next()} {{{{ doc('keys') }}}}\"\n" +
                 self.pick("", "", "  - {name: missing, description: of nothing}\n"))

    def seed(self):
        self.put("seeds/colours.csv", f"id,name\n1,red\n2,{self.next()}\n")

    def snapshot(self):
        self.put("snapshots/s.sql", "{% snapshot snap %}{{ config(strategy='check', unique_key='id', check_cols='all', "
                                    f"target_schema='{self.pick('h1', 'h2')}') }}}}"
                                    "select *, '{{ invocation_id }}' as run from {{ ref('m_0') }}{% endsnapshot %}\n")

    def docs(self):
        self.put("models/docs.md", "{% docs animals %}Animals, number " + f"{self.next()}" + "{% enddocs %}\n")

    def packages(self):
        self.put("dbt_packages/helper/dbt_project.yml", f"name: helper\nmodels: {{+tags: [{self.pick('h', 'i')}]}}\n")
        self.helper()
        if self.shares:
            self.put("dbt_packages/helper/models/h_model.sql", f"select {self.next()} as id\n")

    def singular(self):
        self.put("tests/one.sql", self.pick("", "{{ config(severity='warn') }}") + f"select {self.next()} from {{{{ ref('m_0') }}}}\n")

    def unit_tests(self):
        self.put("models/unit.yml", "unit_tests:\n  - name: u\n    model: m_0\n    given: []\n    expect: {rows: [{id: "
                 f"{self.next()}" + "}]}\n")

    # ---- changes of another kind

    def remove_or_bring_back(self):
        number = self.chance.randrange(10, MODELS)
        file = self.root / self.path_of(number)
        if file.exists():
            file.unlink()
        else:
            self.model(number)

    def rename(self):
        self.put("models/" + self.pick("n1", "n2") + ".sql", f"select {self.next()} as id\n")
        (self.root / "models" / (self.pick("n1", "n2") + ".sql")).unlink(missing_ok=True)

    def same_size_at_once(self):
        """What a look at the file cannot tell, but for the time."""
        self.put("models/m_1.sql", self.pick("select 1 as id\n", "select 2 as id\n", "select 3 as id\n"))

    def older_file(self):
        """A file that is replaced by an older one, as git does."""
        file = self.root / self.path_of(4)
        if file.exists():
            fresh = file.with_suffix(".new")
            fresh.write_text(f"select {self.next()} as id\n", encoding="utf-8")
            os.utime(fresh, (1600000000, 1600000000))
            fresh.rename(file)

    def touch(self):
        for file in (self.root / "models").rglob("*"):
            os.utime(file)

    def environment(self):
        self.env[self.pick("ZOO_ENV", "ZOO_TEXT")] = self.pick("a", "b", "c")
        if self.chance.random() < 0.3:
            self.env.pop("ZOO_ENV", None)

    def target(self):
        self.options = self.pick([], ["--target", "other"], ["--target", "pg"], ["--vars", "{colour: green}"],
                                 ["--vars", "{nothing: false}"])

    def break_something(self):
        file = self.root / "models/m_2.sql"
        file.write_text(self.pick("{{ nonsense", "{{ ref('nowhere') }}", "{% if %}", "select 2 as id"), encoding="utf-8")

    def damage(self):
        """What is in the cache is another's, cut, or has other bits."""
        cache = self.root / "target/leat_parse.cache"
        if not cache.exists():
            return
        content = bytearray(cache.read_bytes())
        how = self.chance.randrange(4)
        if how == 0:
            content = content[: self.chance.randrange(len(content))]
        elif how == 1:
            for _ in range(3):
                content[self.chance.randrange(len(content))] ^= 1 << self.chance.randrange(8)
        elif how == 2:
            content = bytearray(self.chance.randbytes(200))
        else:
            content += b"more"
        cache.write_bytes(bytes(content))

    def damage_manifest(self):
        """Pieces of manifest.json are copied from the one that is there: it may be cut, changed, or gone, and so may its index."""
        file = self.root / "target" / self.pick("manifest.json", "leat_manifest.index")
        if not file.exists():
            return
        content = bytearray(file.read_bytes())
        how = self.chance.randrange(4)
        if how == 0:
            file.unlink()
        elif how == 1:
            file.write_bytes(content[: self.chance.randrange(len(content))])
        elif how == 2:
            content[self.chance.randrange(len(content))] ^= 1
            file.write_bytes(content)
        else:
            fresh = file.with_suffix(".fresh")
            fresh.write_bytes(content.replace(b"select", b"SELECT"))
            fresh.rename(file)

    def leave_out(self):
        """A run of another kind writes the manifest in between."""
        subprocess.run([LEAT, "dbt", "compile", "--select", "m_0"], cwd=self.root, env=self.env, capture_output=True, timeout=90, check=False)

    def nothing(self):
        pass

    def repair(self):
        (self.root / "models/extra.yml").unlink(missing_ok=True)
        for number in range(MODELS):
            if number == 2 or not (self.root / self.path_of(number)).exists():
                self.model(number)
        for part in range(PARTS):
            self.schema(part)
        self.groups()
        self.more_docs()

    # ---- parsing

    def parse(self, folder, *options):
        shutil.rmtree(self.root / "target" / "none", ignore_errors=True)
        done = subprocess.run([LEAT, "dbt", "--debug", "parse", "--target-path", folder, *self.options, *options],
                              cwd=self.root, env=self.env, capture_output=True, text=True, timeout=90, check=False)
        said = done.stdout + done.stderr
        if done.returncode:
            return done.returncode, [line[9:] for line in done.stdout.splitlines() if "DEBUG" not in line][-3:], said
        warnings = [line[9:] for line in done.stdout.splitlines() if "[WARNING]" in line and "eprecat" not in line]  # those are said of what is evaluated
        manifest = json.loads((self.root / folder / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["metadata"]["invocation_id"] not in self.ids, "this is the one of before"
        self.ids.add(manifest["metadata"]["invocation_id"])
        return 0, (no_times(manifest), warnings), said

    def check(self, what):
        warm = self.parse("target")
        cold = self.parse("target_cold", "--no-partial-parse")
        assert warm[0] in (0, 2) and warm[0] == cold[0], (what, warm[2], cold[2])
        if warm[0]:
            if self.chance.random() < 0.6:
                self.repair()
            return
        self.parsed += 1
        self.used += "parsed from the cache" in warm[2]
        self.stayed += "edges as before" in warm[2]
        assert "parsed from the cache" not in cold[2]
        first, second = json.dumps(warm[1], indent=1), json.dumps(cold[1], indent=1)
        assert first == second, (what, *[pair for pair in zip(first.splitlines(), second.splitlines())
                                         if pair[0] != pair[1]][:5])


@pytest.mark.parametrize("seed", range(2))
def test_a_parse_with_the_cache_is_one_without(tmp_path, env, seed):
    zoo = Zoo(tmp_path, env, seed)
    changes = [zoo.model, zoo.model, zoo.model, zoo.model, zoo.schema, zoo.schema, zoo.schema, zoo.move_entries, zoo.groups, zoo.extra,
               zoo.extra, zoo.sources, zoo.macro, zoo.utils, zoo.utils, zoo.helper, zoo.seed, zoo.snapshot, zoo.docs, zoo.more_docs,
               zoo.analysis, zoo.packages, zoo.singular, zoo.unit_tests if zoo.shares else zoo.model, zoo.project, zoo.remove_or_bring_back, zoo.rename,
               zoo.same_size_at_once, zoo.same_size_at_once, zoo.older_file, zoo.touch, zoo.environment, zoo.target,
               zoo.break_something, zoo.damage, zoo.damage_manifest, zoo.leave_out, zoo.nothing]
    zoo.check("nothing")
    for _ in range(ROUNDS):
        done = []
        for _ in range(zoo.pick(1, 1, 1, 2, 3)):
            change = zoo.chance.choice(changes)
            change()
            done.append(change.__name__)
        if "nowhere" not in (zoo.root / "models/m_2.sql").read_text() and zoo.chance.random() < 0.5:
            zoo.model(2)
        zoo.check(done)
    assert zoo.parsed > ROUNDS / 2 and zoo.used > ROUNDS / 10, (zoo.parsed, zoo.used)
    assert zoo.shares or ROUNDS < 40 or zoo.stayed, "edges never stayed as they were"


def test_what_is_not_changed_is_copied(tmp_path, env):
    """created_at tells: a piece of the manifest that is as it was keeps its own, as with dbt's partial parse."""
    zoo = Zoo(tmp_path, env, 3)
    zoo.put("models/m_5.sql", "select 5 as id\n")
    made = []
    for text in ("select 5 as id\n", "select 5 as id\n", "select 55 as id from {{ ref('m_1') }}\n"):
        zoo.put("models/m_5.sql", text)
        assert zoo.parse("target")[0] == 0
        nodes = json.loads((tmp_path / "target/manifest.json").read_text(encoding="utf-8"))["nodes"]
        made.append((nodes["model.zoo.m_4"]["created_at"], nodes["model.zoo.m_5"]["created_at"]))
    assert made[0] == made[1] and made[2][0] == made[0][0] and made[2][1] > made[0][1], made


def test_what_is_not_changed_is_not_evaluated(tmp_path, env):
    zoo = Zoo(tmp_path, env, 1)
    zoo.put("models/m_5.sql", "{% do print('here I am') %}select 5 as id\n")
    assert "here I am" in zoo.parse("target")[2]
    assert "here I am" not in zoo.parse("target")[2]
    assert "here I am" in zoo.parse("target", "--no-partial-parse")[2]
    zoo.env["DBT_PARTIAL_PARSE"] = "false"
    assert "here I am" in zoo.parse("target")[2]


def said_models(text):
    return sorted({word.split("=")[1] for word in text.split() if word.startswith("read=")})


def test_a_change_reaches_what_looked_at_it_and_nothing_else(tmp_path, env):
    """Which models are evaluated: those print their names."""
    zoo = Zoo.__new__(Zoo)
    zoo.root, zoo.env, zoo.options, zoo.ids = tmp_path, dict(env), [], set()
    zoo.put("profiles.yml", PROFILES)
    zoo.put("dbt_project.yml", "name: zoo\nprofile: zoo\n")
    for number in range(30):
        zoo.put(f"models/part_{number % 3}/m_{number}.sql", f"{{% do print('read=m_{number}') %}}" + ("select {{ outer() }}" if number == 4 else "select 1") + " as id\n")
    for part in range(3):
        zoo.put(f"models/part_{part}/s.yml", "models:\n" + "".join(
            f"  - {{name: m_{number}, description: \"{{{{ doc('d{part}') }}}}\", columns: [{{name: id, data_tests: [{'own' if part == 2 else 'unique'}]}}]}}\n"
            for number in range(part, 30, 3)))
        zoo.put(f"models/part_{part}/d.md", f"{{% docs d{part} %}}text{{% enddocs %}}\n")
    zoo.put("macros/a.sql", "{% macro outer() %}{{ inner() }}{% endmacro %}\n{% macro inner() %}1{% endmacro %}\n{% macro alone() %}{% endmacro %}\n")
    zoo.put("macros/t.sql", "{% test own(model, column_name) %}select {{ outer() }} from {{ model }} where {{ column_name }} is null{% endtest %}\n")
    everything = [f"m_{number}" for number in range(30)]

    def models(part, *more):
        return sorted({f"m_{number}" for number in range(part, 30, 3)} | set(more))

    def change(path, old, new):
        file = tmp_path / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        (tmp_path / "target/leat_parse.cache").unlink(missing_ok=True)
        assert said_models(zoo.parse("target")[2]) == sorted(everything)
        file.write_text(text.replace(old, new), encoding="utf-8")
        warm = zoo.parse("target")
        cold = zoo.parse("target_cold", "--no-partial-parse")
        assert warm[1] == cold[1] and said_models(cold[2]) == sorted(everything)
        return said_models(warm[2])

    assert change("models/part_0/s.yml", "m_3, description", "m_3, meta: {a: 1}, description") == models(0)
    assert change("models/part_1/d.md", "text", "other text") == models(1)
    assert change("macros/a.sql", "alone() %}", "alone() %}unused") == []
    assert change("macros/a.sql", "%}1{%", "%}2{%") == models(2, "m_4")
    assert change("macros/t.sql", "is null", "is not null") == models(2)
    assert change("models/part_1/m_4.sql", "as id", "as number") == ["m_4"]


def test_a_test_that_takes_the_place_of_another_is_not_taken_for_it(tmp_path, env):
    """Few changes leave the cache as it is: pieces of the manifest are copied though nodes have come that it does not know."""
    zoo = Zoo.__new__(Zoo)
    zoo.root, zoo.env, zoo.options, zoo.ids = tmp_path, dict(env), [], set()
    zoo.put("profiles.yml", PROFILES)
    zoo.put("dbt_project.yml", "name: zoo\nprofile: zoo\n")
    for number in range(30):
        zoo.put(f"models/m_{number}.sql", "select 1 as id\n")
    for values in ([], [1], [2], [3, 4], [2], []):
        test = f"{{accepted_values: {{arguments: {{values: {values}}}}}}}" if values else ""
        zoo.put("models/one.yml", f"models: [{{name: m_3, columns: [{{name: id, data_tests: [{test}]}}]}}]\n")
        warm = zoo.parse("target")
        assert warm[1] == zoo.parse("target_cold", "--no-partial-parse")[1]
        if not values:
            continue
        assert " looked into, 2 evaluated again" in warm[2]
        manifest = json.loads((tmp_path / "target/manifest.json").read_text(encoding="utf-8"))
        assert set(manifest["child_map"]) == set(manifest["nodes"])


def test_edges_stay_only_while_nothing_that_leads_to_them_has_changed(tmp_path, env):
    zoo = Zoo.__new__(Zoo)
    zoo.root, zoo.env, zoo.options, zoo.ids = tmp_path, dict(env), [], set()
    zoo.put("profiles.yml", PROFILES)
    zoo.put("dbt_project.yml", "name: zoo\nprofile: zoo\n")
    for number in range(12):
        zoo.put(f"models/m_{number}.sql", f"select 1 as id from {{{{ ref('m_{number - 1}') }}}}\n" if number else "select 1 as id\n")
    zoo.put("models/s.yml", "groups: [{name: g, owner: {name: ann}}]\nmodels:\n" + "".join(
        f"  - {{name: m_{number}, columns: [{{name: id, data_tests: [unique]}}]}}\n" for number in range(12)) +
        "  - {name: h, access: private, group: g}\n")
    zoo.put("models/h.sql", "select 1 as id\n")
    zoo.put("models/i.sql", "{{ config(group='g') }}select * from {{ ref('h') }}\n")
    assert zoo.parse("target")[0] == 0

    def turn(name, text):
        """Whether it can be parsed, and whether edges stay; with the cache as without it."""
        before = (tmp_path / f"models/{name}.sql").read_text(encoding="utf-8")
        zoo.put(f"models/{name}.sql", text)
        warm, cold = zoo.parse("target"), zoo.parse("target_cold", "--no-partial-parse")
        assert warm[:2] == cold[:2], (warm[2], cold[2])
        said = (warm[0] == 0, "edges as before" in warm[2])
        zoo.put(f"models/{name}.sql", before)
        warm = zoo.parse("target")
        assert warm[:2] == zoo.parse("target_cold", "--no-partial-parse")[:2]
        return said

    chain = "from {{ ref('m_4') }}\n"
    assert turn("m_5", "select 2 as id " + chain) == (True, True)
    assert turn("m_5", "{{ config(materialized='table', tags=['a'], meta={'a': 1}) }}select 2 as id " + chain) == (True, True)
    assert turn("m_5", "select 2 as id from {{ ref('m_3') }}\n") == (True, False)
    assert turn("m_5", "select 2 as id\n") == (True, False)
    assert turn("m_5", "select 2 as id from {{ ref('m_9') }}\n") == (False, False)  # a cycle
    assert turn("m_5", "select 2 as id from {{ ref('nobody') }}\n") == (False, False)
    assert turn("m_5", "{{ config(alias='m_6') }}select 2 as id " + chain) == (False, False)  # two that write one relation
    assert turn("m_5", "{{ config(alias='other') }}select 2 as id " + chain) == (True, False)
    assert turn("m_5", "{{ config(materialized='ephemeral') }}select 2 as id " + chain) == (True, False)
    assert turn("m_5", "{{ config(enabled=false) }}select 2 as id " + chain) == (False, False)
    assert turn("m_11", "{{ config(enabled=false) }}select 2 as id from {{ ref('m_10') }}\n")[1] is False
    assert turn("i", "select * from {{ ref('h') }}\n") == (False, False)  # private to the group
    assert turn("m_5", "{{ config(group='nobody') }}select 2 as id " + chain) == (False, False)
    assert turn("m_5", "{{ config(contract={'enforced': true}) }}select 2 as id " + chain)[1] is True  # looked at for itself
    assert turn("m_5", "{{ config(materialized='incremental', incremental_strategy='microbatch') }}select 2 as id " + chain) == (False, False)
    done = subprocess.run([LEAT, "dbt", "ls", "--select", "+m_3", "--resource-type", "model"], cwd=tmp_path, env=zoo.env, capture_output=True, text=True, check=True)
    assert [line for line in done.stdout.splitlines() if line.startswith("zoo.")] == [f"zoo.m_{number}" for number in range(4)]


def test_flags_that_a_template_asks_for_count_while_parsing(tmp_path, env):
    """As in dbt, `flags` has the command's values when models are read; what the cache kept for other values is not used."""
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: flagged\nprofile: zoo\n", encoding="utf-8")
    (tmp_path / "profiles.yml").write_text(PROFILES, encoding="utf-8")
    (tmp_path / "models/a.sql").write_text("{{ config(enabled=(flags.WHICH == 'run'), materialized='table' if flags.FULL_REFRESH else 'view') }}\n"
                                           "select 1 as id\n", encoding="utf-8")
    (tmp_path / "models/b.sql").write_text("select 2 as id\n", encoding="utf-8")

    def built(*words):
        done = subprocess.run([LEAT, "dbt", *words, "--debug"], cwd=tmp_path, env={**os.environ, **env}, capture_output=True, text=True, check=True)
        results = json.loads((tmp_path / "target/run_results.json").read_text(encoding="utf-8"))["results"]
        manifest = json.loads((tmp_path / "target/manifest.json").read_text(encoding="utf-8"))["nodes"]
        names = {result["unique_id"].split(".")[-1] for result in results}
        return names, manifest.get("model.flagged.a", {}).get("config", {}).get("materialized"), "parsed from the cache" in done.stdout

    assert built("run") == ({"a", "b"}, "view", False)
    assert built("run") == ({"a", "b"}, "view", True)
    assert built("run", "--full-refresh") == ({"a", "b"}, "table", False)
    assert built("build") == ({"b"}, None, False)
