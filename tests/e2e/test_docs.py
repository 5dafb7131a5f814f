"""The commands in README.md and docs/*.md work when a newcomer types them.

A fenced block of `sh` whose first line starts with `$ leat` is run: all such blocks of a page, in order, in one empty folder, with `leat` on the
path and no network. A line that starts with `$ ` is a command; with `> ` its continuation; other lines are output and not compared, except that
a block must not show an exit code: `# exit 1` behind a command says that it fails with that code on purpose.
In a page with such blocks, a block of `yaml` or `sql` whose first line names a file (`# sources/x.yml`, `-- models/x.sql`) is written to that file.
Port 9000 of a page is a free one here, and what a command leaves running is stopped. The commands that README lists in a table are run too.
A page may begin in a copy of an example: `<!-- in: examples/flights -->` somewhere before its first block (an API server is then up)."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from harness import AIRPORTS, FLIGHTS, LEAT, TOKEN, TOP, clean_env, copy_flights

PAGES = [path for path in [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))] if path.exists()]
BLOCK = re.compile(r"^```sh\n(\$ leat.*?)^```", re.M | re.S)


NAMED = re.compile(r"^```(?:yaml|sql)\n(?:#|--) ([\w./-]+\.(?:yml|sql))\n(.*?)^```", re.M | re.S)


def commands_of(text):
    """What a reader types, in order; a file that a block names is typed in by a command of its own."""
    steps = []
    for block in BLOCK.finditer(text):
        commands = []
        for line in block[1].splitlines():
            if line.startswith("$ "):
                commands.append(line[2:])
            elif line.startswith("> ") and commands:
                commands[-1] += "\n" + line[2:]
        steps += [(block.start(), command) for command in commands]
    for file in NAMED.finditer(text) if steps else ():
        steps.append((file.start(), f"mkdir -p $(dirname {file[1]}) && cat > {file[1]} <<'END OF FILE'\n{file[2]}END OF FILE"))
    return [command for _, command in sorted(steps, key=lambda step: step[0])]


def test_the_reader_of_blocks_sees_commands_and_continuations():
    page = "```sh\n$ leat init\nmade it\n$ leat sql 'select\n> 1'\n```\n```yaml\n$ leat no\n```\n```sh\nmake\n```\n```sh\n$ leat x # exit 2\n```\n"
    assert commands_of(page) == ["leat init", "leat sql 'select\n1'", "leat x # exit 2"]


def test_the_reader_of_blocks_writes_files_that_are_named():
    page = "```sh\n$ leat a\n```\n```sql\n-- models/x.sql\nselect 1\n```\n```sql\nselect 2\n```\n```sh\n$ leat b\n```\n"
    made = "mkdir -p $(dirname models/x.sql) && cat > models/x.sql <<'END OF FILE'\nselect 1\nEND OF FILE"
    assert commands_of(page) == ["leat a", made, "leat b"]
    assert commands_of("```sql\n-- models/x.sql\nselect 1\n```\n") == []


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def at_port(command, port):
    """The command with the port where a reader has 9000, which here may be somebody's."""
    command = re.sub(r"\bleat store serve\b(?! --listen)", f"leat store serve --listen 127.0.0.1:{port}", command)
    return command.replace("127.0.0.1:9000", f"127.0.0.1:{port}")


def test_a_page_that_serves_does_so_at_a_free_port():
    assert at_port("A=1 leat store serve >log & echo $!", 7) == "A=1 leat store serve --listen 127.0.0.1:7 >log & echo $!"
    assert at_port("aws --endpoint-url http://127.0.0.1:9000 s3 ls", 7) == "aws --endpoint-url http://127.0.0.1:7 s3 ls"


def lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def end_group(group):
    """Ends what is left of a command: first asked, then told."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, how)
        until = time.monotonic() + 20
        while lives(group) and time.monotonic() < until:
            time.sleep(0.02)


class Reader:
    """Types commands, one after the other; `cd` goes on in the next one."""

    def __init__(self, folder, where, env):
        self.where, self.env, self.port, self.left = where, env, free_port(), []
        where.write_text(str(folder))

    def type(self, command, wanted=0):
        script = f"{at_port(command, self.port)}\ncode=$?; pwd > {self.where}; exit $code"
        shell = subprocess.Popen(["bash", "-c", script], cwd=self.where.read_text().strip(), env=self.env, text=True, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            said, _ = shell.communicate(timeout=120)
        finally:
            if shell.poll() is None or lives(shell.pid):
                self.left.append(shell.pid)
        assert shell.returncode == wanted, f"$ {command}\n{said}"

    def stop(self):
        for group in self.left:
            end_group(group)


@pytest.fixture
def reader(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "leat").symlink_to(LEAT)
    (tmp_path / "person").mkdir()
    (tmp_path / "scratch").mkdir()
    env = clean_env(tmp_path / "person")
    env["PATH"] = f"{tmp_path / 'bin'}:{env['PATH']}"
    reader = Reader(tmp_path / "scratch", tmp_path / "where", env)
    yield reader
    reader.stop()


def test_what_a_reader_leaves_running_is_stopped(reader):
    reader.type("sleep 1000 >/dev/null 2>&1 &")
    assert len(reader.left) == 1 and lives(reader.left[0])
    reader.stop()
    assert not lives(reader.left[0])


@pytest.mark.parametrize("page", [p for p in PAGES if commands_of(p.read_text())], ids=lambda p: p.name)
def test_the_commands_of_a_page_work(page, tmp_path, api, reader):
    text = page.read_text()
    if "<!-- in: examples/flights -->" in text:
        server = api(f"flights={FLIGHTS}", f"airports={AIRPORTS}", options=("--rows", 5000, "--page-size", 5000))
        reader.env.update(FLIGHTS_API_URL=server.url, FLIGHTS_API_TOKEN=TOKEN)
        (tmp_path / "scratch").rmdir()
        copy_flights(tmp_path / "scratch")
    for command in commands_of(text):
        reader.type(command, int((re.search(r"# exit (\d+)\s*$", command) or [0, 0])[1]))


def test_the_commands_that_readme_lists_fit_the_project_that_it_makes(reader):
    text = (TOP / "README.md").read_text()
    rows = re.search(r"^\| command \|.*?\n\n", text, re.M | re.S)[0].strip().splitlines()[2:]
    listed = [command for row in rows for command in re.findall(r"`(leat [^`]+)`", row.split("|")[1])]
    elsewhere = {"leat up", "leat store serve", "leat dbt build", "leat secret set NAME"}  # they serve, ask, or are of another project
    failing = {"leat retry last": 2}  # nothing has failed: told so
    assert len(listed) > 10 and elsewhere < set(listed) and failing.keys() < set(listed)
    for command in commands_of(text) + [command for command in listed if command not in elsewhere]:
        reader.type(command, failing.get(command, 0))


def test_links_between_pages_lead_somewhere():
    lost = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                lost.append(f"{page.name}: {target}")
    assert not lost, lost
