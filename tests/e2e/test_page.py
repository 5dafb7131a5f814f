"""The page of `leat up` in a real browser. LEAT_TEST_PICTURES names a folder for what it looked like."""

import json
import os
import re

import pytest

import browser as browsers
from api_client import PASSWORD, up
from harness import wait_for

HOSTILE = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>"
PICTURES = os.environ.get("LEAT_TEST_PICTURES")

WORK = {
    "leat.yml": "name: t\n",
    "pipelines/greets.yml": f"""\
name: greets
description: {json.dumps("says hello " + HOSTILE)}
params:
  who: {{type: string, default: world, help: whom to greet}}
  tone: {{type: enum, options: [kind, loud], default: kind}}
tasks:
  say: {{shell: "echo \\"$WHO\\"; until [ -e go ]; do sleep 0.05; done; echo fin''ished", env: {{WHO: "{{{{ params.who }}}}"}}}}
""",
    "pipelines/fails.yml": """\
name: fails
tasks:
  first: {shell: "true"}
  second: {shell: "echo '<b>no</b>'; [ -e mended ]", after: first}
""",
    "pipelines/asks.yml": """\
name: asks
tasks:
  ask: {approve: {message: "<b>may it?</b>", people: [vera, olaf]}}
  then: {shell: "true", after: ask}
""",
    "pipelines/long.yml": "name: long\ntasks: {sleep: {shell: 'sleep 1000'}}\n",
    "pipelines/nightly.yml": "name: nightly\nschedule: {cron: '0 6 * * *', timezone: Europe/London}\ntasks: {one: {shell: 'true'}}\n",
}


@pytest.fixture
def window(tmp_path, env):
    """A browser whose console stays silent: what a test expects there it takes out with said()."""
    if browsers.missing():
        pytest.skip(browsers.missing())
    made = browsers.Browser(tmp_path / "browser", env)
    yield made
    left = [line for line in made.said() if not re.search(r"/api/v1/session .*401", line[1])]  # nobody is signed in at first
    hacked = made.run("return window.hacked || null")
    made.close()
    assert (left, hacked) == ([], None)


def sign_in(window, server, user, password):
    window.open(server.url + "/")
    window.type("#sign-in [name=user]", user)
    window.type("#sign-in [name=password]", password + browsers.ENTER)


def look(window, name):
    if PICTURES:
        window.picture(f"{PICTURES}/{name}.png")


def people(server, **roles):
    for name, role in roles.items():
        server.leat("user", "add", name, "--role", role, "--password-stdin", stdin=PASSWORD)


def test_the_first_sign_in_asks_for_another_password(project, up, window):
    server = up(project(WORK))
    password = re.search(r"password +(\S+)", "\n".join(server.box()))[1]
    window.open(server.url + "/")
    look(window, "sign-in")
    assert window.run("return document.activeElement.name") == "user"
    sign_in(window, server, "admin", "wrong" * 3)
    window.see("the name or the password is wrong", "#trouble")
    assert [level for level, _ in window.said()] == ["SEVERE"] * 3  # nobody is signed in, twice, and the wrong password
    sign_in(window, server, "admin", password)
    window.see("Choose another password")
    assert window.count("main") == 0
    look(window, "change")
    window.type("#change [name=old]", password)
    window.type("#change [name=new]", PASSWORD + browsers.ENTER)
    window.see("nightly", "#pipelines")
    window.see("admin (admin)", "header")
    window.button("Sign out")
    window.see("Sign in")
    assert window.count("main") == 0 and "nightly" not in window.run("return document.body.innerText")
    sign_in(window, server, "admin", PASSWORD)
    window.see("nightly", "#pipelines")


def test_a_run_is_started_followed_and_seen_to_its_end(project, up, window):
    leat = project(WORK)
    server = up(leat)
    people(server, olaf="operator")
    sign_in(window, server, "olaf", PASSWORD)
    window.see("says hello <img src=x onerror", "#pipelines")
    window.see("next ", "#pipelines")
    window.button("Start greets")
    window.type("form [name=who]", HOSTILE)
    look(window, "start")
    window.button("Start greets", "form")
    window.see("Run 1 of greets", "#run-name")
    window.see("who = " + HOSTILE, "#run-facts")
    window.see("trigger by olaf", "#run-facts")
    window.see("running", "#tasks")
    window.button("Log of say")
    window.see(HOSTILE, "#log-text")
    assert "finished" not in window.text("#log-text")
    look(window, "running")
    (leat.project / "go").touch()  # nobody touches the page: it hears of it
    window.see("finished", "#log-text")
    window.see("succeeded", "#run-why")
    window.see("succeeded", "#tasks")
    assert window.count("#run-acts button") == 0
    window.click("#one a[href='#']")
    window.see("Run 1", "#runs")
    window.see("live", "#live")
    look(window, "all")


def test_runs_are_cancelled_retried_and_filtered(project, up, window):
    leat = project(WORK)
    server = up(leat)
    people(server, olaf="operator")
    client = server.client("operator")
    for name in ("long", "fails"):
        client.post(f"/api/v1/pipelines/{name}/runs", {}, 201)
    sign_in(window, server, "olaf", PASSWORD)
    window.open(server.url + "/#run/1")
    window.button("Cancel")
    window.see("cancelled", "#run-why")
    window.open(server.url + "/#run/2")
    window.see("exit code 1", "#tasks")
    look(window, "failed")
    (leat.project / "mended").touch()
    window.button("Retry what failed")
    window.see("Run 3 of fails", "#run-name")
    window.see("Retry of", "#run-facts")
    window.see("succeeded", "#run-why")
    window.see("reused", "#tasks")
    window.open(server.url + "/#")
    window.see("Run 3", "#runs")
    window.run("const f = document.getElementById('filter'); f.value = 'cancelled'; f.dispatchEvent(new Event('change'))")
    wait_for(lambda: window.count("#runs > li") == 1, "the one that was cancelled")
    window.run("const f = document.getElementById('filter'); f.value = ''; f.dispatchEvent(new Event('change'))")
    window.run("const f = document.getElementById('of'); f.value = 'fails'; f.dispatchEvent(new Event('change'))")
    wait_for(lambda: window.count("#runs > li") == 2, "the runs of one pipeline")
    window.button("Pause", "#pipelines li:has(strong):nth-of-type(5)")
    window.see("paused by olaf", "#pipelines")
    window.button("Resume")
    wait_for(lambda: "paused by" not in window.text("#pipelines"), "the end of the pause")
    client.ask("GET", "/api/v1/pipelines/nightly", status=200)


def test_buttons_are_for_who_may_press_them(project, up, window):
    server = up(project(WORK))
    people(server, vera="viewer", olaf="operator", otto="operator")
    client = server.client("operator")
    for _ in range(2):
        client.post("/api/v1/pipelines/asks/runs", {}, 201)
    client.post("/api/v1/pipelines/long/runs", {}, 201)
    wait_for(lambda: len([run for run in (1, 2) for t in client.get(f"/api/v1/runs/{run}/tasks")["tasks"] if t["status"] == "waiting"]) == 2, "both questions")
    sign_in(window, server, "vera", PASSWORD)
    window.see("Run 3", "#runs")
    assert window.count("#pipelines button") == 0
    window.open(server.url + "/#run/3")
    window.see("Run 3 of long", "#run-name")
    window.see("running", "#tasks")
    assert window.count("#run-acts button") == 0 and window.count("#tasks button") == 1  # its log
    window.open(server.url + "/#run/1")
    window.see("<b>may it?</b>", "#tasks")
    look(window, "asked")
    window.button("Approve")  # she is named
    window.see("succeeded", "#run-why")
    window.button("Sign out")
    sign_in(window, server, "otto", PASSWORD)
    window.open(server.url + "/#run/2")
    window.see("<b>may it?</b>", "#tasks")
    assert "Approve" not in window.text("#tasks")  # he is not
    assert client.get("/api/v1/runs/1/tasks/ask")["approval"]["decided_by"] == "vera"
    window.click("h1 a")
    window.find("#pipelines button")
    window.button("Sign out")
    window.type("#sign-in [name=user]", "vera")  # in the same page, without a reload
    window.type("#sign-in [name=password]", PASSWORD + browsers.ENTER)
    window.see("nightly", "#pipelines")
    assert window.count("#pipelines button") == 0


def test_it_is_used_with_keys_and_on_a_small_screen(project, up, window):
    server = up(project(WORK))
    people(server, olaf="operator")
    client = server.client("operator")
    client.post("/api/v1/pipelines/fails/runs", {}, 201)
    wait_for(lambda: client.get("/api/v1/runs/1")["status"] == "failed", "its end")
    window.size(500, 800)  # no narrower in this browser
    window.open(server.url + "/")
    wait_for(lambda: window.run("return document.activeElement.name") == "user", "the focus")
    window.keys("olaf" + browsers.TAB)
    window.keys(PASSWORD + browsers.ENTER)
    window.see("Run 1", "#runs")

    def fits():
        return window.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    def focus():
        return window.run("const one = document.activeElement; return (one.getAttribute('aria-label') || one.textContent || one.id).trim()")

    assert fits()
    look(window, "small")
    seen = []
    while not seen or seen[-1] != "Run 1":
        window.keys(browsers.TAB)
        seen.append(focus())
        assert len(seen) < 40, seen
        assert window.run("return getComputedStyle(document.activeElement).outlineStyle") != "none", seen
    assert "Start greets" in seen
    window.keys(browsers.ENTER)
    window.see("Run 1 of fails", "#run-name")
    assert fits()
    window.run("[...document.querySelectorAll('button')].find(b => b.getAttribute('aria-label') === 'Log of second').focus()")
    window.keys(browsers.ENTER)
    window.see("<b>no</b>", "#log-text")
    assert focus() == "Log of second" and fits()
    look(window, "small-run")
    unnamed = window.run("""return [...document.querySelectorAll("button, input, select, a")].filter(one => one.checkVisibility() &&
        !(one.textContent.trim() || one.getAttribute("aria-label") || one.labels && one.labels.length)).map(one => one.outerHTML)""")
    assert unnamed == []


def test_who_is_signed_out_elsewhere_is_shown_the_form(project, up, window):
    server = up(project(WORK))
    people(server, olaf="operator")
    sign_in(window, server, "olaf", PASSWORD)
    window.see("nightly", "#pipelines")
    server.leat("user", "disable", "olaf")
    window.run("location.hash = 'run/1'")
    window.see("Sign in")
    assert window.count("main") == 0
    assert all("401" in text for _, text in window.said())
