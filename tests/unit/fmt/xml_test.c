#include "fmt/xml.h"
#include "support/test.h"

static lt_status read(lt_text text, lt_arena *arena, lt_xml **root, lt_err *err)
{
    return lt_xml_read(text, NULL, arena, root, err);
}

Test(xml, reads_elements_without_prefixes_and_keeps_blanks_of_leaves)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_err err = {0};
    lt_xml *root;
    CHECK_OK(read(T("<?xml version=\"1.0\"?>\n<s:Delete xmlns:s='x'>\n <Object><Key> a &amp;&#x62; "
                    "</Key></Object>"
                    "<Object><Key/></Object><Quiet>true</Quiet></s:Delete>"),
                  &arena, &root, &err),
             err);
    CHECK_TEXT(root->name, "Delete");
    const lt_xml *object = lt_xml_find(root, T("Object"));
    CHECK_TEXT(lt_xml_text(object, T("Key")), " a &b ");
    object = lt_xml_again(object);
    CHECK_TEXT(lt_xml_text(object, T("Key")), "");
    CHECK(lt_xml_text(object, T("Key")).ptr != NULL);
    CHECK(lt_xml_text(object, T("VersionId")).ptr == NULL);
    CHECK(lt_xml_again(object) == NULL);
    CHECK_INT(lt_xml_count(root, T("Object")), 2);
    CHECK_INT(root->text.len, 0);
}

Test(xml, refuses_document_types_and_what_is_no_xml)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_err err = {0};
    lt_xml *root;
    CHECK_STATUS(read(T("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), &arena, &root, &err),
                 LT_INVALID, err);
    CHECK_HAS(err.message, "document type");
    CHECK_STATUS(read(T("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"), &arena, &root, &err),
                 LT_INVALID, err);
    CHECK_STATUS(read(T("<a>&b;</a>"), &arena, &root, &err), LT_INVALID, err);
    CHECK_STATUS(read(T("<a>"), &arena, &root, &err), LT_INVALID, err);
    CHECK_STATUS(read(T(""), &arena, &root, &err), LT_INVALID, err);
    CHECK_STATUS(read(T("{}"), &arena, &root, &err), LT_INVALID, err);
    CHECK_STATUS(read(T("<a/><b/>"), &arena, &root, &err), LT_INVALID, err);
    CHECK_STATUS(read(T("<a>\x01</a>"), &arena, &root, &err), LT_INVALID, err);
    CHECK_STATUS(read(T("<a><:/></a>"), &arena, &root, &err), LT_INVALID, err);
    CHECK_STATUS(read(T("<a><b:1/></a>"), &arena, &root, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "name");
}

Test(xml, keeps_its_limits)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) text = {0};
    lt_err err = {0};
    lt_xml *root;
    for (int i = 0; i < 100; i++)
        lt_buf_add(&text, T("<a>"));
    CHECK_STATUS(read(lt_buf_text(&text), &arena, &root, &err), LT_TOO_BIG, err);
    lt_buf_clear(&text);
    lt_buf_add(&text, T("<a>"));
    for (int i = 0; i < 100001; i++)
        lt_buf_add(&text, T("<b/>"));
    lt_buf_add(&text, T("</a>"));
    CHECK_STATUS(read(lt_buf_text(&text), &arena, &root, &err), LT_TOO_BIG, err);
    lt_xml_limits small = {.bytes = 10};
    CHECK_STATUS(lt_xml_read(T("<a>12345</a>"), &small, &arena, &root, &err), LT_TOO_BIG, err);
}

Test(xml, writes_what_it_reads)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_err err = {0};
    lt_xml *root;
    lt_xml_begin(&out, T("R xmlns=\"http://x/\""));
    lt_xml_put(&out, T("Key"), T("a&b<c>\"d\"\r\n\te\xc3\xa9"));
    lt_xml_put_int(&out, T("Size"), -5);
    lt_xml_put_bool(&out, T("More"), true);
    lt_xml_end(&out, T("R xmlns=\"http://x/\""));
    CHECK_STR(
        lt_buf_chars(&out),
        "<R xmlns=\"http://x/\"><Key>a&amp;b&lt;c&gt;&quot;d&quot;&#13;&#10;&#9;e\xc3\xa9</Key>"
        "<Size>-5</Size><More>true</More></R>");
    CHECK_OK(read(lt_buf_text(&out), &arena, &root, &err), err);
    CHECK_TEXT(lt_xml_text(root, T("Key")), "a&b<c>\"d\"\r\n\te\xc3\xa9");
    lt_buf_clear(&out);
    lt_xml_escape(T("\x01"), &out);
    CHECK_STR(lt_buf_chars(&out), "&#x1;");
}
