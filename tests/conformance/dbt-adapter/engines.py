"""What dbt-tests-adapter leaves to the adapter, for the engines that leat has."""

import os

import pytest

from dbt.tests.adapter.basic.expected_catalog import base_expected_catalog, expected_references_catalog, no_stats

# Classes that are tests only when an adapter completes them, and why that is not done here.
ABSTRACT = {
    **dict.fromkeys(("BasicJSUDF", "JSUDFMultiLineBody", "JSUDFDeterministicVolatility", "JSUDFNonDeterministicVolatility", "JSUDFStableVolatilityWarns",
                     "JSUDFDefaultArgSupport", "BasicJSAggregateUDF", "JSAggregateUDFVolatilityIgnored"), "functions in JavaScript: BigQuery, Snowflake"),
    **dict.fromkeys(("MaterializedViewChanges", "MaterializedViewChangesApplyMixin", "MaterializedViewChangesContinueMixin", "MaterializedViewChangesFailMixin"),
                    "each adapter says what a change is"),
    "BaseGetCatalogForSingleRelation": "Snowflake",
    "BasePySparkTests": "Spark",
    "BaseCurrentTimestampNaive": "both engines answer with a zone",
    "BaseEscapeSingleQuotesBackslash": "both engines double the quote",
    "TestSimpleCopyUppercase": "has a server of its own in mind",
    "TestSimpleSeedWithBOM": "wants a file that the package does not hold",
}

WHERE = "where schemaname = '{0.schema}' and {1} = '{0.identifier}'"


class PostgresViews:
    @staticmethod
    def insert_record(project, table, record):
        project.run_sql(f"insert into {table} (id, value) values ({record[0]}, {record[1]})")

    @staticmethod
    def refresh_materialized_view(project, materialized_view):
        project.run_sql(f"refresh materialized view {materialized_view}")

    @staticmethod
    def query_row_count(project, relation):
        return project.run_sql(f"select count(*) from {relation}", fetch="one")[0]

    @staticmethod
    def query_relation_type(project, relation):
        kinds = (("table", "pg_tables", "tablename"), ("view", "pg_views", "viewname"), ("materialized_view", "pg_matviews", "matviewname"))
        found = [kind for kind, table, column in kinds if project.run_sql(f"select 1 from {table} " + WHERE.format(relation, column), fetch="all")]
        return found[0] if found else None


class DuckCatalog:
    TYPES = {"role": None, "id_type": "INTEGER", "text_type": "VARCHAR", "time_type": "TIMESTAMP", "view_type": "VIEW", "table_type": "BASE TABLE",
             "model_stats": no_stats()}

    @pytest.fixture(scope="class")
    def expected_catalog(self, project):
        return base_expected_catalog(project, **self.TYPES)


class DuckReferences(DuckCatalog):
    @pytest.fixture(scope="class")
    def expected_catalog(self, project):
        return expected_references_catalog(project, **self.TYPES, bigint_type="BIGINT")


class DuckColumns:
    @pytest.fixture
    def int_type(self):
        return "INT"

    @pytest.fixture
    def string_type(self):
        return "VARCHAR"

    @pytest.fixture
    def data_types(self, schema_int_type, int_type, string_type):
        return [["1", schema_int_type, int_type], ["'1'", string_type, string_type], ["true", "bool", "BOOL"], ["ARRAY[1,2,3]", "INTEGER[]", "INTEGER[]"]]


class DuckNotNull(DuckColumns):
    @pytest.fixture(scope="class")
    def expected_error_messages(self):
        return ["NOT NULL constraint failed"]


class DuckUnitTypes:
    @pytest.fixture
    def data_types(self):
        return [["1", "1"], ["2.0", "2.0"], ["'12345'", "12345"], ["'string'", "string"], ["true", "true"], ["DATE '2020-01-02'", "2020-01-02"],
                ["TIMESTAMP '2013-11-03 00:00:00'", "2013-11-03 00:00:00"], ["ARRAY['a','b','c']", "['a','b','c']"], ["ARRAY[1,2,3]", "[1, 2, 3]"]]


class NamedSchema:
    """For texts that the tests expect with the schema of a file of that name."""

    @pytest.fixture(scope="class")
    def unique_schema(self, prefix):
        return f"{prefix}_test_ephemeral"


MOMENTS = " ".join(f"select {n} as id, '{day}'::timestamp as event_time{' union all' if n < 3 else ''}" for n, day in enumerate(("2020-01-01", "2020-01-02", "2020-01-03"), 1))


class DuckMicrobatch:
    """DuckDB takes no '-0' as the offset of a TIMESTAMP."""

    @pytest.fixture(scope="class")
    def input_model_sql(self):
        return "{{ config(materialized='table', event_time='event_time') }} " + MOMENTS

    @pytest.fixture(scope="class")
    def insert_two_rows_sql(self, project):
        return (f"insert into {project.test_schema}.input_model (id, event_time) "
                "values (4, TIMESTAMP '2020-01-04 00:00:00'), (5, TIMESTAMP '2020-01-05 00:00:00')")


MIXED = {
    "postgres": {"MaterializedViewBasic": PostgresViews, "TestEphemeralMulti": NamedSchema, "TestEphemeralNested": NamedSchema},
    "duckdb": {
        "TestEphemeralMulti": NamedSchema, "TestEphemeralNested": NamedSchema, "TestDocsGenerate": DuckCatalog, "TestDocsGenReferences": DuckReferences,
        "TestTableConstraintsColumnsEqual": DuckColumns, "TestViewConstraintsColumnsEqual": DuckColumns, "TestIncrementalConstraintsColumnsEqual": DuckColumns,
        "TestTableConstraintsRollback": DuckNotNull, "TestIncrementalConstraintsRollback": DuckNotNull, "TestPostgresUnitTestingTypes": DuckUnitTypes,
        "BaseMicrobatch": DuckMicrobatch,
    },
}


def profile(engine, folders):
    if engine == "duckdb":
        return {"type": "duckdb", "threads": 4, "path": str(folders.mktemp("warehouse") / "dbt.duckdb")}
    return {"type": "postgres", "threads": 4, "host": os.environ["LEAT_PG_HOST"], "port": int(os.environ["LEAT_PG_PORT"]), "user": "root", "pass": "unused", "dbname": "dbt"}
