"""Numbers that a DOUBLE would round stay exact, or the log says what happens to them."""

from harness import SHOP

SOURCE = """\
name: api
kind: rest
base_url: "{{ env_var('API_URL') }}"
resources:
  - name: items
    path: /items
    paginate: {type: page_number, page_param: page, size: 50, total_pages: $.pages}
    records: $.items[*]
    key: [id]
    load: {table: raw.items}
"""


def pages(*texts):
    """An API with these pages, each a JSON list of records."""
    def answer(query):
        return f'{{"pages": {len(texts)}, "items": {texts[int(query.get("page", 1)) - 1]}}}'.encode()
    return answer


def make(project, feed, *texts, contract="", **env):
    server = feed(answer=pages(*texts))
    return project({"leat.yml": SHOP["leat.yml"], "sources/api.yml": SOURCE + contract}, API_URL=server.url, **env), server


def test_numbers_with_many_digits_stay_exact(project, feed, postgres):
    leat, _ = make(project, feed,
                   '[{"id": 1, "a": 0.3, "b": 12345678901234567890, "c": 1}, {"id": 2, "a": 12345678.12345678901234567891, "b": 0.5, "c": 2.5}, '
                   '{"id": 3, "a": 12345678901234.567, "b": 99999999999999999999, "c": 1234567890123456789}]', '[{"id": 4, "a": -7e-3, "b": 1, "c": null}]',
                   PG_URL=postgres.database())
    want = [["1", "0.30000000000000000000", "12345678901234567890.0", "1.0"],
            ["2", "12345678.12345678901234567891", "0.5", "2.5"],
            ["3", "12345678901234.56700000000000000000", "99999999999999999999.0", "1234567890123456789.0"],
            ["4", "-0.00700000000000000000", "1.0", None]]
    for target in ("dev", "pg"):
        result = leat("run", "--target", target)
        assert leat.rows("select cast(id as varchar) as id, cast(a as varchar) as a, cast(b as varchar) as b, cast(c as varchar) as c "
                         "from raw.items order by 1", target) == want
        assert "rounds" not in result.text and "is text" not in result.text


def test_a_number_that_no_type_holds_makes_its_column_text_with_a_warning(project, feed):
    leat, _ = make(project, feed, '[{"id": 1, "a": 0.5, "b": 1, "c": "x"}, {"id": 2, "a": 1e400, "b": 2, "c": 1e400}]')
    leat.edge(leat("run"), "warning: api.items: the column 'a' is text (VARCHAR), since no number type holds 1e400")
    assert "'c'" not in leat("logs", "last", "extract.api.items").out, "that one is text anyway"
    assert "'a' is text" in leat("logs", "last", "extract.api.items").out
    assert leat.rows("select a from raw.items order by id") == [["0.5"], ["1e400"]]


def test_digits_that_fit_nowhere_are_rounded_with_a_warning(project, feed):
    leat, _ = make(project, feed, '[{"id": 1, "a": 1e200}, {"id": 2, "a": 0.12345678901234567891}]')
    leat.edge(leat("run"), "warning: api.items: the column 'a' is DOUBLE, which rounds numbers such as 0.12345678901234567891")
    assert leat.rows("select a from raw.items order by id") == [[1e200], [0.12345678901234568]]


def test_numbers_that_came_too_early_to_be_exact_are_counted(project, feed):
    leat, _ = make(project, feed, '[{"id": 1, "a": 12345678901234.567}, {"id": 2, "a": 0.12345678901234567891}]')
    leat.edge(leat("run"), "1 numbers of the column 'a' came before the first that needs DECIMAL (0.12345678901234567891)")


def test_a_decimal_column_stays_one(project, feed):
    leat, server = make(project, feed, '[{"id": 1, "a": 123456.12345678901234567891}]', contract="    contract: {types: freeze}\n")
    leat("run")
    server.answer = pages('[{"id": 1, "a": 0.25}, {"id": 2, "a": 3}]')
    leat("run")
    assert leat.rows("select cast(a as varchar) as a from raw.items order by id") == [["0.25000000000000000000"], ["3.00000000000000000000"]]
    server.answer = pages('[{"id": 1, "a": 12345678.25}]')
    leat.edge(leat("run", code=1), "DECIMAL(26,20)", "freezes types")


def test_frozen_types_do_not_begin_with_a_mix(project, feed):
    contract = "    contract: {types: freeze}\n"
    leat, server = make(project, feed, '[{"id": 1, "a": 1}, {"id": 2, "a": "x"}]', contract=contract)
    leat.edge(leat("run", code=1), "(page 1), record 2: the column 'a' holds a text (VARCHAR) here and a number (BIGINT) in other records")
    server.answer = pages('[{"id": 1, "a": 1}]', '[{"id": 2, "a": 2}, {"id": 3, "a": "x"}]')
    leat.edge(leat("run", code=1), "page 2", "record", "the column 'a' holds")
    server.answer = pages('[{"id": 1, "a": 1}]', '[{"id": 2, "a": 2.5}]')
    leat("run")


def test_very_wide_records_land(project, feed):
    wide = ", ".join(f'"c{n}": {n if n % 3 else chr(34) + "text " + str(n % 7) + chr(34)}' for n in range(5000))
    leat, server = make(project, feed, "[" + ", ".join(f'{{"id": {n}, {wide}}}' for n in range(40)) + "]")
    leat("extract")
    key = leat("store", "ls", "-r", "--json", "raw/").json()[0]["key"]
    leat("store", "cp", f"store://raw/{key}", "wide.parquet")
    assert leat.rows("select count(*) as n, max(c4999) as most, min(c3) as text from 'wide.parquet'") == [[40, 4999, "text 3"]]
    leat.write("leat.yml", "name: shop\nmemory: 256MiB\n")
    leat.edge(leat("extract", code=3), "5001 columns need more than 256 MiB: raise 'memory'")


def test_records_with_a_key_for_each_value_are_refused(project, feed):
    leat, _ = make(project, feed, '[{"id": 1, ' + ", ".join(f'"c{n}": 1' for n in range(20000)) + "}]")
    leat.edge(leat("extract", code=1), "more than 10000 different keys", "point `records` at the objects inside")
