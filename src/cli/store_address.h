/* store_address.h - what the commands around the store share: opening it, and addresses. */
#pragma once
#include "cli/cmd.h"
#include "store/store.h"

/* "--dryrun", as the aws cli spells it: taken like --dry-run, and not shown. */
#define LT_OPT_DRYRUN(type)                                                                        \
    {                                                                                              \
        .name = "dryrun", LT_AT(type, dry_run), .help = "the same as --dry-run", .hidden = true    \
    }

/* Open the store of the project (`store:` of leat.yml), or with --home and outside of a project that folder's own. */
LT_MUST_CHECK lt_status lt_app_store(lt_app *app, lt_store **out, lt_err *err);
/* Open S3 itself, for s3:// addresses: with endpoint, region and profile of the project's store if that is on S3, too, else as
 * the environment and the AWS profile say. */
LT_MUST_CHECK lt_status lt_app_s3(lt_app *app, lt_store **out, lt_err *err);

/* "bucket/key", "store://bucket/key" or "s3://bucket/key"; the key may be empty, or a prefix. Borrowed from the text. */
typedef struct lt_address {
    lt_text bucket, key;
} lt_address;
/* LT_INVALID: no bucket in it; or `needs_key` and it has none. */
LT_MUST_CHECK lt_status lt_address_read(const char *text, bool needs_key, lt_address *out,
                                        lt_err *err);

/* Does it begin with s3:// ? Then it means S3 itself, and not the project's store. */
bool lt_address_is_s3(const char *text);
/* Read an address and open the store that it means. */
LT_MUST_CHECK lt_status lt_app_store_at(lt_app *app, const char *text, bool needs_key,
                                        lt_store **out, lt_address *at, lt_err *err);

/* Call `visit` for each object (or version, or common prefix: then only info->key is set and `is_prefix`) of a listing,
 * page by page. The texts live for the call. */
typedef lt_status lt_object_visit(void *context, const lt_object_info *info, bool is_prefix,
                                  lt_err *err);
LT_MUST_CHECK lt_status lt_store_walk(lt_store *store, lt_text bucket,
                                      const lt_list_request *request, lt_object_visit *visit,
                                      void *context, lt_err *err);
