/* The objects and functions that dbt's templates use at run time: each line is a template and what it gives. */
#include "dbt/rt/rt.h"

#include "support/test.h"

#include <stdio.h>

typedef struct fixture {
    lt_jinja_env env;
    lt_jinja_heap heap, shared;
    lt_dbt_rt *rt;
    lt_dbt_exec *exec;
    lt_engine *engine;
    lt_session *session;
    lt_jinja_template *macros;
} fixture;

/* A small library of macros, without packages. */
static const char macro_source[] =
    "{% macro list_relations_without_caching(relation) %}"
    "{{ return(adapter.execute(\"select 'memory', table_name, table_schema, 'table' from "
    "information_schema.tables where table_schema = '\" ~ relation.schema ~ \"'\", fetch=true)[1]) "
    "}}{% endmacro %}"
    "{% macro get_columns_in_relation(relation) %}{% set t = adapter.execute(\"select column_name, "
    "data_type from information_schema.columns where table_name = '\" ~ relation.identifier ~ \"' "
    "order by ordinal_position\", fetch=true)[1] %}{% set made = [] %}{% for row in t %}{% do "
    "made.append(api.Column(row[0], row[1])) %}{% endfor %}{{ return(made) }}{% endmacro %}"
    "{% macro drop_relation(relation) %}{% do adapter.execute('drop ' ~ relation.type ~ ' ' ~ "
    "relation) %}{% endmacro %}"
    "{% macro rename_relation(a, b) %}{% do adapter.execute('alter table ' ~ a ~ ' rename to ' ~ "
    "b.identifier) %}{% endmacro %}"
    "{% macro default__twice(x) %}{{ return(x * 2) }}{% endmacro %}"
    "{% macro get_incremental_append_sql(a) %}appended{% endmacro %}"
    "{% macro statement(name=none, fetch_result=false, auto_begin=true) %}{% set sql = caller() %}"
    "{% set r, t = adapter.execute(sql, auto_begin=auto_begin, fetch=fetch_result) %}{% if name is "
    "not none %}{{ store_result(name, response=r, agate_table=t) }}{% endif %}{% endmacro %}"
    "{% macro one() %}{% call statement('main', fetch_result=true) %}select 3 as failures, true as "
    "should_warn, false as should_error{% endcall %}{{ return({'relations': []}) }}{% endmacro %}";

static lt_status find_macro(void *user, lt_dbt_exec *exec, lt_text name, lt_jinja_value *macro,
                            lt_err *err)
{
    (void)exec;
    (void)err;
    *macro = lt_jinja_macro_of(((fixture *)user)->macros, name);
    return LT_OK;
}

static lt_status dispatch(void *user, lt_dbt_exec *exec, lt_text name, lt_text package,
                          lt_jinja_value *macro, lt_buf *tried, lt_err *err)
{
    LT_AUTO(lt_buf) full = {0};
    (void)package;
    lt_buf_printf(&full, "default__%.*s", LT_ARG(name));
    lt_buf_add(tried, lt_buf_text(&full));
    return find_macro(user, exec, lt_buf_text(&full), macro, err);
}

static lt_status find_materialization(void *user, lt_dbt_exec *exec, lt_text name,
                                      lt_jinja_value *macro, lt_err *err)
{
    return find_macro(user, exec, lt_text_eq(name, T("test")) ? T("one") : name, macro, err);
}

static lt_status find_name(void *user, lt_dbt_exec *exec, lt_text name, lt_jinja_value *value,
                           bool *found, lt_err *err)
{
    *found = lt_dbt_exec_find(exec, name, value);
    if (*found)
        return LT_OK;
    LT_TRY(find_macro(user, exec, name, value, err));
    *found = value->type != LT_JINJA_UNDEFINED;
    return LT_OK;
}

static lt_status lookup(void *user, lt_jinja_render *render, const lt_jinja_template *from,
                        lt_text name, lt_jinja_value *out, bool *found, lt_err *err)
{
    fixture *f = user;
    (void)render;
    (void)from;
    return find_name(user, f->exec, name, out, found, err);
}

static lt_status render_source(void *user, lt_dbt_exec *exec, lt_jinja_render *inside,
                               lt_text source, lt_buf *out, lt_err *err)
{
    fixture *f = user;
    (void)exec;
    lt_jinja_context context = {.lookup = lookup, .user = f, .inside = inside};
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    LT_TRY(lt_jinja_compile(&f->env, T("inner"), source, &compiled, NULL, err));
    return lt_jinja_render_text(compiled, &context, &f->heap, out, NULL, err);
}

static const lt_dbt_host host = {.dispatch = dispatch,
                                 .find_macro = find_macro,
                                 .find_materialization = find_materialization,
                                 .find_name = find_name,
                                 .render = render_source};

static void begin(fixture *f, const char *kind, bool with_session)
{
    lt_err err = {0};
    lt_target target = {.name = "dev", .kind = "duckdb", .path = ":memory:", .threads = 1};
    *f = (fixture){.env = {.undefined = with_session ? LT_JINJA_DEFAULT : LT_JINJA_ABSORBING,
                           .filters = lt_dbt_text_filters,
                           .filter_count = LT_DBT_FILTERS}};
    if (with_session) {
        CHECK_OK(lt_engine_open(&target, &f->engine, &err), err);
        CHECK_OK(lt_session_open(f->engine, &f->session, &err), err);
    }
    lt_jinja_value flags = lt_jinja_dict(&f->shared);
    lt_jinja_put(flags, "full_refresh", lt_jinja_bool(true));
    lt_dbt_rt_settings settings = {.engine = f->engine,
                                   .kind = lt_text_of(kind),
                                   .database = T("memory"),
                                   .schema = T("main"),
                                   .quote = {true, true, true},
                                   .flags = flags,
                                   .invocation_id = T("abc"),
                                   .started_at_us = 1700000000123456,
                                   .host = &host,
                                   .user = f};
    CHECK_OK(lt_dbt_rt_open(&settings, &f->rt, &err), err);
    lt_dbt_exec_settings exec = {.rt = f->rt, .heap = &f->heap, .session = f->session};
    CHECK_OK(lt_dbt_exec_open(&exec, &f->exec, &err), err);
    CHECK_OK(
        lt_jinja_compile(&f->env, T("macros"), lt_text_of(macro_source), &f->macros, NULL, &err),
        err);
}

static void end(fixture *f)
{
    lt_dbt_exec_close(f->exec);
    lt_dbt_rt_close(f->rt);
    lt_jinja_heap_cleanup(&f->heap);
    lt_jinja_heap_cleanup(&f->shared);
    lt_jinja_template_free(f->macros);
    lt_session_close(f->session);
    lt_engine_close(f->engine);
}

typedef struct line {
    const char *source, *expected; /* expected "!text": fails, with text in the message */
} line;

static bool check_line(fixture *f, const line *l)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_status status = render_source(f, f->exec, NULL, lt_text_of(l->source), &out, &err);
    bool fails = l->expected[0] == '!';
    const char *got = status == LT_OK ? lt_buf_chars(&out) : err.message;
    bool right = fails ? status != LT_OK && lt_has(got, l->expected + 1)
                       : status == LT_OK && strcmp(got, l->expected) == 0;
    if (!right)
        fprintf(stderr, "%s\n  gives    %s\n  expected %s\n", l->source, got, l->expected);
    return right;
}

static void check_lines(fixture *f, const line *lines, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong += !check_line(f, &lines[i]);
    CHECK_INT(wrong, 0);
}

#define LINES(kind_, ...)                                                                          \
    fixture f;                                                                                     \
    static const line lines[] = {__VA_ARGS__};                                                     \
    begin(&f, kind_, true);                                                                        \
    check_lines(&f, lines, LT_COUNT(lines));                                                       \
    end(&f)

Test(dbt_relation, renders_by_its_policies)
{
    LINES(
        "postgres",
        {"{{ api.Relation.create(database='d', schema='s', identifier='i') }}",
         "\"d\".\"s\".\"i\""},
        {"{{ api.Relation.create(schema='s', identifier='i') }}", "\"s\".\"i\""},
        {"{{ api.Relation.create('d', 's', 'i', 'view').type }}", "view"},
        {"{% set r = api.Relation.create('d', 's', 'i') %}{{ r.include(database=false) }} {{ "
         "r.quote(identifier=false) }} {{ r.include(schema=false).quote(false, false, false) }}",
         "\"s\".\"i\" \"d\".\"s\".i d.i"},
        {"{{ api.Relation.create('d', 's', 'i').without_identifier() }}", "\"d\".\"s\""},
        {"{% set r = api.Relation.create('d', 's', 'i', type='table') %}{{ "
         "r.incorporate(path={'identifier': 'x'}, type='view').type }} {{ r.incorporate("
         "path={'identifier': 'x', 'schema': none, 'database': none}) }}",
         "view \"x\""},
        {"{{ api.Relation.create('d', 's', 'i').replace_path(schema='z') }}", "\"d\".\"z\".\"i\""},
        {"{% set r = api.Relation.create('d', 's', 'i', type='table') %}{{ r.is_table }} {{ "
         "r.is_view }} {{ r.View }} {{ r.can_be_renamed }} {{ r.name }} {{ r.table }} {{ "
         "r.identifier }}",
         "True False view True i i i"},
        {"{{ api.Relation.create('d', 's', 'i').information_schema('columns') }}",
         "\"d\".INFORMATION_SCHEMA.columns"},
        {"{{ api.Relation.create('d', 's', 'i').get('metadata') }}",
         "{'type': 'PostgresRelation'}"},
        {"{% set r = api.Relation.create('d', 's', 'i') %}{{ r is mapping }} {{ r is none }} {{ r "
         "== api.Relation.create('d', 's', 'i') }} {{ r == api.Relation.create('d', 's', 'j') }}",
         "True False True False"},
        {"{{ [api.Relation.create('d', 's', 'i')] }}", "[<PostgresRelation \"d\".\"s\".\"i\">]"},
        {"{{ api.Relation.create('d', 's', 'i', limit=0) }}",
         "(select * from \"d\".\"s\".\"i\" where false limit 0) _dbt_limit_subq_i"},
        {"{{ api.Relation.create('d', 's', 'i', limit=5).render() }}", "\"d\".\"s\".\"i\""},
        {"{{ api.Relation.create('d', 's', 'i').matches(identifier='i') }}", "True"},
        {"{{ api.Relation.create('d', 's', 'i').matches(identifier='I') }}", "!approximate"},
        {"{{ api.Relation.create('d', 's', 'i').matches() }}", "!no search path"},
        {"{{ api.Relation.create('d', 's', 'x' * 64, type='table') }}", "!longer than 63"},
        {"{{ api.Relation.scd_args('id', 'u') }} {{ api.Relation.scd_args(['a', 'b'], 'u') }}",
         "['id', 'u'] ['a', 'b', 'u']"},
        {"{{ api.Relation.create('d', 's', 'i', type='chair') }}", "!'chair' is no type"},
        {"{{ api.Relation.create(identifier=5) }}", "!invalid path identifier"},
        {"{{ api.Relation.create('d', 's', 'i')['schema'] }}", "s"}, );
}

Test(dbt_column, knows_what_its_type_is)
{
    LINES(
        "postgres",
        {"{% set c = api.Column('a', 'character varying', 10) %}{{ c.name }} {{ "
         "c.quoted }} {{ c.data_type }} {{ c.is_string() }} {{ c.string_size() }}",
         "a \"a\" character varying(10) True 10"},
        {"{{ api.Column('a', 'text').data_type }} {{ api.Column('a', 'numeric', none, 10, "
         "2).data_type }} {{ api.Column('a', 'numeric').data_type }}",
         "text numeric(10,2) numeric"},
        {"{{ api.Column('a', 'bigint').is_integer() }} {{ api.Column('a', 'real').is_float() }} {{ "
         "api.Column('a', 'decimal').is_numeric() }} {{ api.Column('a', 'date').is_number() }}",
         "True True True False"},
        {"{{ api.Column.translate_type('string') }} {{ api.Column.translate_type('int') }} {{ "
         "api.Column.numeric_type('numeric', 28, 6) }} {{ api.Column.string_type(9) }}",
         "TEXT int numeric(28,6) character varying(9)"},
        {"{{ api.Column.create('a', 'STRING').dtype }}", "TEXT"},
        {"{{ [api.Column('a', 'text')] }}", "[<PostgresColumn a (text)>]"},
        {"{{ api.Column('a', 'varchar', 5).can_expand_to(api.Column('b', 'varchar', 9)) }}",
         "True"},
        {"{{ api.Column('a', 'int').string_size() }}", "!non-string"},
        {"{{ api.Column.from_description('a', 'numeric(10, 2)').numeric_scale }}", "2"},
        {"{{ [api.Column('a', 'text'), api.Column('b', 'text')] | map(attribute='name') | "
         "join(',') "
         "}}",
         "a,b"}, );
}

Test(dbt_column, flattens_structs)
{
    LINES("duckdb",
          {"{{ api.Column('s', 'STRUCT(a INTEGER, b STRUCT(c DECIMAL(10, 2)))').flatten() | "
           "map(attribute='name') | list }}",
           "['s.a', 's.b.c']"},
          {"{{ api.Column('x', 'INTEGER').flatten() | map(attribute='name') | list }}", "['x']"}, );
}

Test(dbt_moment, counts_as_python_does)
{
    LINES(
        "duckdb", {"{{ modules.datetime.date(2024, 2, 29) }}", "2024-02-29"},
        {"{{ modules.datetime.date(2024, 2, 29).strftime('%Y%m%d %A %j %U %W %V %-d') }}",
         "20240229 Thursday 060 08 09 09 29"},
        {"{{ modules.datetime.datetime(2024, 1, 1, 13, 5, 9).strftime('%I:%M %p %b %B %y %f %%') "
         "}}",
         "01:05 PM Jan January 24 000000 %"},
        {"{{ modules.datetime.date(2024, 1, 1) + modules.datetime.timedelta(days=31) }}",
         "2024-02-01"},
        {"{{ modules.datetime.timedelta(days=1) + modules.datetime.date(2024, 1, 1) }}",
         "2024-01-02"},
        {"{{ (modules.datetime.date(2024, 3, 1) - modules.datetime.date(2024, 2, 1)).days }}",
         "29"},
        {"{{ modules.datetime.datetime.strptime('2024-01-02 03:04:05', '%Y-%m-%d "
         "%H:%M:%S').isoformat() }}",
         "2024-01-02T03:04:05"},
        {"{{ modules.datetime.datetime.strptime('x', '%Y') }}", "!does not match format"},
        {"{{ modules.datetime.datetime(2024, 1, 2) > modules.datetime.datetime(2024, 1, 1) }}",
         "True"},
        {"{{ modules.datetime.timedelta(hours=25, minutes=1) }} {{ "
         "modules.datetime.timedelta(seconds=90).total_seconds() }} {{ [modules.datetime.timedelta("
         "days=-1, seconds=5)] }}",
         "1 day, 1:01:00 90.0 [datetime.timedelta(days=-1, seconds=5)]"},
        {"{{ [modules.datetime.datetime(2024, 1, 2, 3, 4)] }}",
         "[datetime.datetime(2024, 1, 2, 3, 4)]"},
        {"{{ modules.datetime.datetime(2024, 1, 2).replace(year=2020).year }}", "2020"},
        {"{{ modules.datetime.date(2023, 2, 29) }}", "!day is out of range"},
        {"{{ run_started_at }} {{ run_started_at.strftime('%Y-%m-%d %z') }}",
         "2023-11-14 22:13:20.123456+00:00 2023-11-14 +0000"},
        {"{{ modules.pytz.timezone('America/New_York').localize(modules.datetime.datetime(2024, 7, "
         "1, 12)).isoformat() }}",
         "2024-07-01T12:00:00-04:00"},
        {"{{ run_started_at.astimezone(modules.pytz.timezone('Europe/London')) }}",
         "2023-11-14 22:13:20.123456+00:00"},
        {"{{ modules.pytz.utc }} {{ modules.pytz.timezone('Asia/Tokyo') }}", "UTC Asia/Tokyo"},
        {"{{ modules.pytz.timezone('../../etc/passwd') }}", "!not the name of a time zone"},
        {"{{ modules.datetime.datetime(2024, 12, 30).isocalendar() }} {{ "
         "modules.datetime.date(2024, "
         "1, 1).weekday() }} {{ modules.datetime.date(1, 1, 1).toordinal() }}",
         "(2025, 1, 1) 0 1"},
        {"{{ modules.datetime.datetime.fromisoformat('2024-01-02T03:04:05+02:00') }}",
         "2024-01-02 03:04:05+02:00"},
        {"{{ modules.datetime.datetime.combine(modules.datetime.date(2024, 1, 2), "
         "modules.datetime.time(3, 4)) }}",
         "2024-01-02 03:04:00"},
        {"{{ modules.datetime.datetime(2024,1,1) - run_started_at }}", "!offset-naive"},
        {"{{ modules.datetime.datetime.now().year > 2000 }}", "True"},
        {"{{ modules.datetime.datetime(2024, 1, 2, 3).date() }}", "2024-01-02"}, );
}

Test(dbt_re, matches_as_python_does)
{
    LINES(
        "duckdb",
        {"{% set m = modules.re.match('(\\\\d+)-(?P<x>\\\\w)?', '12-a') %}{{ m.group(1) }} {{ "
         "m.groups() }} {{ m['x'] }} {{ m.span() }} {{ m.groupdict() }}",
         "12 ('12', 'a') a (0, 4) {'x': 'a'}"},
        {"{{ modules.re.match('b', 'ab') }} {{ modules.re.search('b', 'ab').start() }}", "None 1"},
        {"{{ modules.re.sub('x*', '-', 'abxd') }}", "-a-b--d-"},
        {"{{ modules.re.sub('(a)(b)', '\\\\2\\\\g<1>', 'abc') }}", "bac"},
        {"{{ modules.re.sub('A', 'x', 'aA', 1, modules.re.IGNORECASE) }}", "xA"},
        {"{{ modules.re.findall('(a)(b)?', 'aab') }} {{ modules.re.findall('a.', 'abac') }}",
         "[('a', ''), ('a', 'b')] ['ab', 'ac']"},
        {"{{ modules.re.split('[,;]', 'a,b;c') }} {{ modules.re.split('(,)', 'a,b') }}",
         "['a', 'b', 'c'] ['a', ',', 'b']"},
        {"{{ modules.re.compile('a+').fullmatch('aaa').group() }} {{ modules.re.fullmatch('a', "
         "'ab') }}",
         "aaa None"},
        {"{{ modules.re.escape('a.b*c') }}", "a\\.b\\*c"},
        {"{{ modules.re.match('(', 'a') }}", "!regular expression '('"},
        {"{{ modules.re.sub('b', 'z', 'ab\\n', count=0) }}", "az\n"},
        {"{{ modules.re.match('(a+)+$', 'a' * 40 ~ 'b') }}", "!match limit"},
        {"{{ modules.re.search('é', 'caféé').start() }}", "3"}, );
}

Test(dbt_itertools, combines)
{
    LINES("duckdb", {"{{ modules.itertools.chain([1], (2, 3)) | list }}", "[1, 2, 3]"},
          {"{{ modules.itertools.product([1, 2], 'ab') | list }}",
           "[(1, 'a'), (1, 'b'), (2, 'a'), (2, 'b')]"},
          {"{{ modules.itertools.combinations([1, 2, 3], 2) | list }}", "[(1, 2), (1, 3), (2, 3)]"},
          {"{{ modules.itertools.permutations([1, 2], 2) | list }}", "[(1, 2), (2, 1)]"},
          {"{{ modules.itertools.combinations_with_replacement([1, 2], 2) | list }}",
           "[(1, 1), (1, 2), (2, 2)]"},
          {"{{ modules.itertools.zip_longest([1, 2], [3], fillvalue=0) | list }}",
           "[(1, 3), (2, 0)]"},
          {"{{ modules.itertools.accumulate([1, 2, 3]) | list }}", "[1, 3, 6]"},
          {"{{ modules.itertools.islice([1, 2, 3, 4], 1, 3) | list }}", "[2, 3]"},
          {"{{ modules.itertools.compress('abc', [1, 0, 1]) | list }}", "['a', 'c']"},
          {"{{ modules.itertools.repeat(7, 2) | list }}", "[7, 7]"},
          {"{% for k, g in modules.itertools.groupby([1, 1, 2]) %}{{ k }}:{{ g | list }} {% endfor "
           "%}",
           "1:[1, 1] 2:[2] "},
          {"{{ modules.itertools.product(range(1000), range(1000), range(9)) }}", "!more than"}, );
}

Test(dbt_builtin, functions_are_dbts)
{
    LINES(
        "duckdb", {"{{ tojson({'a': [1, none, true]}) }}", "{\"a\": [1, null, true]}"},
        {"{{ tojson({'b': 1, 'a': 2}, sort_keys=true) }}", "{\"a\": 2, \"b\": 1}"},
        {"{{ tojson(api, 'no') }}", "no"},
        {"{{ fromjson('{\"a\": [1, 2.5, \"x\\\\u00e9\", {}]}') }}", "{'a': [1, 2.5, 'xé', {}]}"},
        {"{{ fromjson('[', 'bad') }}", "bad"},
        {"{{ fromyaml('a: [1, yes]\\nb: x') }}", "{'a': [1, True], 'b': 'x'}"},
        {"{{ toyaml({'a': [1, {'b': 'yes'}], 'c': {}}) }}", "a:\n- 1\n- b: 'yes'\nc: {}\n"},
        {"{{ set([1, 1, 2]) | length }} {{ set(5) }} {{ set(5, 'd') }}", "2 None d"},
        {"{{ set_strict(5) }}", "!not iterable"},
        {"{{ zip([1, 2], ['a', 'b']) | list }} {{ zip(1, 2) }} {{ zip(1, default=[]) }}",
         "[(1, 'a'), (2, 'b')] None []"},
        {"{{ local_md5('hello') }}", "5d41402abc4b2a76b9719d911017c592"},
        {"{{ diff_of_two_dicts({'select': ['a', 'B'], 'x': ['y']}, {'SELECT': ['b']}) }}",
         "{'select': ['a'], 'x': ['y']}"},
        {"{{ flags.FULL_REFRESH }} {{ flags.full_refresh }} {{ flags.NOTHING }}", "True True None"},
        {"{{ '5' | as_bool }}{{ true | as_native }}{{ [1] | is_list }}{{ 'a' | as_number }}",
         "5TrueTruea"},
        {"{{ render('{{ 1 + 1 }}') }}", "2"},
        {"{{ invocation_id }} {{ execute }} {{ dbt_version }}", "abc True 1.11.16"},
        {"{{ try_or_compiler_error('sorry', modules.datetime.datetime.strptime, 'x', '%Y') }}",
         "!sorry"},
        {"{{ context['local_md5']('a') == builtins.local_md5('a') }} {{ 'nothing' in context }} {{ "
         "'adapter' in context }} {{ context.get('nothing', 3) }}",
         "True False True 3"},
        {"{{ validation.any['list']([1]) }}", "[1]"}, {"{{ log('x') }}{{ print('') }}", ""},
        {"{{ exceptions.raise_compiler_error('no!') }}", "!no!"},
        {"{{ exceptions.warn('careful') }}", ""},
        {"{{ exceptions.raise_not_implemented('a') }}", "!ERROR: a"},
        {"{{ exceptions.missing_relation('r') }}", "!Relation r not found"},
        {"{{ exceptions.raise_contract_error([{'name': 'a', 'data_type': 'int', 'formatted': 'a "
         "int'}], [{'name': 'a', 'data_type': 'text', 'formatted': 'a text'}]) }}",
         "!the model gives text, the contract says int"}, );
}

Test(dbt_adapter, runs_statements_and_reads_tables)
{
    LINES(
        "duckdb",
        {"{% set r, t = adapter.execute('select 1 as a, 2.50 as b, date \\'2024-01-02\\' as d, "
         "null as n, \\'x\\' as s', fetch=true) %}{{ r }} {{ t.rows[0]['a'] + 1 }} {{ t.rows[0].b "
         "}} "
         "{{ t.rows[0][2].year }} {{ t.rows[0]['n'] }} {{ t.columns['s'].values() }} {{ "
         "t.column_names }} {{ t | length }}",
         "OK 2 2.50 2024 None ('x',) ('a', 'b', 'd', 'n', 's') 1"},
        {"{% set t = adapter.execute('select 1 as a; select i as x from range(3) r(i);', "
         "fetch=true)[1] %}{{ t.columns[0].values() }}",
         "(0, 1, 2)"},
        {"{% set t = adapter.execute('select i as x from range(30) r(i)', fetch=true, limit=2)[1] "
         "%}{{ t.rows | length }}",
         "2"},
        {"{% do adapter.execute('create table t1 (a int, b varchar)') %}{% set r = "
         "adapter.get_relation('memory', 'main', 't1') %}{{ r }} {{ r.type }} {{ "
         "adapter.get_relation('memory', 'main', 'none') }}",
         "\"memory\".\"main\".\"t1\" table None"},
        {"{{ adapter.get_columns_in_relation(adapter.get_relation('memory', 'main', 't1')) | "
         "map(attribute='name') | list }}",
         "['a', 'b']"},
        {"{% set a = adapter.get_relation('memory', 'main', 't1') %}{% do "
         "adapter.rename_relation(a, a.incorporate(path={'identifier': 't2'})) %}{{ "
         "adapter.get_relation('memory', 'main', 't1') }} {{ adapter.get_relation('memory', "
         "'main', 't2') }}",
         "None \"memory\".\"main\".\"t2\""},
        {"{% do adapter.add_query('insert into t2 values (?, ?)', bindings=[1, \"it's\"]) %}{% do "
         "adapter.commit() %}{{ adapter.execute('select b from t2', fetch=true)[1].rows[0][0] }}",
         "it's"},
        {"{% do adapter.drop_relation(adapter.get_relation('memory', 'main', 't2')) %}{{ "
         "adapter.get_relation('memory', 'main', 't2') }}",
         "None"},
        {"{% do adapter.execute('create table rolled (a int)', auto_begin=true) %}", ""},
        {"{{ adapter.dispatch('twice')(4) }}", "8"},
        {"{{ adapter.dispatch('nothing', 'pkg')() }}", "!Searched for: default__nothing"},
        {"{{ adapter.dispatch('a.b')() }}", "!not a valid macro name component"},
        {"{{ adapter.type() }} {{ adapter.quote('a') }} {{ adapter.quote_as_configured('a', "
         "'identifier') }} {{ adapter.quote_seed_column('a', false) }}",
         "duckdb \"a\" \"a\" a"},
        {"{{ adapter.get_incremental_strategy_macro(context, 'append')({}) }}", "appended"},
        {"{{ adapter.get_incremental_strategy_macro(context, 'insert_overwrite') }}",
         "!not valid for this adapter"},
        {"{{ adapter.render_raw_columns_constraints({'a': {'name': 'a', 'data_type': 'int', "
         "'constraints': [{'type': 'not_null'}, {'type': 'check', 'expression': 'a > 0'}]}}) }}",
         "['a int not null check (a > 0)']"},
        {"{{ adapter.render_raw_model_constraints([{'type': 'primary_key', 'columns': ['a', 'b']}, "
         "{'type': 'foreign_key', 'columns': ['a'], 'to': 't', 'to_columns': ['id']}]) }}",
         "['primary key (a, b)', 'foreign key (a) references t (id)']"},
        {"{{ adapter.get_hard_deletes_behavior({'hard_deletes': 'new_record'}) }}", "new_record"},
        {"{{ adapter.get_hard_deletes_behavior({'hard_deletes': 'x'}) }}", "!Invalid setting"},
        {"{{ adapter.get_column_schema_from_query('select 1::bigint as x') | "
         "map(attribute='dtype') "
         "| list }}",
         "['BIGINT']"},
        {"{{ adapter.behavior.full_refresh.no_warn }} {{ adapter.behavior.nothing.no_warn }}",
         "True False"},
        {"{{ adapter.external_write_options('a.csv', {'delimiter': '|'}) }}",
         "delimiter '|', format csv, header 1"},
        {"{{ adapter.external_read_location('a', {'partition_by': 'x, y'}) }}", "a/*/*/*.parquet"},
        {"{{ adapter.execute('select nothing from nowhere') }}", "!nowhere"},
        {"{{ adapter.parse_index({'columns': ['a'], 'unique': true}).unique }} {{ "
         "adapter.parse_index(none) }}",
         "True None"},
        {"{{ adapter.parse_index({'unique': true}) }}", "!columns"}, );
}

Test(dbt_adapter, a_result_is_loaded_once_but_main_again)
{
    LINES("duckdb",
          {"{% call statement('x', fetch_result=true) %}select 5 as five{% endcall %}{{ "
           "load_result('x').data }}{{ load_result('nothing') }}",
           "[(5,)]None"},
          {"{{ load_result('x') }}", "!already been loaded"},
          {"{% do store_raw_result('main', message='M', code='C', rows_affected=7) %}{{ "
           "load_result('main').response }} {{ load_result('main').response.rows_affected }}",
           "M 7"}, );
}

Test(dbt_adapter, is_silent_while_parsing)
{
    fixture f;
    static const line lines[] = {
        {"{{ execute }} {{ adapter.get_relation('a', 'b', 'c') }} {{ "
         "adapter.get_columns_in_relation(x) }} {{ adapter.execute('select 1')[1].columns | length "
         "}}",
         "False None [] 0"},
        {"{{ adapter.quote('a') }} {{ adapter.type() }}", "\"a\" postgres"},
    };
    begin(&f, "postgres", false);
    check_lines(&f, lines, LT_COUNT(lines));
    end(&f);
}

Test(dbt_run, a_test_gives_failures_and_its_verdict)
{
    fixture f;
    lt_err err = {0};
    lt_dbt_run_result result = {0};
    begin(&f, "duckdb", true);
    lt_jinja_context context = {.lookup = lookup, .user = &f};
    CHECK_OK(lt_dbt_exec_run(f.exec, &f.env, &context, T("test"), &result, &err), err);
    CHECK(result.failures == 3 && result.should_warn && !result.should_error);
    CHECK(lt_dbt_exec_run(f.exec, &f.env, &context, T("unknown"), &result, &err) == LT_INVALID);
    CHECK(lt_has(err.message, "No materialization 'unknown'"));
    CHECK(lt_dbt_exec_run(f.exec, &f.env, &context, T("default__twice"), &result, &err) != LT_OK);
    end(&f);
}

Test(dbt_rt, an_array_of_postgresql_is_a_list_as_json)
{
    static const struct {
        const char *cell, *type, *json;
    } cases[] = {
        {"{1,2,NULL}", "integer[]", "[1, 2, null]"},
        {"{}", "integer[]", "[]"},
        {"{{1.5,2},{NULL,3}}", "numeric[]", "[[1.5, 2.0], [null, 3.0]]"},
        {"{t,f}", "boolean[]", "[true, false]"},
        {"{a,\"b, \\\"c\\\"\",\"NULL\",NULL,\"\"}", "text[]",
         "[\"a\", \"b, \\\"c\\\"\", \"NULL\", null, \"\"]"},
        {"{\"2020-01-01 05:00:00\"}", "timestamp without time zone[]", "[\"2020-01-01T05:00:00\"]"},
        {"{1,2", "integer[]", "[1, 2"}, /* no such text comes from a server */
        {"[1, 2]", "INTEGER[]", "[1, 2]"},
    };
    lt_jinja_heap heap = {0};
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        CHECK_TEXT(lt_jinja_as_text(lt_dbt_cell_value(&heap, lt_text_of(cases[i].cell),
                                                      lt_text_of(cases[i].type))),
                   cases[i].json);
    lt_jinja_heap_cleanup(&heap);
}
