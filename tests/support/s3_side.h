/* s3_side.h - the other side for tests of the store on S3: a server on loopback that speaks S3's protocol. */
#pragma once
#include "store/store.h"

typedef struct lt_s3_side lt_s3_side;

/* Start one with nothing in it, and let this process's environment have keys for it. Ended by lt_s3_side_stop(). */
lt_s3_side *lt_s3_side_start(void);
void lt_s3_side_stop(lt_s3_side *side); /* NULL is fine */
LT_OWNED(lt_s3_side_ref, lt_s3_side *, lt_s3_side_stop)
const char *lt_s3_side_url(const lt_s3_side *side); /* "http://127.0.0.1:34567", borrowed */

/* A store there. `place` is "s3://", or "s3://bucket/prefix": that bucket is made, versioned. Short waits between tries. */
lt_store *lt_s3_side_open(const lt_s3_side *side, const char *place);
