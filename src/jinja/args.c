/* Arguments of functions written in C: sort them into places, read them as a type. */
#include "jinja/inner.h"

static lt_text next_word(lt_text *signature, bool *optional)
{
    lt_text word = {0};
    do {
        if (!lt_text_cut(signature, ' ', &word))
            return (lt_text){0};
    } while (!word.len);
    *optional = word.ptr[word.len - 1] == '?';
    if (*optional)
        word.len--;
    return word;
}

static bool named_arg(const lt_jinja_call *call, lt_text name, lt_jinja_value *out)
{
    for (size_t i = 0; i < call->kwarg_count; i++)
        if (lt_text_eq(call->kwargs[i].name, name)) {
            *out = call->kwargs[i].value;
            return true;
        }
    return false;
}

static bool in_signature(lt_text signature, lt_text name)
{
    bool optional;
    for (lt_text word; (word = next_word(&signature, &optional)).len;)
        if (lt_text_eq(word, name))
            return true;
    return false;
}

static lt_status check_names(const lt_jinja_call *call, lt_text signature, lt_err *err)
{
    for (size_t i = 0; i < call->kwarg_count; i++)
        if (!in_signature(signature, call->kwargs[i].name))
            return lt_fail(err, LT_INVALID, "%s() got an unexpected keyword argument '%.*s'",
                           call->name, LT_ARG(call->kwargs[i].name));
    return LT_OK;
}

lt_status lt_jinja_bind(const lt_jinja_call *call, const char *signature, lt_jinja_value *out,
                        lt_err *err)
{
    lt_text rest = lt_text_of(signature);
    size_t i = 0, named = 0;
    bool optional;
    for (lt_text word; (word = next_word(&rest, &optional)).len; i++) {
        lt_jinja_value value;
        bool by_name = call->kwarg_count && named_arg(call, word, &value);
        named += by_name;
        if (i < call->arg_count && by_name)
            return lt_fail(err, LT_INVALID, "%s() got multiple values for argument '%.*s'",
                           call->name, LT_ARG(word));
        if (i >= call->arg_count && !by_name && !optional)
            return lt_fail(err, LT_INVALID, "%s() missing required argument '%.*s'", call->name,
                           LT_ARG(word));
        out[i] = i < call->arg_count ? call->args[i]
                 : by_name           ? value
                                     : (lt_jinja_value){.kind = UINT8_MAX};
    }
    if (call->arg_count > i)
        return lt_fail(err, LT_INVALID, "%s() takes at most %zu arguments (%zu given)", call->name,
                       i, call->arg_count);
    return named == call->kwarg_count ? LT_OK : check_names(call, lt_text_of(signature), err);
}

lt_status lt_jinja_want_text(const lt_jinja_call *call, lt_jinja_value value, lt_text *out,
                             lt_err *err)
{
    if (lt_jinja_is_undefined(value) && !lt_jinja_is_absent(value))
        return lt_jinja_fail_undefined(call->render, value, err);
    if (value.type != LT_JINJA_STR)
        return lt_fail(err, LT_INVALID, "%s() argument must be str, not %s", call->name,
                       lt_jinja_type_name(value));
    *out = lt_jinja_as_text(value);
    return LT_OK;
}

lt_status lt_jinja_need_text(const lt_jinja_call *call, lt_jinja_value value, const char *what,
                             lt_text *out, lt_err *err)
{
    if (value.type != LT_JINJA_STR)
        return lt_fail(err, LT_INVALID, "%s(): the %s must be a text, not %s", call->name, what,
                       lt_jinja_type_name(value));
    *out = lt_jinja_as_text(value);
    return LT_OK;
}

lt_status lt_jinja_want_int(const lt_jinja_call *call, lt_jinja_value value, int64_t *out,
                            lt_err *err)
{
    if (lt_jinja_is_undefined(value) && !lt_jinja_is_absent(value))
        return lt_jinja_fail_undefined(call->render, value, err);
    if (!lt_jinja_is_intlike(value))
        return lt_fail(err, LT_INVALID, "%s(): '%s' object cannot be interpreted as an integer",
                       call->name, lt_jinja_type_name(value));
    *out = lt_jinja_intlike(value);
    return LT_OK;
}

lt_status lt_jinja_text_of(lt_jinja_render *r, lt_jinja_value value, lt_text *out, lt_err *err)
{
    if (value.type == LT_JINJA_STR) {
        *out = lt_jinja_as_text(value);
        return LT_OK;
    }
    size_t mark = r->out.len;
    LT_TRY(lt_jinja_print(r, value, err));
    LT_TRY(lt_jinja_room(r->heap, r->out.len - mark, err));
    *out = lt_jinja_as_text(lt_jinja_take(r, mark));
    return LT_OK;
}
