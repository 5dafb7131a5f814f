/* lifecycle.h - a thread that does now and then what the lifecycle rules of buckets ask for. */
#pragma once
#include "store/store.h"

typedef struct lt_s3_lifecycle lt_s3_lifecycle;

/* Every hour; with a shorter day, `day_us`, twice in each of these. */
lt_s3_lifecycle *lt_s3_lifecycle_start(lt_store *store, int64_t day_us);
void lt_s3_lifecycle_stop(lt_s3_lifecycle *self); /* NULL is fine */
