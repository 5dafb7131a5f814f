"""What may differ between dbt and leat, or from one run to the next: each entry with its reason."""

import re

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

ERROR_WORDS = (r"^(Compilation|Runtime|Parsing|Database|Dependency|Validation) Error", r"^Encountered an error", r"^Error: ", r"^Usage: ", r"^Try 'dbt ",
               r"is not valid\.$", r"^Could not find selector", r"^'\w+' is not a valid method name", r"^Got a state selector method")


def only_error_words(theirs, ours):
    """Both end with an error, and differ only in the words of it: exit codes are an area of their own."""
    if not isinstance(theirs, list) or not isinstance(ours, list):
        return False
    left, right = [line for line in theirs if line not in ours], [line for line in ours if line not in theirs]
    return bool(left) and len(right) <= 2 and all(any(re.search(word, str(line).strip()) for word in ERROR_WORDS) for line in left)


def more_tags(theirs, ours):
    return isinstance(theirs, list) and isinstance(ours, list) and set(map(str, theirs)) < set(map(str, ours))


DEAD_THREAD = {"Exception on worker thread. Database Error", "Unhandled error while executing"}


def only_more(lines):
    """dbt has these lines more, and nothing else differs."""
    return lambda theirs, ours: isinstance(theirs, list) and isinstance(ours, list) and sorted(set(theirs) - lines) == sorted(set(ours))


def one_line_at(place):
    """leat says one line, with the place in the file."""
    def said(theirs, ours):
        right = [line for line in ours if line not in theirs]
        return any(line not in ours for line in theirs) and len(right) == 1 and re.match(rf"(\[WARNING\]: )?{place}:", right[0]) is not None

    return said


def same_words(theirs, ours):
    """The words are the same; in other lines, since leat names the place in the file, too."""
    if not isinstance(theirs, list) or not isinstance(ours, list):
        return False
    left, right = (sorted(re.sub(r"(?<=[.]yml):\d+:\d+", "", " ".join(lines)).split()) for lines in (theirs, ours))
    return left == right and any("Deprecation" in line for line in theirs)


# "project", "engine", "area", "step", "thing", "key" are regular expressions for the whole word; "when" takes dbt's value and leat's
DIFFERS = [
    {"area": "lines", "when": same_words, "reason": "a deprecation is told with its line and column"},
    {"area": "manifest", "thing": "selectors", "reason": "definitions of selectors are kept as they were written, where dbt writes out what they mean"},
    {"area": "results|files", "thing": r"unit_test.*|compiled|run", "project": "functions", "key": "|compiled_code",
     "reason": "the SQL that stands in for a model's input is our own macros', and is no file"},
    {"area": "lines|out", "when": only_error_words, "reason": "what ends a command is said in words of its own: the file, the line and what to do"},
    {"area": "lines", "project": "failing", "step": r"\d+ (retry|parse|run --vars.*|nothing)", "reason": "as above, where dbt has more lines, or none"},
    {"area": "lines|results|files", "step": r"\d+ .*--fail-fast.*", "reason": "dbt goes on with what is in its queue already, and counts what it cancels as errors: which nodes these are is "
     "chance; leat begins nothing more"},
    {"area": "results|manifest|compiled", "project": "batches", "key": "|compiled|compiled_code|compiled_path|extra_ctes|extra_ctes_injected",
     "thing": r"model\.batches\.(daily|hourly|failing)", "reason": "the SQL of the last batch is kept, where dbt has none of a microbatch model"},
    {"area": "results", "key": "message", "when": lambda theirs, ours: str(ours).startswith(str(theirs) + ": "), "reason": "a partial success says what went wrong"},
    {"area": "lines", "project": "batches", "engine": "postgres", "step": r"[24] run .*", "when": only_more(DEAD_THREAD),
     "reason": "dbt's thread ends with an unhandled error of its own there"},
    {"area": "results", "project": "batches", "engine": "postgres", "key": "message", "thing": r"model\.batches\.hourly", "when": lambda theirs, ours: theirs == "ERROR" and "Error in model hourly" in ours,
     "reason": "dbt's thread ends with an unhandled error there, so that the message is the one word ERROR; ours says what went wrong"},
    {"area": "lines", "project": "functions", "step": r"(17|20|21|22) parse", "when": one_line_at(r"(functions|tests)/\w+[.]\w+(:\d+:\d+)?"),
     "reason": "what is wrong is said with its place in the file; dbt has its parser's traceback for two of them"},
    {"area": "lines", "project": "semantic", "step": r"(8|10|14|15) parse", "when": one_line_at(r"models/bad[.]yml:\d+:\d+"),
     "reason": "what is refused first is said in one line, with its place in the file; dbt has a traceback, a heading, or more of its checks"},
    {"area": "lines", "project": "batches", "step": r"5 run .*", "reason": "dbt's thread has an unhandled error of its own there"},
    {"area": ".*", "project": "batches", "step": r"8 run -s plain --sample .*", "reason": "a window of --sample may be made of days, which dbt refuses"},
    {"area": "lines", "step": r"\d+ compile -s .* .*", "reason": "all models that were asked for by name are shown, not only those of the first word"},
    {"area": "results", "step": r"8 compile -s raises", "project": "failing", "reason": "a model that does not compile is a result, and others are compiled"},
    {"area": "lines", "step": r"8 compile -s raises", "project": "failing", "reason": "a model that does not compile is a result, and others are compiled"},
    {"area": "exit", "project": "failing", "step": r"21 parse", "reason": "a cycle is found when the project is read, by dbt not before something is run"},
    {"area": "out", "project": "failing", "step": r"3 run --quiet --warn-error", "reason": "ready nodes are taken in the order of their names, and errors say their place"},
    {"area": "manifest", "project": "sourced", "key": r"tags|config\.tags", "when": more_tags,
     "reason": "tags of sources and exposures in dbt_project.yml count, where dbt forgets them for those that have tags of their own"},
    {"area": "manifest|out", "project": "sourced", "thing": r"disabled source.*|out", "reason": "the same tags in a list of nodes"},
    {"area": "out|lines", "project": "selecting", "step": r"17 ls .*", "reason": "a number in the configuration is found by its digits"},
    {"area": ".*", "project": "hooks", "step": "6 docs generate", "thing": r"operation\.hooks\.hooks-on-run-start-1", "reason": "a seed is not compiled, so it does not count in selected_resources"},
    {"area": "macros", "key": r"depends_on\.macros", "reason": "leat's own macros are other ones: only a project's override has dbt_duckdb's name of it"},
    {"area": "lines", "project": "jinja", "step": r"3 compile -s context", "reason": "a macro's SQL begins without a line of white space"},
    {"area": "results", "project": "jinja", "thing": r"model\.jinja\.context", "key": "compiled_code",
     "when": lambda theirs, ours: re.sub(r"\s+", "", theirs) == re.sub(r"\s+", "", ours), "reason": "white space that macros of ours leave"},
    {"area": "lines", "step": r"1 deps", "reason": "dbt says one warning twice"},
    {"area": "lines", "step": r"\d+ show .*", "reason": "a seed is shown as it stands in the database, not loaded again; numbers as the database has them"},
    {"area": "results|files", "project": "units", "thing": r"unit_test.*|compiled|run", "key": "|compiled_code|compiled",
     "reason": "the SQL that stands in for a model's input is our own macros', and is no file"},
    {"area": "lines|results", "project": "units", "key": "|status|adapter_response|failures|lines", "step": "1 build|7 build -s sums.*", "thing": r"lines|unit_test\.units\.(inc\.first_time|sums\.from_csv)",
     "reason": "one failing unit test of a model says nothing of the others, which run; dbt skips those that come later, in an order that is none"},
    {"area": "lines|results", "project": "units", "key": "|message", "step": r"\d+ (test|build).*sums.*", "reason": "a difference is a small table with rows that are missing (---) and too many (+++)"},
    {"area": "results", "key": "message", "when": lambda theirs, ours: "Error" in str(theirs) and ours not in (None, "<not there>"),
     "reason": "an error names its place in the file that a person wrote, and the macros on the way there"},
    {"area": "results", "key": "message", "when": lambda theirs, ours: theirs is None and str(ours).startswith("Skipping due to a failure of "),
     "reason": "what was skipped says because of what"},
    {"area": "results|files|manifest|compiled|tables", "step": r"\d+ (show|compile --quiet --inline) .*",
     "reason": "rows to look at are got by a query of our own, a seed is not loaded for them, and a text of the command line is no file"},
    {"area": "results", "step": r"\d+ (compile|docs generate)", "thing": r"seed\..*", "when": lambda theirs, ours: ours == "<not there>",
     "reason": "a seed is not compiled, so there is no result of it"},
    {"area": "manifest", "key": r"depends_on\.macros", "when": lambda theirs, ours: isinstance(ours, list) and isinstance(theirs, list) and set(ours) < set(theirs),
     "reason": "dbt adds the macros that were called at run time to those that it found when parsing"},
    {"area": "manifest", "key": "refs", "when": lambda theirs, ours: all(one in ours for one in theirs) and len(ours) < len(theirs),
     "reason": "a reference that is written twice is one reference"},
    {"area": "files|manifest", "thing": r"compiled|snapshot\..*", "key": "|compiled_path", "project": "snapshots|compared", "reason": "the SQL of a snapshot is written to target/compiled too"},
    {"area": "results|compiled", "thing": r"operation\.hooks\..*", "key": "|compiled_code",
     "when": lambda theirs, ours: sorted(str(theirs).split("\n")) == sorted(str(ours).split("\n")),
     "reason": "the results that a hook goes through are in the order in which the nodes ended"},
    {"project": "functions", "engine": "duckdb", "area": "tables", "thing": r"work\.after_late", "reason": "what a hook after a function does stays; dbt-duckdb undoes it"},
    {"area": "manifest", "thing": r"function\..*", "key": "description|doc_blocks", "reason": "dbt leaves doc() in a function's description as it was written"},
    {"area": "macros", "thing": "dbt's", "reason": "leat's own helpers have names of their own, and dbt's need not be there"},
    {"area": "out", "step": r"15 show .*|13 show .*", "reason": "a seed is shown as it stands in the database, not loaded again; numbers as the database has them"},
]
