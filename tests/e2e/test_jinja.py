"""leat's templates beside Jinja 2 itself: random ones of tests/conformance/jinja, the same each time."""

import importlib.util
from importlib.machinery import SourceFileLoader

import pytest

from harness import TOP

pytest.importorskip("jinja2")
FOLDER = TOP / "tests" / "conformance" / "jinja"


def conformance():
    loader = SourceFileLoader("conformance_jinja", str(FOLDER / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [6, 1000])
def test_what_jinja_renders_comes_out_the_same(seed):
    compared, wrong = conformance().compare(seed, 1000)
    assert compared > 300
    assert not wrong, "\n".join(f"{source!r}\n  jinja: {theirs!r}\n  leat:  {ours!r}" for source, theirs, ours in wrong)


def test_the_comparison_sees_a_difference(monkeypatch):
    module = conformance()
    monkeypatch.setattr(module.Leat, "render", lambda self, source: ("O", "nonsense"))
    compared, wrong = module.compare(6, 50)
    assert len(wrong) == compared > 0
