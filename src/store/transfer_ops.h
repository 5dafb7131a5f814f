/* transfer_ops.h - what the files of the transfer share. */
#pragma once
#include "base/each.h"
#include "store/transfer.h"

#define LT_TRANSFER_PART_BYTES (8 * LT_MIB)

/* ---- transfer_file.c: one file or object, of any size ---- */

LT_MUST_CHECK lt_status lt_transfer_up(lt_transfer *transfer, const char *path, const lt_end *to,
                                       lt_err *err);
LT_MUST_CHECK lt_status lt_transfer_down(lt_transfer *transfer, const lt_end *from,
                                         const char *path, lt_err *err);
LT_MUST_CHECK lt_status lt_transfer_across(lt_transfer *transfer, const lt_end *from,
                                           const lt_end *to, lt_err *err);
/* Does the file have these bytes? By the ETag: MD5, or MD5 of the parts for the sizes of parts that are usual. */
LT_MUST_CHECK lt_status lt_transfer_same(const char *path, const lt_object_info *info, bool *same,
                                         lt_err *err);

/* ---- transfer_many.c: work side by side ---- */

/* Do `work(context, i)` for each i below `count`, `jobs` at once; stops at the first failure, or when that is asked for. */
LT_MUST_CHECK lt_status lt_transfer_each(unsigned jobs, size_t count, lt_each_work *work,
                                         void *context, lt_err *err);
unsigned lt_transfer_jobs(const lt_transfer *transfer);
