/* s3_record.h - the record of one commit on S3: read, written, found. Inside of store/ only. */
#pragma once
#include "store/s3.h"

#define LT_REMOTE_RECORD_BYTES (64 * LT_MIB)

typedef struct lt_remote_file {
    lt_data_file data; /* version_id: of the object; empty while it is not made */
    lt_text blob;      /* below prefix/.leat/ */
    lt_text etag;      /* of the object */
    int64_t added;     /* the sequence of its commit */
} lt_remote_file;

typedef struct lt_remote_record {
    lt_commit_info info;
    int64_t replaced_at;            /* the last commit that took files out; 0: none did */
    LT_VEC(lt_remote_file) files;   /* all of the dataset after this commit */
    LT_VEC(lt_remote_file) removed; /* by this commit */
} lt_remote_record;

typedef struct lt_remote_dataset {
    lt_text bucket, prefix;
} lt_remote_dataset;

/* "commits/raw/domain=x/9999999999.1", below prefix/.leat/, without its ending. */
const char *lt_remote_commit_name(lt_remote_dataset set, int64_t sequence, lt_arena *arena);

/* The last commit: *sequence is 0 when there is none; *done says whether its objects follow it. */
LT_MUST_CHECK lt_status lt_remote_find_last(lt_remote *self, lt_remote_dataset set,
                                            int64_t *sequence, bool *done, lt_err *err);
/* All commits that are there, in ascending order. */
typedef LT_VEC(int64_t) lt_remote_sequences;
LT_MUST_CHECK lt_status lt_remote_list_commits(lt_remote *self, lt_remote_dataset set,
                                               lt_arena *arena, lt_remote_sequences *out,
                                               lt_err *err);
/* A commit with what is known of its objects. LT_NOT_FOUND says what the last one is. */
LT_MUST_CHECK lt_status lt_remote_load_record(lt_remote *self, lt_remote_dataset set,
                                              int64_t sequence, lt_arena *arena,
                                              lt_remote_record *out, lt_err *err);
void lt_remote_write_record(const lt_remote_record *record, lt_buf *out);
void lt_remote_write_done(const lt_remote_record *record, lt_buf *out);

/* Make the objects follow the commit, and note that they do. */
LT_MUST_CHECK lt_status lt_remote_apply(lt_remote *self, lt_remote_dataset set,
                                        lt_remote_record *record, lt_arena *arena, lt_err *err);
