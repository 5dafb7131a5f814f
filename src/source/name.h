/* name.h - the names of columns: snake_case, without collisions. */
#pragma once
#include "base/buf.h"
#include "base/vec.h"

/* Append `key` as snake_case: "updatedAt" updated_at, "HTTPServer" http_server, "User-ID 2" user_id_2, "2nd" _2nd. Letters
 * outside ASCII stay. Never empty, at most 63 bytes (PostgreSQL's limit). */
void lt_name_snake(lt_text key, lt_buf *out);
/* The name for a new column with that key, unlike those in `taken` (in any case): the first free of name, name_2, name_3, ... */
lt_text lt_name_choose(lt_arena *arena, lt_text key, const lt_texts *taken);
