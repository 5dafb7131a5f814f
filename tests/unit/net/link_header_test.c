/* Link headers are read as RFC 8288 writes them, and broken ones do no harm. */
#include "net/link_header.h"

#include "support/test.h"

static void finds(const char *value, const char *rel, const char *wanted)
{
    lt_text target = {0};
    bool found = lt_link_find(lt_text_of(value), lt_text_of(rel), &target);
    CHECK_INT(found, wanted != NULL);
    if (wanted)
        CHECK_TEXT(target, wanted);
}

Test(link_header, finds_the_relation)
{
    finds("<https://x/?page=2>; rel=\"next\", <https://x/?page=9>; rel=\"last\"", "next",
          "https://x/?page=2");
    finds("<https://x/?page=2>; rel=\"next\", <https://x/?page=9>; rel=last", "last",
          "https://x/?page=9");
    finds("</a,b;c>;title=\"a, b; rel=\\\"no\\\"\"; REL = Next", "next", "/a,b;c");
    finds("<a>; rel=\"prev start\", <b>; rel=\"up next\"", "next", "b");
}

Test(link_header, ignores_what_does_not_count)
{
    finds("<a>; rel=prev; rel=next", "next", NULL); /* only the first rel counts */
    finds("<a>; rel=next; anchor=\"#other\", <b>; rel=next", "next", "b");
    finds("<a>; title=\"rel=next\"", "next", NULL);
    finds("", "next", NULL);
}

Test(link_header, survives_broken_ones)
{
    finds("<a", "next", NULL);
    finds("junk, <a>; rel", "next", NULL);
    finds("<a>; rel=\"next", "next", "a");
    finds("<a>; rel=\"\\", "next", NULL);
    finds("<>;;;,,, <b>; rel=next", "next", "b");
}
