/* source_ops.h - for the kinds of sources only: what a kind must do, and what it may use to land what it has read. */
#pragma once
#include "engine/engine.h"
#include "source/infer.h"
#include "source/source.h"

/* An extract under way: what every kind needs. */
typedef struct lt_extraction {
    const lt_extract_job *job;
    const lt_conf_resource *resource;
    const lt_conf_source *source;
    lt_arena *arena;
    lt_landing_place place;
    lt_text folder;        /* rendered partition folder: empty, or ends with '/' */
    bool has_last;         /* the dataset is there */
    lt_commit_info last;   /* its last commit */
    const lt_json *record; /* that commit's record; NULL when there is none */
    lt_schema before;      /* its schema */
    lt_texts keys;         /* rendered names */
    lt_text from;      /* where the cursor begins: a text to ask with; NULL ptr: from the start */
    lt_text from_raw;  /* the stored cursor value, raw JSON; empty: none */
    lt_engine *engine; /* in memory, with a small cap; made by lt_extraction_session() */
    lt_session *session;
    size_t memory_bytes; /* its cap now */
    lt_extract_result *result;
} lt_extraction;

typedef struct lt_source_ops {
    lt_conf_source_kind kind;
    const char *name; /* "rest", "files", "database" */
    /* Read the resource, land it through lt_extraction_land() or lt_extraction_commit(), fill self->result. */
    lt_status (*extract)(lt_extraction *self, lt_err *err);
} lt_source_ops;

extern const lt_source_ops lt_rest_ops, lt_files_ops, lt_database_ops;

/* A text of the conf, rendered; `out` is empty when it is not set. */
LT_MUST_CHECK lt_status lt_extraction_render(lt_extraction *self, const lt_conf_text *text,
                                             lt_text *out, lt_err *err);
/* The private DuckDB: threads 1, a memory cap, spilling into the scratch folder. Borrowed from `self`. */
LT_MUST_CHECK lt_status lt_extraction_session(lt_extraction *self, lt_session **out, lt_err *err);
bool lt_extraction_stopped(const lt_extraction *self);

/* What is read by DuckDB to become the dataset's Parquet file. */
typedef struct lt_landing {
    const lt_texts *ndjson; /* files of records, read with the planned types */
    const lt_texts *twins;  /* may be NULL: more such files, whose records may have the same key: of
                               these the one with the greatest cursor stays */
    lt_text relation;       /* or: a FROM-item whose columns are named by the keys */
    bool remove_twins;      /* of a relation: the same over all of it */
    lt_text extra;          /* raw JSON for the commit record; may be empty */
    size_t
        record_bytes; /* about so many bytes a record: sets the size of row groups; 0: not known */
} lt_landing;

/* Write the planned columns of `schema` to scratch/part.parquet, commit it (append with a cursor, else overwrite) and fill
 * the result. `mark` raw JSON of the new cursor, or empty. */
LT_MUST_CHECK lt_status lt_extraction_land(lt_extraction *self, const lt_schema *schema,
                                           const lt_landing *landing, lt_text mark, lt_err *err);

/* A file for lt_extraction_commit(). */
typedef struct lt_landing_file {
    lt_text name;     /* behind the partition folder */
    const char *path; /* its bytes */
    int64_t rows;
} lt_landing_file;
/* Commit files as they are. `extra` (may be empty): raw JSON for the commit's record. */
LT_MUST_CHECK lt_status lt_extraction_commit(lt_extraction *self, const lt_schema *schema,
                                             const lt_landing_file *files, size_t count,
                                             lt_commit_mode mode, lt_text mark, lt_text extra,
                                             lt_err *err);

/* After the commit: warn when a full read brought no rows, or none of the columns, of a dataset that had some. */
void lt_extraction_say_emptied(const lt_extraction *self, const lt_schema *schema,
                               lt_commit_mode mode, int64_t rows);
