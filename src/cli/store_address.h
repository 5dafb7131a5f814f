/* store_address.h - what the commands around the store share: opening it, and addresses. */
#pragma once
#include "cli/cmd.h"
#include "store/store.h"

/* Open the store of the project (`store:` of leat.yml), or with --home and outside of a project that folder's own. */
LT_MUST_CHECK lt_status lt_app_store(lt_app *app, lt_store **out, lt_err *err);

/* "bucket/key" or "store://bucket/key"; the key may be empty, or a prefix. Borrowed from the text. */
typedef struct lt_address {
    lt_text bucket, key;
} lt_address;
/* LT_INVALID: no bucket in it; or `needs_key` and it has none. */
LT_MUST_CHECK lt_status lt_address_read(const char *text, bool needs_key, lt_address *out,
                                        lt_err *err);

/* Call `visit` for each object (or version, or common prefix: then only info->key is set and `is_prefix`) of a listing,
 * page by page. The texts live for the call. */
typedef lt_status lt_object_visit(void *context, const lt_object_info *info, bool is_prefix,
                                  lt_err *err);
LT_MUST_CHECK lt_status lt_store_walk(lt_store *store, lt_text bucket,
                                      const lt_list_request *request, lt_object_visit *visit,
                                      void *context, lt_err *err);
