/* fs.h - files and folders, durably and whole.
 *
 * "Durable" means it survives a power cut once the call has given LT_OK: data is synced before its name, and the folder
 * after it. Paths are borrowed C strings. Any thread may call. */
#pragma once
#include "base/buf.h"

/* Append the whole file to `out`, whose limit is the size limit. LT_NOT_FOUND, LT_TOO_BIG, LT_IO. A pipe that was given to us (`<(command)`,
 * /dev/stdin) and a terminal are read to their end; a FIFO with a name must not be silent for ten seconds; of devices only /dev/null can be read
 * (LT_INVALID). LT_CANCELLED: lt_stop_asked() while there was nothing to read. */
LT_MUST_CHECK lt_status lt_file_read(const char *path, lt_buf *out, lt_err *err);
/* The same from a descriptor, to its end; `what` names it in the error. */
LT_MUST_CHECK lt_status lt_fd_read(int fd, lt_buf *out, const char *what, lt_err *err);
/* Make the file hold exactly `content`: readers see the old or the new one. Not durable; for what can be made again. */
LT_MUST_CHECK lt_status lt_file_write(const char *path, lt_text content, unsigned mode,
                                      lt_err *err);
/* The same as lt_file_write(), with the folders above it, but a file that holds it already is left alone: a new file costs ten times what a
 * look at the old one does. Takes its name as lt_file_name() does. A link is replaced. */
LT_MUST_CHECK lt_status lt_file_update(const char *path, lt_text content, unsigned mode,
                                       lt_err *err);
/* The same, durable. */
LT_MUST_CHECK lt_status lt_file_write_durably(const char *path, lt_text content, unsigned mode,
                                              lt_err *err);
/* Give the new file `fresh` the name `path`, in place of what has it. Unlike after rename(), file systems do not begin to write
 * the content to the disk, which takes longer than making it: after a power cut the file may be empty. For large files that can
 * be made again. */
LT_MUST_CHECK lt_status lt_file_name(const char *fresh, const char *path, lt_err *err);
/* All of `text` to a descriptor, through short writes and EINTR. `what` names it in the error. */
LT_MUST_CHECK lt_status lt_fd_write(int fd, lt_text text, const char *what, lt_err *err);

bool lt_path_exists(const char *path);
bool lt_path_is_folder(const char *path);
/* Make the folder and those above it; one that exists is fine. */
LT_MUST_CHECK lt_status lt_folder_make(const char *path, unsigned mode, lt_err *err);
/* Make the names in a folder durable. */
LT_MUST_CHECK lt_status lt_folder_sync(const char *path, lt_err *err);
/* Remove a file, or a folder with all that is in it; links are removed, not followed. Missing is fine. */
LT_MUST_CHECK lt_status lt_path_remove(const char *path, lt_err *err);
/* Copy a regular file to a new name, with its mode and time of change; *bytes (may be NULL) is its size. What is appended to it
 * meanwhile may be missing. Not durable. LT_NOT_FOUND: it is not there. */
LT_MUST_CHECK lt_status lt_file_copy(const char *from, const char *to, int64_t *bytes, lt_err *err);
/* Make `to` another name of the earlier copy `copy`, if that has the size and time of `from`. False: it has not, or cannot. */
LT_MUST_CHECK bool lt_file_link_same(const char *from, const char *copy, const char *to,
                                     int64_t *bytes);
/* Make an empty folder with a new name, `prefix` and six random characters; *path is a heap string. */
LT_MUST_CHECK lt_status lt_folder_make_temp(const char *prefix, char **path, lt_err *err);

/* Every regular file below `root` whose path relative to it ends in `suffix`, sorted by bytes, as relative paths in
 * heap strings. Hidden names (".x") are skipped. At most `limit` files, else LT_TOO_BIG. Links are not followed. */
typedef struct lt_path_list {
    char **items; /* owned, each owned */
    size_t len, cap;
} lt_path_list;
LT_MUST_CHECK lt_status lt_files_below(const char *root, const char *suffix, size_t limit,
                                       lt_path_list *out, lt_err *err);
/* The same, and what links lead to, as files of a project may (a ConfigMap is made of links). A link to a folder above itself is skipped. */
LT_MUST_CHECK lt_status lt_files_linked_below(const char *root, const char *suffix, size_t limit,
                                              lt_path_list *out, lt_err *err);
/* The folders themselves, "" for `root` first. */
LT_MUST_CHECK lt_status lt_folders_linked_below(const char *root, size_t limit, lt_path_list *out,
                                                lt_err *err);
void lt_path_list_cleanup(lt_path_list *list);

/* `folder` + "/" + `name` as a heap string; `name` alone when it starts with '/'. */
char *lt_path_join(const char *folder, const char *name);
/* The part behind the last '/', borrowed. */
const char *lt_path_name(const char *path);

/* An advisory lock on a file (made if missing), held until the descriptor is closed. `wait_us` < 0 waits for ever, 0 tries
 * once. LT_CONFLICT when somebody else holds it. The lock is one of open file descriptions: a forked child shares it. */
LT_MUST_CHECK lt_status lt_file_lock(const char *path, int64_t wait_us, int *fd, lt_err *err);
