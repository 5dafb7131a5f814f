/* tables.h - what the tables of settings share: ways to write them, and what texts must look like. For conf/ alone. */
#pragma once
#include "conf/setting.h"

#define AT(type, field) offsetof(type, field)
#define BIT(kind) (1U << (kind))
#define WORDS(list) .words = (list), .word_count = LT_COUNT(list)
#define SETTINGS(list) .settings = (list), .count = LT_COUNT(list)

#define SECOND ((int64_t)1000000)
#define DAY (86400 * SECOND)
#define LEAST_MEMORY ((int64_t)(64 * LT_MIB))
#define LEAST_CACHE ((int64_t)(16 * LT_MIB))
#define MOST_CACHE ((int64_t)1 << 50)
#define MOST_MEMORY ((int64_t)1 << 50)
#define MOST_WAIT (366 * DAY)

bool lt_fits_identifier(lt_text text);  /* letters, digits, _; at most 63 */
bool lt_fits_table(lt_text text);       /* an identifier, or two with a point between */
bool lt_fits_bucket(lt_text text);      /* as S3 wants them */
bool lt_fits_header_name(lt_text text); /* RFC 9110, 5.6.2: a token */
bool lt_fits_param_name(lt_text text);  /* 1 to 255 bytes */
bool lt_fits_http_url(lt_text text);
bool lt_fits_prefix(lt_text text); /* of keys: parts that end with '/', none empty, "." or ".." */
bool lt_fits_one_byte(lt_text text);
bool lt_fits_at_most_one_byte(lt_text text);
bool lt_fits_set(lt_text text);       /* not empty */
bool lt_fits_sns_topic(lt_text text); /* arn:aws:sns:region:account:name */
bool lt_fits_any(lt_text text);
bool lt_fits_store_url(lt_text text); /* local, local:/folder, s3://... */
