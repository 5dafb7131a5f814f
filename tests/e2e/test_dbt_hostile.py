"""What lies where `leat dbt` looks for files need be no file, and what it holds need be no good: said within seconds, and nothing hangs."""

import os

import pytest

from harness import Dbt

FILES = {
    "dbt_project.yml": "name: shop\nprofile: shop\n",
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n",
    "models/m.sql": "select 1 as id",
}


@pytest.fixture
def shop(tmp_path, env):
    return Dbt(tmp_path / "shop", env, FILES)


def test_a_state_that_is_a_pipe_into_which_nobody_writes_is_refused(shop):
    (shop.root / "kept").mkdir()
    os.mkfifo(shop.root / "kept/manifest.json")
    said = shop("ls", "-s", "state:modified", "--state", "kept", code=2)
    assert "kept/manifest.json': it is a pipe into which nobody writes" in said


@pytest.mark.parametrize("name", ["dbt_project.yml", "profiles.yml", "packages.yml", "selectors.yml", "models/m.sql", "models/m.yml"])
def test_a_device_in_place_of_a_file_is_refused_or_passed_over(shop, name):
    (shop.root / name).unlink(missing_ok=True)
    (shop.root / name).symlink_to("/dev/zero")
    if name.startswith("models/"):
        shop("ls")
    else:
        assert f"{name}': it is a device" in shop("ls", code=2)


def test_a_duckdb_file_that_is_none_is_refused(shop):
    os.mkfifo(shop.root / "shop.duckdb")
    assert "cannot open 'shop.duckdb': it is no regular file" in shop("build", code=2)
