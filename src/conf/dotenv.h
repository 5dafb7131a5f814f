/* dotenv.h - the project's .env file: KEY=VALUE lines for the environment of this process and its tasks.
 *
 * A line is blank, a comment (#), or [export] KEY=VALUE. A value in single quotes is taken as it is; in double quotes \n \t \r
 * \" \\ \$ are escapes; both may hold line breaks. A bare value ends before " #" and is trimmed. Nothing is expanded. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

typedef struct lt_dotenv_entry {
    const char *key, *value; /* in the arena */
    uint32_t line;
} lt_dotenv_entry;

typedef struct lt_dotenv {
    lt_dotenv_entry *items;
    size_t len, cap;
} lt_dotenv;

/* Does git track the file? Asked by whoever knows git; NULL where nobody does. */
typedef bool lt_dotenv_tracked(void *context, const char *path);

/* Read `text`; `path` is for messages. A key that stands twice is LT_INVALID. */
LT_MUST_CHECK lt_status lt_dotenv_read(lt_text text, const char *path, lt_arena *arena,
                                       lt_dotenv *out, lt_err *err);

/* Give this process the variables of <root>/.env beside those that it was started with, which win; what an earlier call gave and the
 * file does not say any more goes. A missing file says nothing. Warns (lt_log), when something has changed, if others can read the file
 * or `tracked` says yes. On failure the environment stays as it was.
 * Threads: others may read the environment meanwhile, each sees the old one or the new one; nobody may set variables otherwise. */
LT_MUST_CHECK lt_status lt_dotenv_load(const char *root, lt_dotenv_tracked *tracked, void *context,
                                       lt_err *err);
/* The environment without what lt_dotenv_load() gave, for a process that reads .env itself; the list is in the arena, NULL behind the
 * last. */
char **lt_dotenv_outer(lt_arena *arena);
