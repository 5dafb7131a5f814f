/* Maps pieces of files, within a bound for the process. */
#include "net/http_map.h"

#include <sys/mman.h>
#include <unistd.h>

bool lt_mapped_reserve(lt_mapped *mapped, _Atomic int64_t *all, int64_t size)
{
    if (size > LT_MAPPED_MOST)
        return false;
    if (atomic_fetch_add(all, size) + size > LT_MAPPED_MOST) {
        atomic_fetch_sub(all, size);
        return false;
    }
    mapped->all = all;
    mapped->reserved = size;
    return true;
}

bool lt_mapped_add(lt_mapped *mapped, lt_arena *arena, int fd, int64_t offset, int64_t len)
{
    int64_t page = sysconf(_SC_PAGESIZE), from = offset / page * page;
    lt_mapped_piece piece = {.len = (size_t)(offset - from + len)};
    piece.at = mmap(NULL, piece.len, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, from);
    if (piece.at == MAP_FAILED)
        return false;
    struct MHD_IoVec bytes = {(const char *)piece.at + (offset - from), (size_t)len};
    lt_push_in(arena, &mapped->pieces, piece);
    lt_push_in(arena, &mapped->bytes, bytes);
    return true;
}

void lt_mapped_release(lt_mapped *mapped)
{
    for (size_t i = 0; i < mapped->pieces.len; i++)
        (void)munmap(mapped->pieces.items[i].at, mapped->pieces.items[i].len);
    if (mapped->all)
        atomic_fetch_sub(mapped->all, mapped->reserved);
    *mapped = (lt_mapped){0};
}
