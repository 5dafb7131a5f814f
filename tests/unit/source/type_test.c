/* Column types: read and written as DuckDB does, merged without regard to the order. */
#include "source/type.h"

#include "support/test.h"

static const char *written(lt_arena *arena, const lt_type *type)
{
    LT_AUTO(lt_buf) out = {0};
    lt_type_write(type, &out);
    return lt_arena_str(arena, lt_buf_text(&out));
}

static lt_type read_type(lt_arena *arena, const char *text)
{
    lt_type type;
    CHECK(lt_type_read(arena, lt_text_of(text), &type));
    return type;
}

Test(type, is_written_as_it_was_read)
{
    static const char *const types[] = {"BIGINT",
                                        "DECIMAL(18,3)",
                                        "TIMESTAMP WITH TIME ZONE",
                                        "VARCHAR[]",
                                        "VARCHAR[][]",
                                        "STRUCT(\"a\" BIGINT, \"b c\" STRUCT(\"d\"\"e\" DATE)[])[]",
                                        "UUID",
                                        "MAP(VARCHAR, INTEGER)",
                                        "ENUM('a,)', 'b')"};
    LT_AUTO(lt_arena) arena = {0};
    for (size_t i = 0; i < LT_COUNT(types); i++) {
        lt_type type = read_type(&arena, types[i]);
        CHECK_STR(written(&arena, &type), types[i]);
    }
    lt_type loose = read_type(&arena, " STRUCT(a integer,b  VARCHAR) ");
    CHECK_STR(written(&arena, &loose), "STRUCT(\"a\" INTEGER, \"b\" VARCHAR)");
}

Test(type, refuses_what_does_not_match)
{
    static const char *const bad[] = {
        "",     "STRUCT(", "STRUCT(a)",       "STRUCT(a INT", "STRUCT(a INT))",  "INT]",
        "INT[", "INT[3]",  "STRUCT(\"a INT)", "ENUM('a",      "STRUCT(a INT) x", ","};
    LT_AUTO(lt_arena) arena = {0};
    lt_type type;
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        CHECK(!lt_type_read(&arena, lt_text_of(bad[i]), &type));
    LT_AUTO(lt_buf) deep = {0};
    for (int i = 0; i < 100; i++)
        lt_buf_add_str(&deep, "STRUCT(a ");
    CHECK(!lt_type_read(&arena, lt_buf_text(&deep), &type));
}

static void merges(const char *a, const char *b, const char *wanted)
{
    LT_AUTO(lt_arena) arena = {0};
    for (int turn = 0; turn < 2; turn++) {
        lt_type left = read_type(&arena, turn ? b : a), right = read_type(&arena, turn ? a : b);
        (void)lt_type_merge(&arena, &left, &right);
        CHECK_STR(written(&arena, &left), wanted);
        CHECK(!lt_type_merge(&arena, &left, &right)); /* again changes nothing */
    }
}

Test(type, merges_in_either_order)
{
    merges("BIGINT", "BIGINT", "BIGINT");
    merges("INTEGER", "BIGINT", "BIGINT");
    merges("BIGINT", "DOUBLE", "DOUBLE");
    merges("BIGINT", "DECIMAL(38,0)", "DECIMAL(38,0)");
    merges("INTEGER", "DECIMAL(9,2)", "DECIMAL(12,2)");
    merges("DECIMAL(38,0)", "DECIMAL(9,2)", "DOUBLE");
    merges("SMALLINT", "FLOAT", "FLOAT");
    merges("INTEGER", "FLOAT", "DOUBLE");
    merges("DATE", "TIMESTAMP", "TIMESTAMP");
    merges("DATE", "TIMESTAMPTZ", "VARCHAR");
    merges("TIMESTAMP", "TIMESTAMPTZ", "VARCHAR");
    merges("BOOLEAN", "BIGINT", "VARCHAR");
    merges("BIGINT", "VARCHAR", "VARCHAR");
    merges("STRUCT(a BIGINT)", "BIGINT", "JSON");
    merges("STRUCT(a BIGINT)", "BIGINT[]", "JSON");
    merges("STRUCT(a BIGINT)", "VARCHAR", "VARCHAR");
    merges("DATE", "JSON", "VARCHAR");
    merges("UUID", "BLOB", "VARCHAR");
    merges("BIGINT[]", "DOUBLE[]", "DOUBLE[]");
    merges("STRUCT(a BIGINT)", "STRUCT(a DOUBLE)", "STRUCT(\"a\" DOUBLE)");
}

Test(type, structs_merge_field_by_field)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_type a = read_type(&arena, "STRUCT(x BIGINT, y STRUCT(p DATE))");
    lt_type b = read_type(&arena, "STRUCT(y STRUCT(q BOOLEAN, p TIMESTAMP), z VARCHAR[])");
    CHECK(lt_type_merge(&arena, &a, &b));
    CHECK_STR(
        written(&arena, &a),
        "STRUCT(\"x\" BIGINT, \"y\" STRUCT(\"p\" TIMESTAMP, \"q\" BOOLEAN), \"z\" VARCHAR[])");
    CHECK(!lt_type_eq(&a, &b));
    lt_type other =
        read_type(&arena, "STRUCT(z VARCHAR[], y STRUCT(q BOOLEAN, p TIMESTAMP), x BIGINT)");
    CHECK(lt_type_eq(&a, &other));
}

Test(type, what_duckdb_cannot_have_becomes_json)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_type twins = read_type(&arena, "STRUCT(a BIGINT, A BIGINT)");
    CHECK_STR(written(&arena, &twins), "JSON");
    lt_type none = {.kind = LT_TYPE_STRUCT};
    CHECK_STR(written(&arena, &none), "JSON");
    lt_type unknown = {0};
    CHECK_STR(written(&arena, &unknown), "VARCHAR");
    lt_type list = {.kind = LT_TYPE_LIST, .item = &unknown};
    CHECK_STR(written(&arena, &list), "JSON[]");
    lt_type many = {.kind = LT_TYPE_STRUCT};
    for (int i = 0; i <= LT_STRUCT_FIELDS; i++)
        lt_type_add_field(&arena, &many, lt_text_of(lt_arena_format(&arena, "k%d", i)), T(""))
            ->type.kind = LT_TYPE_BOOL;
    CHECK_STR(written(&arena, &many), "JSON");
    CHECK(lt_type_field(&many, T("k77")) == many.fields.items[77]);
}
