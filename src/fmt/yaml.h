/* yaml.h - one YAML document as a tree in an arena, with the place of every node.
 *
 * Aliases are resolved: the same node then stands at several places of the tree (its place is that of the anchor). What the
 * tree would be with every alias written out counts against the limits of depth and nodes, so that no consumer can be made to
 * walk a tree that is larger than the limits, and none is cyclic. Errors are "path:line:col: message", columns in characters.
 * Keys are scalars. A second document, a text that is not UTF-8, an unknown tag: LT_INVALID; a passed limit: LT_TOO_BIG.
 * Threads: everything belongs to its caller; a finished tree may be read by many. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"

typedef enum lt_yaml_kind { LT_YAML_SCALAR, LT_YAML_SEQUENCE, LT_YAML_MAPPING } lt_yaml_kind;

/* What a scalar is: of plain ones by the rules of the dialect, of quoted ones and blocks LT_YAML_STRING; a tag decides. */
typedef enum lt_yaml_type {
    LT_YAML_STRING,
    LT_YAML_NULL,
    LT_YAML_BOOL,
    LT_YAML_INT,
    LT_YAML_FLOAT,
    LT_YAML_TIME, /* a date or moment: YAML 1.1 only */
} lt_yaml_type;

typedef enum lt_yaml_style {
    LT_YAML_PLAIN,
    LT_YAML_SINGLE_QUOTED,
    LT_YAML_DOUBLE_QUOTED,
    LT_YAML_LITERAL,
    LT_YAML_FOLDED,
} lt_yaml_style;

/* A text counts as one node more for each so many bytes of it. */
enum { LT_YAML_TEXT_BYTES = 64 };

typedef struct lt_yaml lt_yaml;
struct lt_yaml {
    lt_yaml_kind kind;
    lt_yaml_type type;   /* of a scalar */
    lt_yaml_style style; /* of a scalar */
    uint32_t line, col;  /* from 1 */
    /* Of a scalar whose text stands in the file as it is: where its first character is, and how many columns stand in front of
     * its further lines. text_line 0: it does not (escapes, folded lines). */
    uint32_t text_line, text_col, text_indent;
    lt_text text;    /* of a scalar, decoded, NUL behind it */
    lt_text tag;     /* "tag:yaml.org,2002:str", "!mine"; empty when none is written */
    lt_yaml **items; /* elements, or the values of a mapping, in order */
    lt_yaml **keys;  /* of a mapping: scalars; keys[i] belongs to items[i] */
    size_t count;
    union {
        bool truth;      /* of LT_YAML_BOOL */
        int64_t integer; /* of LT_YAML_INT */
        double real; /* of LT_YAML_FLOAT, and of a LT_YAML_INT that does not fit (then `huge`) */
    };
    bool huge;
    uint32_t height; /* 1 + that of the highest child */
    size_t
        size; /* nodes below and with this one, aliases written out; a long text counts as several */
};

/* A key that stands in a mapping once more, and is not merged into it: the later value counts. */
typedef struct lt_yaml_double {
    lt_text key; /* as texts of scalars */
    uint32_t line, col;
} lt_yaml_double;
typedef LT_VEC(lt_yaml_double) lt_yaml_doubles;

typedef struct lt_yaml_options {
    bool
        yaml11; /* as dbt reads: YAML 1.1 scalars (yes, 0777, 1_000, 1:30, dates), merge keys (<<), last key wins */
    uint32_t depth;           /* 0: 64 */
    size_t node_limit;        /* 0: 1,000,000 */
    lt_yaml_doubles *doubles; /* of yaml11: gets them, in `arena`; may be NULL */
    lt_arena *texts;          /* where texts of scalars and tags live; NULL: with the tree */
} lt_yaml_options;

/* Read `text`. `path` is for messages and may be NULL; `options` too. The tree lives in `arena` and borrows nothing. An empty
 * document is a null scalar at 1:1. */
LT_MUST_CHECK lt_status lt_yaml_read(lt_text text, const char *path, const lt_yaml_options *options,
                                     lt_arena *arena, lt_yaml **root, lt_err *err);

/* The value of a key; NULL when there is none, or `mapping` is NULL or no mapping. */
lt_yaml *lt_yaml_find(const lt_yaml *mapping, lt_text key);
/* LT_INVALID with "path:line:col: " of the node in front. */
LT_MUST_CHECK lt_status lt_yaml_fail(const lt_yaml *node, const char *path, lt_err *err,
                                     const char *format, ...) LT_PRINTF(4, 5);
/* "a mapping", "a list", "a text", "a number", ... for messages. */
const char *lt_yaml_name(const lt_yaml *node);
