/* bucket.h - what belongs to a bucket beside its objects: documents, encryption, lifecycle rules. */
#pragma once
#include "store/store.h"

enum { LT_BUCKET_DOC_BYTES = 1024 * 1024, LT_LIFECYCLE_RULES = 1000 };

/* ---- documents ----
 *
 * A document is bytes under a kind ("policy", "cors", "notification", "tagging", "ownership", "public-access", ...): a-z and '-',
 * at most 32. The store looks at none of them; who puts one has checked it. They go with their bucket. */
LT_MUST_CHECK lt_status lt_bucket_doc_set(lt_store *store, lt_text bucket, lt_text kind,
                                          lt_text body, lt_err *err);
/* LT_WHY_NO_SUCH_DOCUMENT. *body lives in `arena`. */
LT_MUST_CHECK lt_status lt_bucket_doc_get(lt_store *store, lt_text bucket, lt_text kind,
                                          lt_arena *arena, lt_text *body, lt_err *err);
/* What is not there is LT_OK. */
LT_MUST_CHECK lt_status lt_bucket_doc_remove(lt_store *store, lt_text bucket, lt_text kind,
                                             lt_err *err);

/* New objects of the bucket are encrypted with AES-256 whether they ask for it or not. LT_WHY_NO_KEY. */
LT_MUST_CHECK lt_status lt_bucket_set_sealed(lt_store *store, lt_text bucket, bool sealed,
                                             lt_err *err);

/* ---- lifecycle rules ---- */

typedef struct lt_lifecycle_rule {
    lt_text id;
    bool enabled;
    lt_text prefix;                    /* empty: all */
    lt_pairs tags;                     /* all of them */
    int64_t larger_than, smaller_than; /* bytes; -1: any */
    int32_t expire_days;               /* of current versions; 0: never */
    int64_t expire_at_us;              /* or from this moment on; 0: never */
    bool expire_markers;               /* delete markers without any version behind them */
    int32_t old_days;   /* non-current versions, since they were replaced; 0: never */
    int32_t old_kept;   /* of these so many newer ones stay, however old */
    int32_t abort_days; /* uploads, since they were begun; 0: never */
    bool
        legacy_prefix; /* <Prefix> stood in the rule itself, not in a <Filter>: for who writes it back */
} lt_lifecycle_rule;
typedef LT_VEC(lt_lifecycle_rule) lt_lifecycle;

/* LT_WHY_BAD_ARGUMENT: two rules of one id, more than LT_LIFECYCLE_RULES, a rule that does nothing. */
LT_MUST_CHECK lt_status lt_bucket_lifecycle_set(lt_store *store, lt_text bucket,
                                                const lt_lifecycle *rules, lt_err *err);
/* LT_WHY_NO_SUCH_DOCUMENT: none was set. */
LT_MUST_CHECK lt_status lt_bucket_lifecycle_get(lt_store *store, lt_text bucket, lt_arena *arena,
                                                lt_lifecycle *out, lt_err *err);
LT_MUST_CHECK lt_status lt_bucket_lifecycle_remove(lt_store *store, lt_text bucket, lt_err *err);
