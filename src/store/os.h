/* os.h - the calls to the operating system that change files of the local store, so that tests can make each of them fail. */
#pragma once
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

typedef struct lt_os {
    int (*openat)(int folder, const char *path, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *bytes, size_t size);
    int (*fdatasync)(int fd);
    int (*fsync)(int fd);
    int (*renameat)(int from_folder, const char *from, int to_folder, const char *to);
    int (*mkdirat)(int folder, const char *path, mode_t mode);
    int (*unlinkat)(int folder, const char *path, int flags);
    int (*fstatvfs)(int fd, struct statvfs *out);
} lt_os;

extern const lt_os lt_os_real;
