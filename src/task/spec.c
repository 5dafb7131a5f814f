/* The texts between leat and leat-task. */
#include "task/spec.h"

#include <stddef.h>

/* ---- the order: "key=value", each ended by a NUL ---- */

typedef struct text_key {
    const char *name;
    size_t offset;
} text_key;

#define AT(field) offsetof(lt_task_spec, field)
static const text_key texts[] = {
    {"base", AT(base)}, {"lock", AT(lock)},           {"log", AT(log)},       {"cwd", AT(cwd)},
    {"mark", AT(mark)}, {"task_mark", AT(task_mark)}, {"cgroup", AT(cgroup)},
};
static const text_key numbers[] = {
    {"log_limit", AT(log_limit_bytes)},
    {"timeout", AT(timeout_us)},
    {"grace", AT(grace_us)},
    {"memory", AT(memory_bytes)},
    {"cpu", AT(cpu_thousandths)},
    {"processes", AT(process_limit)},
};
static const text_key lists[] = {{"arg", AT(args)}, {"env", AT(env)}, {"secret", AT(secrets)}};

static const void *field_of(const lt_task_spec *spec, const text_key *key)
{
    return (const char *)spec + key->offset;
}

static void *field_in(lt_task_spec *spec, const text_key *key)
{
    return (char *)spec + key->offset;
}

static void add_pair(lt_buf *out, const char *name, lt_text value)
{
    lt_buf_add_str(out, name);
    lt_buf_add_byte(out, '=');
    lt_buf_add(out, value);
    lt_buf_add_byte(out, '\0');
}

void lt_task_spec_write(const lt_task_spec *spec, lt_buf *out)
{
    for (size_t i = 0; i < LT_COUNT(texts); i++)
        add_pair(out, texts[i].name, *(const lt_text *)field_of(spec, &texts[i]));
    for (size_t i = 0; i < LT_COUNT(numbers); i++)
        lt_buf_printf(out, "%s=%lld%c", numbers[i].name,
                      (long long)*(const int64_t *)field_of(spec, &numbers[i]), '\0');
    for (size_t i = 0; i < LT_COUNT(lists); i++) {
        const lt_texts *list = field_of(spec, &lists[i]);
        for (size_t k = 0; k < list->len; k++)
            add_pair(out, lists[i].name, list->items[k]);
    }
}

static const text_key *find_key(const text_key *keys, size_t count, lt_text name)
{
    for (size_t i = 0; i < count; i++)
        if (lt_text_eq(lt_text_of(keys[i].name), name))
            return &keys[i];
    return NULL;
}

static bool take_pair(lt_task_spec *spec, lt_text name, lt_text value, lt_arena *arena)
{
    const text_key *key = find_key(texts, LT_COUNT(texts), name);
    if (key) {
        *(lt_text *)field_in(spec, key) = lt_arena_text(arena, value);
        return true;
    }
    key = find_key(numbers, LT_COUNT(numbers), name);
    if (key)
        return lt_text_to_i64(value, field_in(spec, key));
    key = find_key(lists, LT_COUNT(lists), name);
    if (!key)
        return false;
    lt_texts *list = field_in(spec, key);
    lt_push_in(arena, list, lt_arena_text(arena, value));
    return true;
}

lt_status lt_task_spec_read(lt_text text, lt_arena *arena, lt_task_spec *out, lt_err *err)
{
    lt_task_spec spec = {0};
    lt_text pair;
    if (!text.len || text.ptr[text.len - 1] != '\0')
        return lt_fail(err, LT_INVALID, "the order is torn");
    lt_text rest = lt_text_sub(text, 0, text.len - 1);
    while (lt_text_cut(&rest, '\0', &pair)) {
        size_t at = lt_text_find_byte(pair, '=', 0);
        if (at == SIZE_MAX ||
            !take_pair(&spec, lt_text_sub(pair, 0, at), lt_text_sub(pair, at + 1, SIZE_MAX), arena))
            return lt_fail(err, LT_INVALID, "the order holds '%.*s'", LT_ARG(pair));
    }
    if (!spec.args.len || !spec.base.len || !spec.lock.len || !spec.log.len)
        return lt_fail(err, LT_INVALID, "the order lacks a command, a base, a lock or a log");
    *out = spec;
    return LT_OK;
}

/* ---- the result ---- */

static const char *const ends[] = {
    [LT_END_EXITED] = "exited",           [LT_END_SIGNALLED] = "signalled",
    [LT_END_TIMEOUT] = "timeout",         [LT_END_CANCELLED] = "cancelled",
    [LT_END_MEMORY] = "memory",           [LT_END_PROCESSES] = "processes",
    [LT_END_NOT_STARTED] = "not_started", [LT_END_BUSY] = "busy",
};

static const text_key figures[] = {
    {"code", offsetof(lt_task_result, code)},
    {"signal", offsetof(lt_task_result, signal)},
    {"started", offsetof(lt_task_result, started_at_us)},
    {"ended", offsetof(lt_task_result, ended_at_us)},
    {"peak", offsetof(lt_task_result, peak_bytes)},
    {"cpu", offsetof(lt_task_result, cpu_us)},
    {"left", offsetof(lt_task_result, left)},
    {"stuck", offsetof(lt_task_result, stuck)},
    {"log_bytes", offsetof(lt_task_result, log_bytes)},
    {"log_dropped", offsetof(lt_task_result, log_dropped)},
};

void lt_task_result_write(const lt_task_result *result, lt_buf *out)
{
    lt_buf_printf(out, "state %s\n", ends[result->end]);
    for (size_t i = 0; i < LT_COUNT(figures); i++)
        lt_buf_printf(
            out, "%s %lld\n", figures[i].name,
            (long long)*(const int64_t *)(const void *)((const char *)result + figures[i].offset));
    lt_buf_add_str(out, "end\n");
}

static bool take_line(lt_task_result *result, lt_text line)
{
    size_t at = lt_text_find_byte(line, ' ', 0);
    if (at == SIZE_MAX)
        return false;
    lt_text name = lt_text_sub(line, 0, at), value = lt_text_sub(line, at + 1, SIZE_MAX);
    const text_key *key = find_key(figures, LT_COUNT(figures), name);
    if (key)
        return lt_text_to_i64(value, (int64_t *)(void *)((char *)result + key->offset));
    for (size_t i = 0; i < LT_COUNT(ends); i++) {
        if (!lt_text_eq(name, T("state")) || !lt_text_eq(value, lt_text_of(ends[i])))
            continue;
        result->end = (lt_task_end)i;
        return true;
    }
    return false;
}

lt_status lt_task_result_read(lt_text text, lt_task_result *out, lt_err *err)
{
    lt_task_result result = {0};
    lt_text line;
    if (!lt_text_starts(text, T("state ")) || !lt_text_ends(text, T("\nend\n")))
        return lt_fail(err, LT_INVALID, "the result is torn");
    lt_text rest = lt_text_sub(text, 0, text.len - strlen("\nend\n"));
    while (lt_text_cut(&rest, '\n', &line))
        if (!take_line(&result, line))
            return lt_fail(err, LT_INVALID, "the result holds '%.*s'", LT_ARG(line));
    *out = result;
    return LT_OK;
}
