/* parse_cache/cache.h - what reading a project gave, kept in a file, so that the next start evaluates only what has changed.
 *
 * The file has a head (format, the key of the project's state, a checksum), the files that were read, the environment that was
 * asked, what each file looked at (parse_unit), and every node as it was before references were resolved. It is used when
 *   - the key is the same: this build of the program, target, variables, dbt_project.yml of all packages (rendered), names of macros;
 *   - the environment variables that templates asked for have the same values.
 * Files that have changed, come or gone are evaluated again, with those that were given a macro or docs block that is another now, and
 * so is what reads the clock. References are resolved anew, unless every node looks to resolving as it did. Where that is not sure to give what a parse from scratch gives, and
 * whatever goes wrong, the project is read from scratch. What stands in the file is checked as it is read: it may be cut,
 * damaged or made by somebody else. */
#pragma once
#include "dbt/inner.h"

enum {
    LT_PARSE_FORMAT = 4,
    LT_PARSE_SEGMENT = 2048, /* nodes that one thread reads */
    LT_PARSE_MOST_BYTES = 256 << 20,
    LT_PARSE_KEY_BYTES = 32,
    LT_PARSE_MOST_DEPTH = 100
};

typedef struct lt_parse_head {
    char magic[8];
    uint32_t format;
    uint32_t
        words; /* of the body: files, environment, nodes; at its end where each segment of nodes begins, and where the last ends */
    uint32_t texts; /* pairs of place and length in the bytes */
    uint32_t values;
    uint32_t value_words;
    uint32_t bytes; /* of texts; each with a NUL behind it */
    int64_t written_us;
    uint64_t sum; /* of all behind the head */
    unsigned char key[LT_PARSE_KEY_BYTES];
} lt_parse_head;

/* What stands behind a field's offset in lt_dbt_node. */
typedef enum lt_parse_type {
    LT_PARSE_TEXT,
    LT_PARSE_TEXTS,
    LT_PARSE_VALUE,
    LT_PARSE_DICT, /* a value: a dict or undefined */
    LT_PARSE_FLAG, /* bool */
    LT_PARSE_INT,  /* int */
    LT_PARSE_UINT,
    LT_PARSE_REFS
} lt_parse_type;

typedef struct lt_parse_field {
    lt_parse_type type;
    size_t at;
} lt_parse_field;

/* Every field that is known before references are resolved, but for those that point at other things. Less than 64. */
extern const lt_parse_field lt_parse_fields[];
extern const size_t lt_parse_field_count;

/* Packages, nodes and macros are told by their place; 0 is none. */
static inline uint32_t lt_parse_place(size_t i)
{
    return (uint32_t)(i + 1);
}

/* A sum over parts, one after the other: against damage, not against people. Zero-initialise. */
enum { LT_PARSE_LANES = 4 };
typedef struct lt_parse_summing {
    uint64_t lanes[LT_PARSE_LANES];
    uint64_t len;
    unsigned char rest[LT_PARSE_LANES * sizeof(uint64_t)];
} lt_parse_summing;
void lt_parse_sum_add(lt_parse_summing *sum, lt_text part);
uint64_t lt_parse_sum_end(lt_parse_summing *sum);

/* What the project's state is now. */
lt_status lt_parse_key(const lt_dbt *dbt, unsigned char out[LT_PARSE_KEY_BYTES], lt_err *err);

/* ---- parse_cache/pack.c, parse_cache/unpack.c ---- */

/* Write the content to an empty file. LT_INVALID: there is a value that cannot be kept. */
lt_status lt_parse_pack(const lt_dbt *dbt, const project_files *files, const unsigned char *key,
                        int fd, uint64_t *stamp, lt_err *err);
/* What tells a cache from any other; never 0. */
uint64_t lt_parse_stamp(const lt_parse_head *head);

typedef struct lt_parse_digest {
    uint32_t words[4];
} lt_parse_digest;
/* Of a macro of a package, with what it may call without anybody being asked. */
void lt_parse_macro_digest(const lt_dbt_macro *macro, lt_parse_digest *out);

/* What a cached file looked like. */
typedef struct lt_parse_file {
    lt_text path;
    lt_text checksum;
    uint32_t package, kind; /* places */
    lt_file_look look;
} lt_parse_file;

typedef struct lt_parsed {
    const lt_parse_head *head;
    lt_parse_file *files;
    size_t file_count;
    lt_text *env; /* names and digests of values, one after the other */
    size_t env_count;
    uint32_t *changed_macros; /* places */
    uint32_t changed_macro_count;
    bool is_settled; /* edges are among it */
} lt_parsed;

/* Fill `dbt`, whose packages and macros are loaded, with nodes, docs and what .yml files say of macros. Texts stay in `content`,
 * which must live as long; `sum` is that of all behind its head. LT_NOT_FOUND: it is of another key, or none (`dbt` is as it was).
 * LT_INVALID: it is damaged; then `dbt` is of no more use. */
lt_status lt_parse_unpack(lt_dbt *dbt, lt_text content, uint64_t sum, const unsigned char *key,
                          lt_parsed *out, lt_err *err);

/* ---- parse_cache/again.c ---- */

/* How much was not as the cache has it. */
typedef struct lt_parse_work {
    size_t read, evaluated; /* files, nodes */
} lt_parse_work;

/* Evaluate again what is not as `parsed` has it, and put all into the order of a parse from scratch. LT_INVALID: that cannot be told
 * apart from the rest, or what is there now is wrong. */
lt_status lt_parse_refresh(lt_dbt *dbt, project_files *files, const lt_parsed *parsed,
                           lt_parse_work *work, lt_err *err);

/* ---- parse_cache/cache.c ---- */

/* Begin to read the file, on a thread of its own. */
void lt_parse_cache_begin(lt_dbt *dbt);
/* Also when lt_parse_cache_begin() was never called. */
void lt_parse_cache_end(lt_dbt *dbt);
/* Take what settings.parse_cache has. *used false: there is none that fits (`dbt` is as it was). LT_INVALID, and any other failure:
 * begin again with a new lt_dbt and without the cache. */
lt_status lt_parse_cache_use(lt_dbt *dbt, lt_parsed *parsed, bool *used, lt_err *err);
/* What has changed is evaluated again. When it fails: as above. */
lt_status lt_parse_cache_refresh(lt_dbt *dbt, project_files *files, const lt_parsed *parsed,
                                 lt_err *err);
/* Write the file, when the project can be kept and is not there as it is. What goes wrong is only noted. */
void lt_parse_cache_keep(lt_dbt *dbt, const project_files *files);
