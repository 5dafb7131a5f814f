/* The settings of `triggers:` in pipelines/NAME.yml: what a run may wait for beside a schedule. */
#include "conf/tables.h"

#define TRIGGER(field) .offset = AT(lt_conf_trigger, field)

const char *const lt_conf_trigger_kinds[LT_ON_KINDS] = {
    [LT_ON_OBJECT] = "object", [LT_ON_DATASET] = "dataset", [LT_ON_FILE] = "file",
    [LT_ON_HTTP] = "http",     [LT_ON_SQL] = "sql",         [LT_ON_WEBHOOK] = "webhook",
};

static bool fits_bucket(lt_text text)
{
    bool remote = lt_text_starts(text, T("s3://"));
    return lt_fits_bucket(remote ? lt_text_sub(text, strlen("s3://"), SIZE_MAX) : text);
}

static const lt_setting object_settings[] = {
    {.name = "bucket",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_on_object, bucket),
     .required = true,
     .fits = fits_bucket,
     .wanted = "the name of a bucket, or s3:// and the name of one on S3",
     .help = "of the project's store; or `s3://NAME`, any bucket on S3"},
    {.name = "prefix",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_on_object, prefix),
     .help = "only keys that begin so"},
    {.name = "key",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_on_object, key),
     .help = "only keys of this form: `*` stands for any part but `/`, `**` for any part: "
             "`in/*.csv`"},
    {.name = "queue",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_on_object, queue),
     .fits = lt_fits_http_url,
     .wanted = "the URL of a queue of SQS",
     .help = "with `s3://NAME`: a queue of SQS that S3 (or EventBridge) tells of its objects; "
             "without it the bucket is listed `every` so often and compared"},
};
static const lt_setting_group object_group = {.name = "'object'",
                                              .help = "An object that is written.",
                                              SETTINGS(object_settings),
                                              .size = sizeof(lt_conf_on_object),
                                              .place_offset = AT(lt_conf_on_object, place)};

static const lt_setting dataset_settings[] = {
    {.name = "any_of",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_on_dataset, any_of),
     .help = "`bucket/prefix/` of datasets: a commit of one of them is enough"},
    {.name = "all_of",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_on_dataset, all_of),
     .help = "the same: each must have a new commit since the last time"},
};
static const lt_setting_group dataset_group = {.name = "'dataset'",
                                               .help = "Commits of datasets.",
                                               SETTINGS(dataset_settings),
                                               .size = sizeof(lt_conf_on_dataset),
                                               .place_offset = AT(lt_conf_on_dataset, place),
                                               .alone = {"any_of", "all_of"},
                                               .one_of_them = true};

static const lt_setting file_settings[] = {
    {.name = "folder",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_on_file, folder),
     .required = true,
     .fits = lt_fits_set,
     .wanted = "a folder",
     .help = "where files arrive; relative to the project"},
    {.name = "name",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_on_file, name),
     .fallback = "*",
     .help = "only files whose path below it has this form: `*` stands for any part but `/`, `**` "
             "for any part"},
    {.name = "quiet",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_on_file, quiet_us),
     .fallback = "2s",
     .max = DAY,
     .help = "a file has arrived when its size and time have not changed for so long"},
};
static const lt_setting_group file_group = {.name = "'file'",
                                            .help = "A file that arrives in a folder.",
                                            SETTINGS(file_settings),
                                            .size = sizeof(lt_conf_on_file),
                                            .place_offset = AT(lt_conf_on_file, place)};

static const char *const signed_words[] = {"hmac", "bearer", "github", "stripe", "header"};
static const char *const digest_words[] = {"sha256", "sha512", "sha1"};
static const char *const digit_words[] = {"hex", "base64"};
#define HOOK(field) .offset = AT(lt_conf_on_webhook, field)
static const lt_setting webhook_settings[] = {
    {.name = "secret",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_on_webhook, secret),
     .required = true,
     .fits = lt_fits_identifier,
     .wanted = "the name of a secret",
     .help = "the name of the secret (`leat secret set`) that the sender knows"},
    {.name = "by",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_on_webhook, by),
     .fallback = "hmac",
     WORDS(signed_words),
     .help = "`hmac`: the sender signs time and body; `bearer`: it sends the secret itself; "
             "`github`, `stripe`: as these sign; `header`: a sum of the body in a header of its "
             "own"},
    {.name = "tolerance",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_on_webhook, tolerance_us),
     .fallback = "5m",
     .min = SECOND,
     .max = DAY,
     .help = "of `hmac`, `stripe`, and of `header` with `time_header`: how far the time of a "
             "message may be from ours"},
    {.name = "events",
     .type = LT_SET_TEXTS,
     HOOK(events),
     .shown = "all",
     .help = "of `github` and `stripe`: only these begin runs: `push`, `invoice.paid`"},
    {.name = "header",
     .type = LT_SET_WORD,
     HOOK(header),
     .fits = lt_fits_header_name,
     .wanted = "a header's name",
     .help = "of `header`: which one has the signature: `X-Shopify-Hmac-Sha256`"},
    {.name = "prefix",
     .type = LT_SET_WORD,
     HOOK(prefix),
     .help = "of `header`: what stands before the signature there: `v0=`"},
    {.name = "digest",
     .type = LT_SET_CHOICE,
     HOOK(digest),
     .fallback = "sha256",
     WORDS(digest_words),
     .help = "of `header`: which HMAC"},
    {.name = "digits",
     .type = LT_SET_CHOICE,
     HOOK(digits),
     .fallback = "hex",
     WORDS(digit_words),
     .help = "of `header`: how it is written"},
    {.name = "signs",
     .type = LT_SET_WORD,
     HOOK(signs),
     .fallback = "{body}",
     .help = "of `header`: what is signed, with `{body}`, `{time}` and `{id}`: `v0:{time}:{body}`"},
    {.name = "time_header",
     .type = LT_SET_WORD,
     HOOK(time_header),
     .fits = lt_fits_header_name,
     .wanted = "a header's name",
     .help = "of `header`: which one has `{time}`, in seconds since 1970"},
    {.name = "id_header",
     .type = LT_SET_WORD,
     HOOK(id_header),
     .fits = lt_fits_header_name,
     .wanted = "a header's name",
     .help = "of `header`: which one names the message; another one of the same id is the same "
             "message. Without it, one that signs the same"},
};

#define BY(kind) (1U << LT_CONF_BY_##kind)

static const struct {
    const char *key;
    unsigned kinds;
} hook_belongs[] = {
    {"tolerance", BY(HMAC) | BY(STRIPE) | BY(HEADER)},
    {"events", BY(GITHUB) | BY(STRIPE)},
    {"header", BY(HEADER)},
    {"prefix", BY(HEADER)},
    {"digest", BY(HEADER)},
    {"digits", BY(HEADER)},
    {"signs", BY(HEADER)},
    {"time_header", BY(HEADER)},
    {"id_header", BY(HEADER)},
};

static lt_status check_header(const lt_conf_reader *reader, const lt_conf_on_webhook *hook,
                              const lt_yaml *node, lt_err *err)
{
    const lt_yaml *signs = lt_yaml_find(node, T("signs"));
    if (!hook->header.len)
        return lt_setting_fail(reader, node, err,
                               "'header' is missing: which one has the signature?");
    if (!lt_text_has(hook->signs, T("{body}")))
        return lt_setting_fail(reader, signs, err, "'signs' must hold '{body}'");
    if (lt_text_has(hook->signs, T("{time}")) != (hook->time_header.len > 0))
        return lt_setting_fail(reader, signs ? signs : node, err,
                               "'time_header' and '{time}' in 'signs' belong together");
    if (lt_text_has(hook->signs, T("{id}")) && !hook->id_header.len)
        return lt_setting_fail(reader, signs, err, "'{id}' in 'signs' needs 'id_header'");
    if (lt_yaml_find(node, T("tolerance")) && !hook->time_header.len)
        return lt_setting_fail(reader, lt_yaml_find(node, T("tolerance")), err,
                               "'tolerance' needs 'time_header'");
    return LT_OK;
}

static lt_status check_webhook(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                               lt_err *err)
{
    const lt_conf_on_webhook *hook = made;
    for (size_t i = 0; i < LT_COUNT(hook_belongs); i++) {
        const lt_yaml *written = lt_yaml_find(node, lt_text_of(hook_belongs[i].key));
        if (written && !(hook_belongs[i].kinds >> hook->by & 1U))
            return lt_setting_fail(reader, written, err, "'%s' does nothing with 'by: %s'",
                                   hook_belongs[i].key, signed_words[hook->by]);
    }
    return hook->by == LT_CONF_BY_HEADER ? check_header(reader, hook, node, err) : LT_OK;
}

static const lt_setting_group webhook_group = {.name = "'webhook'",
                                               .help = "A message to the server's API.",
                                               SETTINGS(webhook_settings),
                                               .size = sizeof(lt_conf_on_webhook),
                                               .place_offset = AT(lt_conf_on_webhook, place),
                                               .check = check_webhook};

static const lt_setting trigger_settings[] = {
    {.name = "object",
     .type = LT_SET_GROUP,
     TRIGGER(object),
     .group = &object_group,
     .help = "an object is written to the store"},
    {.name = "dataset",
     .type = LT_SET_GROUP,
     TRIGGER(dataset),
     .group = &dataset_group,
     .help = "datasets have new commits"},
    {.name = "file",
     .type = LT_SET_GROUP,
     TRIGGER(file),
     .group = &file_group,
     .help = "a file arrives in a folder"},
    {.name = "http",
     .type = LT_SET_GROUP,
     TRIGGER(http),
     .group = &lt_conf_http_group,
     .help = "what a web server answers has changed: its ETag, else Last-Modified, else the body; "
             "or what `watch` names"},
    {.name = "watch",
     .type = LT_SET_PATH,
     TRIGGER(watch),
     .shown = "the whole answer",
     .help = "of `http`: a JSON path; only a change of this value counts"},
    {.name = "sql",
     .type = LT_SET_TEXT,
     TRIGGER(sql),
     .fits = lt_fits_set,
     .wanted = "a query",
     .help = "the rows of a query have changed"},
    {.name = "target",
     .type = LT_SET_WORD,
     TRIGGER(target),
     .shown = "the project's",
     .help = "of `sql`: where it is asked"},
    {.name = "webhook",
     .type = LT_SET_GROUP,
     TRIGGER(webhook),
     .group = &webhook_group,
     .help = "somebody posts to `/api/v1/hooks/PIPELINE/TRIGGER`"},
    {.name = "every",
     .type = LT_SET_LENGTH,
     TRIGGER(every_us),
     .fallback = "1m",
     .min = SECOND,
     .max = 30 * DAY,
     .help = "of `http`, `sql`, and of `object` with a store in S3: how often it looks; of `file`: "
             "how often at least"},
    {.name = "batch",
     .type = LT_SET_LENGTH,
     TRIGGER(batch_us),
     .shown = "each event has its own run",
     .min = SECOND / 10,
     .max = DAY,
     .help = "of `object` and `file`: what comes within so long after the first event is one run"},
    {.name = "batch_most",
     .type = LT_SET_INT,
     TRIGGER(batch_most),
     .fallback = "1000",
     .min = 1,
     .max = 1000,
     .help = "at most so many events in one run"},
    {.name = "existing",
     .type = LT_SET_SWITCH,
     TRIGGER(existing),
     .fallback = "false",
     .help = "of `file`, `http`, `sql`, and of `object` with a store in S3: what is there when the "
             "trigger is new counts as an event"},
    {.name = "params",
     .type = LT_SET_PAIRS,
     TRIGGER(params),
     .help = "parameters of the run: JSON paths into the event, such as `$.event.key`"},
};

/* ---- what a table cannot say ---- */

#define ON(kind) (1U << LT_ON_##kind)

static const struct {
    const char *key;
    unsigned kinds;
} belongs[] = {
    {"watch", ON(HTTP)},
    {"target", ON(SQL)},
    {"every", ON(HTTP) | ON(SQL) | ON(OBJECT) | ON(FILE)},
    {"batch", ON(OBJECT) | ON(FILE)},
    {"batch_most", ON(OBJECT) | ON(FILE)},
    {"existing", ON(FILE) | ON(HTTP) | ON(SQL) | ON(OBJECT)},
};

/* Messages are hidden from others while a batch is gathered. */
static lt_status check_queue(const lt_conf_reader *reader, const lt_conf_trigger *trigger,
                             const lt_yaml *node, lt_err *err)
{
    const lt_yaml *object = lt_yaml_find(node, T("object"));
    static const char *const useless[] = {"every", "existing"};
    if (!trigger->object.queue.len)
        return LT_OK;
    if (!lt_text_starts(trigger->object.bucket, T("s3://")))
        return lt_setting_fail(reader, lt_yaml_find(object, T("queue")), err,
                               "'queue' needs a bucket of S3: 's3://%.*s'",
                               LT_ARG(trigger->object.bucket));
    for (size_t i = 0; i < LT_COUNT(useless); i++)
        if (lt_yaml_find(node, lt_text_of(useless[i])))
            return lt_setting_fail(reader, lt_yaml_find(node, lt_text_of(useless[i])), err,
                                   "'%s' does nothing with a queue", useless[i]);
    if (trigger->batch_us > DAY / 4)
        return lt_setting_fail(reader, lt_yaml_find(node, T("batch")), err,
                               "'batch' of a queue is at most 6h");
    return LT_OK;
}

static lt_status check_belongings(const lt_conf_reader *reader, const lt_conf_trigger *trigger,
                                  const lt_yaml *node, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(belongs); i++) {
        const lt_yaml *written = lt_yaml_find(node, lt_text_of(belongs[i].key));
        if (written && !(belongs[i].kinds >> trigger->kind & 1U))
            return lt_setting_fail(reader, written, err,
                                   "'%s' does nothing in a trigger that is '%s'", belongs[i].key,
                                   lt_conf_trigger_kinds[trigger->kind]);
    }
    if (trigger->http.expect.len)
        return lt_conf_fail(trigger->http.expect.items[0].place, err,
                            "'expect' does nothing in a trigger: 2xx is fine");
    LT_TRY(check_queue(reader, trigger, node, err));
    if (!trigger->batch_us && lt_yaml_find(node, T("batch_most")))
        return lt_setting_fail(reader, lt_yaml_find(node, T("batch_most")), err,
                               "'batch_most' needs 'batch': how long to gather");
    return LT_OK;
}

static lt_status check_names(const lt_conf_reader *reader, const lt_conf_texts *names, lt_err *err)
{
    for (size_t i = 0; i < names->len; i++) {
        const lt_conf_text *one = &names->items[i];
        size_t slash = lt_text_find_byte(one->raw, '/', 0);
        if (slash == SIZE_MAX || !lt_fits_bucket(lt_text_sub(one->raw, 0, slash)) ||
            !lt_text_ends(one->raw, T("/")) || slash + 1 == one->raw.len) {
            lt_ignore(lt_conf_fail(one->place, err, "'%.*s' is no dataset", LT_ARG(one->raw)));
            return lt_hint(err, "write bucket/prefix/, as 'leat store ls' shows it, with a slash "
                                "at the end");
        }
    }
    (void)reader;
    return LT_OK;
}

static lt_status compile_params(const lt_conf_reader *reader, lt_conf_trigger *trigger, lt_err *err)
{
    for (size_t i = 0; i < trigger->params.len; i++) {
        const lt_conf_pair *pair = &trigger->params.items[i];
        lt_conf_mapped made = {.name = pair->name, .place = pair->value.place};
        if (lt_json_path_compile(pair->value.raw, reader->arena, &made.path, err) != LT_OK)
            return lt_wrap(err, "%s:%u:%u", made.place.file, made.place.line, made.place.col);
        lt_push_in(reader->arena, &trigger->mapped, made);
    }
    return LT_OK;
}

static lt_status check_trigger(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                               lt_err *err)
{
    lt_conf_trigger *trigger = made;
    for (size_t i = 0; i < LT_ON_KINDS; i++)
        if (lt_yaml_find(node, lt_text_of(lt_conf_trigger_kinds[i])))
            trigger->kind = (lt_conf_trigger_kind)i;
    LT_TRY(check_belongings(reader, trigger, node, err));
    LT_TRY(check_names(reader, &trigger->dataset.any_of, err));
    LT_TRY(check_names(reader, &trigger->dataset.all_of, err));
    return compile_params(reader, trigger, err);
}

const lt_setting_group lt_conf_trigger_group = {
    .name = "a trigger",
    .help = "An event that begins a run, while `leat up` runs.",
    SETTINGS(trigger_settings),
    .size = sizeof(lt_conf_trigger),
    .place_offset = AT(lt_conf_trigger, place),
    .alone = {"object", "dataset", "file", "http", "sql", "webhook"},
    .one_of_them = true,
    .check = check_trigger};

/* ---- across triggers and parameters ---- */

static bool is_mapped(const lt_conf_trigger *trigger, lt_text name)
{
    for (size_t i = 0; i < trigger->mapped.len; i++)
        if (lt_text_eq(trigger->mapped.items[i].name, name))
            return true;
    return false;
}

static lt_text param_name_at(const void *context, size_t i)
{
    return ((const lt_conf_params *)context)->items[i].name;
}

static lt_status check_mapped(const lt_conf_params *params, const lt_conf_mapped *mapped,
                              lt_err *err)
{
    lt_text nearest;
    for (size_t i = 0; i < params->len; i++)
        if (lt_text_eq(params->items[i].name, mapped->name))
            return LT_OK;
    lt_ignore(lt_conf_fail(mapped->place, err, "the pipeline has no parameter '%.*s'",
                           LT_ARG(mapped->name)));
    if (lt_text_nearest(mapped->name, params->len, param_name_at, params, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "add it below 'params' of the pipeline");
}

lt_status lt_conf_check_triggers(const lt_conf_triggers *triggers, const lt_conf_params *params,
                                 lt_err *err)
{
    for (size_t i = 0; i < triggers->len; i++) {
        const lt_conf_trigger *one = &triggers->items[i];
        for (size_t k = 0; k < one->mapped.len; k++)
            LT_TRY(check_mapped(params, &one->mapped.items[k], err));
        for (size_t k = 0; k < params->len; k++)
            if (!params->items[k].fallback && !is_mapped(one, params->items[k].name))
                return lt_conf_fail(one->place, err,
                                    "the trigger '%.*s' must give the parameter '%.*s', which has "
                                    "no default: write it below its 'params'",
                                    LT_ARG(one->name), LT_ARG(params->items[k].name));
    }
    return LT_OK;
}
