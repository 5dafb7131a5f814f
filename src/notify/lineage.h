/* lineage.h - what a job read and wrote, as OpenLineage events (https://openlineage.io/spec/2-0-2/OpenLineage.json).
 *
 * Pure: a struct in, one line of JSON out. */
#pragma once
#include "base/buf.h"
#include "base/vec.h"

enum { LT_UUID_CHARS = 37 };

/* A UUID (version 8: RFC 9562 section 5.8) that always comes from the same words. */
const char *lt_uuid_from(lt_text words, char out[LT_UUID_CHARS]);

typedef enum lt_lineage_kind {
    LT_LINEAGE_START,
    LT_LINEAGE_COMPLETE,
    LT_LINEAGE_FAIL,
    LT_LINEAGE_ABORT,
} lt_lineage_kind;

/* A column. */
typedef struct lt_lineage_field {
    lt_text name, type;
} lt_lineage_field;
typedef LT_VEC(lt_lineage_field) lt_lineage_fields;

typedef struct lt_lineage_dataset {
    lt_text namespace_, name; /* by https://openlineage.io/docs/spec/naming */
    lt_text version;          /* facet `version`; empty: none */
    lt_lineage_fields fields; /* facet `schema`; none: not known */
    bool replaced;            /* facet `lifecycleStateChange`: what was there before is gone */
    int64_t rows;             /* written, facet `outputStatistics`; -1: not counted */
    lt_text assertion;        /* of a test's input: facet `dataQualityAssertions`; empty: none */
    bool holds;
} lt_lineage_dataset;
typedef LT_VEC(lt_lineage_dataset) lt_lineage_datasets;

typedef struct lt_lineage_job {
    lt_text namespace_, name;
} lt_lineage_job;

typedef struct lt_lineage_event {
    lt_lineage_kind kind;
    int64_t at_us;
    lt_lineage_job job;
    lt_text job_type; /* facet `jobType`: "DAG", "MODEL", ... */
    lt_text run_id;   /* a UUID */
    lt_lineage_job parent;
    lt_text parent_run_id;                    /* facet `parent`; empty: none */
    int64_t nominal_start_us, nominal_end_us; /* facet `nominalTime`; 0: none */
    lt_text error;                            /* facet `errorMessage`; empty: none */
    lt_text sql, dialect;                     /* facet `sql`; empty: none */
    lt_lineage_datasets inputs, outputs;
} lt_lineage_event;

/* Append the event as one line, with its line feed. */
void lt_lineage_write(const lt_lineage_event *event, lt_buf *out);
