/* leat store key: access keys for the S3 endpoint of the store. */
#include "cli/store_address.h"
#include "cli/store_face.h"

#include "base/log.h"
#include "base/time.h"
#include "cli/grid.h"
#include "fmt/json.h"
#include "store/access.h"
#include "store/reason.h"

static const struct {
    const char *name;
    unsigned access;
} rights[] = {
    {"read", LT_ACCESS_READ}, {"write", LT_ACCESS_WRITE}, {"delete", LT_ACCESS_DELETE},
    {"list", LT_ACCESS_LIST}, {"admin", LT_ACCESS_ADMIN}, {"all", LT_ACCESS_ALL},
};

/* "read list" */
static void write_access(unsigned access, lt_buf *out)
{
    if (access == LT_ACCESS_ALL) {
        lt_buf_add_str(out, "all");
        return;
    }
    for (size_t i = 0; i + 1 < LT_COUNT(rights); i++)
        if (access & rights[i].access)
            lt_buf_printf(out, "%s%s", out->len ? "," : "", rights[i].name);
}

static void write_rights(const lt_rights *all, lt_buf *out)
{
    for (size_t i = 0; i < all->len; i++) {
        LT_AUTO(lt_buf) access = {.limit = LT_KIB};
        const lt_right *right = &all->items[i];
        write_access(right->access, &access);
        lt_buf_printf(out, "%s%s in %.*s%s%.*s", out->len ? "; " : "", lt_buf_chars(&access),
                      LT_ARG(right->bucket.len ? right->bucket : T("every bucket")),
                      right->prefix.len ? "/" : "", LT_ARG(right->prefix));
    }
}

/* ---- create ---- */

typedef struct create_opts {
    const char *name;
    lt_strings allow, in;
    int64_t expires_us;
} create_opts;

static const lt_opt create_table[] = {
    {.name = "name",
     .type = LT_OPT_TEXT,
     LT_AT(create_opts, name),
     .value = "NAME",
     .help = "whose key it is, for the list"},
    {.name = "allow",
     .type = LT_OPT_LIST,
     LT_AT(create_opts, allow),
     .value = "RIGHT",
     .help = "read, write, delete, list, admin or all; several times, or with commas"},
    {.name = "in",
     .type = LT_OPT_LIST,
     LT_AT(create_opts, in),
     .value = "BUCKET/PREFIX",
     .help = "only there; several times. Else in every bucket"},
    {.name = "expires",
     .type = LT_OPT_LENGTH,
     LT_AT(create_opts, expires_us),
     .value = "LENGTH",
     .help = "it ends by itself after this: 90d"},
};

static lt_status read_right(lt_text word, unsigned *access, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(rights); i++)
        if (lt_text_eq(word, lt_text_of(rights[i].name))) {
            *access |= rights[i].access;
            return LT_OK;
        }
    lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' is no right", LT_ARG(word)));
    return lt_hint(err, "read, write, delete, list, admin or all");
}

static lt_status read_rights(lt_app *app, const create_opts *o, lt_rights *out, lt_err *err)
{
    unsigned access = 0;
    for (size_t i = 0; i < o->allow.len; i++) {
        lt_text rest = lt_text_of(o->allow.items[i]), word;
        while (lt_text_cut(&rest, ',', &word))
            LT_TRY(read_right(lt_text_trim(word), &access, err));
    }
    if (!access) {
        lt_ignore(lt_fail(err, LT_INVALID, "the key would be allowed nothing"));
        return lt_hint(err, "say --allow read,list, or --allow all");
    }
    for (size_t i = 0; i < o->in.len; i++) {
        lt_address at;
        LT_TRY(lt_address_read(o->in.items[i], false, &at, err));
        lt_right right = {.access = access, .bucket = at.bucket, .prefix = at.key};
        lt_push_in(&app->arena, out, right);
    }
    if (!o->in.len) {
        lt_right everywhere = {.access = access};
        lt_push_in(&app->arena, out, everywhere);
    }
    return LT_OK;
}

static void say_created(lt_app *app, const lt_access_key *key)
{
    if (!app->globals.json)
        lt_out_str(&app->out, "the secret is shown only this once:\n");
    lt_app_key_show(app, key->id, key->secret);
}

/* A key may come before its bucket; more often the name is wrong. */
static void warn_of_missing(lt_store *store, const lt_rights *wanted)
{
    for (size_t i = 0; i < wanted->len; i++) {
        lt_text bucket = wanted->items[i].bucket;
        lt_versioning versioning;
        lt_err missing = {0};
        if (bucket.len && lt_bucket_find(store, bucket, &versioning, &missing) != LT_OK &&
            missing.reason == LT_WHY_NO_SUCH_BUCKET)
            lt_log(LT_LOG_WARNING,
                   "there is no bucket '%.*s' yet: the key is of no use there until somebody makes "
                   "it (leat store mb %.*s)",
                   LT_ARG(bucket), LT_ARG(bucket));
    }
}

static lt_status create(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const create_opts *o = opts;
    LT_AUTO(lt_store_ref) store = NULL;
    lt_access_key wanted = {.name = lt_text_of(o->name)}, made;
    (void)args;
    LT_TRY(read_rights(app, o, &wanted.rights, err));
    if (o->expires_us > 0)
        wanted.expires_at_us = lt_now_us() + o->expires_us;
    LT_TRY(lt_app_store(app, &store, err));
    LT_TRY(lt_access_create(store, &wanted, &app->arena, &made, err));
    warn_of_missing(store, &wanted.rights);
    say_created(app, &made);
    return LT_OK;
}

static const lt_cmd cmd_create = {
    .name = "create",
    .help = "make an access key, and show its secret once",
    .examples = "leat store key create --name maria --allow read,list --in raw/\tmay read raw\n"
                "leat store key create --name ci --allow all --expires 90d\t\n",
    .opts = create_table,
    .opt_count = LT_COUNT(create_table),
    .opts_size = sizeof(create_opts),
    .run = create};

/* ---- list ---- */

static const char *state_of(const lt_access_key *key)
{
    if (key->revoked_at_us)
        return "revoked";
    return key->expires_at_us && key->expires_at_us <= lt_now_us() ? "expired" : "active";
}

static lt_text moment(int64_t at_us, char out[LT_TIME_CHARS])
{
    return at_us ? lt_text_of(lt_time_write(at_us, out)) : (lt_text){0};
}

static lt_status list(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    static const lt_grid_column columns[] = {
        {T("id"), LT_CELL_TEXT},        {T("name"), LT_CELL_TEXT},    {T("state"), LT_CELL_TEXT},
        {T("rights"), LT_CELL_TEXT},    {T("created"), LT_CELL_TEXT}, {T("expires"), LT_CELL_TEXT},
        {T("last_used"), LT_CELL_TEXT},
    };
    (void)opts, (void)args;
    LT_AUTO(lt_store_ref) store = NULL;
    LT_AUTO(lt_grid) grid = {0};
    lt_access_keys keys = {0};
    LT_TRY(lt_app_store(app, &store, err));
    LT_TRY(lt_access_list(store, &app->arena, &keys, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("-");
    for (size_t i = 0; i < keys.len; i++) {
        const lt_access_key *key = &keys.items[i];
        char created[LT_TIME_CHARS], expires[LT_TIME_CHARS], used[LT_TIME_CHARS];
        LT_AUTO(lt_buf) may = {.limit = 64 * LT_KIB};
        write_rights(&key->rights, &may);
        lt_text row[] = {key->id,
                         key->name,
                         lt_text_of(state_of(key)),
                         lt_buf_text(&may),
                         moment(key->created_at_us, created),
                         moment(key->expires_at_us, expires),
                         moment(key->last_used_at_us, used)};
        lt_grid_row(&grid, row);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

static const lt_cmd cmd_list = {
    .name = "list", .help = "list the access keys and what they may do", .run = list};

/* ---- revoke ---- */

static lt_status revoke(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    LT_AUTO(lt_store_ref) store = NULL;
    LT_TRY(lt_app_store(app, &store, err));
    LT_TRY(lt_access_revoke(store, lt_text_of(args->items[0]), err));
    if (app->globals.json)
        lt_out_str(&app->out, "{\"revoked\": true}\n");
    else if (!app->globals.quiet)
        lt_out_printf(&app->out, "revoked %s\n", args->items[0]);
    return LT_OK;
}

static const lt_cmd cmd_revoke = {
    .name = "revoke", .help = "end an access key at once", .args = "ID", .run = revoke};

/* ---- show ---- */

static lt_status show(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    lt_root_key root;
    (void)opts, (void)args;
    LT_TRY(lt_app_root_key(app, false, &root, err));
    lt_app_key_show(app, root.id, root.secret);
    return LT_OK;
}

static const lt_cmd cmd_show = {
    .name = "show",
    .help = "show the root key, which may do everything",
    .about =
        "It is that of LEAT_ACCESS_KEY_ID and LEAT_SECRET_ACCESS_KEY, if they are set, else "
        "the one that lies sealed in the home. The secrets of other keys are not kept in a way "
        "that could show them: make a new key.",
    .run = show};

static const lt_cmd *const subs[] = {&cmd_create, &cmd_list, &cmd_revoke, &cmd_show, NULL};

const lt_cmd lt_cmd_store_key = {.name = "key",
                                 .help =
                                     "make, list, revoke and show access keys of the S3 endpoint",
                                 .subs = subs};
