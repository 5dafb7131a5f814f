/* aws_config.h - the files ~/.aws/config and ~/.aws/credentials, as the AWS tools read them.
 *
 * "Shared config and credentials files" of the AWS SDKs reference guide: sections in [], `name = value` lines, comments with # or ;,
 * indented lines are nested settings. Lenient where the tools are: a line that is neither is stepped over. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

typedef struct lt_aws_config lt_aws_config;

/* Where settings come from; NULL is getenv(). */
typedef const char *lt_aws_getenv(const char *name);

/* Read both files (AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, else below HOME); one that is missing is empty. All of it lives in
 * `arena`. LT_INVALID, LT_TOO_BIG, LT_DENIED: a file that is there cannot be read. */
LT_MUST_CHECK lt_status lt_aws_config_read(lt_aws_getenv *env, lt_arena *arena, lt_aws_config **out,
                                           lt_err *err);

bool lt_aws_config_has_profile(const lt_aws_config *config, lt_text profile);
/* A setting of a profile; what stands in the credentials file goes before. Empty: not set. */
lt_text lt_aws_config_find(const lt_aws_config *config, lt_text profile, const char *name);
/* A nested one: of `s3 =` the line `addressing_style = path`. */
lt_text lt_aws_config_find_nested(const lt_aws_config *config, lt_text profile, const char *group,
                                  const char *name);
/* A setting of [sso-session NAME]. */
lt_text lt_aws_config_find_session(const lt_aws_config *config, lt_text session, const char *name);
/* How the files are called, for messages. */
const char *lt_aws_config_names(const lt_aws_config *config);

/* Split a command line as a POSIX shell does without expanding anything: blanks, quotes, backslashes. `argv` ends with NULL and lives in
 * `arena`. LT_INVALID: an open quote, or nothing. */
LT_MUST_CHECK lt_status lt_aws_split_command(lt_text command, lt_arena *arena, char ***argv,
                                             lt_err *err);
