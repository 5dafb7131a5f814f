"""Notebook tasks, run with a real Jupyter kernel."""

import json
import pathlib
import subprocess
import sys

import pytest

from harness import finish, wait_until

if subprocess.run([sys.executable, "-c", "import nbclient, ipykernel"], capture_output=True).returncode != 0:
    pytest.skip("python3-nbclient and python3-ipykernel are not there: tools/setup brings them", allow_module_level=True)

BASE = {"leat.yml": "name: p\n"}


def code(source, *tags):
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source, "outputs": [], "execution_count": None}


def book(*cells, kernel="python3"):
    head = {"cell_type": "markdown", "metadata": {}, "source": "# Report"}
    return json.dumps({"cells": [head, *cells], "nbformat": 4, "nbformat_minor": 4,
                       "metadata": {"kernelspec": {"name": kernel, "language": "python", "display_name": "Python"}}})


@pytest.fixture
def pipe(project):
    def make(text, *cells, kernel="python3", **extra):
        return project({**BASE, "pipelines/p.yml": "name: p\n" + text, "books/report.ipynb": book(*cells, kernel=kernel)},
                       PATH=f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin", **extra)

    return make


def executed(leat, run=1):
    found = list(pathlib.Path(leat.home, "logs", str(run)).glob("*.ipynb"))
    assert len(found) == 1
    return found[0], json.loads(found[0].read_text())


def test_parameters_keep_their_types_and_outputs_go_on(pipe):
    leat = pipe("""\
params: {n: {type: int, default: 3}}
tasks:
  list: {shell: 'echo "{\\"files\\": [\\"a\\", \\"b\\"]}" > "$LEAT_OUTPUT"'}
  report:
    notebook: books/report.ipynb
    params: {n: "{{ params.n }}", files: "{{ outputs.list.files }}", word: "5", number: 5, on: true, said: "n={{ params.n }}"}
    after: list
  tell: {shell: 'echo "got {{ outputs.report.total }}"', after: report}
""", code("n = 0\nfiles = []\nword = number = on = said = None", "parameters"),
                code("print('types', n, files, repr(word), number, on, said)"),
                code("import json, os\njson.dump({'total': n + len(files)}, open(os.environ['LEAT_OUTPUT'], 'w'))\nn * 2"))
    leat("run", "--pipeline", "p")
    log = leat("logs", "last", "report").out
    assert "types 3 ['a', 'b'] '5' 5 True n=3" in log
    assert "--- cell 4 ('import json, os')" in log
    assert "got 5" in leat("logs", "last", "tell").out
    path, made = executed(leat)
    assert str(path) in log
    leat.edge(leat("runs", "last"), f"executed notebook of task.p.report: {path}")
    assert made["cells"][2]["metadata"]["tags"] == ["injected-parameters"]
    assert made["cells"][2]["source"][0] == "# Parameters\n"
    assert made["cells"][4]["outputs"][0]["data"]["text/plain"] == ["6"]


def test_an_error_names_the_cell_and_the_notebook_is_kept(pipe):
    leat = pipe("tasks: {report: {notebook: books/report.ipynb, params: {x: 1}}}\n",
                code("print('before')"), code("# a comment\nrows = {}\nrows['gone']"), code("print('never')"))
    leat.edge(leat("run", "--pipeline", "p", code=1), "cell 3 ('rows = {}'): KeyError: 'gone'")
    log = leat("logs", "last", "report").out
    assert "Traceback" in log and "----> 3 rows['gone']" in log and "\x1b" not in log and "never" not in log
    _, made = executed(leat)
    assert [cell.get("outputs", [{}])[0].get("output_type") for cell in made["cells"][2:4]] == ["stream", "error"]


def test_output_is_in_the_log_while_a_cell_runs(pipe, tmp_path):
    leat = pipe("tasks: {report: {notebook: books/report.ipynb, env: {GATE: '%s'}}}\n" % (tmp_path / "gate"),
                code("import os, time\nprint('half way', flush=True)\nwhile not os.path.exists(os.environ['GATE']):\n    time.sleep(0.05)\nprint('end')"))
    run = leat.start("run", "--pipeline", "p")
    wait_until(lambda: "half way" in leat("logs", "last", code=None).out, 60)
    (tmp_path / "gate").touch()
    assert finish(run).code == 0
    assert "end" in leat("logs", "last", "report").out


def test_a_slow_cell_and_a_slow_notebook_are_ended(pipe):
    leat = pipe("tasks: {report: {notebook: books/report.ipynb, cell_timeout: 2s, retries: 0}}\n", code("1"), code("import time\ntime.sleep(600)"))
    leat.edge(leat("run", "--pipeline", "p", code=1), "cell 3 ('import time') took longer than cell_timeout, 2 s")
    leat = pipe("tasks: {report: {notebook: books/report.ipynb, timeout: 8s, retries: 0}}\n", code("print('here')"), code("import time\ntime.sleep(600)"))
    leat("run", "--pipeline", "p", code=3)
    assert "longer than its timeout" in leat("runs", "last").out
    _, made = executed(leat, 2)
    assert made["cells"][1]["outputs"][0]["text"] == ["here\n"]  # as far as it came


def test_a_dead_kernel_is_an_error(pipe):
    leat = pipe("tasks: {report: {notebook: books/report.ipynb}}\n", code("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"))
    leat.edge(leat("run", "--pipeline", "p", code=1), "cell 2 ('import os, signal'): the kernel died")


def test_secrets_are_masked_in_the_executed_notebook(pipe):
    leat = pipe("tasks: {report: {notebook: books/report.ipynb, env: {TOK: \"{{ secret('T') }}\"}}}\n",
                code("import os\nprint(os.environ['TOK'])"), T="secret-4711")
    leat("run", "--pipeline", "p")
    path, made = executed(leat)
    assert made["cells"][1]["outputs"][0]["text"] == ["***\n"]
    assert "4711" not in leat("logs").out
    assert not list(pathlib.Path(leat.home, "attempts").rglob("*.ipynb"))


def test_what_is_missing_is_said(pipe, tmp_path):
    bare = tmp_path / "bare"
    bare.write_text("#!/bin/sh\nexec %s -S \"$@\"\n" % sys.executable)  # a Python without packages
    bare.chmod(0o755)
    leat = pipe(f"tasks: {{report: {{notebook: books/report.ipynb, interpreter: {bare}}}}}\n", code("1"))
    leat.edge(leat("run", "--pipeline", "p", code=2), "No module named", "apt-get install python3-nbclient", "pip install nbclient ipykernel")
    leat = pipe("tasks: {report: {notebook: books/report.ipynb}}\n", code("1"), kernel="conda-env-x")
    leat.edge(leat("run", "--pipeline", "p", code=2), "there is no kernel 'conda-env-x'", "kernel: python3")
    leat = pipe("tasks: {report: {notebook: books/none.ipynb}}\n", code("1"))
    leat.edge(leat("run", "--pipeline", "p", code=2), "there is no notebook", "books/none.ipynb")
    leat = pipe("tasks: {report: {notebook: books/report.ipynb, kernel: python3}}\n", code("1"), kernel="conda-env-x")
    leat("run", "--pipeline", "p")
    leat = pipe("tasks: {report: {shell: 'true', kernel: python3}}\n", code("1"))
    leat.edge(leat("run", "--pipeline", "p", code=2), "'kernel' does nothing in a task that is 'shell'")
    leat = pipe("tasks: {report: {notebook: books/report.ipynb, params: {a-b: 1}}}\n", code("1"))
    leat.edge(leat("run", "--pipeline", "p", code=2), "'a-b' cannot be a variable of a notebook")
