"""What the projects below projects/ do with dbt and with `leat dbt`, as facts that can be compared and kept.

A project is a folder of files with a steps.json: {"about": ..., "engines": [...], "mask": {"schema.table.column": reason}, "steps": [...]}.
A step is a list of words for dbt, or {"dbt": [...], "files": {path: text or null}, "env": {...}, "manifest": true, "sql": "..."}: what is
written, removed or run in the database before. Facts are {area: {step: {thing: value}}}; the areas are exit, lines, out, tables, results,
manifest, semantic, edges, compiled, files, sources, catalog, macros. The manifest is looked at after the last step, and where a step says so.

LEAT_CONFORM_PROJECTS names another folder of projects, for those of other people: there steps.json stands alone and says where the project lies:
"from": the folder that is copied, "in": the project's folder below it, "profile": the profile's name, "env": {name: value} for all steps."""

import datetime
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[2]
PROJECTS = pathlib.Path(os.environ.get("LEAT_CONFORM_PROJECTS", HERE / "projects"))
LEAT = os.environ.get("LEAT_BIN", str(TOP / "build" / "leat"))
PATIENCE = 300
SCHEMA = "work"

sys.path.insert(0, str(HERE))
from differs import DIFFERS, DROPPED, NOISE  # noqa: E402


# ---- the two programs ----

class LeatDbt:
    name = "leat"

    def run(self, words, folder, env):
        done = subprocess.run([LEAT, "dbt", *words], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=PATIENCE)
        return done.returncode, done.stdout

    def close(self):
        pass


class RealDbt:
    """dbt itself. Its Python, which stands beside the program, imports it once and forks for each command."""
    name = "dbt"

    def __init__(self, path):
        python = pathlib.Path(path).absolute().parent / "python"
        self.process = subprocess.Popen([python, HERE / "dbt_server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, words, folder, env):
        self.process.stdin.write(json.dumps({"words": words, "folder": str(folder), "env": env}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("dbt's Python has ended")
        done = json.loads(answer)
        return done["code"], done["out"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


# ---- the two engines ----

class Duckdb:
    name = "duckdb"

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "conform.duckdb"
        self.asker = folder.parent / (folder.name + "-ask")
        self.asker.mkdir(parents=True)
        (self.asker / "leat.yml").write_text(f"name: ask\ntarget: dev\ntargets: {{dev: {{engine: duckdb, path: '{self.file}'}}}}\n")

    def profile(self):
        return {"type": "duckdb", "path": "conform.duckdb", "schema": SCHEMA, "threads": 1}

    def ask(self, sql):
        done = subprocess.run([LEAT, "sql", "--format", "ndjson", sql], cwd=self.asker, text=True, capture_output=True, timeout=PATIENCE,
                              env={**os.environ, "HOME": str(self.asker), "TZ": "UTC"})
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def relations(self):
        if not self.file.exists():
            return {}
        found = {}
        for row in self.ask("select c.schema_name as s, c.table_name as t, c.column_name as c, c.data_type as y, "
                            "coalesce(v.view_name is not null, false) as v, c.comment as k, coalesce(t.comment, v.comment) as rk "
                            "from duckdb_columns() c left join duckdb_views() v on (v.database_name, v.schema_name, v.view_name) = "
                            "(c.database_name, c.schema_name, c.table_name) left join duckdb_tables() t on "
                            "(t.database_name, t.schema_name, t.table_name) = (c.database_name, c.schema_name, c.table_name) "
                            "where not c.internal and c.database_name = current_database() order by 1, 2, c.column_index"):
            one = found.setdefault(f"{row['s']}.{row['t']}", {"type": "view" if row["v"] else "table", "columns": [], "comment": row["rk"], "extra": []})
            one["columns"].append([row["c"], row["y"]] + ([row["k"]] if row["k"] else []))
        for row in self.ask("select schema_name || '.' || table_name as t, index_name || ' ' || sql as x from duckdb_indexes() order by 2"):
            found[row["t"]]["extra"].append(row["x"])
        for row in self.ask("select schema_name || '.' || table_name as t, constraint_text as x from duckdb_constraints() order by 2"):
            found[row["t"]]["extra"].append(row["x"])
        return found

    def rows(self, names):
        return self.ask(" union all ".join(f"select '{name}' as t, cast(to_json(leat_row) as varchar) as r from {quoted(name)} leat_row" for name in names))

    def do(self, sql):
        self.ask(sql)

    def close(self):
        pass


class Postgres:
    name = "postgres"

    def __init__(self, server):
        self.server, self.url = server, server.url("conform")
        server.psql("drop database if exists conform with (force)")
        server.psql("create database conform")

    def profile(self):
        return {"type": "postgres", "host": self.server.folder, "user": "postgres", "password": "", "port": 5432, "dbname": "conform",
                "schema": SCHEMA, "threads": 1}

    def ask(self, sql):
        return [json.loads(line[0]) for line in self.server.psql(f"select row_to_json(q)::text from ({sql}) q", self.url)]

    def relations(self):
        found = {}
        for row in self.ask("select n.nspname as s, c.relname as t, c.relkind as k, obj_description(c.oid, 'pg_class') as d, "
                            "array_to_string(c.relacl, ' ') as g, a.attname as a, format_type(a.atttypid, a.atttypmod) as y, "
                            "col_description(c.oid, a.attnum) as ad, a.attnotnull as nn from pg_class c join pg_namespace n on n.oid = c.relnamespace "
                            "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
                            "where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and c.relkind in ('r', 'v', 'm') "
                            "order by 1, 2, a.attnum"):
            kind = {"r": "table", "v": "view", "m": "materialized view"}[row["k"]]
            one = found.setdefault(f"{row['s']}.{row['t']}", {"type": kind, "columns": [], "comment": row["d"],
                                                              "extra": [f"grants {row['g']}"] if row["g"] else []})
            one["columns"].append([row["a"], row["y"]] + (["not null"] if row["nn"] else []) + ([row["ad"]] if row["ad"] else []))
        for row in self.ask("select schemaname || '.' || tablename as t, regexp_replace(indexdef, 'INDEX \\S+ ON', 'INDEX ON') as x "
                            "from pg_indexes where schemaname not like 'pg\\_%' order by 2"):
            found[row["t"]]["extra"].append(row["x"])
        return found

    def rows(self, names):
        return self.ask(" union all ".join(f"select '{name}' as t, row_to_json(leat_row)::text as r from {quoted(name)} leat_row" for name in names))

    def do(self, sql):
        self.server.psql(sql, self.url)

    def close(self):
        self.server.psql("drop database if exists conform with (force)")


def quoted(name):
    return ".".join(f'"{part}"' for part in name.split(".", 1))


# ---- what varies from one run to the next ----

STAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00(:00)?|Z)?")


def settle(text):
    """Moments near to now, and seconds taken, are the same in every run."""
    def moment(found):
        when = datetime.datetime.fromisoformat(found[0][:19].replace("T", " "))
        return "<now>" if abs(datetime.datetime.utcnow() - when) < datetime.timedelta(days=2) else found[0]

    return re.sub(r"in \d+\.\d\ds", "in #s", STAMP.sub(moment, text))


def settled(value):
    if isinstance(value, dict):
        return {key: settled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [settled(inner) for inner in value]
    return settle(value) if isinstance(value, str) else value


# ---- facts ----

class Run:
    """One project, one program, one engine."""

    def __init__(self, name, program, engine, folder, env=None):
        self.program, self.engine, self.folder, self.name = program, engine, folder, name
        self.plan = plan_of(name)
        self.env = {**self.plan.get("env", {}), **(env or {}), "HOME": str(folder.parent), "PATH": os.environ["PATH"], "TZ": "UTC", "LANG": "C.UTF-8", "DBT_USE_COLORS": "false",
                    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false", "PYTHONDONTWRITEBYTECODE": "1",
                    **{k: os.environ[k] for k in ("LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS") if k in os.environ}}
        self.facts, self.seconds = {}, {}

    def put(self, area, step, thing, value):
        self.facts.setdefault(area, {}).setdefault(step, {})[thing] = settled(value)

    def go(self):
        steps = [step if isinstance(step, dict) else {"dbt": step} for step in self.plan["steps"]]
        last = len(steps) - 1
        for number, step in enumerate(steps):
            if self.engine.name in step.get("engines", ["duckdb", "postgres"]):
                self.step(f"{number + 1} {' '.join(step['dbt'])}", step, number == last or step.get("manifest"))
        return self.facts

    def step(self, title, step, whole):
        for path, text in step.get("files", {}).items():
            self.write(path, text)
        for sql in step.get("sql", []):
            self.engine.do(sql)
        target = self.folder / "target"
        for gone in ("run_results.json", "sources.json", "catalog.json", "compiled", "run"):
            shutil.rmtree(target / gone, ignore_errors=True) if (target / gone).is_dir() else (target / gone).unlink(missing_ok=True)
        began = time.monotonic()
        code, out = self.program.run(step["dbt"], self.folder, {**self.env, **step.get("env", {})})
        self.seconds[title] = round(time.monotonic() - began, 2)
        self.last_out = out
        self.put("exit", title, "code", code)
        verb = step["dbt"][0]
        if verb in ("ls", "list") or "--quiet" in step["dbt"]:
            self.put("out", title, "out", listed(out, "json" in step["dbt"]))
        else:
            self.put("lines", title, "lines", lines_of(out.replace(str(self.folder), "<project>")))
        self.results(title, target)
        self.others(title, target)
        if verb not in ("ls", "list", "parse", "compile", "show", "docs", "source", "deps"):
            self.tables(title)
        if whole and (target / "manifest.json").exists():
            self.manifest(title, json.loads((target / "manifest.json").read_text(encoding="utf-8")))

    def write(self, path, text):
        file = self.folder / path
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def tables(self, title):
        relations = self.engine.relations()
        mask = self.plan.get("mask", {})
        for name, about in relations.items():
            self.put("tables", title, name, {**about, "rows": []})
        for row in self.engine.rows(list(relations)) if relations else []:
            values = json.loads(row["r"], parse_float=str)
            short = [f"<{column}>" if f"{row['t']}.{column}" in mask or f"*.{column}" in mask else value for column, value in values.items()]
            self.facts["tables"][title][row["t"]]["rows"].append(settled(short))
        for fact in self.facts.get("tables", {}).get(title, {}).values():
            fact["rows"].sort(key=json.dumps)

    def results(self, title, target):
        if not (target / "run_results.json").exists():
            return
        found = json.loads((target / "run_results.json").read_text(encoding="utf-8"))
        nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
        for result in found["results"]:
            fact = kept("result", result)
            if fact["compiled_code"] is not None:
                node = nodes.get(result["unique_id"], {})
                fact["compiled_code"] = "<SQL>" if is_builtin_test(node) else compiled({**node, **fact})
            self.put("results", title, result["unique_id"], fact)
        if self.plan.get("args"):
            self.put("results", title, "args", kept("args", found["args"]))
        self.put("results", title, "keys", sorted(found))

    def others(self, title, target):
        if (target / "sources.json").exists():
            for result in json.loads((target / "sources.json").read_text(encoding="utf-8"))["results"]:
                self.put("sources", title, result["unique_id"], kept("source", result))
        if (target / "catalog.json").exists():
            found = json.loads((target / "catalog.json").read_text(encoding="utf-8"))
            for name, entry in {**found["nodes"], **found["sources"]}.items():
                self.put("catalog", title, name, kept("catalog", entry))
            self.put("catalog", title, "errors", found["errors"])
        for kind in ("compiled", "run"):
            folder = target / kind
            if folder.exists():
                self.put("files", title, kind, sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()))

    def manifest(self, title, found):
        for kind in ("nodes", "sources", "exposures", "metrics", "groups", "semantic_models", "saved_queries", "unit_tests", "functions"):
            for name, node in found.get(kind, {}).items():
                self.put("manifest", title, name, kept("node", node))
                if node.get("compiled_code") is not None and not is_builtin_test(node):
                    self.put("compiled", title, name, compiled(node))
        for name, versions in found["disabled"].items():
            self.put("manifest", title, f"disabled {name}", [kept("node", node) for node in versions])
        own = {m["package_name"] for m in found["macros"].values()} - {"dbt", "dbt_duckdb", "dbt_postgres"}
        for name, macro in found["macros"].items():
            if macro["package_name"] in own:
                self.put("macros", title, name, kept("macro", macro))
        if self.plan.get("macros"):
            self.put("macros", title, "dbt's", sorted(name for name, m in found["macros"].items() if m["package_name"] not in own))
        for name, doc in found["docs"].items():
            if not name.startswith("doc.dbt."):
                self.put("manifest", title, name, doc)
        semantic = self.folder / "target" / "semantic_manifest.json"
        if found["metrics"] and semantic.exists():
            self.semantic(title, json.loads(semantic.read_text(encoding="utf-8")))
        for kind in ("parent_map", "child_map", "group_map"):
            self.put("edges", title, kind, {name: sorted(to) for name, to in found[kind].items()})
        self.put("manifest", title, "selectors", found["selectors"])
        self.put("manifest", title, "keys", sorted(found))
        self.put("manifest", title, "metadata", kept("metadata", found["metadata"]))

    def semantic(self, title, found):
        for kind in ("semantic_models", "metrics", "saved_queries"):
            for one in found[kind]:
                self.put("semantic", title, f"{kind} {one['name']}", one)
        self.put("semantic", title, "project_configuration", found["project_configuration"])
        self.put("semantic", title, "keys", list(found))


def is_builtin_test(node):
    """Its SQL is of dbt's own macros: what it finds is compared, its words are not."""
    about = node.get("test_metadata") or {}
    return about.get("namespace") in (None, "dbt") and about.get("name") in ("unique", "not_null", "accepted_values", "relationships")


def compiled(node):
    """SQL of models must be exact; around that of a project's generic test there may be other blank lines."""
    return node["compiled_code"].strip() if node.get("test_metadata") else node["compiled_code"]


def listed(out, as_json):
    """The lines of a listing; with JSON, the keys in any order."""
    lines = []
    for line in out.splitlines():
        line = re.sub(r"^\d\d:\d\d:\d\d  ", "", line)
        if not line.strip() or any(re.search(pattern, line) for pattern in NOISE):
            continue
        try:
            lines.append(kept("listed", json.loads(line)) if as_json else line)
        except ValueError:
            lines.append(line)
    return lines


def lines_of(out):
    """What was printed: without times, the order of nodes that wait for nothing, the indented words of an error, and what each program says of
    itself."""
    lines = []
    for line in out.splitlines():
        line = re.sub(r"^\d\d:\d\d:\d\d  ?", "", line).rstrip()
        line = re.sub(r"in \d+ hours \d+ minutes and \d+\.\d+ seconds \(\d+\.\d+s\)", "in #", settle(line))
        line = re.sub(r"^\d+ of ", "# of ", re.sub(r"\.{3,}", "...", line))
        if line.strip() and not line.startswith("  ") and not any(re.search(pattern, line) for pattern in NOISE):
            lines.append(line)
    return sorted(lines)


def kept(kind, entry):
    return {key: value for key, value in entry.items() if key not in DROPPED[kind]}


def plan_of(name):
    return json.loads((PROJECTS / name / "steps.json").read_text(encoding="utf-8"))


def place(name, copy):
    """The project's folder in a copy of what steps.json names."""
    return copy / plan_of(name).get("in", "")


def prepare(name, folder, engine):
    """A copy of the project and its profile."""
    plan = plan_of(name)
    shutil.copytree(plan.get("from", PROJECTS / name), folder, symlinks=True, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("steps.json", "expected.json", ".git", "target"))
    profile = {plan.get("profile", "conform"): {"target": "dev", "outputs": {"dev": engine.profile(), "other": {**engine.profile(), "schema": "other"}}}}
    (place(name, folder) / "profiles.yml").write_text(json.dumps(profile))


def names():
    return sorted(path.parent.name for path in PROJECTS.glob("*/steps.json"))


def engines_of(name):
    return plan_of(name).get("engines", ["duckdb", "postgres"])


def facts(name, program, kind, scratch, server):
    """Run a project; `scratch` is an empty folder, `server` the PostgreSQL of harness.py or None."""
    folder = pathlib.Path(scratch) / name
    folder.mkdir()
    engine = Postgres(server) if kind == "postgres" else Duckdb(place(name, folder))
    try:
        prepare(name, folder, engine)
        run = Run(name, program, engine, place(name, folder))
        found = run.go()
        (pathlib.Path(scratch) / "seconds.json").write_text(json.dumps(run.seconds, indent=1))
        return found
    finally:
        engine.close()


# ---- comparing ----

def without_the_missing(these, others):
    """Things that only one of the two has count as one difference: ({the rest}, {(area, step, thing): what is there})."""
    rest, alone = {}, {}
    for area, steps in these.items():
        for step, things in steps.items():
            for thing, value in things.items():
                if thing in others.get(area, {}).get(step, {}):
                    rest.setdefault(area, {}).setdefault(step, {})[thing] = value
                else:
                    alone[area, step, thing] = value
    return rest, alone


def flat(facts_of_run, alone):
    """{(area, step, thing, attribute): value}: what is counted."""
    found = {(*key, ""): value for key, value in alone.items()}
    for area, steps in facts_of_run.items():
        for step, things in steps.items():
            for thing, value in things.items():
                if not isinstance(value, dict):
                    found[area, step, thing, ""] = value
                    continue
                for key, inner in value.items():
                    if key in ("config", "unrendered_config", "depends_on") and isinstance(inner, dict):
                        found.update({(area, step, thing, f"{key}.{k}"): v for k, v in inner.items()})
                    else:
                        found[area, step, thing, key] = inner
    return found


ABSENT = "<not there>"


def compare(name, kind, theirs, ours):
    """(what is the same by area, [(key, dbt's, leat's)] that differ, the same with a reason)."""
    left, right = flat(*without_the_missing(theirs, ours)), flat(*without_the_missing(ours, theirs))
    same, wrong, known = {}, [], []
    for key in {**left, **right}:
        a, b = left.get(key, ABSENT), right.get(key, ABSENT)
        if json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True):
            same[key[0]] = same.get(key[0], 0) + 1
            continue
        why = reason(name, kind, key, a, b)
        (known if why else wrong).append((key, a, b) + ((why,) if why else ()))
    return same, wrong, known


OPEN = HERE / "open.txt"


@functools.lru_cache
def open_differences():
    """What is known to differ, is not explained yet, and may not become more."""
    return set(OPEN.read_text(encoding="utf-8").splitlines()) if OPEN.exists() else set()


def reason(name, kind, key, theirs, ours):
    if f"{name} {kind}: {' / '.join(key)}" in open_differences():
        return "open"
    for rule in DIFFERS:
        if (re.fullmatch(rule.get("project", ".*"), name) and re.fullmatch(rule.get("engine", ".*"), kind)
                and re.fullmatch(rule["area"], key[0]) and re.fullmatch(rule.get("step", ".*"), key[1])
                and re.fullmatch(rule.get("thing", ".*"), key[2]) and re.fullmatch(rule.get("key", ".*"), key[3])
                and ("when" not in rule or rule["when"](theirs, ours))):
            rule["used"] = rule.get("used", 0) + 1
            return rule["reason"]
    return None


# ---- kept facts: expected.json has DuckDB's whole, and what is different on PostgreSQL ----

GONE = "<gone>"


def delta(base, other):
    """What makes `other` of `base`: dictionaries by key, all else whole."""
    made = {}
    for key in {**base, **other}:
        if key not in other:
            made[key] = GONE
        elif key not in base:
            made[key] = other[key]
        elif isinstance(base[key], dict) and isinstance(other[key], dict):
            if inner := delta(base[key], other[key]):
                made[key] = {"~": inner}
        elif json.dumps(base[key], sort_keys=True) != json.dumps(other[key], sort_keys=True):
            made[key] = other[key]
    return made


def patch(base, change):
    made = dict(base)
    for key, value in change.items():
        if value == GONE:
            made.pop(key)
        elif isinstance(value, dict) and set(value) == {"~"}:
            made[key] = patch(base[key], value["~"])
        else:
            made[key] = value
    return made


def usual(nodes):
    """The values that most nodes of a kind have."""
    counts = {}
    for node in nodes:
        for key, value in node.items():
            by_value = counts.setdefault(key, {})
            text = json.dumps(value, sort_keys=True)
            by_value[text] = by_value.get(text, 0) + 1
    return {key: json.loads(max(by, key=by.get)) for key, by in counts.items() if max(by.values()) > 1}


def is_node(value):
    return isinstance(value, dict) and "resource_type" in value and "config" in value


def pack(found):
    """Nodes as what differs from the usual node of their kind."""
    made = json.loads(json.dumps(found))
    kinds = {}
    for things in made.get("manifest", {}).values():
        for thing in things.values():
            if is_node(thing):
                kinds.setdefault(thing["resource_type"], []).append(thing)
    usuals = {}
    for kind, nodes in kinds.items():
        usuals[kind] = {**usual(nodes), "config": usual([node["config"] for node in nodes])}
    for things in made.get("manifest", {}).values():
        for name, thing in things.items():
            if is_node(thing):
                things[name] = {"like": thing["resource_type"], "but": delta(usuals[thing["resource_type"]], thing)}
    return {"usual": usuals, **made}


def unpack(packed):
    made = {area: value for area, value in packed.items() if area != "usual"}
    for things in made.get("manifest", {}).values():
        for name, thing in things.items():
            if isinstance(thing, dict) and "like" in thing:
                things[name] = patch(packed["usual"][thing["like"]], thing["but"])
    return made


def pretty(value, depth=0):
    """JSON with a line for each fact, so that a change of one is a change of one line."""
    if isinstance(value, dict) and depth < 6 and len(json.dumps(value)) > 120:
        pad = " " * (depth + 1)
        inner = ",\n".join(f"{pad}{json.dumps(k, ensure_ascii=False)}: {pretty(v, depth + 1)}" for k, v in value.items())
        return "{\n" + inner + "\n" + " " * depth + "}"
    return json.dumps(value, ensure_ascii=False)


def record(name, by_engine):
    """Write expected.json; {engine: facts}."""
    first, *rest = by_engine
    kept_facts = {first: pack(by_engine[first])}
    for other in rest:
        kept_facts[other] = delta(by_engine[first], by_engine[other])
    (PROJECTS / name / "expected.json").write_text(pretty(kept_facts) + "\n", encoding="utf-8")


def expected(name, kind):
    kept_facts = json.loads((PROJECTS / name / "expected.json").read_text(encoding="utf-8"))
    first = next(iter(kept_facts))
    base = unpack(kept_facts[first])
    return base if kind == first else patch(base, kept_facts[kind])
