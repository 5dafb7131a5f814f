"""The classes of dbt-tests-adapter as tests of one engine (LEAT_ENGINE): every class of the package that has tests and that no other class of
the package extends is a test here, with what engines.py says about the engine mixed in. Nothing of the package is copied."""

import importlib
import inspect
import os
import pathlib

import pytest

import dbt.tests.adapter
import engines

ENGINE = os.environ["LEAT_ENGINE"]


@pytest.fixture(scope="class")
def dbt_profile_target(tmp_path_factory):
    return engines.profile(ENGINE, tmp_path_factory)


@pytest.fixture(scope="class")
def test_data_dir(request, tmp_path_factory):
    """The files of statements that the tests of hooks ask for; others want a folder that they make."""
    if request.cls.__name__.startswith("Test_hooks_"):
        return str(pathlib.Path(__file__).parent / "hooks")
    return str(tmp_path_factory.mktemp("data") / "data")


def modules():
    root = pathlib.Path(dbt.tests.adapter.__path__[0])
    for file in sorted(root.rglob("*.py")):  # most of its folders are no packages
        if file.name != "__init__.py":
            yield importlib.import_module(".".join(("dbt.tests.adapter", *file.relative_to(root).with_suffix("").parts)))


def has_tests(cls):
    return any(name.startswith("test") and callable(value) for name, value in inspect.getmembers(cls))


def classes():
    own = {}
    for module in modules():
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == module.__name__ and has_tests(value):
                own[value] = None
    extended = {base for cls in own for base in cls.__mro__[1:]}
    return [cls for cls in own if cls not in extended]


def install(names):
    for cls in classes():
        area = cls.__module__.removeprefix("dbt.tests.adapter.").split(".")[0].removesuffix("_tests")
        if cls.__name__ in engines.ABSTRACT:
            continue
        name = f"Test_{area}_{cls.__name__}"
        if name in names:
            name += "_" + cls.__module__.rsplit(".", 1)[1]
        mixed = engines.MIXED[ENGINE].get(cls.__name__)
        names[name] = type(name, (mixed, cls) if mixed else (cls,), {"__module__": __name__, "__test__": True})


install(globals())
