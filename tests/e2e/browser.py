"""A real browser for tests: Debian's chromium, driven by its own chromedriver over HTTP."""

import base64
import json
import pathlib
import re
import shutil
import subprocess
import urllib.error
import urllib.request

from harness import wait_for

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--lang=en-GB"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ENTER, TAB = "\ue007", "\ue004"


def missing():
    """What is not there, or None."""
    return next((f"{name} is not installed" for name in ("chromium", "chromedriver") if not shutil.which(name)), None)


class Browser:
    """One window. What is asked of an element names it by a CSS selector, and waits until it is there and shown."""

    def __init__(self, folder, env):
        folder.mkdir()
        self.env = {**env, "HOME": str(folder)}
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.env, cwd=folder)
        line = next(line for line in self.driver.stdout if "successfully on port" in line)
        self.url = f"http://127.0.0.1:{re.search(r'on port ([0-9]+)', line)[1]}/session"
        options = {"args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"], "binary": shutil.which("chromium")}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        made = self.ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self.url += "/" + made["sessionId"]

    def ask(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["value"]
            raise RuntimeError(f"{path}: {said['error']}: {said['message'][:500]}") from None

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def run(self, script, *values):
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(values)})

    def find(self, selector):
        """The first element that is shown."""
        look = "return [...document.querySelectorAll(arguments[0])].find(one => one.checkVisibility()) || null"
        return wait_for(lambda: self.run(look, selector), f"{selector} on the page")

    def on(self, find, what, action, body):
        """Do something with an element. The page draws itself anew when things change: then it is looked for again."""
        def try_it():
            one = find()
            try:
                if one:
                    self.ask("POST", f"/element/{one[ELEMENT]}/{action}", body)
            except RuntimeError as error:
                if "stale element" not in str(error):
                    raise
                one = None
            return one is not None
        wait_for(try_it, what)

    def click(self, selector):
        self.on(lambda: self.find(selector), selector, "click", {})

    def button(self, text, within="body"):
        """Press the button of that text, or label."""
        def look():
            return self.run("""return [...document.querySelectorAll(arguments[1] + " button")].find(b => b.checkVisibility() &&
                               (b.textContent === arguments[0] || b.getAttribute("aria-label") === arguments[0])) || null""", text, within)
        self.on(look, f"the button '{text}'", "click", {})

    def type(self, selector, text):
        self.on(lambda: self.find(selector), selector, "value", {"text": text})

    def keys(self, text):
        """Type into whatever has the focus."""
        one = self.ask("GET", "/element/active")
        self.ask("POST", f"/element/{one[ELEMENT]}/value", {"text": text})

    def text(self, selector="body"):
        return self.run("const one = document.querySelector(arguments[0]); return one ? one.innerText : ''", selector)

    def see(self, text, selector="body"):
        wait_for(lambda: text in self.text(selector), f"'{text}' in {selector}: {self.text(selector)!r}")

    def count(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].filter(one => one.checkVisibility()).length", selector)

    def size(self, width, height):
        self.ask("POST", "/window/rect", {"width": width, "height": height})

    def said(self):
        """What the console has since the last time: [(level, text)]."""
        return [(line["level"], line["message"]) for line in self.ask("POST", "/se/log", {"type": "browser"})]

    def picture(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))

    def close(self):
        try:
            self.ask("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.communicate()
