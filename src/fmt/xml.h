/* xml.h - small XML documents: read into a tree, written into a buffer, as S3 speaks them.
 *
 * Reading refuses document types (so there are no entities but the five of XML), and has limits of size, depth and elements. Names are
 * taken without their prefix, attributes are not kept. Threads: everything belongs to its caller. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

typedef struct lt_xml lt_xml;
struct lt_xml {
    lt_text name;
    lt_text text; /* what stands in it, when there are no elements in it: blanks as they are */
    lt_xml *first, *next; /* its first element; the next one beside it */
    lt_xml *last;         /* for the reader */
    uint32_t line;
};

typedef struct lt_xml_limits {
    size_t bytes;      /* [2 MiB] */
    size_t depth;      /* [32] */
    size_t node_limit; /* elements [100,000] */
} lt_xml_limits;

/* Read a document; the tree lives in `arena` and borrows nothing. `limits` may be NULL. LT_INVALID: no XML, or it has a document
 * type; LT_TOO_BIG: over a limit. */
LT_MUST_CHECK lt_status lt_xml_read(lt_text text, const lt_xml_limits *limits, lt_arena *arena,
                                    lt_xml **root, lt_err *err);

/* The first element of that name in `parent` (may be NULL), or NULL. */
const lt_xml *lt_xml_find(const lt_xml *parent, lt_text name);
/* The next one of the same name beside it, or NULL. */
const lt_xml *lt_xml_again(const lt_xml *element);
/* The text of the first element of that name; NULL ptr when there is none. */
lt_text lt_xml_text(const lt_xml *parent, lt_text name);
size_t lt_xml_count(const lt_xml *parent, lt_text name);

/* ---- writing ---- */

/* Append text with & < > " escaped, and what a reader would change or choke on (\r \n \t, control characters) as &#N;. */
void lt_xml_escape(lt_text text, lt_buf *out);
void lt_xml_begin(lt_buf *out, lt_text name); /* <name> */
void lt_xml_end(lt_buf *out, lt_text name);   /* </name> */
/* <name>text</name> */
void lt_xml_put(lt_buf *out, lt_text name, lt_text text);
void lt_xml_put_int(lt_buf *out, lt_text name, int64_t value);
void lt_xml_put_bool(lt_buf *out, lt_text name, bool value);
