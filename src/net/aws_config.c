/* Reads the shared config and credentials files of the AWS tools. */
#include "net/aws_config.h"

#include "base/fs.h"
#include "base/vec.h"

#include <stdlib.h>

enum { FILE_BYTES = 1024 * 1024, LINES = 20000, WORDS = 256 };

typedef enum kind { PROFILE, SESSION, OTHER } kind;

typedef struct entry {
    kind kind;
    lt_text section, group, name, value; /* an entry without a name: the section is there */
    bool of_credentials;
} entry;

struct lt_aws_config {
    LT_VEC(entry) entries;
    char *names;
};

/* Where the reader is. */
typedef struct reader {
    lt_arena *arena;
    lt_aws_config *config;
    bool of_credentials;
    entry at; /* section, and group of nested lines */
} reader;

static bool take_word(lt_text *text, lt_text word)
{
    if (!lt_text_starts(*text, word) || text->len == word.len || !lt_is_space(text->ptr[word.len]))
        return false;
    *text = lt_text_trim(lt_text_sub(*text, word.len, SIZE_MAX));
    return true;
}

/* "[profile x]" of the config file, "[x]" of the credentials file; "[default]" in both. */
static void begin_section(reader *self, lt_text line)
{
    size_t end = lt_text_find_byte(line, ']', 0);
    lt_text name = lt_text_trim(lt_text_sub(line, 1, end == SIZE_MAX ? end : end - 1));
    self->at = (entry){.kind = OTHER, .of_credentials = self->of_credentials};
    if (self->of_credentials || lt_text_eq(name, T("default")) || take_word(&name, T("profile")))
        self->at.kind = PROFILE;
    else if (take_word(&name, T("sso-session")))
        self->at.kind = SESSION;
    if (name.len >= 2 && (name.ptr[0] == '"' || name.ptr[0] == '\'') &&
        name.ptr[name.len - 1] == name.ptr[0])
        name = lt_text_sub(name, 1, name.len - 2);
    self->at.section = lt_arena_text(self->arena, name);
    lt_push_in(self->arena, &self->config->entries, self->at);
}

/* A comment behind a value begins with a blank and # or ;. */
static lt_text without_comment(lt_text value)
{
    for (size_t i = 1; i < value.len; i++)
        if ((value.ptr[i] == '#' || value.ptr[i] == ';') && lt_is_space(value.ptr[i - 1]))
            return lt_text_trim(lt_text_sub(value, 0, i));
    return value;
}

static void read_line(reader *self, lt_text raw)
{
    lt_text line = lt_text_trim(raw);
    if (!line.len || line.ptr[0] == '#' || line.ptr[0] == ';')
        return;
    if (line.ptr[0] == '[') {
        begin_section(self, line);
        return;
    }
    size_t equals = lt_text_find_byte(line, '=', 0);
    if (equals == SIZE_MAX || self->config->entries.len >= LINES)
        return;
    bool nested = lt_is_space(raw.ptr[0]) && self->at.group.len;
    lt_text name = lt_text_trim(lt_text_sub(line, 0, equals));
    lt_text value = without_comment(lt_text_trim(lt_text_sub(line, equals + 1, SIZE_MAX)));
    entry made = self->at;
    made.name = lt_arena_text(self->arena, name);
    made.value = lt_arena_text(self->arena, value);
    if (!nested) {
        made.group = (lt_text){0};
        self->at.group = value.len ? (lt_text){0} : made.name;
    }
    lt_push_in(self->arena, &self->config->entries, made);
}

static lt_status read_file(reader *self, const char *path, lt_err *err)
{
    LT_AUTO(lt_buf) content = {.limit = FILE_BYTES};
    lt_status status = lt_file_read(path, &content, err);
    if (status == LT_NOT_FOUND)
        return LT_OK;
    LT_TRY(status);
    lt_text rest = lt_buf_text(&content), line;
    self->at = (entry){.kind = OTHER, .of_credentials = self->of_credentials};
    while (lt_text_cut(&rest, '\n', &line))
        if (line.len)
            read_line(self, line);
    return LT_OK;
}

static const char *path_of(lt_aws_getenv *env, const char *variable, const char *name,
                           lt_arena *arena)
{
    const char *given = env(variable), *home = env("HOME");
    if (given && *given && strncmp(given, "~/", 2) != 0)
        return lt_arena_str(arena, lt_text_of(given));
    if (given && *given)
        return lt_arena_format(arena, "%s/%s", home ? home : "", given + 2);
    return lt_arena_format(arena, "%s/.aws/%s", home ? home : "", name);
}

lt_status lt_aws_config_read(lt_aws_getenv *env, lt_arena *arena, lt_aws_config **out, lt_err *err)
{
    lt_aws_getenv *get = env ? env : (lt_aws_getenv *)getenv;
    lt_aws_config *config = LT_NEW(arena, lt_aws_config);
    const char *credentials = path_of(get, "AWS_SHARED_CREDENTIALS_FILE", "credentials", arena);
    const char *settings = path_of(get, "AWS_CONFIG_FILE", "config", arena);
    reader self = {.arena = arena, .config = config, .of_credentials = true};
    LT_TRY(read_file(&self, credentials, err));
    self.of_credentials = false;
    LT_TRY(read_file(&self, settings, err));
    config->names = lt_arena_format(arena, "%s or %s", credentials, settings);
    *out = config;
    return LT_OK;
}

const char *lt_aws_config_names(const lt_aws_config *config)
{
    return config->names;
}

bool lt_aws_config_has_profile(const lt_aws_config *config, lt_text profile)
{
    for (size_t i = 0; i < config->entries.len; i++)
        if (config->entries.items[i].kind == PROFILE &&
            lt_text_eq(config->entries.items[i].section, profile))
            return true;
    return false;
}

/* The first that fits: the credentials file was read first. Of one file the last one would win for some tools, the first for
 * others; a name that stands twice is a mistake anyway. */
static lt_text find(const lt_aws_config *config, kind of, lt_text section, lt_text group,
                    lt_text name)
{
    for (size_t i = 0; i < config->entries.len; i++) {
        const entry *it = &config->entries.items[i];
        if (it->kind == of && it->name.len && lt_text_eq(it->section, section) &&
            lt_text_eq(it->group, group) && lt_text_eq(it->name, name))
            return it->value;
    }
    return (lt_text){0};
}

lt_text lt_aws_config_find(const lt_aws_config *config, lt_text profile, const char *name)
{
    return find(config, PROFILE, profile, T(""), lt_text_of(name));
}

lt_text lt_aws_config_find_nested(const lt_aws_config *config, lt_text profile, const char *group,
                                  const char *name)
{
    return find(config, PROFILE, profile, lt_text_of(group), lt_text_of(name));
}

lt_text lt_aws_config_find_session(const lt_aws_config *config, lt_text session, const char *name)
{
    return find(config, SESSION, session, T(""), lt_text_of(name));
}

/* ---- commands ---- */

/* One word from *at on; false at an open quote. */
static bool read_word(lt_text text, size_t *at, lt_buf *word)
{
    char quote = 0;
    for (; *at < text.len; ++*at) {
        char c = text.ptr[*at];
        if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? 0 : c;
            continue;
        }
        if (c == '\\' && quote != '\'' && *at + 1 < text.len)
            c = text.ptr[++*at];
        else if (!quote && lt_is_space(c))
            return true;
        lt_buf_add_byte(word, c);
    }
    return !quote;
}

lt_status lt_aws_split_command(lt_text command, lt_arena *arena, char ***argv, lt_err *err)
{
    LT_VEC(char *) words = {0};
    size_t at = 0;
    for (;;) {
        LT_AUTO(lt_buf) word = {.limit = FILE_BYTES};
        while (at < command.len && lt_is_space(command.ptr[at]))
            at++;
        if (at == command.len || words.len == WORDS)
            break;
        if (!read_word(command, &at, &word))
            return lt_fail(err, LT_INVALID, "a quote is open in '%.*s'", LT_ARG(command));
        lt_push_in(arena, &words, lt_arena_str(arena, lt_buf_text(&word)));
    }
    if (!words.len)
        return lt_fail(err, LT_INVALID, "the command is empty");
    lt_push_in(arena, &words, NULL);
    *argv = words.items;
    return LT_OK;
}
