/* XML trees over expat, and XML text. */
#include "fmt/xml.h"

#include <expat.h>

enum { DEPTH = 32, NODES = 100000 };

/* One element that is open. */
typedef struct frame {
    lt_xml *element;
    size_t text_at; /* where its text begins in the reader's buffer */
} frame;

typedef struct reader {
    XML_Parser parser;
    lt_arena *arena;
    lt_xml_limits limits;
    lt_xml *root;
    LT_VEC(frame) open;
    lt_buf text; /* of the elements that are open */
    size_t nodes;
    lt_status status; /* of a limit that was passed */
    const char *why;
} reader;

static void reader_cleanup(reader *self)
{
    if (self->parser)
        XML_ParserFree(self->parser);
    lt_vec_free(&self->open);
    lt_buf_cleanup(&self->text);
}

static void stop(reader *self, lt_status status, const char *why)
{
    self->status = status;
    self->why = why;
    (void)XML_StopParser(self->parser, XML_FALSE);
}

static lt_text local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return lt_text_of(colon ? colon + 1 : name);
}

/* Behind a prefix the parser lets anything stand that may stand inside a name; it has to be one by itself. */
static bool is_name(const char *name, lt_text local)
{
    char first = local.len ? local.ptr[0] : '0';
    return local.ptr == name || first == '_' || (first >= 'A' && first <= 'Z') ||
           (first >= 'a' && first <= 'z');
}

static void on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    reader *self = context;
    if (self->status != LT_OK)
        return;
    if (!is_name(name, local_name(name))) {
        stop(self, LT_INVALID, "has an element whose name is none");
        return;
    }
    if (self->open.len >= self->limits.depth) {
        stop(self, LT_TOO_BIG, "is nested too deeply");
        return;
    }
    if (++self->nodes > self->limits.node_limit) {
        stop(self, LT_TOO_BIG, "has too many elements");
        return;
    }
    lt_xml *made = LT_NEW(self->arena, lt_xml);
    made->name = lt_arena_text(self->arena, local_name(name));
    made->line = (uint32_t)XML_GetCurrentLineNumber(self->parser);
    if (self->open.len) {
        frame *parent = &self->open.items[self->open.len - 1];
        lt_buf_cut(&self->text, parent->text_at); /* blanks between elements are nothing */
        if (parent->element->last)
            parent->element->last->next = made;
        else
            parent->element->first = made;
        parent->element->last = made;
    } else {
        self->root = made;
    }
    frame opened = {made, self->text.len};
    lt_push(&self->open, opened);
}

static void on_end(void *context, const XML_Char *name)
{
    (void)name;
    reader *self = context;
    if (self->status != LT_OK)
        return;
    frame *top = &self->open.items[--self->open.len];
    lt_text text = lt_text_sub(lt_buf_text(&self->text), top->text_at, self->text.len);
    if (!top->element->first)
        top->element->text = lt_arena_text(self->arena, text);
    lt_buf_cut(&self->text, top->text_at);
}

static void on_text(void *context, const XML_Char *text, int len)
{
    reader *self = context;
    if (self->status == LT_OK)
        lt_buf_add(&self->text, lt_text_at(text, (size_t)len));
}

static void on_doctype(void *context, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_internal_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    stop(context, LT_INVALID, "has a document type, which is not taken");
}

static lt_status read_failed(const reader *self, lt_err *err)
{
    unsigned long line = XML_GetCurrentLineNumber(self->parser);
    if (self->status != LT_OK)
        return lt_fail(err, self->status, "line %lu: the XML %s", line, self->why);
    return lt_fail(err, LT_INVALID, "line %lu: the XML is broken: %s", line,
                   XML_ErrorString(XML_GetErrorCode(self->parser)));
}

lt_status lt_xml_read(lt_text text, const lt_xml_limits *limits, lt_arena *arena, lt_xml **root,
                      lt_err *err)
{
    LT_AUTO(reader) self = {.arena = arena};
    if (limits)
        self.limits = *limits;
    self.limits.bytes = self.limits.bytes ? self.limits.bytes : 2 * LT_MIB;
    self.limits.depth = self.limits.depth ? self.limits.depth : DEPTH;
    self.limits.node_limit = self.limits.node_limit ? self.limits.node_limit : NODES;
    if (text.len > self.limits.bytes || text.len > INT32_MAX)
        return lt_fail(err, LT_TOO_BIG, "the XML is larger than %zu bytes", self.limits.bytes);
    self.text.limit = 2 * self.limits.bytes + 16; /* UTF-16 and Latin-1 grow in UTF-8 */
    self.parser = XML_ParserCreate(NULL);
    if (!self.parser)
        return lt_fail(err, LT_IO, "there is no memory for an XML parser");
    XML_SetUserData(self.parser, &self);
    XML_SetElementHandler(self.parser, on_start, on_end);
    XML_SetCharacterDataHandler(self.parser, on_text);
    XML_SetStartDoctypeDeclHandler(self.parser, on_doctype);
    XML_SetParamEntityParsing(self.parser, XML_PARAM_ENTITY_PARSING_NEVER);
    bool parsed =
        XML_Parse(self.parser, text.ptr ? text.ptr : "", (int)text.len, 1) == XML_STATUS_OK;
    if (!parsed || self.status != LT_OK || !self.root)
        return read_failed(&self, err);
    LT_TRY(lt_buf_check(&self.text, "the text of the XML", err));
    *root = self.root;
    return LT_OK;
}

const lt_xml *lt_xml_find(const lt_xml *parent, lt_text name)
{
    for (const lt_xml *e = parent ? parent->first : NULL; e; e = e->next)
        if (lt_text_eq(e->name, name))
            return e;
    return NULL;
}

const lt_xml *lt_xml_again(const lt_xml *element)
{
    for (const lt_xml *e = element->next; e; e = e->next)
        if (lt_text_eq(e->name, element->name))
            return e;
    return NULL;
}

lt_text lt_xml_text(const lt_xml *parent, lt_text name)
{
    const lt_xml *found = lt_xml_find(parent, name);
    if (!found)
        return (lt_text){0};
    return found->text.ptr ? found->text : T("");
}

size_t lt_xml_count(const lt_xml *parent, lt_text name)
{
    size_t count = 0;
    for (const lt_xml *e = parent ? parent->first : NULL; e; e = e->next)
        count += lt_text_eq(e->name, name);
    return count;
}

/* ---- writing ---- */

void lt_xml_escape(lt_text text, lt_buf *out)
{
    size_t done = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c > '>' || (c >= ' ' && c != '&' && c != '<' && c != '>' && c != '"'))
            continue;
        lt_buf_add(out, lt_text_sub(text, done, i - done));
        done = i + 1;
        if (c == '&')
            lt_buf_add(out, T("&amp;"));
        else if (c == '<')
            lt_buf_add(out, T("&lt;"));
        else if (c == '>')
            lt_buf_add(out, T("&gt;"));
        else if (c == '"')
            lt_buf_add(out, T("&quot;"));
        else if (c == '\t' || c == '\n' || c == '\r')
            lt_buf_printf(out, "&#%u;", c);
        else
            lt_buf_printf(out, "&#x%x;", c);
    }
    lt_buf_add(out, lt_text_sub(text, done, text.len));
}

void lt_xml_begin(lt_buf *out, lt_text name)
{
    lt_buf_add_byte(out, '<');
    lt_buf_add(out, name);
    lt_buf_add_byte(out, '>');
}

void lt_xml_end(lt_buf *out, lt_text name)
{
    size_t blank = lt_text_find_byte(name, ' ', 0); /* "Name xmlns=..." ends with its name alone */
    lt_buf_add(out, T("</"));
    lt_buf_add(out, lt_text_sub(name, 0, blank));
    lt_buf_add_byte(out, '>');
}

void lt_xml_put(lt_buf *out, lt_text name, lt_text text)
{
    lt_xml_begin(out, name);
    lt_xml_escape(text, out);
    lt_xml_end(out, name);
}

void lt_xml_put_int(lt_buf *out, lt_text name, int64_t value)
{
    lt_xml_begin(out, name);
    lt_buf_printf(out, "%lld", (long long)value);
    lt_xml_end(out, name);
}

void lt_xml_put_bool(lt_buf *out, lt_text name, bool value)
{
    lt_xml_put(out, name, value ? T("true") : T("false"));
}
