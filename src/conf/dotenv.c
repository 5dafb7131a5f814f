/* The .env file: KEY=VALUE lines for the environment. */
#include "conf/dotenv.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/vec.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 20 };

/* The environment belongs to the process, so what we have put there does, too. Nothing of it is ever freed: another thread may be
 * reading it. Only a file that was changed adds to it. */
static struct {
    pthread_mutex_t lock;
    LT_VEC(char *) given; /* "KEY=VALUE" of the last load */
    LT_VEC(void *) kept;  /* lists and texts of all loads */
    bool was_read;
} ours = {.lock = PTHREAD_MUTEX_INITIALIZER};

typedef struct scanner {
    lt_text text;
    size_t at;
    uint32_t line;
    const char *path;
    lt_arena *arena;
} scanner;

static char peek(const scanner *self)
{
    return self->at < self->text.len ? self->text.ptr[self->at] : '\0';
}

static char take(scanner *self)
{
    char c = self->text.ptr[self->at++];
    self->line += c == '\n';
    return c;
}

static void skip_blanks(scanner *self)
{
    while (peek(self) == ' ' || peek(self) == '\t')
        self->at++;
}

static bool at_line_end(const scanner *self)
{
    return self->at >= self->text.len || peek(self) == '\n' || peek(self) == '\r';
}

static void skip_line(scanner *self)
{
    while (self->at < self->text.len && take(self) != '\n')
        ;
}

/* The line, never its text: it may be a secret. */
static lt_status wrong(const scanner *self, uint32_t line, const char *why, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_INVALID, "%s:%u:1: %s", self->path, line, why));
    return lt_hint(err, "write KEY=VALUE, with the value in quotes if it holds blanks or '#'");
}

static bool is_key_char(char c, bool first)
{
    return lt_is_alpha(c) || c == '_' || (!first && lt_is_digit(c));
}

static lt_status read_key(scanner *self, const char **key, lt_err *err)
{
    lt_text rest = lt_text_sub(self->text, self->at, self->text.len);
    if (lt_text_starts(rest, T("export ")) || lt_text_starts(rest, T("export\t"))) {
        self->at += 7;
        skip_blanks(self);
    }
    size_t start = self->at;
    while (is_key_char(peek(self), self->at == start))
        self->at++;
    size_t len = self->at - start;
    skip_blanks(self);
    if (len == 0 || peek(self) != '=')
        return wrong(self, self->line, "expected KEY=VALUE", err);
    self->at++;
    *key = lt_arena_str(self->arena, lt_text_sub(self->text, start, len));
    return LT_OK;
}

static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    default:
        return c;
    }
}

static bool is_escape(char c)
{
    return c == 'n' || c == 't' || c == 'r' || c == '"' || c == '\\' || c == '$';
}

static lt_status read_quoted(scanner *self, const char **value, lt_err *err)
{
    uint32_t line = self->line;
    char quote = take(self);
    char *made = lt_alloc(self->arena, self->text.len - self->at + 1);
    size_t len = 0;
    for (;;) {
        if (self->at >= self->text.len)
            return wrong(self, line, "the quote is not closed", err);
        char c = take(self);
        if (c == quote)
            break;
        if (c == '\\' && quote == '"' && is_escape(peek(self)))
            c = unescape(take(self));
        made[len++] = c;
    }
    skip_blanks(self);
    if (!at_line_end(self) && peek(self) != '#')
        return wrong(self, self->line, "something stands behind the closing quote", err);
    *value = lt_arena_str(self->arena, lt_text_at(made, len));
    return LT_OK;
}

static const char *read_bare(scanner *self)
{
    size_t start = self->at;
    while (!at_line_end(self)) {
        bool blank_before = self->at == start || lt_is_space(self->text.ptr[self->at - 1]);
        if (peek(self) == '#' && blank_before)
            break;
        self->at++;
    }
    return lt_arena_str(self->arena,
                        lt_text_trim(lt_text_sub(self->text, start, self->at - start)));
}

static lt_status read_entry(scanner *self, lt_dotenv *out, lt_err *err)
{
    lt_dotenv_entry entry = {.line = self->line};
    LT_TRY(read_key(self, &entry.key, err));
    for (size_t i = 0; i < out->len; i++)
        if (strcmp(out->items[i].key, entry.key) == 0)
            return lt_fail(err, LT_INVALID, "%s:%u:1: '%s' stands twice (first in line %u)",
                           self->path, entry.line, entry.key, out->items[i].line);
    skip_blanks(self);
    if (peek(self) == '"' || peek(self) == '\'')
        LT_TRY(read_quoted(self, &entry.value, err));
    else
        entry.value = read_bare(self);
    lt_push_in(self->arena, out, entry);
    return LT_OK;
}

lt_status lt_dotenv_read(lt_text text, const char *path, lt_arena *arena, lt_dotenv *out,
                         lt_err *err)
{
    lt_dotenv made = {0};
    scanner self = {.text = text, .line = 1, .path = path, .arena = arena};
    if (lt_text_starts(text, T("\xEF\xBB\xBF")))
        self.at = 3;
    if (text.len && lt_text_find_byte(text, '\0', 0) != SIZE_MAX)
        return lt_fail(err, LT_INVALID, "%s: a NUL byte", path);
    while (self.at < text.len) {
        skip_blanks(&self);
        if (!at_line_end(&self) && peek(&self) != '#')
            LT_TRY(read_entry(&self, &made, err));
        skip_line(&self);
    }
    *out = made;
    return LT_OK;
}

typedef LT_VEC(char *) variables;

static void warn(const char *path, lt_dotenv_tracked *tracked, void *context)
{
    struct stat info;
    if (stat(path, &info) == 0 && (info.st_mode & 077))
        lt_log(LT_LOG_WARNING, "others can read '%s': chmod 600 '%s'", path, path);
    if (tracked && tracked(context, path))
        lt_log(
            LT_LOG_WARNING,
            "git tracks '%s': git rm --cached '%s', add it to .gitignore, and change what it holds",
            path, path);
}

/* ---- the environment of the process ---- */

static bool is_given(const char *variable)
{
    for (size_t i = 0; i < ours.given.len; i++)
        if (ours.given.items[i] == variable)
            return true;
    return false;
}

static void add_outer(lt_arena *arena, variables *out)
{
    for (char **at = environ; at && *at; at++)
        if (!is_given(*at))
            lt_push_in(arena, out, *at);
}

static bool has_key(const variables *list, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < list->len; i++)
        if (strncmp(list->items[i], key, len) == 0 && list->items[i][len] == '=')
            return true;
    return false;
}

/* What the file gives beside `outer`. */
static void add_inner(const lt_dotenv *entries, const variables *outer, lt_arena *arena,
                      variables *out)
{
    for (size_t i = 0; i < entries->len; i++)
        if (!has_key(outer, entries->items[i].key))
            lt_push_in(
                arena, out,
                lt_arena_format(arena, "%s=%s", entries->items[i].key, entries->items[i].value));
}

static bool is_as_before(const variables *outer, const variables *inner)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    bool same = inner->len == ours.given.len && outer->len + inner->len == count;
    for (size_t i = 0; same && i < inner->len; i++)
        same = strcmp(inner->items[i], ours.given.items[i]) == 0;
    return same;
}

/* One store, so that whoever reads has the one list or the other. */
static void put(const variables *outer, const variables *inner)
{
    char **made = lt_xcalloc(outer->len + inner->len + 1, sizeof(*made));
    lt_push(&ours.kept, (void *)made);
    ours.given.len = 0;
    for (size_t i = 0; i < outer->len; i++)
        made[i] = outer->items[i];
    for (size_t i = 0; i < inner->len; i++) {
        char *variable = lt_xstrdup(inner->items[i]);
        lt_push(&ours.kept, (void *)variable);
        lt_push(&ours.given, variable);
        made[outer->len + i] = variable;
    }
    __atomic_store_n(&environ, made, __ATOMIC_RELEASE);
}

lt_status lt_dotenv_load(const char *root, lt_dotenv_tracked *tracked, void *context, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(root, ".env");
    LT_AUTO(lt_buf) text = {.limit = MOST_BYTES};
    LT_AUTO(lt_arena) arena = {0};
    lt_dotenv entries = {0};
    variables outer = {0}, inner = {0};
    bool is_there = lt_path_exists(path);
    if (is_there)
        LT_TRY(lt_file_read(path, &text, err));
    LT_TRY(lt_dotenv_read(lt_buf_text(&text), ".env", &arena, &entries, err));
    (void)pthread_mutex_lock(&ours.lock);
    add_outer(&arena, &outer);
    add_inner(&entries, &outer, &arena, &inner);
    bool changed = !is_as_before(&outer, &inner), is_news = changed || !ours.was_read;
    if (changed)
        put(&outer, &inner);
    ours.was_read = true;
    (void)pthread_mutex_unlock(&ours.lock);
    if (is_there && is_news)
        warn(path, tracked, context);
    return LT_OK;
}

char **lt_dotenv_outer(lt_arena *arena)
{
    variables out = {0};
    (void)pthread_mutex_lock(&ours.lock);
    add_outer(arena, &out);
    (void)pthread_mutex_unlock(&ours.lock);
    lt_push_in(arena, &out, NULL);
    return out.items;
}
