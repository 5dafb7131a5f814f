/* Cleaning up in the local store: who died leaves files and intents behind, and deleted objects leave blobs. */
#include "store/local.h"

#include "base/time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    COLLECT_EVERY_S = 60,
    NEED_EVERY_US = 1000000,
    GRACE_IN_NEED_US = 60 * 1000000,
    BLOBS_PER_TRANSACTION = 200,
    EVENTS_PER_TRANSACTION = 2000,
    PATH_CHARS = 64
};

/* ---------------------------------------------------------------- owners */

static int open_lock(const lt_local *self, const char *owner, int flags)
{
    char path[PATH_CHARS];
    (void)snprintf(path, sizeof(path), "tmp/%.16s/lock", owner);
    return openat(self->root, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0640);
}

/* A collector may have taken the folder for one of the dead between its making and its locking. */
static bool is_still_there(const lt_local *self, const char *owner, int fd)
{
    char path[PATH_CHARS];
    (void)snprintf(path, sizeof(path), "tmp/%.16s/lock", owner);
    struct stat mine, there;
    return fstat(fd, &mine) == 0 && fstatat(self->root, path, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

static lt_status begin_owner(lt_local *self, lt_err *err)
{
    enum { TRIES = 10 };
    for (int i = 0; i < TRIES; i++) {
        char owner[LT_LOCAL_OWNER_CHARS], folder[PATH_CHARS];
        (void)snprintf(owner, sizeof(owner), "%08x%08x", arc4random(), arc4random());
        (void)snprintf(folder, sizeof(folder), "tmp/%.16s", owner);
        if (mkdirat(self->root, folder, 0750) != 0)
            return lt_fail_errno(err, errno, "cannot create '%s/%s'", self->folder, folder);
        LT_AUTO(lt_fd) fd = open_lock(self, owner, O_CREAT);
        if (fd < 0 && errno != ENOENT)
            return lt_fail_errno(err, errno, "cannot create '%s/%s/lock'", self->folder, folder);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || !is_still_there(self, owner, fd))
            continue;
        (void)snprintf(self->owner, sizeof(self->owner), "%s", owner);
        self->owner_lock = fd;
        fd = -1;
        return LT_OK;
    }
    return lt_fail(err, LT_IO, "cannot make a folder of its own in '%s/tmp'", self->folder);
}

lt_status lt_local_owner_need(lt_local *self, lt_err *err)
{
    if (self->root < 0) /* in memory nothing outlives us */
        return LT_OK;
    (void)pthread_mutex_lock(&self->lock);
    lt_status status = self->owner[0] ? LT_OK : begin_owner(self, err);
    (void)pthread_mutex_unlock(&self->lock);
    return status;
}

static void remove_folder(const lt_local *self, const char *owner)
{
    char folder[PATH_CHARS];
    (void)snprintf(folder, sizeof(folder), "tmp/%.16s", owner);
    int fd = openat(self->root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *opened = fd < 0 ? NULL : fdopendir(fd);
    if (!opened) {
        lt_fd_close(fd);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(opened)))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "lock") != 0)
            (void)unlinkat(fd, entry->d_name, 0);
    (void)unlinkat(fd, "lock", 0); /* last: a folder without it is always an empty one */
    (void)closedir(opened);
    (void)unlinkat(self->root, folder, AT_REMOVEDIR);
}

void lt_local_owner_end(lt_local *self)
{
    if (self->owner_lock < 0)
        return;
    remove_folder(self, self->owner);
    lt_fd_close(self->owner_lock);
    self->owner_lock = -1;
}

/* ---------------------------------------------------------------- what is there to do */

typedef struct dead_owner {
    char name[LT_LOCAL_OWNER_CHARS];
    int lock; /* owned: nobody else cleans up after it now; -1: it has not even a folder */
} dead_owner;

typedef struct collection {
    lt_local *self;
    LT_VEC(dead_owner)
    dead;
    int64_t before_us; /* what is dead since then goes */
    bool any_blobs;
    size_t removed; /* in the last transaction */
} collection;

static void collection_cleanup(collection *it)
{
    for (size_t i = 0; i < it->dead.len; i++)
        lt_fd_close(it->dead.items[i].lock);
    lt_vec_free(&it->dead);
}

static void add_dead(collection *it, lt_text name, int lock)
{
    dead_owner owner = {.lock = lock};
    (void)snprintf(owner.name, sizeof(owner.name), "%.*s", LT_ARG(name));
    lt_push(&it->dead, owner);
}

/* A folder without a lock is empty: it is about to get one, or its owner died just there. Removing it fails once the
 * lock is there, and who wanted to make one finds no folder and takes another name. */
static void remove_unlocked(const collection *it, const char *owner)
{
    char folder[PATH_CHARS];
    (void)snprintf(folder, sizeof(folder), "tmp/%.16s", owner);
    struct stat info;
    if (fstatat(it->self->root, folder, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        (int64_t)info.st_mtime * 1000000 < it->before_us)
        (void)unlinkat(it->self->root, folder, AT_REMOVEDIR);
}

/* It becomes part of a path. */
static bool is_owner_name(lt_text name)
{
    char bytes[(LT_LOCAL_OWNER_CHARS - 1) / 2];
    return lt_hex_read(name, bytes, sizeof(bytes));
}

static void look_at_owner(collection *it, const char *name)
{
    lt_text owner = lt_text_of(name);
    if (!is_owner_name(owner))
        return;
    int lock = open_lock(it->self, name, 0);
    if (lock < 0) {
        if (errno == ENOENT)
            remove_unlocked(it, name);
    } else if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        add_dead(it, owner, lock);
    } else {
        lt_fd_close(lock);
    }
}

static lt_status find_dead_owners(collection *it, lt_err *err)
{
    int fd = openat(it->self->root, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *opened = fd < 0 ? NULL : fdopendir(fd);
    if (!opened) {
        lt_fd_close(fd);
        return lt_fail_errno(err, errno, "cannot read the folder '%s/tmp'", it->self->folder);
    }
    struct dirent *entry;
    while ((entry = readdir(opened)))
        if (entry->d_name[0] != '.')
            look_at_owner(it, entry->d_name);
    (void)closedir(opened);
    return LT_OK;
}

/* Intents whose owner has no folder at all (as in a copy of the index), and blobs whose time has come. */
static lt_status do_look(lt_tx *tx, void *context, lt_err *err)
{
    collection *it = context;
    LT_AUTO(lt_query) owners = lt_tx_query(tx, "SELECT DISTINCT owner FROM intents");
    while (lt_query_next(&owners)) {
        char path[PATH_CHARS];
        struct stat info;
        lt_text owner = lt_query_text(&owners, 0);
        (void)snprintf(path, sizeof(path), "tmp/%.*s", LT_ARG(owner));
        if (is_owner_name(owner) &&
            fstatat(it->self->root, path, &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
            add_dead(it, owner, -1);
    }
    LT_AUTO(lt_query)
    blobs = lt_tx_query(tx, "SELECT 1 FROM blobs WHERE dead_at_us <= ? LIMIT 1", V(it->before_us));
    it->any_blobs = lt_query_next(&blobs);
    return lt_query_check(&blobs, err);
}

/* ---------------------------------------------------------------- doing it */

typedef LT_VEC(int64_t) ids;

static lt_status drop_intents(lt_tx *tx, const char *owner, lt_err *err)
{
    ids found = {0};
    {
        LT_AUTO(lt_query) q = lt_tx_query(tx, "SELECT id FROM intents WHERE owner = ?", V(owner));
        while (lt_query_next(&q))
            lt_push(&found, lt_query_i64(&q, 0));
    }
    lt_status status = LT_OK;
    for (size_t i = 0; status == LT_OK && i < found.len; i++)
        status = lt_index_intent_drop(tx, found.items[i], err);
    lt_vec_free(&found);
    return status;
}

static lt_status do_drop_intents(lt_tx *tx, void *context, lt_err *err)
{
    const collection *it = context;
    for (size_t i = 0; i < it->dead.len; i++)
        LT_TRY(drop_intents(tx, it->dead.items[i].name, err));
    return LT_OK;
}

/* The file goes before its row and under the writer's lock: nobody can register the same content between. If the commit
 * fails, the row stays dead, and who stores that content again looks whether the file is there. */
static lt_status do_remove_blobs(lt_tx *tx, void *context, lt_err *err)
{
    collection *it = context;
    ids found = {0};
    {
        LT_AUTO(lt_query)
        q = lt_tx_query(tx,
                        "SELECT id, sha256 FROM blobs b WHERE dead_at_us <= ? "
                        "AND " LT_INDEX_BLOB_IS_FREE "LIMIT ?",
                        V(it->before_us), V(BLOBS_PER_TRANSACTION));
        while (lt_query_next(&q)) {
            char path[LT_BLOB_PATH_CHARS];
            lt_local_blob_path(lt_query_text(&q, 1), path);
            if (it->self->os->unlinkat(it->self->root, path, 0) == 0 || errno == ENOENT)
                lt_push(&found, lt_query_i64(&q, 0));
        }
    }
    it->removed = found.len;
    lt_status status = LT_OK;
    for (size_t i = 0; status == LT_OK && i < found.len; i++)
        status = lt_tx_exec(tx, err, "DELETE FROM blobs WHERE id = ?", V(found.items[i]));
    lt_vec_free(&found);
    return status;
}

lt_status lt_local_collect_pause(lt_local *self, int operation, int *lock, lt_err *err)
{
    LT_AUTO(lt_fd)
    fd = openat(self->root, "collect.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot open '%s/collect.lock'", self->folder);
    while (flock(fd, operation) != 0) {
        if (errno == EWOULDBLOCK)
            return lt_fail(err, LT_CONFLICT, "the files of '%s' are needed", self->folder);
        if (errno != EINTR)
            return lt_fail_errno(err, errno, "cannot lock '%s/collect.lock'", self->folder);
    }
    *lock = fd;
    fd = -1;
    return LT_OK;
}

/* Not while a backup is being made: then they wait for the next time. */
static lt_status remove_blobs(collection *it, lt_err *err)
{
    LT_AUTO(lt_fd) lock = -1;
    lt_status status = lt_local_collect_pause(it->self, LOCK_EX | LOCK_NB, &lock, err);
    if (status == LT_CONFLICT)
        return LT_OK;
    it->removed = BLOBS_PER_TRANSACTION;
    while (status == LT_OK && it->removed == BLOBS_PER_TRANSACTION)
        status = lt_db_write(it->self->db, do_remove_blobs, it, err);
    return status;
}

static lt_status collect_files(lt_local *self, int64_t grace_us, lt_err *err)
{
    LT_AUTO(collection) it = {.self = self, .before_us = lt_now_us() - grace_us};
    LT_TRY(find_dead_owners(&it, err));
    LT_TRY(lt_db_read(self->db, do_look, &it, err));
    if (it.dead.len)
        LT_TRY(lt_db_write(self->db, do_drop_intents, &it, err));
    for (size_t i = 0; i < it.dead.len; i++)
        remove_folder(self, it.dead.items[i].name);
    return it.any_blobs ? remove_blobs(&it, err) : LT_OK;
}

static lt_status do_look_at_events(lt_tx *tx, void *context, lt_err *err)
{
    bool *left = context;
    *left = lt_index_event_is_due(tx);
    return lt_tx_check(tx, err);
}

static lt_status do_forget_events(lt_tx *tx, void *context, lt_err *err)
{
    bool *left = context;
    return lt_index_event_forget(tx, EVENTS_PER_TRANSACTION, left, err);
}

lt_status lt_local_collect(lt_local *self, lt_err *err)
{
    bool left = false;
    LT_TRY(lt_db_read(self->db, do_look_at_events, &left, err));
    while (left)
        LT_TRY(lt_db_write(self->db, do_forget_events, &left, err));
    return self->root >= 0 ? collect_files(self, self->grace_us, err) : LT_OK;
}

void lt_local_collect_in_need(lt_local *self)
{
    int64_t now_us = lt_mono_us();
    int64_t due_us = atomic_load(&self->need_at_us);
    int64_t grace_us = LT_MIN(self->grace_us, GRACE_IN_NEED_US);
    lt_err err; /* the one who needs room looks whether there is some now */
    if (now_us >= due_us &&
        atomic_compare_exchange_strong(&self->need_at_us, &due_us, now_us + NEED_EVERY_US))
        lt_ignore(collect_files(self, grace_us, &err));
}

void lt_local_collect_sometimes(lt_local *self)
{
    int64_t now_us = lt_mono_us();
    int64_t due_us = atomic_load(&self->collect_at_us);
    if (self->root < 0 || now_us < due_us)
        return;
    int64_t next_us = now_us + (int64_t)COLLECT_EVERY_S * 1000000;
    lt_err err;
    if (atomic_compare_exchange_strong(&self->collect_at_us, &due_us, next_us) && due_us != 0)
        lt_ignore(lt_local_collect(self, &err));
}
