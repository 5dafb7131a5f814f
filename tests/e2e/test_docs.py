"""The commands in README.md and docs/*.md work when a newcomer types them.

A fenced block of `sh` whose first line starts with `$ leat` is run: all such blocks of a page, in order, in one empty folder, with `leat` on the
path and no network. A line that starts with `$ ` is a command; with `> ` its continuation; other lines are output and not compared, except that
a block must not show an exit code: `# exit 1` behind a command says that it fails with that code on purpose.
In a page with such blocks, a block of `yaml` or `sql` whose first line names a file (`# sources/x.yml`, `-- models/x.sql`) is written to that file.
A page may begin in a copy of an example: `<!-- in: examples/flights -->` somewhere before its first block (an API server is then up)."""

import os
import re
import subprocess

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


@pytest.mark.parametrize("page", [p for p in PAGES if commands_of(p.read_text())], ids=lambda p: p.name)
def test_the_commands_of_a_page_work(page, tmp_path, api):
    text = page.read_text()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "leat").symlink_to(LEAT)
    (tmp_path / "person").mkdir()
    env = clean_env(tmp_path / "person")
    folder = tmp_path / "scratch"
    if "<!-- in: examples/flights -->" in text:
        server = api(f"flights={FLIGHTS}", f"airports={AIRPORTS}", options=("--rows", 5000, "--page-size", 5000))
        env.update(FLIGHTS_API_URL=server.url, FLIGHTS_API_TOKEN=TOKEN)
        copy_flights(folder)
    else:
        folder.mkdir()
    env["PATH"] = f"{tmp_path / 'bin'}:{env['PATH']}"
    where = tmp_path / "where"
    where.write_text(str(folder))
    for command in commands_of(text):
        wanted = int((re.search(r"# exit (\d+)\s*$", command) or [0, 0])[1])
        script = f"{command}\ncode=$?; pwd > {where}; exit $code"  # `cd` goes on in the next command
        done = subprocess.run(["bash", "-c", script], cwd=where.read_text().strip(), env=env, capture_output=True, text=True,
                              timeout=120, stdin=subprocess.DEVNULL)
        assert done.returncode == wanted, f"$ {command}\n{done.stdout}{done.stderr}"


def test_links_between_pages_lead_somewhere():
    lost = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                lost.append(f"{page.name}: {target}")
    assert not lost, lost
