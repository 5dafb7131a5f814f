/* Methods of str that make another text or ask a yes/no question. */
#include "jinja/inner.h"

#define METHOD(name_) static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

static lt_text self_text(const lt_jinja_call *call)
{
    return lt_jinja_as_text(call->self);
}

/* An optional argument that must be a str, or None. */
static lt_status optional_text(const lt_jinja_call *call, lt_jinja_value value, lt_text absent,
                               lt_text *out, lt_err *err)
{
    *out = absent;
    if (lt_jinja_is_absent(value) || value.type == LT_JINJA_NONE)
        return LT_OK;
    return lt_jinja_want_text(call, value, out, err);
}

static lt_status recase(lt_jinja_call *call, ustr_case how, lt_jinja_value *out, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    size_t mark = call->render->out.len;
    lt_jinja_recase(self_text(call), how, &call->render->out);
    LT_TRY(lt_jinja_charge(call->render, call->self.len / 8, err));
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

METHOD(upper)
{
    return recase(call, CASE_UPPER, out, err);
}
METHOD(lower)
{
    return recase(call, CASE_LOWER, out, err);
}
METHOD(swapcase)
{
    return recase(call, CASE_SWAP, out, err);
}
METHOD(title)
{
    return recase(call, CASE_TITLE, out, err);
}
METHOD(capitalize)
{
    return recase(call, CASE_CAPITAL, out, err);
}
METHOD(casefold)
{
    return recase(call, CASE_FOLD, out, err);
}

static lt_status strip_sides(lt_jinja_call *call, bool left, bool right, lt_jinja_value *out,
                             lt_err *err)
{
    lt_jinja_value chars;
    lt_text set;
    LT_TRY(lt_jinja_bind(call, "chars?", &chars, err));
    LT_TRY(optional_text(call, chars, (lt_text){0}, &set, err));
    bool given_empty = chars.type == LT_JINJA_STR && !set.len;
    LT_TRY(lt_jinja_charge(call->render, call->self.len / 64 * (1 + set.len / 16), err));
    *out =
        given_empty ? call->self : lt_jinja_text(lt_jinja_strip(self_text(call), set, left, right));
    return LT_OK;
}

METHOD(strip)
{
    return strip_sides(call, true, true, out, err);
}
METHOD(lstrip)
{
    return strip_sides(call, true, false, out, err);
}
METHOD(rstrip)
{
    return strip_sides(call, false, true, out, err);
}

/* ---- yes or no */

typedef bool char_test(uint32_t c);

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}
static bool is_alnum(uint32_t c)
{
    return is_digit(c) || lt_jinja_is_letter(c);
}

static lt_status all_chars(lt_jinja_call *call, char_test *test, lt_jinja_value *out, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    lt_text text = self_text(call);
    bool yes = text.len;
    uint32_t c;
    for (size_t at = 0; yes && lt_utf8_next(text, &at, &c);)
        yes = test(c);
    *out = lt_jinja_bool(yes);
    return lt_jinja_charge(call->render, text.len / 32, err);
}

METHOD(ask_digit)
{
    return all_chars(call, is_digit, out, err);
}
METHOD(ask_alpha)
{
    return all_chars(call, lt_jinja_is_letter, out, err);
}
METHOD(ask_alnum)
{
    return all_chars(call, is_alnum, out, err);
}
METHOD(ask_space)
{
    return all_chars(call, lt_jinja_is_white, out, err);
}

METHOD(ask_ascii)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_bool(lt_jinja_is_ascii(self_text(call)));
    return LT_OK;
}

/* isupper, islower: at least one cased letter, and none of the other case. */
static lt_status all_cased(lt_jinja_call *call, uint32_t (*other)(uint32_t),
                           uint32_t (*same)(uint32_t), lt_jinja_value *out, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    bool any = false, wrong = false;
    uint32_t c;
    for (size_t at = 0; lt_utf8_next(self_text(call), &at, &c);) {
        any |= other(c) != c;
        wrong |= same(c) != c;
    }
    *out = lt_jinja_bool(any && !wrong);
    return lt_jinja_charge(call->render, call->self.len / 16, err);
}

METHOD(ask_upper)
{
    return all_cased(call, lt_jinja_lower, lt_jinja_upper, out, err);
}
METHOD(ask_lower)
{
    return all_cased(call, lt_jinja_upper, lt_jinja_lower, out, err);
}

METHOD(istitle)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    bool any = false, wrong = false, inside = false;
    uint32_t c;
    for (size_t at = 0; lt_utf8_next(self_text(call), &at, &c);) {
        bool cased = lt_jinja_is_cased(c);
        bool is_up = lt_jinja_lower(c) != c;
        wrong |= cased && is_up == inside;
        any |= cased;
        inside = cased;
    }
    *out = lt_jinja_bool(any && !wrong);
    return LT_OK;
}

/* Control and format characters, separators but the space, what is no character: as far as they are of one block each. */
static bool is_printable(uint32_t c)
{
    static const struct {
        uint32_t from, to;
    } hidden[] = {{0, 0x1f},          {0x7f, 0xa0},     {0xad, 0xad},     {0x600, 0x605},
                  {0x61c, 0x61c},     {0x6dd, 0x6dd},   {0x1680, 0x1680}, {0x180e, 0x180e},
                  {0x2000, 0x200f},   {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000},
                  {0xd800, 0xf8ff},   {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff},
                  {0xe0000, 0x10ffff}};
    for (size_t i = 0; i < LT_COUNT(hidden); i++)
        if (c >= hidden[i].from && c <= hidden[i].to)
            return false;
    return true;
}

METHOD(isprintable)
{
    LT_TRY(all_chars(call, is_printable, out, err));
    if (!call->self.len)
        *out = lt_jinja_bool(true);
    return LT_OK;
}

METHOD(isidentifier)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    bool yes = call->self.len;
    uint32_t c;
    for (size_t at = 0, first = 1; yes && lt_utf8_next(self_text(call), &at, &c); first = 0)
        yes = c == '_' || lt_jinja_is_letter(c) || (!first && is_digit(c));
    *out = lt_jinja_bool(yes);
    return LT_OK;
}

/* ---- padding */

static void add_fill(lt_buf *out, lt_text fill, size_t count)
{
    while (count-- && !out->overflow)
        lt_buf_add(out, fill);
}

static lt_status pad(lt_jinja_call *call, size_t left, size_t right, lt_text fill,
                     lt_jinja_value *out, lt_err *err)
{
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len;
    LT_TRY(lt_jinja_room(call->heap, (left + right) * fill.len + call->self.len, err));
    LT_TRY(lt_jinja_charge(call->render, (left + right) / 8, err));
    add_fill(buf, fill, left);
    lt_buf_add(buf, self_text(call));
    add_fill(buf, fill, right);
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

static lt_status pad_args(lt_jinja_call *call, size_t *missing, lt_text *fill, lt_err *err)
{
    lt_jinja_value args[2];
    int64_t width;
    LT_TRY(lt_jinja_bind(call, "width fillchar?", args, err));
    LT_TRY(lt_jinja_want_int(call, args[0], &width, err));
    LT_TRY(optional_text(call, args[1], T(" "), fill, err));
    if (lt_jinja_chars(*fill) != 1)
        return lt_fail(err, LT_INVALID, "The fill character must be exactly one character long");
    int64_t have = (int64_t)lt_jinja_chars(self_text(call));
    *missing = width > have ? (size_t)(width - have) : 0;
    return *missing > LT_GIB ? lt_jinja_room(call->heap, SIZE_MAX, err) : LT_OK;
}

METHOD(ljust)
{
    size_t missing;
    lt_text fill;
    LT_TRY(pad_args(call, &missing, &fill, err));
    return pad(call, 0, missing, fill, out, err);
}
METHOD(rjust)
{
    size_t missing;
    lt_text fill;
    LT_TRY(pad_args(call, &missing, &fill, err));
    return pad(call, missing, 0, fill, out, err);
}
METHOD(center)
{
    size_t missing;
    lt_text fill;
    LT_TRY(pad_args(call, &missing, &fill, err));
    /* CPython gives the odd one to the left when the width is odd. */
    size_t width = missing + lt_jinja_chars(self_text(call));
    size_t left = missing / 2 + (missing & width & 1);
    return pad(call, left, missing - left, fill, out, err);
}

METHOD(zfill)
{
    lt_jinja_value arg;
    int64_t width;
    LT_TRY(lt_jinja_bind(call, "width", &arg, err));
    LT_TRY(lt_jinja_want_int(call, arg, &width, err));
    lt_text text = self_text(call);
    int64_t have = (int64_t)lt_jinja_chars(text);
    size_t missing = width > have ? (size_t)(width - have) : 0;
    LT_TRY(lt_jinja_room(call->heap, missing, err));
    LT_TRY(lt_jinja_charge(call->render, missing / 8, err));
    size_t mark = call->render->out.len;
    lt_buf *buf = &call->render->out;
    bool sign = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+');
    if (sign)
        lt_buf_add_byte(buf, text.ptr[0]);
    add_fill(buf, T("0"), missing);
    lt_buf_add(buf, lt_text_sub(text, sign, SIZE_MAX));
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

/* ---- others */

METHOD(join)
{
    lt_jinja_value over;
    lt_jinja_iter iter;
    LT_TRY(lt_jinja_bind(call, "iterable", &over, err));
    LT_TRY(lt_jinja_iter_start(call->render, over, &iter, err));
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len;
    for (size_t i = 0;; i++) {
        lt_jinja_value item;
        bool more;
        LT_TRY(lt_jinja_iter_next(call->render, &iter, &item, &more, err));
        if (!more)
            break;
        if (item.type != LT_JINJA_STR)
            return lt_fail(err, LT_INVALID, "sequence item %zu: expected str instance, %s found", i,
                           lt_jinja_type_name(item));
        if (i)
            lt_buf_add(buf, self_text(call));
        lt_buf_add(buf, lt_jinja_as_text(item));
    }
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

METHOD(removeprefix)
{
    lt_jinja_value arg;
    lt_text part, text = self_text(call);
    LT_TRY(lt_jinja_bind(call, "prefix", &arg, err));
    LT_TRY(lt_jinja_want_text(call, arg, &part, err));
    *out = lt_jinja_text(lt_text_starts(text, part) ? lt_text_sub(text, part.len, SIZE_MAX) : text);
    return LT_OK;
}

METHOD(removesuffix)
{
    lt_jinja_value arg;
    lt_text part, text = self_text(call);
    LT_TRY(lt_jinja_bind(call, "suffix", &arg, err));
    LT_TRY(lt_jinja_want_text(call, arg, &part, err));
    *out =
        lt_jinja_text(lt_text_ends(text, part) ? lt_text_sub(text, 0, text.len - part.len) : text);
    return LT_OK;
}

METHOD(expandtabs)
{
    lt_jinja_value arg;
    int64_t size = 8;
    LT_TRY(lt_jinja_bind(call, "tabsize?", &arg, err));
    if (!lt_jinja_is_absent(arg))
        LT_TRY(lt_jinja_want_int(call, arg, &size, err));
    lt_text text = self_text(call);
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len, column = 0;
    LT_TRY(lt_jinja_room(call->heap, size > 0 ? (size_t)LT_MIN(size, (int64_t)LT_GIB) : 0, err));
    for (size_t i = 0; i < text.len && !buf->overflow; i++) {
        if (text.ptr[i] != '\t') {
            lt_buf_add_byte(buf, text.ptr[i]);
            column = text.ptr[i] == '\n' || text.ptr[i] == '\r'
                         ? 0
                         : column + (((unsigned char)text.ptr[i] & 0xc0) != 0x80);
        } else if (size > 0) {
            size_t spaces = (size_t)size - column % (size_t)size;
            add_fill(buf, T(" "), spaces);
            column += spaces;
        }
    }
    LT_TRY(lt_jinja_charge(call->render, (buf->len - mark) / 16, err));
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

METHOD(format)
{
    return lt_jinja_format(call, self_text(call), out, err);
}

/* format(**mapping) */
METHOD(format_map)
{
    lt_jinja_value mapping, key, value;
    size_t count = 0;
    LT_TRY(lt_jinja_bind(call, "mapping", &mapping, err));
    if (mapping.type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "format_map() argument must be a dict, not '%s'",
                       lt_jinja_type_name(mapping));
    LT_TRY(lt_jinja_room(call->heap, lt_jinja_len(mapping) * sizeof(lt_jinja_kwarg), err));
    lt_jinja_kwarg *kwargs =
        lt_jinja_alloc(call->heap, (lt_jinja_len(mapping) + 1) * sizeof(*kwargs));
    for (size_t at = 0; lt_jinja_next(mapping, &at, &key, &value);)
        if (key.type == LT_JINJA_STR)
            kwargs[count++] = (lt_jinja_kwarg){lt_jinja_as_text(key), value};
    lt_jinja_call inner = *call;
    inner.arg_count = 0;
    inner.kwargs = kwargs;
    inner.kwarg_count = count;
    return lt_jinja_format(&inner, self_text(call), out, err);
}

/* ---- translate */

static lt_status table_key(lt_jinja_value key, lt_jinja_value *out, lt_err *err)
{
    lt_text text = lt_jinja_as_text(key);
    uint32_t c;
    size_t at = 0;
    *out = key;
    if (key.type == LT_JINJA_INT)
        return LT_OK;
    if (key.type != LT_JINJA_STR || !lt_utf8_next(text, &at, &c) || at != text.len)
        return lt_fail(err, LT_INVALID,
                       "keys in translate table must be strings of length 1 or integers");
    *out = lt_jinja_int(c);
    return LT_OK;
}

static lt_status pair_up(lt_jinja_call *call, const lt_jinja_value texts[3], lt_jinja_value table,
                         lt_err *err)
{
    lt_text from, to, gone = {0};
    uint32_t a, b;
    LT_TRY(lt_jinja_want_text(call, texts[0], &from, err));
    LT_TRY(lt_jinja_want_text(call, texts[1], &to, err));
    LT_TRY(optional_text(call, texts[2], gone, &gone, err));
    if (lt_jinja_chars(from) != lt_jinja_chars(to))
        return lt_fail(err, LT_INVALID, "the first two maketrans arguments must have equal length");
    for (size_t i = 0, k = 0; lt_utf8_next(from, &i, &a) && lt_utf8_next(to, &k, &b);)
        lt_jinja_put_value(table, lt_jinja_int(a), lt_jinja_int(b));
    for (size_t i = 0; lt_utf8_next(gone, &i, &a);)
        lt_jinja_put_value(table, lt_jinja_int(a), lt_jinja_none());
    return lt_jinja_charge(call->render, from.len + gone.len, err);
}

/* maketrans({'a': 'x', 98: none}) or maketrans('ab', 'xy', 'z') */
METHOD(maketrans)
{
    lt_jinja_value args[3], key, value, table = lt_jinja_dict(call->heap);
    LT_TRY(lt_jinja_bind(call, "x y? z?", args, err));
    *out = table;
    if (!lt_jinja_is_absent(args[1]))
        return pair_up(call, args, table, err);
    if (args[0].type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID,
                       "if you give only one argument to maketrans it must be a dict");
    for (size_t at = 0; lt_jinja_next(args[0], &at, &key, &value);) {
        LT_TRY(table_key(key, &key, err));
        lt_jinja_put_value(table, key, value);
    }
    return lt_jinja_charge(call->render, lt_jinja_len(table), err);
}

METHOD(translate)
{
    lt_jinja_value table, to;
    LT_TRY(lt_jinja_bind(call, "table", &table, err));
    lt_text text = self_text(call);
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len;
    uint32_t c;
    for (size_t at = 0, from = 0; lt_utf8_next(text, &at, &c); from = at) {
        if (table.type != LT_JINJA_DICT)
            return lt_fail(err, LT_INVALID, "'%s' object is not subscriptable",
                           lt_jinja_type_name(table));
        char utf8[4];
        to = lt_jinja_none();
        if (!lt_jinja_find_value(table, lt_jinja_int(c), &to))
            lt_buf_add(buf, lt_text_sub(text, from, at - from));
        else if (to.type == LT_JINJA_STR)
            lt_buf_add(buf, lt_jinja_as_text(to));
        else if (to.type == LT_JINJA_INT && to.as.i >= 0 && to.as.i < 0x110000)
            lt_buf_add(buf, lt_text_at(utf8, lt_utf8_put((uint32_t)to.as.i, utf8)));
        else if (to.type != LT_JINJA_NONE)
            return lt_fail(err, LT_INVALID, "character mapping must return integer, None or str");
        LT_TRY(lt_jinja_charge(call->render, 1 + to.len / 32, err));
    }
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

const lt_jinja_func lt_jinja_str_methods[] = {
    {"upper", upper, NULL},
    {"lower", lower, NULL},
    {"swapcase", swapcase, NULL},
    {"title", title, NULL},
    {"capitalize", capitalize, NULL},
    {"casefold", casefold, NULL},
    {"strip", strip, NULL},
    {"lstrip", lstrip, NULL},
    {"rstrip", rstrip, NULL},
    {"isdigit", ask_digit, NULL},
    {"isdecimal", ask_digit, NULL},
    {"isnumeric", ask_digit, NULL},
    {"isalpha", ask_alpha, NULL},
    {"isalnum", ask_alnum, NULL},
    {"isspace", ask_space, NULL},
    {"isascii", ask_ascii, NULL},
    {"isupper", ask_upper, NULL},
    {"islower", ask_lower, NULL},
    {"istitle", istitle, NULL},
    {"isidentifier", isidentifier, NULL},
    {"isprintable", isprintable, NULL},
    {"ljust", ljust, NULL},
    {"rjust", rjust, NULL},
    {"center", center, NULL},
    {"zfill", zfill, NULL},
    {"join", join, NULL},
    {"removeprefix", removeprefix, NULL},
    {"removesuffix", removesuffix, NULL},
    {"expandtabs", expandtabs, NULL},
    {"format", format, NULL},
    {"format_map", format_map, NULL},
    {"maketrans", maketrans, NULL},
    {"translate", translate, NULL},
    {NULL, NULL, NULL},
};
