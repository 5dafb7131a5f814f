/* Fuzz: any bytes as a parse cache whose key and checksum are right, and then the project's files against it. Four numbers first: words,
 * texts, values and words of these. */
#include "dbt_fuzz.h"

static void add_head(lt_buf *content, const uint32_t counts[4], size_t body)
{
    lt_err err = {0};
    lt_parse_head head = {.format = LT_PARSE_FORMAT,
                          .words = counts[0],
                          .texts = counts[1],
                          .values = counts[2],
                          .value_words = counts[3]};
    uint64_t words = (uint64_t)head.words + 2 * (uint64_t)head.texts + head.value_words;
    uint64_t used = words * sizeof(uint32_t);
    head.bytes = used < body ? (uint32_t)(body - used) : 0;
    memcpy(head.magic, "leatprse", sizeof(head.magic));
    if (lt_parse_key(fuzz_project_get()->dbt, head.key, &err) != LT_OK)
        abort();
    lt_buf_add(content, lt_text_at((const char *)&head, sizeof(head)));
}

static void set_sum(lt_buf *content)
{
    lt_parse_summing sum = {0};
    lt_parse_sum_add(&sum, lt_text_sub(lt_buf_text(content), sizeof(lt_parse_head), SIZE_MAX));
    uint64_t end = lt_parse_sum_end(&sum);
    memcpy(content->data + offsetof(lt_parse_head, sum), &end, sizeof(end));
}

/* No file looks as the cache says: all of them are read, and what differs is evaluated again. */
static lt_status refresh(lt_dbt *view, const lt_parsed *parsed)
{
    lt_err err = {0};
    size_t early;
    project_files files = {0};
    lt_parse_work work;
    lt_status status = lt_dbt_files_end(lt_dbt_files_begin(view, false), &files, &early, &err);
    if (status == LT_OK)
        status = lt_parse_refresh(view, &files, parsed, &work, &err);
    for (size_t i = 0; i < files.len; i++)
        lt_jinja_template_free(files.items[i].compiled);
    lt_vec_free(&files);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_err err = {0};
    lt_dbt view;
    lt_parsed parsed;
    uint32_t counts[4];
    LT_AUTO(lt_buf) content = {0};
    if (size < sizeof(counts))
        return 0;
    memcpy(counts, data, sizeof(counts));
    add_head(&content, counts, size - sizeof(counts));
    lt_buf_add(&content, lt_text_at((const char *)data + sizeof(counts), size - sizeof(counts)));
    set_sum(&content);
    const lt_parse_head *head = (const void *)content.data;
    fuzz_view_init(&view);
    if (lt_parse_unpack(&view, lt_buf_text(&content), head->sum, head->key, &parsed, &err) ==
            LT_OK &&
        refresh(&view, &parsed) == LT_OK && lt_dbt_resolve(&view, &err) == LT_OK)
        fuzz_write_nodes(&view);
    fuzz_view_cleanup(&view);
    return 0;
}
