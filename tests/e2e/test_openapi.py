"""The API against its own description: schemathesis makes up requests from the OpenAPI document, good and bad ones, and holds every answer
against it; a validator reads the document itself.

Neither is in Debian: LEAT_TEST_PYTHON names a python that has schemathesis and openapi-spec-validator, what is missing is skipped. The
requests are the same each time (LEAT_TEST_SEED, 7); LEAT_TEST_SECONDS lets them go on for longer than a glance."""

import json
import os
import subprocess

import pytest

from api_client import PASSWORD, ROLES, up
from harness import wait_for
from test_api import WORK

PYTHON = os.environ.get("LEAT_TEST_PYTHON")
SEED = os.environ.get("LEAT_TEST_SEED", "7")
SECONDS = int(os.environ.get("LEAT_TEST_SECONDS", "0"))

# What is there to ask about, and which operations refuse also what fits their schema: what the project's files say is not in it (a range
# without ticks, parameters that the pipeline does not have), nor what excludes what.
CONFIG = """\
warnings = false
[dictionaries.pipelines]
values = ["quick", "nightly", "asks", "long", "none"]
[dictionaries.tasks]
values = ["one", "first", "ask", "sleep", "none"]
[dictionaries.runs]
values = [1, 2, 3, 4, 4711]
[dictionaries.kinds]
values = ["leat", "source", "pipeline", "none"]
[parameters]
"path.user" = "somebody"
"path.token" = "%s"
"path.pipeline" = {dictionary = "pipelines", probability = 0.8}
"path.task" = {dictionary = "tasks", probability = 0.8}
"path.run" = {dictionary = "runs", probability = 0.8}
"path.kind" = {dictionary = "kinds", probability = 0.8}
"""
# name of the operation: statuses of requests that fit its schema, beside those that schemathesis expects
REFUSES = {"startRun": [400, 422], "backfillPipeline": [400, 413, 422], "addToken": [400], "retryRun": [400, 422], "cancelRun": [400], "prune": [400], "hook": [400],
           "startSelection": [400, 422], "setPassword": [400], "getLog": [416], "pausePipeline": [400], "addUser": [413]}
EXPECTED = ["2xx", "3xx", 401, 403, 404, 409, 429]


def needs(*modules):
    if not PYTHON or subprocess.run([PYTHON, "-c", f"import {', '.join(modules)}"], capture_output=True).returncode != 0:
        pytest.skip(f"set LEAT_TEST_PYTHON to a python with {' and '.join(modules)}")


def test_the_document_is_what_openapi_3_1_says(project):
    needs("openapi_spec_validator")
    leat = project({"leat.yml": "name: t\n"})
    (leat.project / "api.json").write_text(leat("schema", "api").out)
    done = subprocess.run([PYTHON, "-m", "openapi_spec_validator", "--schema", "3.1", "api.json"], cwd=leat.project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def configuration(token):
    parts = [CONFIG % token]
    for name, statuses in REFUSES.items():
        parts.append(f"""
[[operations]]
include-operation-id = "{name}"
[operations.checks.positive_data_acceptance]
expected-statuses = {json.dumps(EXPECTED + statuses)}
""")
    return "\n".join(parts)


@pytest.mark.parametrize("role", ["nobody", *ROLES])
def test_every_answer_is_one_that_the_document_names(project, up, tmp_path, role):
    needs("schemathesis")
    leat = project(WORK)
    server = up(leat, "--rate", "0")
    admin = server.client("admin")
    leat("user", "add", "somebody", "--role", "viewer", "--password-stdin", stdin=PASSWORD)
    runs = [admin.post(f"/api/v1/pipelines/{name}/runs", {}, 201).json()["id"] for name in ("quick", "asks", "fails", "long")]
    for run in runs[:3]:
        wait_for(lambda: admin.get(f"/api/v1/runs/{run}/tasks")["tasks"], f"the tasks of run {run}")
    # an admin who removed, reset or revoked the one who asks would see nothing but 401 from then on: there are others for that
    spare = admin.post("/api/v1/tokens", {"role": "viewer", "user": "somebody"}, 201).json()["id"]
    (tmp_path / "schemathesis.toml").write_text(configuration(spare))
    # endless streams of events are for test_api.py
    command = [PYTHON, "-m", "schemathesis.cli", "--config-file", tmp_path / "schemathesis.toml", "run", server.url + "/api/v1/openapi.json",
               "--checks", "all", "--seed", SEED, "--continue-on-failure", "--request-timeout", "60", "--exclude-operation-id", "followChanges",
               "--phases", "examples,coverage,fuzzing,stateful" if SECONDS else "coverage,fuzzing"]
    command += ["--max-time", str(SECONDS)] if SECONDS else ["--max-examples", "8"]
    if role != "nobody":
        command += ["--header", f"Authorization: Bearer {server.client(role).token}"]
    done = subprocess.run(list(map(str, command)), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    assert server.process.poll() is None
    wait_for(lambda: server.nobody().get("/health")["good"], "a healthy server")
