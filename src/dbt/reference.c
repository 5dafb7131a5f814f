/* The text "ref('x')" or "source('s', 't')" of a .yml file, read without evaluating it: where a constraint points to. */
#include "dbt/inner.h"

static bool unquote(lt_text part, lt_text *out)
{
    lt_text text = lt_text_trim(part);
    char quote = text.len ? text.ptr[0] : '\0';
    if (text.len < 3 || (quote != '\'' && quote != '"') || text.ptr[text.len - 1] != quote)
        return false;
    *out = lt_text_sub(text, 1, text.len - 2);
    return lt_text_find_byte(*out, quote, 0) == SIZE_MAX;
}

/* v=2, version='2' */
static bool read_version(lt_text part, lt_jinja_value *out)
{
    lt_text rest = part, name, text;
    int64_t number;
    (void)lt_text_cut(&rest, '=', &name);
    name = lt_text_trim(name);
    if (!lt_text_eq(name, T("v")) && !lt_text_eq(name, T("version")))
        return false;
    if (lt_json_to_i64(lt_text_trim(rest), &number))
        *out = lt_jinja_int(number);
    else if (unquote(rest, &text))
        *out = lt_jinja_text(text);
    else
        return false;
    return true;
}

bool lt_dbt_reference_read(lt_text text, lt_dbt_ref *out, bool *source)
{
    static const lt_text calls[] = {T("ref("), T("source(")};
    lt_text names[2] = {0}, part;
    size_t count = 0;
    text = lt_text_trim(text);
    *source = lt_text_starts(text, calls[1]);
    size_t head = calls[*source].len;
    *out = (lt_dbt_ref){.version = lt_jinja_none()};
    if (!lt_text_starts(text, calls[*source]) || text.ptr[text.len - 1] != ')')
        return false;
    lt_text rest = lt_text_sub(text, head, text.len - head - 1);
    while (lt_text_cut(&rest, ',', &part)) {
        if (count < 2 && unquote(part, &names[count]))
            count++;
        else if (*source || !read_version(part, &out->version))
            return false;
    }
    out->name = count ? names[count - 1] : (lt_text){0};
    out->package = count == 2 ? names[0] : (lt_text){0};
    return *source ? count == 2 : count > 0;
}

const lt_dbt_node *lt_dbt_reference_find(const lt_dbt *dbt, const lt_dbt_node *from, lt_text text)
{
    lt_dbt_ref ref;
    bool source, is_disabled;
    if (!lt_dbt_reference_read(text, &ref, &source))
        return NULL;
    return source ? lt_dbt_source_find(dbt, from->package, ref.package, ref.name)
                  : lt_dbt_ref_find(dbt, from->package, &ref, &is_disabled);
}
