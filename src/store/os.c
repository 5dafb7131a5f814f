/* The real calls. */
#include "store/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int real_openat(int folder, const char *path, int flags, mode_t mode)
{
    return openat(folder, path, flags, mode);
}

const lt_os lt_os_real = {
    .openat = real_openat,
    .write = write,
    .fdatasync = fdatasync,
    .fsync = fsync,
    .renameat = renameat,
    .mkdirat = mkdirat,
    .unlinkat = unlinkat,
    .fstatvfs = fstatvfs,
};
