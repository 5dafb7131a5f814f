"""What is installed beside the program: the unit of systemd as systemd itself reads it."""

import shutil
import subprocess

import pytest

from harness import LEAT, TOP

UNIT = TOP / "packaging/leat@.service"


@pytest.fixture
def unit(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not there")
    made = tmp_path / "leat@.service"
    made.write_text(UNIT.read_text().replace("/usr/bin/leat ", f"{LEAT} "))  # it must be there, whoever builds
    return made


def test_systemd_takes_the_unit_without_a_word(unit):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "leat" in line]
    assert ours == [] and done.returncode == 0, done.stderr


def test_the_unit_is_not_wide_open(unit):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=50", unit], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr
