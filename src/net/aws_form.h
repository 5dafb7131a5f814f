/* aws_form.h - signed requests of the services that speak AWS's query protocol (STS, SNS): a form is posted, XML comes back. */
#pragma once
#include "net/aws_credentials.h"
#include "net/http_client.h"

enum { LT_AWS_FORM_HEADERS = 4 };

/* Add a field; none when the value is empty. */
void lt_aws_form_add(lt_buf *form, const char *name, lt_text value);

typedef struct lt_aws_form_call {
    lt_text url; /* with a path, at least "/" */
    lt_text service, region;
    lt_text form;
} lt_aws_form_call;
/* The headers that such a POST is sent with; everything in them lives in the arena. *count is at most LT_AWS_FORM_HEADERS. LT_INVALID:
 * the URL is none. */
LT_MUST_CHECK lt_status lt_aws_form_sign(const lt_aws_form_call *call,
                                         const lt_aws_credentials *credentials, lt_arena *arena,
                                         lt_http_header *headers, size_t *count, lt_err *err);
/* What a status that is not 200 means, in the service's own words. LT_DENIED for 403, else LT_FAILED. */
lt_status lt_aws_form_refused(const char *service, const lt_http_response *response,
                              lt_arena *arena, lt_err *err);
