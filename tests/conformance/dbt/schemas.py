"""usage: PYTHON schemas.py TARGET_FOLDER...: validate dbt's artifacts against the schemas that dbt itself gives out. PYTHON is that of a dbt 1.x
(with jsonschema). Prints what does not fit, exit 1; nothing when all is well."""

import json
import pathlib
import sys

import jsonschema
from dbt.artifacts.schemas.catalog import CatalogArtifact
from dbt.artifacts.schemas.freshness import FreshnessExecutionResultArtifact
from dbt.artifacts.schemas.manifest import WritableManifest
from dbt.artifacts.schemas.run import RunResultsArtifact

ARTIFACTS = {"manifest.json": WritableManifest, "run_results.json": RunResultsArtifact, "catalog.json": CatalogArtifact,
             "sources.json": FreshnessExecutionResultArtifact}


def main():
    wrong = 0
    for folder in map(pathlib.Path, sys.argv[1:]):
        for name, kind in ARTIFACTS.items():
            if not (folder / name).exists():
                continue
            check = jsonschema.Draft202012Validator(kind.json_schema())
            for error in check.iter_errors(json.loads((folder / name).read_text(encoding="utf-8"))):
                deepest = min(error.context, key=lambda inner: -len(inner.path), default=error)
                print(f"{folder / name}: {'/'.join(map(str, error.path))}: {deepest.message[:300]}")
                wrong += 1
    sys.exit(wrong > 0)


main()
