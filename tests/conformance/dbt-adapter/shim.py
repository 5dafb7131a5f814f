"""A pytest plugin that puts `leat dbt` in the place of dbt: what dbt's own tests do through dbt.tests.util.run_dbt and dbtRunner is done by
LEAT_BIN, and read back from its output and artifacts in the shapes of dbt's Python classes. The `project` fixture's adapter stays dbt's, so
that what leat built is looked at by somebody else. With LEAT_SHIM=off nothing is replaced: then the same tests judge dbt itself."""

import contextlib
import datetime
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import yaml

import dbt.artifacts.exceptions
import dbt.cli.main
import dbt.deprecations
import dbt.exceptions
import dbt_common.exceptions
from dbt.adapters.factory import FACTORY
from dbt.artifacts.schemas.batch_results import BatchResults
from dbt.artifacts.schemas.catalog import CatalogArtifact
from dbt.artifacts.schemas.freshness import FreshnessResult
from dbt.artifacts.schemas.manifest import WritableManifest
from dbt.artifacts.schemas.results import FreshnessStatus, NodeStatus, RunStatus, TestStatus, TimingInfo
from dbt.artifacts.schemas.run import RunExecutionResult, RunResult
from dbt.contracts.graph.manifest import Manifest

LEAT = os.environ.get("LEAT_BIN", "leat")
ON = os.environ.get("LEAT_SHIM") != "off"
SECONDS = 300  # of one command, at most
VERBS = ("build", "clean", "clone", "compile", "debug", "deps", "docs", "init", "list", "ls", "parse", "retry", "run", "run-operation", "seed", "show", "snapshot",
         "source", "test")
TIME = re.compile(r"^\d\d:\d\d:\d\d  ", re.M)
clock = None  # the moment that a test wants leat to take for now


def refused_class():
    """The process says why it refuses in words, not by a class of Python: its exception is of every class that dbt has for a refusal."""
    bases = []
    for module in (dbt.exceptions, dbt_common.exceptions, dbt.artifacts.exceptions):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Exception) and value.__module__.startswith(("dbt", "dbt_common")):
                bases.append(value)
    bases += [dbt.cli.main.DbtUsageException, ValueError]
    leaves = [b for b in dict.fromkeys(bases) if not any(o is not b and issubclass(o, b) for o in bases)]

    class Refused(*leaves):
        CODE, MESSAGE = 10000, "refused"

        def __init__(self, text):
            Exception.__init__(self, text)
            self.msg = self.message = text
            self.stack, self.node = [], None

        def __str__(self):
            return self.msg

        __repr__ = __str__
        type = "Refused"

        @property
        def exc(self):
            return self

    return Refused


Refused = refused_class()


# ---------------------------------------------------------------- the files that leat writes


def status_of(word, node_id):
    kinds = (TestStatus, RunStatus) if node_id.startswith(("test.", "unit_test.")) else (RunStatus, TestStatus)
    for kind in (*kinds, FreshnessStatus, NodeStatus):
        with contextlib.suppress(ValueError):
            return kind(word)
    raise ValueError(f"run_results.json: unknown status '{word}'")


class Artifacts:
    """Of one command: where they lie, and which of them it wrote."""

    def __init__(self, args):
        folder = pathlib.Path(option(args, "--project-dir") or os.environ.get("DBT_PROJECT_DIR") or ".")
        named = option(args, "--target-path") or os.environ.get("DBT_TARGET_PATH")
        if not named and (folder / "dbt_project.yml").is_file():
            with contextlib.suppress(yaml.YAMLError):
                named = ((yaml.safe_load((folder / "dbt_project.yml").read_text()) or {}).get("target-path"))
        self.target = folder / (named or "target")
        self.before = {name: self.mark(name) for name in ("run_results.json", "sources.json", "catalog.json")}

    def mark(self, name):
        with contextlib.suppress(OSError):
            at = os.stat(self.target / name)
            return at.st_mtime_ns, at.st_ino, at.st_size
        return None

    def read(self, name):
        return json.loads((self.target / name).read_text())

    def wrote(self, name):
        return self.mark(name) not in (None, self.before[name])

    def manifest(self):
        return read_manifest(self.target / "manifest.json")


def read_manifest(path):
    if not path.exists():
        return None
    return Manifest.from_writable_manifest(WritableManifest.from_dict(json.loads(path.read_text())))


def node_of(manifest, unique_id):
    for nodes in ("nodes", "sources", "unit_tests", "exposures", "functions", "saved_queries"):
        found = getattr(manifest, nodes, {}).get(unique_id) if manifest else None
        if found is not None:
            return found
    parts = unique_id.split(".")
    return SimpleNamespace(unique_id=unique_id, name=parts[-1], resource_type=parts[0], is_ephemeral_model=False)


def run_result(manifest, entry):
    node = node_of(manifest, entry["unique_id"])
    for key in ("compiled", "compiled_code", "relation_name"):  # as dbt's objects have them after the command
        if entry.get(key) is not None:
            setattr(node, key, entry[key])
    if entry["unique_id"].startswith("unit_test.") and getattr(node, "depends_on", None) and node.depends_on.nodes:
        object.__setattr__(node, "tested_node_unique_id", node.depends_on.nodes[0])
    if hasattr(node, "update_event_status"):
        node.update_event_status(node_status=entry["status"])
    if entry["unique_id"].startswith("macro."):
        timing = [TimingInfo.from_dict(t) for t in entry["timing"]]
        return SimpleNamespace(**{**entry, "status": status_of(entry["status"], ""), "node": node, "timing": timing})
    batches = entry.get("batch_results")
    return RunResult(
        status=status_of(entry["status"], entry["unique_id"]), timing=[TimingInfo.from_dict(t) for t in entry["timing"]], thread_id=entry["thread_id"],
        execution_time=entry["execution_time"], adapter_response=entry["adapter_response"], message=entry["message"], failures=entry["failures"], node=node,
        agate_table=None, batch_results=BatchResults.from_dict(batches) if batches else None)


# ---------------------------------------------------------------- one command


def option(args, name):
    for at, word in enumerate(args):
        if word == name and at + 1 < len(args):
            return args[at + 1]
        if word.startswith(name + "="):
            return word.partition("=")[2]
    return None


def words_of(settings):
    """Of dbtRunner.invoke()'s keyword arguments."""
    words = []
    for key, value in settings.items():
        name = key.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif isinstance(value, (list, tuple)):
            words += [f"--{name}", *map(str, value)] if value else []
        elif value is not None:
            words += [f"--{name}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return words


def preload(env):
    """A fixed clock, where libfaketime is installed."""
    now = clock
    try:
        import freezegun.api

        if abs(time.time() - freezegun.api.real_time()) > 60:
            now = datetime.datetime.now(datetime.timezone.utc)
    except ImportError:
        pass
    if now is None:
        return env
    found = [os.environ.get("LEAT_FAKETIME"), *glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")]
    library = next((path for path in found if path and os.path.exists(path)), None)
    if not library:
        pytest.skip("libfaketime is not installed")
    return {**env, "LD_PRELOAD": library, "FAKETIME": now.strftime("%Y-%m-%d %H:%M:%S"), "TZ": "UTC"}


def release():
    """Only one process may hold a DuckDB file; and what the adapter remembers is old after the command."""
    for adapter in FACTORY.adapters.values():
        adapter.cleanup_connections()
        adapter.cache.clear()
        if adapter.type() == "duckdb" and type(adapter).ConnectionManager._ENV:
            type(adapter).ConnectionManager._ENV.close()
            type(adapter).ConnectionManager.close_all_connections()


def call(args, env=None):
    release()
    done = subprocess.run([LEAT, "dbt", *args], env=preload(env or dict(os.environ)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          timeout=SECONDS)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def event(line):
    """A line of JSON as a callback gets it."""
    made = json.loads(line)
    return SimpleNamespace(info=SimpleNamespace(**made["info"]), data=SimpleNamespace(**made["data"]))


def refusal(text):
    """What a person reads of a refusal, without the time of the lines."""
    lines = TIME.sub("", text).splitlines()
    start = max((at for at, line in enumerate(lines) if line.rstrip().endswith("Encountered an error:")), default=None)
    return "\n".join(lines if start is None else lines[start + 1:]).strip()


def count_deprecations(text):
    """What the summary of a command says, where dbt's process keeps it."""
    for name, count in re.findall(r"- (\w+): (\d+) occurrence", text):
        for one in dbt.deprecations.deprecations_list:
            if one._event == name:
                dbt.deprecations.active_deprecations[one.name] += int(count)


class Runner:
    """dbtRunner, in another process."""

    def __init__(self, manifest=None, callbacks=None):
        self.callbacks = callbacks or []
        self.text = ""

    def invoke(self, args, **settings):
        args = [str(word) for word in args] + words_of(settings)
        verb = next((word for word in args if word in VERBS), "")
        files = Artifacts(args)
        env = dict(os.environ)
        log = pathlib.Path(option(args, "--log-path") or env.get("DBT_LOG_PATH") or "logs", "dbt.log")
        if self.callbacks:
            env.update(DBT_LOG_FORMAT_FILE="json", DBT_LOG_LEVEL_FILE="debug")
        start = log.stat().st_size if log.exists() else 0
        code, self.text = call(args, env)
        sys.stdout.write(self.text)
        kept = log.read_bytes()[start:].decode("utf-8", "replace") if log.exists() else ""
        count_deprecations(kept)
        if self.callbacks:
            events = [event(line) for line in kept.splitlines() if line.startswith("{")]
            for callback in self.callbacks:
                for one in events:
                    callback(one)
        answer = dbt.cli.main.dbtRunnerResult
        if code not in (0, 1) and verb != "debug":
            return answer(success=False, exception=Refused(refusal(self.text)))
        return answer(success=code == 0, result=self.result(verb, args, files, code))

    def result(self, verb, args, files, code):
        if verb in ("ls", "list"):
            return call([*args, "--quiet", "--log-format", "text"])[1].splitlines()
        if verb == "parse":
            return files.manifest()
        if verb == "debug":
            return code == 0
        if verb == "docs" and files.wrote("catalog.json"):
            return CatalogArtifact.from_dict(files.read("catalog.json"))
        if verb == "source":
            return freshness(args, files, self.text)
        if verb in ("clean", "deps", "init", "docs", ""):
            return None
        if verb == "show":
            return shown(args, files)
        again = verb == "retry" and (files.target / "run_results.json").exists() and files.read("run_results.json")["args"].get("which") == "run-operation"
        if not files.wrote("run_results.json") and not again:  # a macro that went well is not called again: dbt gives the results of before
            return execution([])
        made = files.read("run_results.json")
        manifest = files.manifest()
        results = [run_result(manifest, entry) for entry in made["results"]]
        return RunExecutionResult(results=results, elapsed_time=made["elapsed_time"], args=made["args"],
                                  generated_at=datetime.datetime.fromisoformat(made["metadata"]["generated_at"].replace("Z", "+00:00")))


def execution(results):
    return RunExecutionResult(results=results, elapsed_time=0.0, generated_at=datetime.datetime.now(datetime.timezone.utc), args={})


def shown(args, files):
    """`show` once more, for its rows as the tables that results hold in dbt."""
    import agate

    text = call([*args, "--output", "json", "--quiet", "--log-format", "text"])[1]
    manifest, results, decoder, at = files.manifest(), [], json.JSONDecoder(), text.find("{")
    while at >= 0:
        made, end = decoder.raw_decode(text, at)
        at = text.find("{", end)
        table = agate.Table.from_object(made["show"], column_types=agate.TypeTester(types=[agate.Number(), agate.Text()], limit=0))
        node = next((n for n in (manifest.nodes.values() if manifest else ()) if n.name == made.get("node")), SimpleNamespace(name=made.get("node")))
        results.append(RunResult(status=RunStatus.Success, timing=[], thread_id="", execution_time=0.0, adapter_response={}, message=None, failures=None, node=node,
                                 agate_table=table))
    return execution(results)


def freshness(args, files, text):
    named = option(args, "--output") or option(args, "-o")
    path = pathlib.Path(named) if named else files.target / "sources.json"
    if not path.is_file():
        return None
    made, manifest = json.loads(path.read_text(encoding="utf-8")), files.manifest()
    results = [SimpleNamespace(**{"error": None, **entry, "status": status_of(entry["status"], "source.")}, node=node_of(manifest, entry["unique_id"]))
               for entry in made["results"]]
    for place in re.findall(r"\d+ of \d+ ERROR freshness of (\S+)", text):  # what could not be asked is in no file
        found = next(one for one in manifest.sources.values() if f"{one.source_name}.{one.name}" == place)
        results.append(SimpleNamespace(unique_id=found.unique_id, status=FreshnessStatus.RuntimeErr, message=text, error=text, node=found))
    return FreshnessResult(results=results, elapsed_time=made["elapsed_time"], metadata=made["metadata"])


# ---------------------------------------------------------------- in the place of dbt.tests.util


def invoke(args, expect_pass, callbacks):
    from dbt.flags import get_flags

    args = ["run"] if args is None else args
    print(f"\n\nInvoking leat dbt with {args}")
    for name in ("PROJECT_DIR", "PROFILES_DIR"):
        folder, word = getattr(get_flags(), name, None), f"--{name.lower().replace('_', '-')}"
        if folder and word not in args:
            args.extend([word, str(folder)])
    runner = Runner(callbacks=callbacks)
    done = runner.invoke(args)
    if done.exception is not None:
        done.exception.text = runner.text
        raise done.exception
    if expect_pass is not None:
        assert done.success == expect_pass, f"leat dbt's exit status is not what was expected:\n{runner.text}"
    return done.result, runner.text


def run_dbt(args=None, expect_pass=True, callbacks=None):
    return invoke(args, expect_pass, callbacks)[0]


def run_dbt_and_capture(args=None, expect_pass=True):
    return invoke(args, expect_pass, None)


def get_manifest(project_root):
    return read_manifest(pathlib.Path(project_root, "target", "manifest.json"))


@contextlib.contextmanager
def patch_microbatch_end_time(moment):
    global clock
    clock = datetime.datetime.strptime(moment, "%Y-%m-%d %H:%M:%S")
    try:
        yield
    finally:
        clock = None


def remember_macros():
    """dbt's own macros, which every project fixture parses anew for its adapter, are the same each time."""
    from dbt.parser.manifest import ManifestLoader

    parse, parsed = ManifestLoader.load_macros, {}

    def load(config, hook, base_macros_only=False):
        key = config.credentials.type
        if not base_macros_only or key not in parsed:
            made = parse(config, hook, base_macros_only=base_macros_only)
            if not base_macros_only:
                return made
            parsed[key] = made
        return parsed[key]

    ManifestLoader.load_macros = load


def install():
    dbt.cli.main.dbtRunner = Runner
    import dbt.tests.util as util

    util.dbtRunner = Runner
    for replacement in (run_dbt, run_dbt_and_capture, get_manifest, patch_microbatch_end_time):
        setattr(util, replacement.__name__, replacement)


remember_macros()
if ON:
    install()
