/* packed.h - is a compressed file whole? DuckDB reads the front part of one that is cut, and says nothing. */
#pragma once
#include "base/err.h"
#include "conf/conf.h"

/* What the name says, when `set` is AUTO: ".gz", ".zst". */
lt_conf_compression lt_packed_kind(lt_text name, lt_conf_compression set);

/* Unpack it once, and drop the bytes. LT_FAILED: it is cut or damaged; the message names `path`. */
LT_MUST_CHECK lt_status lt_packed_check(const char *path, lt_conf_compression kind, lt_err *err);
