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

/* Read <root>/.env into the environment of this process; what is set already stays. A missing file is fine. Warns (lt_log) if
 * others can read the file, or if `tracked` says yes. Not while other threads use the environment: at the start. */
LT_MUST_CHECK lt_status lt_dotenv_load(const char *root, lt_dotenv_tracked *tracked, void *context,
                                       lt_err *err);
