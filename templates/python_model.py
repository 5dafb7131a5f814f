"""Runs one dbt model that is written in Python, as a child of leat.

Tables are asked for through a pipe (descriptor 3, one JSON object a line; answers come on standard input), and travel as files in
this folder: Parquet where this Python has the duckdb package, else lines of JSON in which every value is a text. leat makes the
table of what model() gives; standard output and standard error are the run's log.
"""

import datetime
import decimal
import importlib.util
import json
import os
import queue
import re
import shutil
import signal
import sys
import threading
import traceback

FOLDER = os.path.dirname(os.path.abspath(__file__))
QUOTED = re.compile(r'"((?:[^"]|"")+)"')
# Types that Parquet does not keep as they are: they go as texts.
AS_TEXT = re.compile(r"HUGEINT|ENUM|\bBIT\b|UNION|TIMESTAMP_|TIME WITH|INTERVAL|JSON|VARINT|BIGNUM|GEOMETRY|VARIANT|\bUUID\b")


class Parent:
    """leat, at the other end of two pipes. When it is gone, so is everything that was started here."""

    def __init__(self):
        self.requests = os.fdopen(3, "w", encoding="utf-8")
        self.answers = queue.Queue()
        self.lock = threading.Lock()
        self.count = 0
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        with os.fdopen(os.dup(0), encoding="utf-8") as lines:
            for line in lines:
                self.answers.put(json.loads(line))
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    def tell(self, request):
        self.requests.write(json.dumps(request) + "\n")
        self.requests.flush()

    def ask(self, **request):
        with self.lock:
            self.tell(request)
            answer = self.answers.get()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def new_file(self):
        self.count += 1
        return os.path.join(FOLDER, f"out-{self.count}")


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


# ---- with the duckdb package


class Files:
    """Tables as Parquet, seen through an in-memory DuckDB in which they have the names that they have in the target."""

    kind = "parquet"

    def __init__(self, parent, duckdb):
        self.parent, self.duckdb, self.session = parent, duckdb, duckdb.connect()
        self.session.execute(f"set temp_directory = {literal(FOLDER)}")
        self.seen = {}

    def name_view(self, name, select):
        parts = [part.replace('""', '"') for part in QUOTED.findall(name)]
        if ".".join(map(quote, parts)) != name or not 1 <= len(parts) <= 3:
            return f"({select})"
        if len(parts) == 3:
            self.session.execute(f"attach if not exists ':memory:' as {quote(parts[0])}")
        if len(parts) > 1:
            self.session.execute("create schema if not exists " + ".".join(map(quote, parts[:-1])))
        self.session.execute(f"create or replace view {name} as {select}")
        if len(parts) == 3:
            self.session.execute(f"use {quote(parts[0])}")
        return name

    def load(self, name):
        name = str(name)
        if name not in self.seen:
            answer = self.parent.ask(load=name, format=self.kind)
            columns = ", ".join(
                f"cast({quote(n)} as {t}) as {quote(n)}" if AS_TEXT.search(t) else quote(n) for n, t in answer["columns"]
            )
            self.seen[name] = self.name_view(name, f"select {columns} from read_parquet({literal(answer['path'])})")
        return self.session.query(f"select * from {self.seen[name]}")

    def store(self, frame):
        # What is read in batches is still being read through the model's own connection.
        session = self.session if isinstance(frame, self.duckdb.DuckDBPyRelation) else self.session.cursor()
        session.register("leat_result", frame)
        if hasattr(frame, "read_next_batch"):  # can be read once only
            session.execute("create temp table leat_rows as select * from leat_result")
            session.unregister("leat_result")
            session.execute("create temp view leat_result as select * from leat_rows")
        found = session.execute("describe select * from leat_result").fetchall()
        # An empty type: what the file says.
        columns = [(n, "INTEGER" if t == '"NULL"' else t if AS_TEXT.search(t) else "") for n, t, *_ in found]
        kept = ", ".join(f"cast({quote(n)} as varchar) as {quote(n)}" if t else quote(n) for n, t in columns)
        path = self.parent.new_file()
        session.execute(f"copy (select {kept} from leat_result) to {literal(path)} (format parquet)")
        return {"format": self.kind, "path": path, "columns": columns}


# ---- without it


def value_of(text, kind):
    """What a text of leat's is in Python."""
    if text is None:
        return None
    if kind in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT") or kind.startswith("U") and kind.endswith("INT"):
        return int(text)
    if kind in ("FLOAT", "DOUBLE"):
        return float(text)
    if kind.startswith("DECIMAL"):
        return decimal.Decimal(text)
    if kind == "BOOLEAN":
        return text == "true"
    try:
        if kind == "DATE":
            return datetime.date.fromisoformat(text)
        if kind.startswith("TIMESTAMP"):
            return datetime.datetime.fromisoformat(text)
    except ValueError:  # infinity, years that Python has not
        pass
    return text


class Table:
    """What dbt.ref() gives where there is no duckdb package: rows, or a frame of pandas."""

    def __init__(self, path, columns):
        self.path, self.kinds = path, columns

    @property
    def columns(self):
        return [name for name, _ in self.kinds]

    @property
    def types(self):
        return [kind for _, kind in self.kinds]

    def fetchall(self):
        with open(self.path, encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        return [tuple(value_of(row[name], kind) for name, kind in self.kinds) for row in rows]

    def df(self):
        import pandas

        rows = self.fetchall()
        made = {}
        for i, (name, kind) in enumerate(self.kinds):
            values = [row[i] for row in rows]
            if kind.startswith("DECIMAL"):
                values = [None if v is None else float(v) for v in values]
            made[name] = pandas.to_datetime(values) if kind == "DATE" or kind.startswith("TIMESTAMP") else values
        return pandas.DataFrame(made, columns=self.columns)

    to_df = fetchdf = df

    def __getattr__(self, name):
        raise NeedsDuckdb(f"{name}() of a table")


def a_kind(value):
    """"an int", "a list", "None"."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


class NeedsDuckdb(Exception):
    def __init__(self, what):
        super().__init__(f"{what} needs the Python package 'duckdb', which this Python has not")


class NoSession:
    def __getattr__(self, name):
        raise NeedsDuckdb(f"session.{name}()")


def kind_of(values):
    """The type of a column, by its values."""
    kinds = {type(v) for v in values if v is not None}
    if not kinds:
        return "INTEGER"
    if kinds == {bool}:
        return "BOOLEAN"
    if all(issubclass(k, int) and k is not bool for k in kinds):
        return "BIGINT" if all(-(2**63) <= v < 2**63 for v in values if v is not None) else "HUGEINT"
    if all(issubclass(k, (int, float)) and k is not bool for k in kinds):
        return "DOUBLE"
    if kinds == {bytes}:
        return "BLOB"
    if kinds == {decimal.Decimal}:
        return f"DECIMAL(38,{max(max(0, -v.as_tuple().exponent) for v in values if v is not None)})"
    if all(issubclass(k, datetime.datetime) for k in kinds):
        aware = any(v.tzinfo for v in values if v is not None)
        return "TIMESTAMP WITH TIME ZONE" if aware else "TIMESTAMP"
    if kinds == {datetime.date}:
        return "DATE"
    if all(issubclass(k, (list, tuple, dict)) for k in kinds):
        return "JSON"
    return "VARCHAR"


def text_of(value, kind):
    if value is None:
        return None
    if kind == "BOOLEAN":
        return "true" if value else "false"
    if kind == "BLOB":
        return "".join(f"\\x{byte:02X}" for byte in value)
    if kind == "JSON":
        return json.dumps(value, default=str)
    return str(value)


def plain(value):
    """None for NaN, NaT and NA; numbers of numpy as those of Python."""
    try:
        if value is None or value != value:
            return None
    except (TypeError, ValueError):  # NA, arrays
        if type(value).__name__ == "NAType":
            return None
    return value.item() if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0 else value


# Of frames without rows.
FRAME_KINDS = {"int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN", "datetime64[ns]": "TIMESTAMP"}


class Rows:
    """Tables as lines of JSON."""

    kind = "rows"

    def __init__(self, parent):
        self.parent, self.session = parent, NoSession()

    def load(self, name):
        answer = self.parent.ask(load=str(name), format=self.kind)
        return Table(answer["path"], answer["columns"])

    def write(self, columns, rows):
        path = self.parent.new_file()
        names = [name for name, _ in columns]
        with open(path, "w", encoding="utf-8") as out:
            for row in rows:
                texts = [text_of(value, kind) for value, (_, kind) in zip(row, columns)]
                out.write(json.dumps(dict(zip(names, texts))) + "\n")
        return {"format": self.kind, "path": path, "columns": columns}

    def store(self, frame):
        if isinstance(frame, Table):
            return {"format": self.kind, "path": frame.path, "columns": frame.kinds}
        if type(frame).__module__ == "builtins":
            raise TypeError(f"model() gave {repr(frame)[:60]}: cannot make a table of {a_kind(frame)}")
        if type(frame).__module__.partition(".")[0] != "pandas":
            raise NeedsDuckdb(f"model() gave a {type(frame).__module__}.{type(frame).__qualname__}, which")
        rows = [[plain(value) for value in row] for row in frame.itertuples(index=False, name=None)]
        return self.write(self.columns_of([str(n) for n in frame.columns], rows, frame.dtypes), rows)

    def columns_of(self, names, rows, dtypes=None):
        if not rows and dtypes is not None:
            return [(n, FRAME_KINDS.get(str(t), "VARCHAR")) for n, t in zip(names, dtypes)]
        return [(name, kind_of([row[i] for row in rows])) for i, name in enumerate(names)]


def store(tables, parent, frame):
    """A list of dictionaries is a table too: it needs no package."""
    if frame is None:
        raise TypeError("model() gave None: its last line must return a table")
    if isinstance(frame, list) and frame and all(isinstance(row, dict) for row in frame):
        names = list(dict.fromkeys(str(name) for row in frame for name in row))
        rows = [[plain(row.get(name)) for name in names] for row in frame]
        writer = Rows(parent)
        return writer.write(writer.columns_of(names, rows), rows)
    return tables.store(frame)


# ---- the model


def give_names(dbt, tables):
    """dbt.this can be read from where it is there: its rows are fetched when its name is asked for."""

    class Here(type(dbt.this)):
        def __repr__(self):
            name = super().__repr__()
            if dbt.is_incremental:
                tables.load(name)
            return name

    dbt.this = Here()


def run(parent):
    try:
        import duckdb
    except ModuleNotFoundError as missing:
        if missing.name != "duckdb":
            raise
        tables = Rows(parent)
    else:
        tables = Files(parent, duckdb)
    spec = importlib.util.spec_from_file_location("leat_model", os.path.join(FOLDER, "model.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dbt = module.dbtObj(tables.load)
    give_names(dbt, tables)
    frame = module.model(dbt, tables.session)
    module.materialize(frame, lambda target, temporary: parent.ask(
        store=target, temporary=temporary, **store(tables, parent, frame)))


def tell_failure(parent, failure):
    trace = traceback.extract_tb(failure.__traceback__)
    path = os.path.join(FOLDER, "model.py")
    lines = [frame.lineno for frame in trace if frame.filename == path]
    if isinstance(failure, SyntaxError) and failure.filename == path:
        lines.append(failure.lineno)
    text = traceback.format_exception_only(type(failure), failure)[-1].strip()
    said = {"fail": text, "line": lines[-1] if lines else 0}
    missing = "duckdb" if isinstance(failure, NeedsDuckdb) else getattr(failure, "name", None)
    if isinstance(failure, (ModuleNotFoundError, NeedsDuckdb)) and missing:
        said["missing"] = missing.partition(".")[0]
        said["python"] = sys.executable
    own = [frame for frame in trace if frame.filename != os.path.abspath(__file__) and "importlib" not in frame.filename]
    told = ["Traceback (most recent call last):\n"] + traceback.format_list(own) if own else []
    told += traceback.format_exception_only(type(failure), failure)
    sys.stderr.write("".join(told).replace(path, sys.argv[1]))
    sys.stderr.flush()
    parent.tell(said)


def main():
    sys.path[0:1] = sys.argv[2:]  # instead of this folder: module_paths. The first argument is the model's file
    sys.dont_write_bytecode = True
    sys.stdout.reconfigure(line_buffering=True)  # the log shows it when it is printed
    parent = Parent()
    try:
        run(parent)
    except BaseException as failure:
        tell_failure(parent, failure)
        os._exit(1)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads of the model do not hold up the run


main()
