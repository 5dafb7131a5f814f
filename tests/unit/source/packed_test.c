/* Compressed files are whole, or they are an error: every cut and every changed byte is found. */
#include "source/packed.h"

#include "base/fs.h"
#include "support/files.h"
#include "support/test.h"

#include <zlib.h>
#include <zstd.h>

static void add_gzip(lt_text text, lt_buf *out)
{
    char packed[4096];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text.ptr,
                  .avail_in = (uInt)text.len,
                  .next_out = (Bytef *)packed,
                  .avail_out = sizeof(packed)};
    CHECK_INT(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    lt_buf_add(out, lt_text_at(packed, sizeof(packed) - z.avail_out));
    (void)deflateEnd(&z);
}

static void add_zstd(lt_text text, lt_buf *out)
{
    char packed[4096];
    ZSTD_CCtx *context = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t len = ZSTD_compress2(context, packed, sizeof(packed), text.ptr, text.len);
    CHECK(!ZSTD_isError(len));
    lt_buf_add(out, lt_text_at(packed, len));
    (void)ZSTD_freeCCtx(context);
}

static lt_status look(const lt_buf *bytes, lt_conf_compression kind, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "packed");
    CHECK_OK(lt_file_write(path, lt_buf_text(bytes), 0600, err), *err);
    return lt_packed_check(path, kind, err);
}

static void find_all_damage(void (*add)(lt_text, lt_buf *), lt_conf_compression kind)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) whole = {0};
    add(T("id,name\n1,a\n2,b\n"), &whole);
    add(T("3,c\n"), &whole); /* two members make one text */
    size_t first = 0;
    LT_AUTO(lt_buf) one = {0};
    add(T("id,name\n1,a\n2,b\n"), &one);
    first = one.len;
    CHECK_OK(look(&whole, kind, &err), err);
    for (size_t len = 0; len < whole.len; len++) {
        LT_AUTO(lt_buf) cut = {0};
        lt_buf_add(&cut, lt_text_sub(lt_buf_text(&whole), 0, len));
        if (len != first)
            CHECK_STATUS(look(&cut, kind, &err), LT_FAILED, err);
    }
    whole.data[whole.len - 3] ^= 0x55; /* in the sum of the content */
    CHECK_STATUS(look(&whole, kind, &err), LT_FAILED, err);
    CHECK_HAS(err.message, "packed' is damaged");
}

Test(packed, damage_of_gzip_is_found)
{
    find_all_damage(add_gzip, LT_CONF_COMPRESSION_GZIP);
}

Test(packed, damage_of_zstd_is_found)
{
    find_all_damage(add_zstd, LT_CONF_COMPRESSION_ZSTD);
}

Test(packed, zeros_behind_gzip_are_padding_and_other_bytes_are_not)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) bytes = {0};
    add_gzip(T("id\n1\n"), &bytes);
    for (int i = 0; i < 512; i++)
        lt_buf_add_byte(&bytes, '\0');
    CHECK_OK(look(&bytes, LT_CONF_COMPRESSION_GZIP, &err), err);
    lt_buf_add(&bytes, T("rubbish"));
    CHECK_STATUS(look(&bytes, LT_CONF_COMPRESSION_GZIP, &err), LT_FAILED, err);
}

Test(packed, names_say_how_a_file_is_packed)
{
    CHECK_INT(lt_packed_kind(T("a.csv.gz"), LT_CONF_COMPRESSION_AUTO), LT_CONF_COMPRESSION_GZIP);
    CHECK_INT(lt_packed_kind(T("a.csv.zst"), LT_CONF_COMPRESSION_AUTO), LT_CONF_COMPRESSION_ZSTD);
    CHECK_INT(lt_packed_kind(T("a.csv"), LT_CONF_COMPRESSION_AUTO), LT_CONF_COMPRESSION_NONE);
    CHECK_INT(lt_packed_kind(T("a.csv"), LT_CONF_COMPRESSION_GZIP), LT_CONF_COMPRESSION_GZIP);
}
