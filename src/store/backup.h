/* backup.h - a copy of a whole store that others go on using.
 *
 * The copy is a store in a folder like any other: index.db as it is at one moment, and every content that it names. Contents never
 * change under their name, so a copy made beside an earlier one shares their files with it (hard links), and takes the room of what is
 * new. Nothing is collected meanwhile. Not durable until the caller has synced the file system. */
#pragma once
#include "store/transfer.h"

typedef struct lt_backup_request {
    const char *folder;  /* to be made; its parent is there */
    const char *earlier; /* the same folder of an earlier copy; NULL: none */
    /* Contents: `found` to be copied, `copied`, `same` those that are shared with the earlier copy, `failed` those that are not what
     * their name says, or missing; each is told by lt_log. */
    lt_transfer_counts *counts;
} lt_backup_request;

/* LT_INVALID: a store whose bytes lie elsewhere (S3) keeps its versions itself. LT_CANCELLED when lt_stop_asked(). */
LT_MUST_CHECK lt_status lt_store_backup(lt_store *store, const lt_backup_request *request,
                                        lt_err *err);
