"""What is wrong with a pipeline is said when its file is read, in the same words wherever somebody looks."""

import json
import re

import pytest

from api_client import Server
from harness import wait_for

LEAT_YML = "name: p\n"
GOOD = 'name: good\ntasks: {one: {shell: "true"}}\n'
BAD = """\
name: bad
schedule: "0 6 * * *"
tasks:
  list: {shell: "true"}
  use:
    shell: |
      set -e
      echo {{ interval_strt }}
"""
WARNED = """\
name: warned
tasks:
  book: {notebook: notebooks/none.ipynb}
  given: {notebook: notebooks/there.ipynb, params: {limt: 100, limit: 1, day: x}}
  code: {python: scripts/none.py}
  more: {shell: "echo {{ var('far') }} {{ var('near') }} {{ env_var('HOME') }} {{ env_var('NONE', '') }}"}
params: {near: 1}
on_failure:
  tell: {notify: {slack: "{{ env_var('ALERT_URL') }}"}}
"""
NOTEBOOK = json.dumps({"cells": [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["limit = 3\n", "day: str = 'x'\n"]}]})
WRONG = "pipelines/bad.yml:8:15: 'interval_strt' is undefined; did you mean 'interval_start'?"
WARNINGS = [
    "pipelines/warned.yml:3:20: there is no file 'notebooks/none.ipynb' in the project",
    "pipelines/warned.yml:4:59: the cell of the notebook that is tagged 'parameters' sets no 'limt': did you mean 'limit'?",
    "pipelines/warned.yml:5:18: there is no file 'scripts/none.py' in the project",
    "pipelines/warned.yml:6:26: the variable 'far' is neither in 'vars' of leat.yml nor a parameter",
    "pipelines/warned.yml:9:30: the environment variable 'ALERT_URL' is not set",
]


@pytest.fixture
def serve():
    """serve(leat) starts a server; gives somebody who may ask it all."""
    servers = []

    def start(leat):
        servers.append(Server(leat))
        return servers[-1].client()

    yield start
    for server in servers:
        server.end()


def test_a_wrong_name_is_told_wherever_somebody_looks(project):
    leat = project({"leat.yml": LEAT_YML, "pipelines/good.yml": GOOD, "pipelines/bad.yml": BAD})
    for words in (["status"], ["status", "--schedules"], ["pipelines"], ["why", "good"]):
        assert f"left out, since it is wrong: {WRONG}" in leat(*words).err, words
    told = leat("status", "bad", code=2).err
    assert told.count("interval_strt") == 1 and "no file that can be read has a pipeline 'bad'" in told
    for words in (["run", "--pipeline", "bad", "--dry-run"], ["run", "--pipeline", "bad"], ["trigger", "bad"]):
        told = leat(*words, code=2).err
        assert "pipelines/bad.yml:8:15: 'interval_strt' is undefined" in told and "did you mean 'interval_start'?" in told, words
    assert "FAIL  pipelines/bad.yml:8:15: 'interval_strt' is undefined" in leat("doctor", code=(2, 3)).out
    assert leat.runs() == []


def test_what_will_be_missing_is_a_warning_wherever_somebody_looks(project, up):
    leat = project({"leat.yml": LEAT_YML, "pipelines/good.yml": GOOD, "pipelines/warned.yml": WARNED, "notebooks/there.ipynb": NOTEBOOK})
    for words in (["status"], ["pipelines"], ["run", "--pipeline", "warned", "--dry-run"], ["doctor"]):
        told = leat(*words, code=None).text
        for warning in WARNINGS:
            assert told.count(warning) == 1, (words, warning, told)
        assert told.count("warned.yml:") == len(WARNINGS), told
    assert "warned.yml" not in leat("run", "--pipeline", "good").err
    server = up(leat)
    log = [server.stderr.readline() for _ in WARNINGS]
    for warning in WARNINGS:
        assert [warning in line for line in log].count(True) == 1, log


def test_a_server_says_what_is_wrong_with_a_file_that_was_changed(project, serve):
    leat = project({"leat.yml": LEAT_YML, "pipelines/good.yml": GOOD})
    api = serve(leat)
    leat.write("pipelines/bad.yml", BAD)
    wait_for(lambda: api.get("/api/v1/pipelines").get("wrong") == WRONG, "the reason")
    leat.write("pipelines/bad.yml", BAD.replace("interval_strt", "env_var('ALERT_URL')"))
    warning = "pipelines/bad.yml:8:15: the environment variable 'ALERT_URL' is not set"
    wait_for(lambda: [w for p in api.get("/api/v1/pipelines")["pipelines"] for w in p.get("warnings", []) if warning in w], "the warning")


def test_an_undefined_value_is_an_error_with_a_place(project):
    leat = project({"leat.yml": LEAT_YML, "pipelines/p.yml": """\
name: p
tasks:
  list: {shell: "echo '{}' > $LEAT_OUTPUT"}
  pick: {choose: [{if: outputs.list.fils, then: b}], after: list}
  each: {for_each: {items: "{{ outputs.list.fils }}", tasks: {x: {shell: "true"}}}, after: list}
  b: {shell: "true"}
"""})
    leat("run", "--pipeline", "p", code=2)
    text = leat("runs", "last").text
    assert "pipelines/p.yml:4:24: 'outputs.list.fils' is undefined" in text
    assert "pipelines/p.yml:5:28: '{{ outputs.list.fils }}' is undefined" in text


def test_slips_of_the_hand_are_answered(project, tmp_path):
    leat = project({"leat.yml": LEAT_YML, "pipelines/morning.yml": 'name: morning\nschedule: "0 6 * * *"\ntasks: {one: {shell: "true"}}\n'})
    told = leat("why", "mornin", code=2).err
    assert "there is no pipeline 'mornin'" in told and "did you mean 'morning'?" in told
    told = leat("secret", "get", "TOKEN", code=(1, 2)).err
    assert "values of secrets are not shown" in told and "secret('TOKEN')" in told
    assert "there is no statement in ' '" in leat("sql", " ", code=2).err
    told = leat("backfill", "morning", "--from", "2026-04-01", "--to", "2026-04-03", "--dry-run").out
    assert "2026-04-01T06:00:00Z" in told and ".000000" not in told
    leat.write("pipelines/morning.yml", "name: morning\non_fail: {}\n")
    assert "unknown key 'on_fail' in a pipeline; did you mean 'on_failure'?" in leat("status").err
    told = leat("init", "my shop's", cwd=tmp_path)
    assert "  cd 'my shop'\\''s'\n" in told.out
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("x")
    assert "holds 1 other file" in leat("init", cwd=tmp_path / "full").err
    (tmp_path / "empty").mkdir()
    assert leat("init", cwd=tmp_path / "empty").err == ""


ASKED = """\
name: asked
schedule: "0 6 * * *"
triggers:
  arrived: {object: {bucket: inbx}}
  pushed: {webhook: {secret: HOOK_SECRT}}
  short: {webhook: {secret: SHORT}}
  changed: {sql: "select * from nowhere", every: 1s}
tasks: {one: {shell: "true"}}
"""
TROUBLES = {
    "arrived": "there is no bucket 'inbx'; did you mean 'inbox'?",
    "pushed": "HOOK_SECRT",
    "short": "the secret 'SHORT' has 5 bytes, and a webhook's 16; make a longer one: openssl rand -hex 32",
    "changed": "the query failed: ",
}


def why(leat, name):
    return {row["task"]: row for row in leat("why", name, "--json").json()}


def test_without_a_server_nothing_is_promised(project, up):
    leat = project({"leat.yml": LEAT_YML, "pipelines/asked.yml": ASKED, "pipelines/good.yml": GOOD}, SHORT="12345")
    nobody = "no server works here: nothing begins until 'leat up'"

    def check_nobody():
        rows = why(leat, "asked")
        assert rows["asked"]["status"] == "no server" and rows["asked"]["why"] == nobody
        assert rows["asked.arrived"]["why"].startswith(nobody + "; then it waits for an object under inbx/")
        schedules = {row["pipeline"]: row["why"] for row in leat("status", "--schedules", "--json").json()}
        assert schedules["asked"] == nobody and "leat trigger" in schedules["good"]
        assert nobody in leat("status", "asked").out

    check_nobody()
    leat("trigger", "good")
    assert "no server works here: 'leat up' begins it, or 'leat run --resume 1'" in leat("why", "1").out
    server = up(leat)
    wait_for(lambda: leat.runs()[0]["status"] == "succeeded", "the run")
    assert "its schedule begins a run at" in why(leat, "asked")["asked"]["why"]
    server.kill()
    server.wait()
    check_nobody()


def test_a_run_that_waits_for_the_servers_next_look_is_about_to_begin(project, up):
    leat = project({"leat.yml": LEAT_YML, "pipelines/good.yml": GOOD})
    server = up(leat)
    leat("trigger", "good")
    rows = [row["why"] for row in leat("why", "1", "--json").json()]
    assert not [row for row in rows if "--resume" in row], rows
    assert server.poll() is None


def test_a_trigger_that_cannot_work_says_so_in_the_same_words_everywhere(project, serve):
    leat = project({"leat.yml": LEAT_YML, "pipelines/asked.yml": ASKED}, SHORT="12345")
    leat("store", "mb", "inbox")
    told = leat("doctor", code=None).out
    early = why(leat, "asked")
    for name in ("arrived", "pushed", "short"):
        assert early[f"asked.{name}"]["status"] == "in trouble" and TROUBLES[name] in early[f"asked.{name}"]["why"], name
        assert TROUBLES[name].split(";")[0] in told, name
    api = serve(leat)
    wait_for(lambda: all(row["status"] == "in trouble" for task, row in why(leat, "asked").items() if "." in task), "the troubles")
    rows, told = why(leat, "asked"), leat("doctor", code=None).out
    listed = {row["pipeline"]: row["why"] for row in leat("status", "--schedules", "--json").json()}["asked"]
    asked = {one["name"]: one["why"] for one in api.get("/api/v1/pipelines")["pipelines"]}["asked"]
    assert listed == asked
    for name, words in TROUBLES.items():
        sentence = rows[f"asked.{name}"]["why"].split("it cannot do its work: ")[1].rsplit(", since ", 1)[0]
        assert words in sentence and "{" not in sentence, sentence
        assert f"it cannot do its work: {sentence})" in listed, (sentence, listed)
        assert sentence.split(";")[0] in told, (sentence, told)
    assert "nowhere" in rows["asked.changed"]["why"]
    in_trouble = lambda: int(re.search(r'\nleat_triggers_in_trouble\{pipeline="asked"\} (\d+)\n', api.ask("GET", "/metrics", status=200).body.decode())[1])
    wait_for(lambda: in_trouble() == len(TROUBLES), "the figure of all troubles")
    leat("store", "mb", "inbx")
    leat("secret", "set", "HOOK_SECRT", stdin="sixteen bytes or more", env={"LEAT_KEY": ""}, code=None)
    wait_for(lambda: why(leat, "asked")["asked.arrived"]["status"] == "waiting", "the bucket")
    wait_for(lambda: in_trouble() < len(TROUBLES), "the figure without the bucket's")


def test_the_log_has_a_trouble_once(project, up):
    leat = project({"leat.yml": LEAT_YML, "pipelines/asked.yml": ASKED, "pipelines/beat.yml": 'name: beat\nschedule: "* * * * * *"\ntasks: {one: {shell: "true"}}\n'}, SHORT="12345")
    server = up(leat)
    wait_for(lambda: all(row["status"] == "in trouble" for task, row in why(leat, "asked").items() if "." in task), "the troubles")
    count = len(leat.runs())
    wait_for(lambda: len(leat.runs()) > count + 7, "seven seconds: a look or two")
    server.terminate()
    log = server.communicate()[1]
    for name in TROUBLES:
        assert log.count(f"the trigger '{name}' cannot do its work") == 1, log
    assert '{"error"' not in log


def test_an_alert_that_was_not_sent_is_told_beside_the_failure(project):
    leat = project({"leat.yml": LEAT_YML, "pipelines/p.yml": """\
name: p
tasks: {fetch: {shell: "exit 3"}}
defaults: {retries: 0}
on_failure:
  tell: {notify: {slack: "{{ env_var('ALERT_URL') }}"}}
"""})
    told = leat("run", "--pipeline", "p", code=1).err
    assert "error: the task 'fetch' failed: the command ended with exit code 3; and the alert 'tell' was not sent: " in told
    assert "the environment variable 'ALERT_URL' is not set" in told.split("was not sent: ")[1]
    assert "tasks failed" not in told


def test_a_slip_in_the_name_of_a_bucket_is_answered(project):
    leat = project({"leat.yml": LEAT_YML})
    leat("store", "mb", "mine")
    leat("store", "cp", "-", "mine/q", stdin="x")
    for words in (["ls", "mien"], ["restore", "mien/q"], ["cat", "mien/q"], ["versions", "mien/q"]):
        told = leat("store", *words, code=(1, 2)).err
        assert "there is no bucket 'mien'" in told and "did you mean 'mine'?" in told, words
    assert "make it: leat store mb other" in leat("store", "ls", "other", code=(1, 2)).err
    before = leat("store", "versions", "mine/q").out
    assert "nothing to restore: 'mine/q' is there" in leat("store", "restore", "mine/q").out
    assert leat("store", "versions", "mine/q").out == before
    leat("store", "rm", "mine/q")
    assert "restored as version" in leat("store", "restore", "mine/q").out


def test_what_a_stranger_may_put_into_a_command_is_told(project):
    leat = project({"leat.yml": LEAT_YML, "pipelines/hook.yml": """\
name: hook
params: {branch: {type: string, default: main}, count: {type: int, default: 1}, mine: {type: string, default: x}}
triggers: {pushed: {webhook: {secret: HOOK_SECRET}, params: {branch: $.event.body.ref, count: $.event.body.n}}}
tasks:
  bad: {shell: 'echo "{{ params.branch }} {{ params.count }} {{ params.mine }}"'}
  good: {shell: 'echo "$LEAT_PARAM_BRANCH" {{ params.mine }}, by {{ trigger.trigger }}'}
  worse: {shell: 'echo {{ trigger.event.body.ref }}'}
"""})
    told = leat("status").err
    assert told.count("hook.yml:") == 2, told
    assert "pipelines/hook.yml:5:33: 'params.branch' comes with an event" in told, told
    assert "pipelines/hook.yml:7:35: 'trigger.event' comes with an event" in told, told


SECRETS = """\
name: secrets
tasks:
  one: {shell: "true", env: {A: "{{ secret('API_TOKEN') }}", B: "{{ secret('API_TOKE') }}"}}
  two: {http: {url: "{{ env_var('EMPTY_URL') }}"}}
  three: {shell: "echo {{ env_var('EMPTY_URL') }}"}
on_failure: {tell: {notify: {slack: "{{ secret('NOPE') }}"}}}
"""
SECRET_WARNINGS = [
    "pipelines/secrets.yml:3:69: there is no secret 'API_TOKE' in the environment or in secrets.sealed; did you mean 'API_TOKEN'?",
    "pipelines/secrets.yml:4:25: the environment variable 'EMPTY_URL' is empty, and this needs an http:// or https:// URL",
    "pipelines/secrets.yml:6:41: there is no secret 'NOPE' in the environment or in secrets.sealed",
]


def test_a_secret_that_is_missing_is_a_warning_wherever_somebody_looks(project, up):
    leat = project({"leat.yml": LEAT_YML, "pipelines/secrets.yml": SECRETS}, EMPTY_URL="")
    leat("secret", "set", "API_TOKEN", stdin="t-1234567890")
    for words in (["status"], ["pipelines"], ["run", "--pipeline", "secrets", "--dry-run"], ["doctor"]):
        told = leat(*words, code=None).text
        assert [line for line in SECRET_WARNINGS if told.count(line) != 1] == [] and told.count("secrets.yml:") == len(SECRET_WARNINGS), (words, told)
    assert "secrets.yml" not in leat("status", env={"NOPE": "https://x", "API_TOKE": "t", "EMPTY_URL": "https://x"}).err
    server = up(leat)
    log = [server.stderr.readline() for _ in SECRET_WARNINGS]
    assert [line for line in SECRET_WARNINGS if not any(line in said for said in log)] == [], log


def test_a_key_that_is_missing_or_another_one_is_told_before_a_secret_is_needed(project, tmp_path):
    leat = project({"leat.yml": LEAT_YML, "pipelines/secrets.yml": SECRETS.replace("API_TOKE'", "API_TOKEN'").replace("secret('NOPE')", "env_var('HOME')")},
                   EMPTY_URL="https://x")
    leat("secret", "set", "API_TOKEN", stdin="t-1234567890")
    assert "secrets.yml" not in leat("status").err
    elsewhere = {"HOME": tmp_path / "elsewhere"}
    for words in (["status"], ["doctor"]):
        told = leat(*words, env=elsewhere, code=None).text
        assert told.count("pipelines/secrets.yml:3:37: there is no key for the sealed secrets; set LEAT_KEY") == 1, told
    other = {"LEAT_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
    assert "pipelines/secrets.yml:3:37: " in leat("status", env=other).err
    assert "secrets.yml" not in leat("status", env={**elsewhere, "API_TOKEN": "t"}).err


def test_a_line_of_dotenv_that_changes_is_meant_for_the_servers_runs_too(project, up):
    leat = project({"leat.yml": LEAT_YML, ".env": "WORD=old\nGONE=there\n", "pipelines/say.yml":
                    "name: say\ntasks: {one: {shell: 'echo \"$WORD ${GONE-nothing} {{ env_var(\"WORD\") }} $FIXED\" >> said'}}\n"}, FIXED="outer")
    (leat.project / ".env").chmod(0o600)
    up(leat)

    def say():
        run = leat("trigger", "say", "--json").json()["run"]
        wait_for(lambda: [r["status"] for r in leat.runs() if r["run"] == run] == ["succeeded"], "the run")
        return (leat.project / "said").read_text().splitlines()[-1]

    assert say() == "old there old outer"
    leat.write(".env", "WORD=new\nFIXED=inner\n")
    assert say() == "new nothing new outer"
    (leat.project / ".env").unlink()
    leat.write("pipelines/say.yml", (leat.project / "pipelines/say.yml").read_text().replace(' {{ env_var("WORD") }}', ""))
    wait_for(lambda: say() == " nothing outer", "a run without .env")
ALERTS = """\
defaults: {retries: 0}
on_failure:
  tell: {shell: 'echo "$SAID" >> told.txt', env: {SAID: "{{ pipeline }} {{ run_status }}: {{ run_summary }}"}}
"""
MAIL = 'name: mail\nschedule: "0 6 * * *"\ntasks: {one: {shell: "true"}}\n'


def told(leat):
    path = leat.project / "told.txt"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("name,tasks,words", [
    ("after", "tasks: {a: {shell: 'true'}, b: {shell: 'true', after: c}}", "'c' is no task and selects nothing"),
    ("select", "select: +revenue_by_dya", "the selection '+revenue_by_dya' matches nothing"),
    ("model", "select: broken", "nowhere"),
    ("target", "tasks: {a: {sql: select 1}}", "the environment variable 'NOT_SET' is not set"),
])
def test_a_run_that_cannot_be_planned_still_tells_whom_its_pipeline_names(name, tasks, words, project, up):
    leat = project({"leat.yml": LEAT_YML + ("targets: {dev: {engine: postgres, url: \"{{ env_var('NOT_SET') }}\"}}\n" if name == "target" else ""),
                    "models/revenue_by_day.sql": "select 1 as a\n", "pipelines/p.yml": f"name: p\n{tasks}\n{ALERTS}"})
    if name == "model":
        leat.write("models/broken.sql", "select * from {{ ref('nowhere') }}\n")
    up(leat)
    leat("trigger", "p")
    wait_for(lambda: leat.runs() and leat.runs()[0]["status"] == "failed", "the end of the run")
    assert "p failed: begin failed: " in told(leat), (told(leat), leat("why").out)
    assert words in told(leat)
    assert words in leat("runs").out


def test_one_wrong_file_holds_back_its_own_pipelines_and_says_so(project, serve, up):
    calls = 'name: calls\ntasks: {one: {pipeline: mail}}\n'
    leat = project({"leat.yml": LEAT_YML, "pipelines/good.yml": GOOD, "pipelines/mail.yml": MAIL, "pipelines/calls.yml": calls})
    leat.write("pipelines/mail.yml", MAIL + "nonsense: 1\n")  # before the server is there: nobody knows it as it was
    api = serve(leat)
    health = api.get("/health")
    assert (health["good"], health["status"]) == (True, "degraded")
    assert [c["detail"] for c in health["checks"] if not c["good"]] == ["1 file of the project is wrong: 2 pipelines cannot run"]
    metrics = api.ask("GET", "/metrics", status=200).body.decode()
    assert "\nleat_config_errors 1\n" in metrics and "\nleat_pipelines_held 2\n" in metrics
    for name in ("good", "calls"):
        leat("trigger", name)
    wait_for(lambda: {run["selection"]: run["status"] for run in leat.runs()} == {"good": "succeeded", "calls": "queued"}, "the good one")
    wait_for(lambda: "pipelines/mail.yml:4:1: unknown key 'nonsense'" in leat("why", "2").out, "why it waits")
    assert "its runs wait until pipelines/mail.yml is mended" in leat("why", "calls").out
    assert "no file that can be read has a pipeline 'mail'" in leat("trigger", "mail", code=2).err
    assert "the schedule of mail is paused" in leat("pause", "mail").out
    assert api.ask("POST", "/api/v1/pipelines/mail/resume", status=200).json()["changed"] is True
    leat.write("pipelines/mail.yml", MAIL)
    wait_for(lambda: leat.runs()[-1]["status"] == "succeeded", "what waited")
    wait_for(lambda: api.get("/health")["status"] == "good", "good health")
    leat.write("pipelines/mail.yml", MAIL.replace("tasks", "  tsks"))  # now it is known as it was
    wait_for(lambda: api.get("/health")["status"] == "degraded", "the wrong file")
    (mail,) = [one for one in api.get("/api/v1/pipelines")["pipelines"] if one["name"] == "mail"]
    assert "its runs wait until pipelines/mail.yml is mended" in mail["why"] and mail["schedule"]["cron"] == "0 6 * * *"
    leat.write("leat.yml", "nmae: p\n")
    wait_for(lambda: "3 pipelines cannot run" in str(api.get("/health")), "that all of them wait")


def test_a_wrong_source_holds_back_what_reads_models_only(project, up):
    leat = project({"leat.yml": LEAT_YML, "pipelines/good.yml": GOOD, "pipelines/all.yml": "name: all\n",
                    "models/one.sql": "select 1 as a\n", "sources/s.yml": "name: s\nkind: nonsense\n"})
    server = up(leat)
    for name in ("all", "good"):
        leat("trigger", name)
    wait_for(lambda: [run["status"] for run in leat.runs()] == ["succeeded", "queued"], "the good one")
    wait_for(lambda: "sources/s.yml:2:" in leat("why", "1").out, "why it waits")
    (leat.project / "sources/s.yml").unlink()
    wait_for(lambda: [run["status"] for run in leat.runs()] == ["succeeded", "succeeded"], "the other one")
    server.terminate()
    assert "runs that need sources or models wait" in server.communicate()[1]


def test_a_server_that_begins_with_a_wrong_file_says_so(project, up):
    leat = project({"leat.yml": LEAT_YML, "pipelines/good.yml": GOOD, "pipelines/bad.yml": BAD})
    server = up(leat)
    said = server.stdout.readline()
    assert "1 file is wrong, and what needs it does not run until it is mended" in said, said
    assert f"runs of 'bad' wait until its file is mended, and no alert tells of it: {WRONG}" in server.stderr.readline()


def test_a_wait_for_a_bucket_that_is_not_there_says_so(project):
    leat = project({"leat.yml": LEAT_YML, "pipelines/late.yml": "name: late\ntasks: {w: {wait: {object: {bucket: inbxx, key: 'a/*'}, every: 1s}}}\n"})
    leat("store", "mb", "inbox")
    run = leat.start("run", "--pipeline", "late")
    try:
        wait_for(lambda: "there is no bucket 'inbxx'; did you mean 'inbox'?" in leat("why", "late").out, "the reason")
    finally:
        run.terminate()
        run.communicate()


SLIPS = """\
name: slips
select: [+revenue_by_dya, tag:nightly]
tasks:
  first: {shell: "true"}
  second: {shell: "true", after: frist}
  third: {shell: "true", after: [first, revenue_by_day, "fir*", +shop.orders]}
"""
SLIP_WARNINGS = ["pipelines/slips.yml:2:10: the selection 'revenue_by_dya' matches nothing; did you mean 'revenue_by_day'?",
                 "pipelines/slips.yml:5:34: 'frist' is no task and selects nothing; did you mean 'first'?"]


def test_words_that_select_nothing_are_told_before_there_is_a_run(project, serve):
    leat = project({"leat.yml": LEAT_YML, "models/marts/revenue_by_day.sql": "select 1 as a\n", "pipelines/good.yml": GOOD,
                    "sources/shop.yml": "name: shop\nkind: files\nresources: [{name: orders, path: x.csv}]\n", "pipelines/slips.yml": SLIPS})
    for words in (["status"], ["pipelines"], ["doctor"]):
        said = leat(*words, code=None).text
        assert [line for line in SLIP_WARNINGS if line not in said.replace("+", "")] == [], said
        assert said.count("slips.yml:") == 2, said
    api = serve(leat)
    (slips,) = [one for one in api.get("/api/v1/pipelines")["pipelines"] if one["name"] == "slips"]
    assert len(slips["warnings"]) == 2
    leat.write("pipelines/slips.yml", "name: slips\nselect: [+marts]\ntasks: {first: {build: revenue_by_day}}\n")
    assert "slips.yml" not in leat("status").text + leat("doctor", code=None).text
    leat.write("models/marts/revenue_by_day.sql", "select * from {{ ref('nobody') }}\n")
    assert "no run that reads models can be planned" in leat("doctor", code=None).text
