/* json.h - JSON as RFC 8259 has it: a reader over a text in memory, a tree, a writer, and paths to records.
 *
 * All of it is strict: UTF-8 is checked, a lone surrogate escape is an error (no reader of ours could keep it), and so is
 * anything behind the value. One byte order mark in front is stepped over. Errors are LT_INVALID with "name:line:col: " in
 * front (columns count characters; without a name "line:col: "), or LT_TOO_BIG for nesting and node limits.
 * Nothing here recurses. Threads: everything belongs to its caller. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { LT_JSON_DEPTH = 512, LT_JSON_DEPTH_MAX = 4096 };

/* ---- the reader: tokens of a text, without copies ---- */

typedef enum lt_json_kind {
    LT_JSON_NULL,
    LT_JSON_BOOL,
    LT_JSON_NUMBER,
    LT_JSON_STRING,
    LT_JSON_ARRAY,  /* as a token: '[' */
    LT_JSON_OBJECT, /* as a token: '{' */
    /* tokens only */
    LT_JSON_KEY,
    LT_JSON_CLOSE, /* ']' or '}' */
    LT_JSON_END,   /* the text is over, and was whole */
} lt_json_kind;

const char *lt_json_kind_name(lt_json_kind kind); /* "null", "true or false", "a number", ... */

typedef struct lt_json_token {
    lt_json_kind kind;
    lt_text
        raw; /* borrowed from the text: with quotes and escapes, of a container its first byte */
    size_t offset;
} lt_json_token;

typedef struct lt_json_reader {
    lt_text text;         /* borrowed */
    const char *name;     /* borrowed; what the text is, for messages; may be NULL */
    size_t at;            /* how far it is read */
    unsigned depth;       /* containers that are open */
    unsigned depth_limit; /* more open ones are LT_TOO_BIG; at most LT_JSON_DEPTH_MAX */
    unsigned state;
    uint64_t is_object[LT_JSON_DEPTH_MAX / 64];
} lt_json_reader;

/* Begin. `name` may be NULL. Set reader->depth_limit afterwards for another one than LT_JSON_DEPTH. */
void lt_json_open(lt_json_reader *reader, lt_text text, const char *name);
/* Begin inside of an object, where the key of one of its members begins: for a second thread that reads a part of a large text. What is in
 * front of it is not looked at. The end of the object is the last token. */
void lt_json_open_at_key(lt_json_reader *reader, lt_text text, size_t offset, const char *name);
/* The key that was just read begins a member that another reader has read, with all that follow: go on where their object ends. */
void lt_json_go_on_at(lt_json_reader *reader, size_t offset);
/* The next token. After LT_JSON_END it gives LT_JSON_END again. After an error it must not be called any more. */
LT_MUST_CHECK lt_status lt_json_next(lt_json_reader *reader, lt_json_token *token, lt_err *err);
/* Read on to the end of the value that `token`, just read, begins: afterwards token->raw is the whole value, checked. A
 * scalar is whole already. This is the fast way to step over a value, or to take it as it is. */
LT_MUST_CHECK lt_status lt_json_whole(lt_json_reader *reader, lt_json_token *token, lt_err *err);
/* LT_INVALID at `offset` of the text, with name, line and column in front of the message. */
LT_MUST_CHECK lt_status lt_json_fail(const lt_json_reader *reader, size_t offset, lt_err *err,
                                     const char *format, ...) LT_PRINTF(4, 5);
/* The line and column (from 1, in characters) of a byte of the text. */
void lt_json_place(lt_text text, size_t offset, size_t *line, size_t *col);
/* All of the text is one JSON value. */
LT_MUST_CHECK lt_status lt_json_check(lt_text text, const char *name, lt_err *err);

/* What raw tokens mean. They must have come from the reader. */
void lt_json_unescape(lt_text raw, lt_buf *out);         /* of a string or key, appended */
lt_text lt_json_string_in(lt_arena *arena, lt_text raw); /* the same; a copy with a NUL behind */
bool lt_json_string_eq(lt_text raw, lt_text value);      /* without decoding into memory */
LT_MUST_CHECK bool lt_json_to_i64(lt_text raw,
                                  int64_t *n); /* integers in range only; 1.0, 1e2 are not */
LT_MUST_CHECK bool lt_json_to_double(lt_text raw, double *n); /* false: not a number, or infinite */

/* Append a value as one line of NDJSON. A line break in a valid value can only be white space between tokens: it becomes a
 * blank; every other byte stays. */
void lt_json_add_line(lt_text raw, lt_buf *out);

/* ---- the tree: for small files that are asked here and there ---- */

typedef struct lt_json lt_json;
struct lt_json {
    lt_json_kind kind; /* up to LT_JSON_OBJECT */
    bool truth;        /* of a bool */
    lt_text key;       /* of a member; decoded */
    lt_text text;      /* a string's value; a number as it is written. NUL behind it */
    lt_json *items;    /* elements or members, in order */
    uint32_t *order;   /* of a larger object: members sorted by key */
    size_t count;      /* of items */
    size_t offset;     /* of the value in the text */
};

typedef struct lt_json_options {
    unsigned depth;     /* 0: LT_JSON_DEPTH */
    size_t node_limit;  /* 0: 4,000,000; about 80 bytes of memory each */
    bool last_key_wins; /* a key that stands twice: false is an error */
} lt_json_options;

/* Read `text` into a tree that lives in `arena` and borrows nothing. `options` may be NULL. */
LT_MUST_CHECK lt_status lt_json_read(lt_text text, const char *name, const lt_json_options *options,
                                     lt_arena *arena, lt_json **root, lt_err *err);

/* NULL when `object` is NULL, no object, or has no such member. */
lt_json *lt_json_find(const lt_json *object, const char *key);
lt_json *lt_json_find_text(const lt_json *object, lt_text key);
/* The text of a string member; `otherwise` when it is missing or no string. */
lt_text lt_json_text_or(const lt_json *object, const char *key, lt_text otherwise);
int64_t lt_json_i64_or(const lt_json *object, const char *key, int64_t otherwise);
double lt_json_double_or(const lt_json *object, const char *key, double otherwise);
bool lt_json_bool_or(const lt_json *object, const char *key, bool otherwise);

/* ---- the writer ---- */

/* Commas, quotes, escapes and indents come by themselves:
 *     lt_json_writer w = {.out = &buf, .indent = 2};
 *     lt_json_begin(&w, '{'); lt_json_key(&w, T("rows")); lt_json_int(&w, 3); lt_json_end(&w);
 * The same calls give the same bytes. Bytes that are not UTF-8 become U+FFFD. Not more than LT_JSON_DEPTH_MAX levels. */
typedef struct lt_json_writer {
    lt_buf *out;     /* borrowed */
    unsigned indent; /* blanks a level; 0: one line without blanks */
    unsigned depth;
    bool after_key;
    uint64_t is_object[LT_JSON_DEPTH_MAX / 64], has_items[LT_JSON_DEPTH_MAX / 64];
} lt_json_writer;

void lt_json_begin(lt_json_writer *writer, char bracket); /* '{' or '[' */
void lt_json_end(lt_json_writer *writer);
void lt_json_key(lt_json_writer *writer, lt_text key);
void lt_json_string(lt_json_writer *writer, lt_text value);
void lt_json_int(lt_json_writer *writer, int64_t value);
void lt_json_double(lt_json_writer *writer,
                    double value); /* shortest that reads back the same; NaN, inf: null */
void lt_json_bool(lt_json_writer *writer, bool value);
void lt_json_null(lt_json_writer *writer);
void lt_json_raw(lt_json_writer *writer, lt_text value); /* as it is; must be JSON */
void lt_json_tree(lt_json_writer *writer, const lt_json *value);
/* The open container has an item, so the next one begins with a comma. */
bool lt_json_has_items(const lt_json_writer *writer);
/* An item of the open container, with the comma in front of it, came into the output by other means. */
void lt_json_note_item(lt_json_writer *writer);
/* key and value in one */
void lt_json_set(lt_json_writer *writer, const char *key, lt_text value);
void lt_json_set_int(lt_json_writer *writer, const char *key, int64_t value);
void lt_json_set_bool(lt_json_writer *writer, const char *key, bool value);
/* Only a string with its quotes and escapes. */
void lt_json_quote(lt_text value, lt_buf *out);

/* ---- paths ---- */

/* A path names places in a page: "$", "$.data.rows", "$.items[*]", "$['a b'][0].x". A name after '.' is letters, digits, '_',
 * '-' and bytes over 127; others go into ['...'] or ["..."], where \ escapes a quote or itself. [*] is each element of an array,
 * [3] one of them, from 0. Of RFC 9535 these parts only. */
enum { LT_JSON_PATH_STEPS = 32 };

typedef struct lt_json_step {
    enum { LT_JSON_STEP_NAME, LT_JSON_STEP_INDEX, LT_JSON_STEP_EACH } kind;
    lt_text name;
    uint64_t index;
} lt_json_step;

typedef struct lt_json_path {
    lt_text source; /* all of it lives in the arena */
    lt_json_step *steps;
    size_t count;
} lt_json_path;

/* LT_INVALID: "wrong JSON path '...': <why> at character N", with a hint. */
LT_MUST_CHECK lt_status lt_json_path_compile(lt_text source, lt_arena *arena, lt_json_path *path,
                                             lt_err *err);

/* Going through a page, from its first byte to its last: what is not asked for is checked too. */
typedef struct lt_json_walk {
    lt_json_reader reader;
    const lt_json_path *path; /* borrowed */
    bool each;                /* give the elements of a matched array, not the array */
    size_t found;             /* values that were given */
    size_t places;            /* times that the path was there (an empty array counts) */
    size_t level;
    struct lt_json_level {
        uint64_t index;
        bool seen, match;
    } levels[LT_JSON_PATH_STEPS + 2];
    /* The farthest place where the path did not go on, for lt_json_walk_check(). */
    size_t missed_step; /* SIZE_MAX: none */
    size_t missed_offset;
    lt_json_kind missed_kind; /* what is there */
    lt_text missed_keys[8];   /* of the object there, raw */
    size_t missed_key_count;
} lt_json_walk;

/* Begin. With `each`, a match that is an array is gone through and an object is one record, so that "$.items" and
 * "$.items[*]" are the same, and "$" is an array of records or one. `name` is for messages and may be NULL. */
void lt_json_walk_open(lt_json_walk *walk, const lt_json_path *path, bool each, lt_text text,
                       const char *name);
/* The next match: token->raw is the whole value. LT_JSON_END as kind when the page is over. LT_INVALID: not JSON, or a key
 * on the way stands twice. */
LT_MUST_CHECK lt_status lt_json_walk_next(lt_json_walk *walk, lt_json_token *token, lt_err *err);
/* At the end: LT_INVALID if the path was nowhere to be found, saying what is there instead. An empty array is fine. */
LT_MUST_CHECK lt_status lt_json_walk_check(const lt_json_walk *walk, lt_err *err);

/* The first match, whole; kind LT_JSON_END if there is none. What comes behind it is not read. */
LT_MUST_CHECK lt_status lt_json_path_find(const lt_json_path *path, lt_text text, const char *name,
                                          lt_json_token *token, lt_err *err);
