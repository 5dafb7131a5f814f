/* reading.h - a version that is open for reading: its bytes stay the same whatever happens to its key meanwhile.
 *
 * Threads: any number may call lt_reading_pread() on one reading. */
#pragma once
#include "store/store.h"

typedef struct lt_reading lt_reading;

/* Open a version; `part` > 0: that part of it alone (?partNumber=N: LT_WHY_BAD_PART if there is no such part; an object that was
 * not made of parts has one). On LT_NOT_FOUND *info may be filled as by lt_store_head(). *info lives in `arena`; its size_bytes
 * is that of the whole object, lt_reading_size() that of what is open. End with lt_reading_close(). */
LT_MUST_CHECK lt_status lt_reading_open(lt_store *store, lt_object_name name, int32_t part,
                                        lt_arena *arena, lt_object_info *info, lt_reading **out,
                                        lt_err *err);
void lt_reading_close(lt_reading *reading); /* NULL is fine */
LT_OWNED(lt_reading_ref, lt_reading *, lt_reading_close)
int64_t lt_reading_size(const lt_reading *reading);
int64_t lt_reading_start(const lt_reading *reading); /* where it lies in the whole object */

/* Up to `size` bytes from `offset`; *got is 0 only at the end. What is encrypted is checked before it is given. */
LT_MUST_CHECK lt_status lt_reading_pread(lt_reading *reading, int64_t offset, char *out,
                                         size_t size, size_t *got, lt_err *err);

/* Bytes that lie in a file as they are, for sendfile(). */
typedef struct lt_span {
    int fd;         /* borrowed from the reading */
    int64_t offset; /* in the file */
    int64_t len;    /* bytes */
} lt_span;
/* The span that begins at `offset`, up to the end of its file. False: these bytes are in no file as they are (small, encrypted,
 * remote): use lt_reading_pread(). `out->fd` is valid until the next call of this function; one thread at a time. A version
 * of one content is one span. */
LT_MUST_CHECK bool lt_reading_span(lt_reading *reading, int64_t offset, lt_span *out);

/* The parts of a version, from behind number `after`; GetObjectAttributes. */
typedef struct lt_part_info {
    int32_t number;
    int64_t size_bytes, written_at_us;
    lt_text etag;         /* hex MD5 */
    lt_checksum checksum; /* kind LT_SUM_NONE: it has none */
} lt_part_info;
typedef struct lt_part_list {
    LT_VEC(lt_part_info) items;
    bool more; /* go on after the last number */
} lt_part_list;
LT_MUST_CHECK lt_status lt_object_parts(lt_store *store, lt_object_name name, int32_t after,
                                        size_t limit, lt_arena *arena, lt_part_list *out,
                                        lt_err *err);
