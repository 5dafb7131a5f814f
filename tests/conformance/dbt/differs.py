"""What may differ between dbt and leat, or from one run to the next: each entry with its reason."""

# keys that are not facts: the moment, the machine, the run
DROPPED = {
    "result": {"timing": "moments", "thread_id": "a name of a thread", "execution_time": "seconds"},
    "args": {"invocation_command": "the program's own name", "log_path": "this machine", "project_dir": "this machine", "profiles_dir": "this machine",
             "log_format": "dbt's runner sets it", "quiet": "dbt's runner sets it"},
    "source": {"timing": "moments", "thread_id": "a name of a thread", "execution_time": "seconds", "snapshotted_at": "the moment",
               "max_loaded_at_time_ago_in_s": "the moment"},
    "catalog": {},
    "node": {"created_at": "the moment of parsing", "root_path": "this machine", "compiled_code": "compared as area compiled",
             "build_path": "a path below target/run"},
    "macro": {"created_at": "the moment of parsing"},
    "listed": {},
    "metadata": {"generated_at": "the moment", "invocation_id": "the run", "invocation_started_at": "the moment", "user_id": "telemetry",
                 "dbt_version": "each has its own", "project_id": "a hash of the name", "run_started_at": "the moment", "env": "of the machine"},
}

# lines that a program says of itself, or of its parser
NOISE = [r"^Running with dbt=", r"^Registered adapter", r"^Found \d+ ", r"^Unable to do partial parsing", r"^Performance info", r"^\[WARNING\]\[.*Deprecat",
         r"^leat: ",
         r"resource_tracker", r"^  warnings.warn"]

# "project", "engine", "area", "step", "thing", "key" are regular expressions for the whole word; "when" takes dbt's value and leat's
DIFFERS = [
    {"area": "results", "key": "message", "when": lambda theirs, ours: "Error" in str(theirs) and ours not in (None, "<not there>"),
     "reason": "an error names its place in the file that a person wrote, and the macros on the way there"},
    {"area": "results", "key": "message", "when": lambda theirs, ours: theirs is None and str(ours).startswith("Skipping due to a failure of "),
     "reason": "what was skipped says because of what"},
    {"area": "results|files|manifest|compiled|tables", "step": r"\d+ (show|run-operation|compile --quiet --inline) .*",
     "reason": "looking at rows, compiling a text and running a macro leave the artifacts of the last run as they are: retry goes on there"},
    {"area": "results", "step": r"\d+ (compile|docs generate)", "thing": r"seed\..*", "when": lambda theirs, ours: ours == "<not there>",
     "reason": "a seed is not compiled, so there is no result of it"},
    {"area": "manifest", "key": r"depends_on\.macros", "when": lambda theirs, ours: isinstance(ours, list) and isinstance(theirs, list) and set(ours) < set(theirs),
     "reason": "dbt adds the macros that were called at run time to those that it found when parsing"},
    {"area": "manifest", "key": "refs", "when": lambda theirs, ours: all(one in ours for one in theirs) and len(ours) < len(theirs),
     "reason": "a reference that is written twice is one reference"},
    {"area": "files|manifest", "thing": r"compiled|snapshot\..*", "key": "|compiled_path", "project": "snapshots", "reason": "the SQL of a snapshot is written to target/compiled too"},
    {"area": "results|compiled", "thing": r"operation\.hooks\..*", "key": "|compiled_code",
     "when": lambda theirs, ours: sorted(str(theirs).split("\n")) == sorted(str(ours).split("\n")),
     "reason": "the results that a hook goes through are in the order in which the nodes ended"},
    {"area": "manifest", "thing": r"function\..*", "key": "description|doc_blocks", "reason": "dbt leaves doc() in a function's description as it was written"},
    {"area": "macros", "thing": "dbt's", "reason": "leat's own helpers have names of their own, and dbt's need not be there"},
    {"area": "out", "step": r"15 show .*|13 show .*", "reason": "a seed is shown as it stands in the database, not loaded again; numbers as the database has them"},
]
