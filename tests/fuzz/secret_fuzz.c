/* Fuzz: any bytes as a sealed file, with a fixed key: taken apart, checked, opened. */
#include "secret/sealed.h"
#include "secret/secret.h"

#include <sodium.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char key[LT_SEAL_KEY] = {1, 2, 3};
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_sealed file = {0};
    if (sodium_init() < 0 ||
        lt_sealed_read(lt_text_at((const char *)data, size), &arena, &file, &err) != LT_OK)
        return 0;
    lt_ignore(lt_sealed_check(&file, key, &err));
    for (size_t i = 0; i < file.lines.len; i++) {
        lt_buf value = {0};
        lt_ignore(lt_sealed_open(&file, &file.lines.items[i], key, &value, &err));
        lt_secret_wipe(&value);
    }
    return 0;
}
