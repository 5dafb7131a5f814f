/* Bucket policies: who may or may not do what below which prefix. What is not understood is refused when it is put, never passed over. */
#include "fmt/json.h"
#include "web/s3/call.h"

#include <arpa/inet.h>

enum { POLICY_BYTES = 20 * 1024, STATEMENTS = 200 };

bool lt_s3_matches(lt_text pattern, lt_text text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, star_t = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            star_t = t;
        } else if (p < pattern.len && (pattern.ptr[p] == '?' || pattern.ptr[p] == text.ptr[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++star_t;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static bool matches_nocase(lt_text pattern, lt_text text)
{
    char a[256], b[256];
    if (pattern.len > sizeof(a) || text.len > sizeof(b))
        return false;
    for (size_t i = 0; i < pattern.len; i++)
        a[i] = lt_lower(pattern.ptr[i]);
    for (size_t i = 0; i < text.len; i++)
        b[i] = lt_lower(text.ptr[i]);
    return lt_s3_matches(lt_text_at(a, pattern.len), lt_text_at(b, text.len));
}

/* A member that is a text or a list of texts: its i-th; NULL ptr behind the last. */
static lt_text word(const lt_json *value, size_t i)
{
    if (!value || (value->kind == LT_JSON_STRING && i > 0))
        return (lt_text){0};
    if (value->kind == LT_JSON_STRING || value->kind == LT_JSON_BOOL ||
        value->kind == LT_JSON_NUMBER)
        return i > 0                         ? (lt_text){0}
               : value->kind != LT_JSON_BOOL ? value->text
               : value->truth                ? T("true")
                                             : T("false");
    return value->kind == LT_JSON_ARRAY && i < value->count ? word(&value->items[i], 0)
                                                            : (lt_text){0};
}

static bool is_words(const lt_json *value)
{
    if (!value || value->kind == LT_JSON_STRING)
        return value != NULL;
    bool ok = value->kind == LT_JSON_ARRAY && value->count > 0;
    for (size_t i = 0; ok && i < value->count; i++)
        ok = value->items[i].kind == LT_JSON_STRING;
    return ok;
}

/* ---- principals ---- */

static bool is_principal(lt_text word, const lt_s3_question *q)
{
    if (lt_text_eq(word, T("*")))
        return true;
    if (!q->principal.len)
        return false;
    if (lt_text_starts(word,
                       T("arn:"))) { /* arn:aws:iam::ACCOUNT:user/NAME, arn:aws:iam::ACCOUNT:root */
        lt_text rest = word, part, account = {0};
        for (int i = 0; i < 5; i++) {
            if (!lt_text_cut(&rest, ':', &part))
                return false;
            account = part;
        }
        if (lt_text_eq(rest, T("root")))
            return account.len && lt_text_eq(account, q->principal_id);
        if (!lt_text_starts(rest, T("user/")))
            return false;
        word = lt_text_sub(rest, strlen("user/"), rest.len);
    }
    return word.len && (lt_text_eq(word, q->principal) || lt_text_eq(word, q->principal_id) ||
                        lt_text_eq(word, q->principal_name));
}

static bool is_any_principal(const lt_json *principal, const lt_s3_question *q)
{
    const lt_json *list = principal;
    if (principal->kind == LT_JSON_OBJECT) {
        for (size_t i = 0; i < principal->count; i++)
            if (is_any_principal(&principal->items[i], q))
                return true;
        return false;
    }
    lt_text one;
    for (size_t i = 0; (one = word(list, i)).ptr; i++)
        if (is_principal(one, q))
            return true;
    return false;
}

static bool is_everybody(const lt_json *principal)
{
    lt_s3_question nobody = {0};
    return principal && is_any_principal(principal, &nobody);
}

static bool principal_is_known(const lt_json *principal)
{
    if (principal->kind == LT_JSON_STRING)
        return lt_text_eq(principal->text, T("*"));
    bool ok = principal->kind == LT_JSON_OBJECT && principal->count > 0;
    for (size_t i = 0; ok && i < principal->count; i++)
        ok = (lt_text_eq(principal->items[i].key, T("AWS")) ||
              lt_text_eq(principal->items[i].key, T("CanonicalUser"))) &&
             is_words(&principal->items[i]);
    return ok;
}

/* ---- resources ---- */

/* The part behind "arn:aws:s3:REGION:ACCOUNT:"; NULL ptr: it is none of S3's. */
static lt_text resource_name(lt_text arn)
{
    lt_text part;
    if (lt_text_eq(arn, T("*")))
        return arn;
    if (!lt_text_starts(arn, T("arn:aws:s3:")))
        return (lt_text){0};
    for (int i = 0; i < 5; i++)
        if (!lt_text_cut(&arn, ':', &part))
            return (lt_text){0};
    return arn;
}

static bool is_resource(const lt_json *list, const lt_s3_question *q, lt_arena *arena)
{
    lt_text one, name = q->bucket;
    if (q->key.len)
        name = lt_text_of(lt_arena_format(arena, "%.*s/%.*s", LT_ARG(q->bucket), LT_ARG(q->key)));
    for (size_t i = 0; (one = word(list, i)).ptr; i++)
        if (lt_s3_matches(resource_name(one), name))
            return true;
    return false;
}

static bool is_action(const lt_json *list, lt_text action)
{
    lt_text one;
    for (size_t i = 0; (one = word(list, i)).ptr; i++)
        if (matches_nocase(one, action))
            return true;
    return false;
}

/* ---- conditions ---- */

typedef bool compare(lt_text wanted, lt_text value);

static bool same(lt_text wanted, lt_text value)
{
    return lt_text_eq(wanted, value);
}

static bool like(lt_text wanted, lt_text value)
{
    return lt_s3_matches(wanted, value);
}

static bool in_network(lt_text wanted, lt_text value)
{
    unsigned char net[16], host[16];
    char text[64];
    size_t slash = lt_text_find_byte(wanted, '/', 0);
    lt_text address = lt_text_sub(wanted, 0, slash);
    int family = lt_text_find_byte(value, ':', 0) == SIZE_MAX ? AF_INET : AF_INET6;
    uint64_t bits = family == AF_INET ? 32 : 128;
    if (address.len >= sizeof(text) || value.len >= sizeof(text))
        return false;
    memcpy(text, address.ptr, address.len);
    text[address.len] = '\0';
    if (inet_pton(family, text, net) != 1)
        return false;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    if (inet_pton(family, text, host) != 1)
        return false;
    uint64_t wide = bits;
    if (slash != SIZE_MAX &&
        (!lt_text_to_u64(lt_text_sub(wanted, slash + 1, wanted.len), &bits) || bits > wide))
        return false;
    for (uint64_t i = 0; i < bits; i++)
        if (((net[i / 8] ^ host[i / 8]) >> (7 - i % 8)) & 1)
            return false;
    return true;
}

static const struct operator
{
    const char *name;
    compare *holds;
    bool negated, is_null;
}
operators[] = {
    {"StringEquals", same, false, false},
    {"StringNotEquals", same, true, false},
    {"StringEqualsIgnoreCase", lt_text_eq_nocase, false, false},
    {"StringNotEqualsIgnoreCase", lt_text_eq_nocase, true, false},
    {"StringLike", like, false, false},
    {"StringNotLike", like, true, false},
    {"ArnEquals", like, false, false},
    {"ArnLike", like, false, false},
    {"ArnNotEquals", like, true, false},
    {"ArnNotLike", like, true, false},
    {"Bool", lt_text_eq_nocase, false, false},
    {"NumericEquals", same, false, false},
    {"NumericNotEquals", same, true, false},
    {"IpAddress", in_network, false, false},
    {"NotIpAddress", in_network, true, false},
    {"Null", same, false, true},
};

static const char *const condition_keys[] = {
    "aws:Referer",
    "aws:SecureTransport",
    "aws:SourceIp",
    "aws:UserAgent",
    "aws:username",
    "s3:VersionId",
    "s3:delimiter",
    "s3:max-keys",
    "s3:prefix",
    "s3:x-amz-acl",
    "s3:x-amz-copy-source",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:x-amz-storage-class",
};

static bool is_condition_key(lt_text key)
{
    for (size_t i = 0; i < LT_COUNT(condition_keys); i++)
        if (lt_text_eq_nocase(key, lt_text_of(condition_keys[i])))
            return true;
    return lt_text_starts(key, T("s3:ExistingObjectTag/")) ||
           lt_text_starts(key, T("s3:RequestObjectTag/"));
}

static const struct operator* find_operator(lt_text name, bool *if_exists)
{
    *if_exists = lt_text_ends(name, T("IfExists"));
    if (*if_exists)
        name = lt_text_sub(name, 0, name.len - strlen("IfExists"));
    for (size_t i = 0; i < LT_COUNT(operators); i++)
        if (lt_text_eq(name, lt_text_of(operators[i].name)))
            return &operators[i];
    return NULL;
}

/* One key of one operator. */
static bool condition_holds(const struct operator* op, bool if_exists, const lt_json *wanted,
                            const lt_s3_question *q)
{
    lt_text value = q->value ? q->value(q->context, wanted->key) : (lt_text){0}, one;
    if (op->is_null)
        return lt_text_eq(word(wanted, 0), value.ptr ? T("false") : T("true"));
    if (!value.ptr)
        return if_exists || op->negated;
    for (size_t i = 0; (one = word(wanted, i)).ptr; i++)
        if (op->holds(one, value))
            return !op->negated;
    return op->negated;
}

static bool conditions_hold(const lt_json *conditions, const lt_s3_question *q)
{
    for (size_t i = 0; conditions && i < conditions->count; i++) {
        bool if_exists;
        const struct operator* op = find_operator(conditions->items[i].key, &if_exists);
        for (size_t j = 0; j < conditions->items[i].count; j++)
            if (!op || !condition_holds(op, if_exists, &conditions->items[i].items[j], q))
                return false;
    }
    return true;
}

/* ---- statements ---- */

static const lt_json *statement_at(const lt_json *policy, size_t i)
{
    const lt_json *list = lt_json_find(policy, "Statement");
    if (!list || list->kind == LT_JSON_OBJECT)
        return i == 0 ? list : NULL;
    return list->kind == LT_JSON_ARRAY && i < list->count ? &list->items[i] : NULL;
}

static bool statement_fits(const lt_json *statement, const lt_s3_question *q, lt_arena *arena)
{
    const lt_json *principal = lt_json_find(statement, "Principal");
    const lt_json *not_principal = lt_json_find(statement, "NotPrincipal");
    const lt_json *action = lt_json_find(statement, "Action");
    const lt_json *not_action = lt_json_find(statement, "NotAction");
    const lt_json *resource = lt_json_find(statement, "Resource");
    const lt_json *not_resource = lt_json_find(statement, "NotResource");
    bool who = principal ? is_any_principal(principal, q) : !is_any_principal(not_principal, q);
    bool what = action ? is_action(action, q->action) : !is_action(not_action, q->action);
    if (!who || !what)
        return false;
    if (resource ? !is_resource(resource, q, arena) : is_resource(not_resource, q, arena))
        return false;
    return conditions_hold(lt_json_find(statement, "Condition"), q);
}

static lt_status read_policy(lt_text json, lt_arena *arena, lt_json **out, lt_err *err)
{
    static const lt_json_options options = {.depth = 16, .node_limit = 10000};
    if (json.len > POLICY_BYTES)
        return lt_fail(err, LT_INVALID, "Policies must not be larger than 20 KiB");
    LT_TRY(lt_json_read(json, "policy", &options, arena, out, err));
    if ((*out)->kind != LT_JSON_OBJECT)
        return lt_fail(err, LT_INVALID, "Policies must be valid JSON objects");
    return LT_OK;
}

lt_status lt_s3_policy_ask(lt_text json, const lt_s3_question *question, lt_arena *arena,
                           lt_s3_verdict *out, lt_err *err)
{
    lt_json *policy;
    lt_s3_verdict verdict = LT_S3_SILENT;
    LT_TRY(read_policy(json, arena, &policy, err));
    const lt_json *statement;
    for (size_t i = 0; (statement = statement_at(policy, i)); i++) {
        if (!statement_fits(statement, question, arena))
            continue;
        if (!lt_text_eq(lt_json_text_or(statement, "Effect", T("")), T("Allow"))) {
            *out = LT_S3_DENIED; /* also when it says neither: nothing is let in by a slip */
            return LT_OK;
        }
        verdict = LT_S3_ALLOWED;
    }
    *out = verdict;
    return LT_OK;
}

lt_status lt_s3_policy_is_public(lt_text json, lt_arena *arena, bool *out, lt_err *err)
{
    lt_json *policy;
    const lt_json *statement;
    bool is_public = false;
    LT_TRY(read_policy(json, arena, &policy, err));
    for (size_t i = 0; (statement = statement_at(policy, i)); i++)
        if (lt_text_eq(lt_json_text_or(statement, "Effect", T("")), T("Allow")) &&
            is_everybody(lt_json_find(statement, "Principal")) &&
            !lt_json_find(statement, "Condition"))
            is_public = true;
    *out = is_public;
    return LT_OK;
}

/* ---- checking ---- */

static lt_status check_conditions(const lt_json *conditions, lt_err *err)
{
    if (conditions && conditions->kind != LT_JSON_OBJECT)
        return lt_fail(err, LT_INVALID, "'Condition' must be an object");
    for (size_t i = 0; conditions && i < conditions->count; i++) {
        const lt_json *block = &conditions->items[i];
        bool if_exists;
        if (!find_operator(block->key, &if_exists))
            return lt_fail(err, LT_INVALID, "The condition '%.*s' is not supported",
                           LT_ARG(block->key));
        if (block->kind != LT_JSON_OBJECT || !block->count)
            return lt_fail(err, LT_INVALID, "'%.*s' must be an object", LT_ARG(block->key));
        for (size_t j = 0; j < block->count; j++)
            if (!is_condition_key(block->items[j].key))
                return lt_fail(err, LT_INVALID, "The condition key '%.*s' is not supported",
                               LT_ARG(block->items[j].key));
            else if (!word(&block->items[j], 0).ptr)
                return lt_fail(err, LT_INVALID, "'%.*s' has no value", LT_ARG(block->items[j].key));
    }
    return LT_OK;
}

static lt_status check_resources(const lt_json *list, lt_text bucket, lt_err *err)
{
    lt_text one;
    for (size_t i = 0; (one = word(list, i)).ptr; i++) {
        lt_text name = resource_name(one);
        lt_text first = lt_text_sub(name, 0, lt_text_find_byte(name, '/', 0));
        if (!name.len || !lt_s3_matches(first, bucket))
            return lt_fail(err, LT_INVALID, "Policy has invalid resource: %.*s", LT_ARG(one));
    }
    return LT_OK;
}

static lt_status check_actions(const lt_json *list, lt_err *err)
{
    lt_text one;
    for (size_t i = 0; (one = word(list, i)).ptr; i++)
        if (!lt_text_eq(one, T("*")) &&
            !(one.len > 3 && lt_text_eq_nocase(lt_text_sub(one, 0, 3), T("s3:"))))
            return lt_fail(err, LT_INVALID, "Policy has invalid action: %.*s", LT_ARG(one));
    return LT_OK;
}

/* Exactly one of a member and its negation, holding texts. */
static lt_status one_of(const lt_json *statement, const char *name, const char *negated,
                        const lt_json **out, lt_err *err)
{
    const lt_json *a = lt_json_find(statement, name), *b = lt_json_find(statement, negated);
    if (!a == !b)
        return lt_fail(err, LT_INVALID, "Missing required field %s", name);
    *out = a ? a : b;
    return LT_OK;
}

static lt_status check_statement(const lt_json *statement, lt_text bucket, lt_err *err)
{
    static const char *const known[] = {"Sid",          "Effect",      "Principal",
                                        "NotPrincipal", "Action",      "NotAction",
                                        "Resource",     "NotResource", "Condition"};
    const lt_json *principal = NULL, *action = NULL, *resource = NULL;
    if (statement->kind != LT_JSON_OBJECT)
        return lt_fail(err, LT_INVALID, "A statement must be an object");
    for (size_t i = 0; i < statement->count; i++) {
        bool found = false;
        for (size_t k = 0; k < LT_COUNT(known); k++)
            found = found || lt_text_eq(statement->items[i].key, lt_text_of(known[k]));
        if (!found)
            return lt_fail(err, LT_INVALID, "Unknown field %.*s", LT_ARG(statement->items[i].key));
    }
    lt_text effect = lt_json_text_or(statement, "Effect", T(""));
    if (!lt_text_eq(effect, T("Allow")) && !lt_text_eq(effect, T("Deny")))
        return lt_fail(err, LT_INVALID, "Invalid effect: %.*s", LT_ARG(effect));
    LT_TRY(one_of(statement, "Principal", "NotPrincipal", &principal, err));
    LT_TRY(one_of(statement, "Action", "NotAction", &action, err));
    LT_TRY(one_of(statement, "Resource", "NotResource", &resource, err));
    if (principal == lt_json_find(statement, "NotPrincipal") && lt_text_eq(effect, T("Allow")))
        return lt_fail(err, LT_INVALID, "Allow with NotPrincipal is not supported");
    if (!principal_is_known(principal))
        return lt_fail(err, LT_INVALID, "Invalid principal in policy");
    if (!is_words(action) || !is_words(resource))
        return lt_fail(err, LT_INVALID, "Actions and resources are texts or lists of texts");
    LT_TRY(check_actions(action, err));
    LT_TRY(check_resources(resource, bucket, err));
    return check_conditions(lt_json_find(statement, "Condition"), err);
}

lt_status lt_s3_policy_check(lt_text json, lt_text bucket, lt_arena *arena, lt_err *err)
{
    lt_json *policy;
    const lt_json *statement;
    size_t count = 0;
    LT_TRY(read_policy(json, arena, &policy, err));
    for (size_t i = 0; i < policy->count; i++) {
        lt_text key = policy->items[i].key;
        if (!lt_text_eq(key, T("Version")) && !lt_text_eq(key, T("Id")) &&
            !lt_text_eq(key, T("Statement")))
            return lt_fail(err, LT_INVALID, "Unknown field %.*s", LT_ARG(key));
    }
    lt_text version = lt_json_text_or(policy, "Version", T("2008-10-17"));
    if (!lt_text_eq(version, T("2012-10-17")) && !lt_text_eq(version, T("2008-10-17")))
        return lt_fail(err, LT_INVALID, "The policy must contain a valid version string");
    for (; (statement = statement_at(policy, count)); count++) {
        if (count >= STATEMENTS)
            return lt_fail(err, LT_INVALID, "The policy has too many statements");
        LT_TRY(check_statement(statement, bucket, err));
    }
    return count ? LT_OK : lt_fail(err, LT_INVALID, "Missing required field Statement");
}
