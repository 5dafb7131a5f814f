/* route.h - what a route is, and what its handler is given. For web/api/ alone.
 *
 * To add one: a handler beside its kin, and a line in routes.c. What is not in the table of a route's fields does not reach its
 * handler: unknown members and parameters are refused before it is called, types and lengths are checked. */
#pragma once
#include "base/vec.h"
#include "fmt/json.h"
#include "net/http_server.h"
#include "state/figures.h"
#include "state/users.h"
#include "web/api/api.h"
#include "web/api/limit.h"
#include "web/api/live.h"
#include "web/api/metrics.h"

/* ---- what is taken and given ---- */

typedef enum lt_api_type {
    LT_API_TEXT,
    LT_API_INT,
    LT_API_NUMBER,
    LT_API_BOOL,
    LT_API_MOMENT, /* RFC 3339 */
    LT_API_CHOICE, /* one of `values` */
    LT_API_OBJECT, /* any JSON object */
    LT_API_ANY,    /* any JSON value */
    LT_API_NEXT,   /* of an answer: a cursor, or null */
    LT_API_SHAPE,  /* as `shape` says */
} lt_api_type;

typedef struct lt_api_shape lt_api_shape;
typedef struct lt_api_field {
    const char *name;
    lt_api_type type;
    bool needed;         /* must be given; of an answer: is always there */
    bool is_list;        /* a list of these */
    int64_t min, max;    /* of an integer; of a text its characters (max 0: LT_API_TEXT_MOST) */
    const char *pattern; /* of a text, for the document; whoever takes it checks */
    const char *const *values; /* of a choice; NULL behind the last */
    const lt_api_shape *shape;
    const char *help; /* one line */
} lt_api_field;

struct lt_api_shape {
    const char *name; /* "Run": its name in the document */
    const char *help;
    const lt_api_field *fields;
    size_t count;
    bool needs_one; /* of a body: nothing at all is too little */
    bool open;      /* of an answer: it has other members, too */
};
#define LT_API_FIELDS(table) .fields = (table), .count = LT_COUNT(table)

enum {
    LT_API_TEXT_MOST = 4096,        /* characters of a text, unless its field says otherwise */
    LT_API_LIST_MOST = 1000,        /* elements of a list that comes in */
    LT_API_BODY_MOST = 1024 * 1024, /* bytes of a request's body */
    LT_API_ANSWER_MOST = 32 << 20,  /* bytes of an answer that does not stream */
    LT_API_PAGE = 50,               /* rows of a list, unless asked for more */
    LT_API_PAGE_MOST = 1000,
    LT_API_PATH_VALUES = 3,
};

/* ---- routes ---- */

typedef struct lt_api_call lt_api_call;
typedef lt_status lt_api_handle(lt_api_call *call, lt_err *err);

typedef enum lt_api_flag {
    LT_API_FIRST = 1, /* allowed to who has to change a one-time password */
    LT_API_KEYED = 2, /* takes an Idempotency-Key */
    LT_API_NARROW =
        4, /* for tokens of some pipelines too: the handler keeps to call->token_pipelines. Routes with {pipeline} or {run}
                          are checked before it is called and need no flag */
    LT_API_RAW =
        8, /* the body is call->request->body, of any type; `body` of the route says nothing */
    LT_API_NO_AUDIT =
        16, /* a change that the called function writes into the log itself, or that is none */
} lt_api_flag;

struct lt_api_route {
    const char *method, *path; /* "POST", "/api/v1/runs/{run}/cancel" */
    const char *id;            /* "cancelRun": operationId; what the log of changes says, too */
    const char *tag;           /* which part of the document it stands in */
    const char *summary;
    lt_role role;      /* who may; LT_ROLE_NONE: everybody, without signing in */
    int status;        /* of a good answer; 0: 200 */
    int also;          /* another status with the same answer; 0: none */
    unsigned flags;    /* lt_api_flag */
    const char *media; /* of the answer; NULL: application/json, as `answer` says */
    const lt_api_shape *query, *body, *answer; /* NULL: none */
    lt_api_handle *handle;
};

extern const lt_api_route lt_api_routes[];
extern const size_t lt_api_route_count;

/* The route of a method and a path's segments (HEAD counts as GET), with the values of {names}. NULL: none; `allowed` (may be NULL) is
 * then the methods that the path has: "GET, POST", empty when there is no such path. */
const lt_api_route *lt_api_find(lt_text method, const lt_texts *segments,
                                lt_text values[LT_API_PATH_VALUES], lt_buf *allowed);

/* ---- calls ---- */

struct lt_api {
    lt_api_options options;
    lt_state *state; /* borrowed from the scheduler */
    lt_http_server *http;
    lt_limits limits;
    lt_live live;
    lt_api_counts counts;
    pthread_mutex_t lengths_lock;
    lt_lengths lengths; /* of tasks that have ended since the server began */
    bool is_loopback;
    pthread_mutex_t errand_lock; /* held while a process of ours is asked (errand.c) */
    pthread_mutex_t jobs_lock;   /* held while a job is begun (jobs.c) */
    int64_t started_at_us;
};

struct lt_api_call {
    lt_api *api;
    const lt_api_route *route;
    const lt_server_request *request;
    lt_server_reply *reply;
    lt_arena *arena; /* until the answer is sent */
    lt_state *state;
    lt_user user;            /* who asks; without a name: nobody. `role` is what is allowed here */
    lt_actor actor;          /* the same, for the log of changes */
    lt_text token_id;        /* asked with this token; empty: a session, or nobody */
    lt_text token_pipelines; /* only these, separated by spaces; empty: all */
    lt_text session, csrf;   /* of a session: the cookie's value */
    lt_text path[LT_API_PATH_VALUES]; /* values of {names}, in order */
    lt_run_record run;                /* of routes with {run} */
    lt_text idempotency_key;          /* with the user's name before it; may be empty */
    lt_text request_sum;              /* of the body, beside a key */
    const lt_json *body;              /* the checked object; NULL: the route takes none */
    lt_json_writer json;              /* the answer; nothing written and no stream: none */
    int status;                       /* of the answer, from the route */
    const char *title;                /* of an error; NULL: as its status has it */
    const char *place; /* what in the request is wrong, for the error: "body.params" */
    lt_text audit_subject,
        audit_detail; /* for the log of changes; the subject is path[0] unless set */
};

/* Parameters of the query and members of the body; checked already, missing ones are empty, 0, false. */
lt_text lt_api_query(const lt_api_call *call, const char *name);
int64_t lt_api_query_int(const lt_api_call *call, const char *name, int64_t otherwise);
int64_t lt_api_query_moment(const lt_api_call *call, const char *name); /* 0: not given */
bool lt_api_query_bool(const lt_api_call *call, const char *name);
lt_text lt_api_body(const lt_api_call *call, const char *name);
int64_t lt_api_body_int(const lt_api_call *call, const char *name, int64_t otherwise);
int64_t lt_api_body_moment(const lt_api_call *call, const char *name); /* 0: not given */
/* Does the caller's token (if it is one) reach this pipeline? */
bool lt_api_reaches(const lt_api_call *call, lt_text pipeline);
/* What may stand in a cursor, in the name of a user, and in that of a pipeline. */
#define LT_API_CURSOR_PATTERN "^[1-9][0-9]{0,17}$"
#define LT_API_USER_PATTERN "^[a-z0-9][a-z0-9._@-]*$"
#define LT_API_WORD_PATTERN "^[^ \\t\\r\\n\\u0000]+$"
#define LT_API_TEXT_PATTERN "^[^\\u0000]*$" /* any other text */
#define LT_API_LENGTH_PATTERN "^[0-9]+(us|ms|s|m|h|d|w)?$"
/* Fail about a part of the request: "query.limit", "body.params.day". Gives `status` back. */
lt_status lt_api_at(lt_api_call *call, lt_status status, const char *format, ...) LT_PRINTF(3, 4);

/* Writing: a moment (left out when 0), a text (left out when empty), raw JSON (left out when empty). */
void lt_api_set_moment(lt_json_writer *w, const char *key, int64_t at_us);
void lt_api_set_text(lt_json_writer *w, const char *key, lt_text value);
void lt_api_set_raw(lt_json_writer *w, const char *key, lt_text json);
/* The end of a page: "next" is a cursor, or null. Call inside the object, behind the list. */
void lt_api_set_next(lt_json_writer *w, int64_t last, bool more);
/* The cursor of the request, 0: from the start. */
LT_MUST_CHECK lt_status lt_api_cursor(lt_api_call *call, int64_t *before, size_t *limit,
                                      lt_err *err);

/* ---- parts of the face ---- */

/* Check query and body against the route's tables, and read the body. LT_INVALID, LT_TOO_BIG; call->place says what. */
LT_MUST_CHECK lt_status lt_api_read(lt_api_call *call, lt_err *err);
/* Who asks: a session's cookie or a token. LT_DENIED: it is none (any more). */
LT_MUST_CHECK lt_status lt_api_know(lt_api_call *call, lt_err *err);
/* The cookie of a session, for the answer; empty `value` ends it. */
void lt_api_set_cookie(lt_api_call *call, lt_text value, int64_t length_s);
/* May whoever asks use the route now? `*http` is the status of the answer when not. */
LT_MUST_CHECK lt_status lt_api_may(lt_api_call *call, int *http, lt_err *err);
/* An error as application/problem+json (RFC 9457). */
void lt_api_problem(lt_api_call *call, int http, const lt_err *err);
int lt_api_http_status(lt_status status);
