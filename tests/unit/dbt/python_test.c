/* Models in Python: what is found in their text. */
#include "dbt/inner.h"
#include "support/test.h"

static lt_status read_model(const char *source, lt_buf *out, lt_err *err)
{
    lt_buf_clear(out);
    return lt_dbt_python_template("models/x.py", lt_text_of(source), out, err);
}

Test(dbt_python, calls_of_dbt_become_a_template_on_their_lines)
{
    static const struct {
        const char *body, *wanted;
    } cases[] = {
        {"    dbt.ref('a')\n", "\n{{ ref('a') }}"},
        {"    x = dbt.ref(\"pack\", 'a', v=2)\n", "\n{{ ref('pack', 'a', v=2) }}"},
        {"\n    dbt.source('raw', 'b').df()\n", "\n\n{{ source('raw', 'b') }}"},
        {"    dbt.config(materialized='table', tags=['a',\n   'b'], # no ( here\n   meta={'k': -1, "
         "'n': None})\n",
         "\n{{ config(materialized='table', tags=['a', 'b'], meta={'k': -1, 'n': None}) }}"},
        {"    f(g(1, [dbt.ref('a')]))\n", "\n{{ ref('a') }}"},
        {"    session.sql(f\"select * from {dbt.ref('a')}\")\n", "\n{{ ref('a') }}"},
        {"    dbt.ref(r'a\\b')\n    dbt.ref('''c''')\n", "\n{{ ref('a\\\\b') }}\n{{ ref('c') }}"},
        {"    s = \"dbt.ref('no')\" # dbt.ref('no')\n    '''dbt.ref('no')'''\n", ""},
        {"    other.dbt.ref('no')\n    dbt.this\n    mydbt.ref('no')\n", ""},
        {"    dbt.config.get('k')\n    dbt.config.get('l', 5)\n    dbt.config.meta_get('m')\n",
         "{{ config(config_keys_used=['k', 'l'], config_keys_defaults=[None, 5], "
         "meta_keys_used=['m'], meta_keys_defaults=[None]) }}"},
    };
    lt_err err = {0};
    LT_AUTO(lt_buf) out = {.limit = LT_MIB};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        LT_AUTO(lt_chars)
        source = lt_format("def model(dbt, session):\n%s    return 1", cases[i].body);
        CHECK_OK(read_model(source, &out, &err), err);
        CHECK_TEXT(lt_buf_text(&out), cases[i].wanted);
    }
}

Test(dbt_python, what_dbt_refuses_is_refused_with_its_place)
{
    static const struct {
        const char *source, *message;
    } cases[] = {
        {"x = 1", "models/x.py: dbt allows exactly one model defined per python file, found 0"},
        {"def model(dbt, s):\n  return 1\ndef model(dbt, s):\n  return 1", "found 2"},
        {"def model(session, dbt):\n  return 1",
         "x.py:1: 'dbt' not provided for model as the first"},
        {"def model(dbt):\n  return 1", "model function should have two args"},
        {"def model(dbt, s):\n  x = 1", "should return only one dataframe object"},
        {"def model(dbt, s):\n  if s:\n    return 1", "should return only one dataframe object"},
        {"def model(dbt, s):\n  return 1, 2", "should return only one dataframe object"},
        {"def model(dbt, s):\n  return (1, 2)", "should return only one dataframe object"},
        {"def model(dbt, s):\n  x = 'a'\n  return dbt.ref(x)", "x.py:3: 'x' is not a literal"},
        {"def model(dbt, s):\n  return dbt.ref('a' + 'b')", "is not a literal"},
        {"def model(dbt, s):\n  return dbt.ref(f'a')", "is not a literal"},
        {"def model(dbt, s):\n  return dbt.config.get()", "requires at least one argument"},
        {"def model(dbt, s):\n  return dbt.config.get(1, 2, 3)",
         "takes at most 2 arguments (3 given)"},
        {"def model(dbt, s):\n  return '{{ ref(1) }}'", "No jinja in python model code is allowed"},
        {"def model(dbt, s):\n  return ('a", "x.py:2: a text in quotes has no end"},
        {"def model(dbt, s):\n  return (1]", "x.py:2: unmatched ']'"},
        {"def model(dbt, s):\n  return (1", "'(' is never closed"},
    };
    LT_AUTO(lt_buf) out = {.limit = LT_MIB};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_err err = {0};
        CHECK(read_model(cases[i].source, &out, &err) == LT_INVALID);
        CHECK_HAS(err.message, cases[i].message);
    }
}

Test(dbt_python, shapes_of_model_that_python_allows_are_taken)
{
    static const char *const sources[] = {
        "",
        "# nothing but a comment",
        "def model(dbt, session): return 1",
        "def model(dbt: object, session=None) -> object:\n  return [1, 2]",
        "def model(\n    dbt,\n    session,\n):\n  if 1:\n    return 2\n  return f(1,\n 2)",
        "def model(dbt, s):\n  def model(x): pass\n  return (lambda a, b: 1)",
        ("class A:\n  pass\n\ndef other():\n  def model(a): pass\n\ndef model(dbt, s):\n\treturn "
         "1\n\nx = 2"),
    };
    lt_err err = {0};
    LT_AUTO(lt_buf) out = {.limit = LT_MIB};
    for (size_t i = 0; i < LT_COUNT(sources); i++)
        CHECK_OK(read_model(sources[i], &out, &err), err);
}
