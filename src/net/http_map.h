/* http_map.h - files mapped for a while, so that an answer goes out from the page cache. For http_server.c alone.
 *
 * The one copy is the kernel's, into the socket. read() and send() copy twice, and with sendfile() the receiver takes a file's pages apart
 * one by one, none of which is in the cache of its processor. A page that cannot be read makes send() fail: nobody else may touch
 * what is mapped, since that would be a signal. What is mapped counts as memory of the process, though it is not: so there is a bound for
 * all answers together. */
#pragma once
#include "base/arena.h"
#include "base/vec.h"

#include <microhttpd.h>
#include <stdatomic.h>

enum { LT_MAPPED_MOST = 64 * 1024 * 1024 }; /* of all answers at a time */

typedef struct lt_mapped_piece {
    void *at;
    size_t len;
} lt_mapped_piece;

/* {0} is none. */
typedef struct lt_mapped {
    _Atomic int64_t *all; /* borrowed: what all answers have mapped; NULL: nothing is reserved */
    int64_t reserved;     /* of the bound */
    LT_VEC(lt_mapped_piece) pieces; /* in the arena of who asked */
    LT_VEC(struct MHD_IoVec) bytes; /* likewise: what was asked for, in order */
} lt_mapped;

/* Room for `size` bytes beside what *all says that is mapped; false: there is none now. */
LT_MUST_CHECK bool lt_mapped_reserve(lt_mapped *mapped, _Atomic int64_t *all, int64_t size);
/* The next `len` bytes come from `offset` of `fd`, which may be closed afterwards. False: the file cannot be mapped. */
LT_MUST_CHECK bool lt_mapped_add(lt_mapped *mapped, lt_arena *arena, int fd, int64_t offset,
                                 int64_t len);
void lt_mapped_release(lt_mapped *mapped); /* {0} is fine */
