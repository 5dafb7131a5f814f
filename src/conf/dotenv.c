/* The .env file: KEY=VALUE lines for the environment. */
#include "conf/dotenv.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/vec.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { MOST_BYTES = 1 << 20 };

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

lt_status lt_dotenv_load(const char *root, lt_dotenv_tracked *tracked, void *context, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(root, ".env");
    LT_AUTO(lt_buf) text = {.limit = MOST_BYTES};
    LT_AUTO(lt_arena) arena = {0};
    lt_dotenv entries;
    if (!lt_path_exists(path))
        return LT_OK;
    LT_TRY(lt_file_read(path, &text, err));
    warn(path, tracked, context);
    LT_TRY(lt_dotenv_read(lt_buf_text(&text), ".env", &arena, &entries, err));
    for (size_t i = 0; i < entries.len; i++)
        (void)setenv(entries.items[i].key, entries.items[i].value, 0);
    return LT_OK;
}
