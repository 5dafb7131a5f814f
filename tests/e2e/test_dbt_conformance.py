"""What `leat dbt` leaves and says in the projects of tests/conformance/dbt, beside what dbt did there: the recorded facts, or with DBT (the
path of a dbt 1.x) dbt itself. What may differ stands, with its reason, in tests/conformance/dbt/differs.py."""

import os
import sys

import pytest

from harness import TOP

sys.path.insert(0, str(TOP / "tests" / "conformance" / "dbt"))

import conform  # noqa: E402

CASES = [(name, kind) for name in conform.names() for kind in conform.engines_of(name)]


@pytest.fixture(scope="module")
def dbt():
    path = os.environ.get("DBT")
    if not path:
        yield None
        return
    program = conform.RealDbt(path)
    yield program
    program.close()


@pytest.mark.parametrize("name, kind", CASES, ids=["-".join(case) for case in CASES])
def test_a_project_becomes_what_dbt_makes_of_it(name, kind, dbt, tmp_path, request):
    server = request.getfixturevalue("postgres") if kind == "postgres" else None
    (tmp_path / "dbt").mkdir()
    (tmp_path / "leat").mkdir()
    theirs = conform.facts(name, dbt, kind, tmp_path / "dbt", server) if dbt else conform.expected(name, kind)
    ours = conform.facts(name, conform.LeatDbt(), kind, tmp_path / "leat", server)
    same, wrong, _ = conform.compare(name, kind, theirs, ours)
    assert not wrong, "\n".join(f"{' / '.join(key)}\n  dbt:  {a!r}\n  leat: {b!r}" for key, a, b in wrong[:10])
    assert sum(same.values()) > 0


def test_recorded_facts_are_read_as_they_were_written():
    base = {"manifest": {"1 run": {"a": {"resource_type": "model", "config": {"x": 1, "y": None}, "tags": []},
                                   "b": {"resource_type": "model", "config": {"x": 1}, "tags": ["t"], "only": {"k": [1]}}}}, "exit": {"1 run": {"code": 0}}}
    other = {"manifest": {"1 run": {"a": {"resource_type": "model", "config": {"x": 2}, "tags": []}}}, "exit": {"1 run": {"code": 1}}, "more": {}}
    assert conform.unpack(conform.pack(base)) == base
    assert conform.patch(base, conform.delta(base, other)) == other
