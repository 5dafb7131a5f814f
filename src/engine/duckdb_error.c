/* DuckDB's errors: type, first line, place in the statement, hint. */
#include "engine/duckdb_session.h"

#include <stdio.h>

/* What a type of error asks for; all others mean that the SQL or the data is wrong. */
static const struct {
    const char *type; /* "exception_type", without " Error" */
    lt_status status;
    const char *hint; /* beside DuckDB's own; "=": instead of it */
} kinds[] = {
    {"INTERRUPT", LT_CANCELLED, ""},
    {"Interrupt", LT_CANCELLED, ""},
    {"IO", LT_IO, ""},
    /* DuckDB names settings that nobody reaches here */
    {"Out of Memory", LT_IO,
     "=raise 'memory' in leat.yml, of the project or of the target: it is the most that DuckDB may "
     "use; tables with thousands of columns need gigabytes"},
    {"Permission", LT_DENIED, ""},
    {"FATAL", LT_IO, ""},
    {"INTERNAL", LT_IO, ""},
    {"Connection", LT_IO, ""},
    {"Network", LT_IO, ""},
    {"HTTP", LT_IO, ""},
};

enum { FIELD_LIMIT = 64 * 1024 };

typedef struct fault {
    lt_buf type, message, position;
} fault;

static void fault_cleanup(fault *found)
{
    lt_buf_cleanup(&found->type);
    lt_buf_cleanup(&found->message);
    lt_buf_cleanup(&found->position);
}

/* The four hex digits of \uXXXX; surrogates come out as U+FFFD, they are only shown. */
static void add_escaped(const char **at, lt_buf *out)
{
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    char c = *(*at)++;
    const char *found = c ? strchr(from, c) : NULL;
    if (c == 'u') {
        unsigned point = 0;
        char bytes[4];
        for (int i = 0; i < 4 && lt_hex_value(**at) >= 0; i++)
            point = point << 4 | (unsigned)lt_hex_value(*(*at)++);
        size_t len = lt_utf8_put(point, bytes);
        lt_buf_add(out, len ? lt_text_at(bytes, len) : T("\xef\xbf\xbd"));
    } else if (c) {
        lt_buf_add_byte(out, found ? to[found - from] : c);
    } else {
        (*at)--;
    }
}

/* A JSON string at *at, which stands behind its first quote; steps over the last one. False if it does not end. */
static bool read_string(const char **at, lt_buf *out)
{
    lt_buf_clear(out);
    while (**at && **at != '"') {
        char c = *(*at)++;
        if (c == '\\')
            add_escaped(at, out);
        else
            lt_buf_add_byte(out, c);
    }
    if (**at != '"')
        return false;
    (*at)++;
    return !out->overflow;
}

/* {"name":"value",...}: DuckDB writes nothing but strings. False if this is something else. */
static bool read_json(const char *text, fault *found)
{
    LT_AUTO(lt_buf) name = {.limit = FIELD_LIMIT};
    LT_AUTO(lt_buf) value = {.limit = FIELD_LIMIT};
    const char *at = strstr(text, "{\"exception_type\":\"");
    if (!at)
        return false;
    for (at++; *at == '"'; at += *at == ',') {
        at++;
        if (!read_string(&at, &name) || strncmp(at, ":\"", 2) != 0)
            return false;
        at += 2;
        if (!read_string(&at, &value))
            return false;
        const struct {
            const char *name;
            lt_buf *into;
        } wanted[] = {{"exception_type", &found->type},
                      {"exception_message", &found->message},
                      {"position", &found->position}};
        for (size_t i = 0; i < LT_COUNT(wanted); i++)
            if (strcmp(lt_buf_chars(&name), wanted[i].name) == 0)
                lt_buf_add(wanted[i].into, lt_buf_text(&value));
    }
    return *at == '}';
}

/* "Binder Error: message\n\nLINE 1: ...": before a session is set up, or after it was told `SET errors_as_json = false`. */
static void read_plain(const char *text, fault *found)
{
    lt_buf_clear(&found->type);
    lt_buf_clear(&found->message);
    lt_buf_clear(&found->position);
    lt_text all = lt_text_of(text);
    size_t colon = lt_text_find(all, T(" Error: "), 0);
    if (colon < lt_text_find_byte(all, '\n', 0)) {
        lt_buf_add(&found->type, lt_text_sub(all, 0, colon));
        all = lt_text_sub(all, colon + strlen(" Error: "), SIZE_MAX);
    }
    lt_buf_add(&found->message, lt_text_sub(all, 0, lt_text_find(all, T("\n\nLINE "), 0)));
}

static bool has_position(const fault *found, int64_t *position)
{
    return lt_text_to_i64(lt_buf_text(&found->position), position) && *position >= 0;
}

lt_status lt_duckdb_fail(lt_session *session, const char *text, lt_err *err)
{
    LT_AUTO(fault)
    found = {
        .type.limit = FIELD_LIMIT, .message.limit = FIELD_LIMIT, .position.limit = FIELD_LIMIT};
    if (!text)
        text = "DuckDB gave no reason";
    if (!read_json(text, &found))
        read_plain(text, &found);

    int64_t position = -1;
    bool placed = has_position(&found, &position);
    if (session)
        session->error_at = placed ? position : -1;
    lt_text message = lt_text_trim(lt_buf_text(&found.message));
    size_t line_end = LT_MIN(lt_text_find_byte(message, '\n', 0), message.len);
    lt_text more = lt_text_trim(lt_text_sub(message, line_end, SIZE_MAX));
    lt_status status = LT_FAILED;
    const char *hint = "";
    for (size_t i = 0; i < LT_COUNT(kinds); i++) {
        if (strcmp(lt_buf_chars(&found.type), kinds[i].type) == 0) {
            status = kinds[i].status;
            hint = kinds[i].hint;
        }
    }
    if (status == LT_IO && placed) /* a path in the statement, not the machine */
        status = LT_FAILED;
    if (status == LT_CANCELLED)
        return lt_fail(err, LT_CANCELLED, "cancelled");
    lt_ignore(lt_fail(err, status, "%s%s%.*s", lt_buf_chars(&found.type),
                      found.type.len ? " Error: " : "", LT_ARG(lt_text_sub(message, 0, line_end))));
    if (hint[0] == '=')
        (void)lt_hint(err, "%s", hint + 1);
    else if (more.len || hint[0])
        (void)lt_hint(err, "%.*s%s%s", LT_ARG(more), more.len && hint[0] ? " " : "", hint);
    return status;
}

lt_status lt_duckdb_check(lt_session *session, duckdb_error_data error, lt_err *err)
{
    lt_status status = LT_OK;
    if (error && lt_duck.error_data_has_error(error))
        status = lt_duckdb_fail(session, lt_duck.error_data_message(error), err);
    if (error)
        lt_duck.destroy_error_data(&error);
    return status;
}
