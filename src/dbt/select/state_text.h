/* state_text.h - the text of another run's manifest, taken apart by two threads. For state_read.c. */
#pragma once
#include "dbt/select/select.h"

#include <pthread.h>

/* A member of a node that says nothing of what it is made from: when it was read, where it is built, what it was compiled to. */
typedef struct lt_dbt_old_span {
    uint32_t key, end; /* in the node's text: the key's quote, and behind the value */
} lt_dbt_old_span;

typedef struct lt_dbt_old_node {
    lt_text raw;                  /* borrowed from the manifest's text */
    const lt_dbt_old_span *apart; /* in the arena */
    size_t apart_count;
    lt_json *opened; /* for lt_dbt_state_node(); under the lock */
} lt_dbt_old_node;

typedef struct lt_dbt_old_member {
    lt_text id;
    lt_dbt_old_node *node;
} lt_dbt_old_member;

/* The part of the text that the other thread reads. Zero-initialise. */
typedef struct lt_dbt_old_part {
    lt_json_reader reader;
    lt_arena arena;
    LT_VEC(lt_dbt_old_member) members;
    size_t begin, end; /* of its first key, and where its object ends */
    lt_status status;
    pthread_t thread;
    bool is_running;
} lt_dbt_old_part;

/* The value `token` of member `id`: into `arena`. Afterwards token->raw is the whole value. */
LT_MUST_CHECK lt_status lt_dbt_old_node_read(lt_json_reader *reader, lt_text id, lt_arena *arena,
                                             lt_json_token *token, lt_dbt_old_node **out,
                                             lt_err *err);
/* Begin to read from the middle of a large text on: what looks like a node there, and those that follow it. Whoever reads from the beginning
 * and comes to `begin` as the key of a node knows that it was one. */
void lt_dbt_old_part_begin(lt_dbt_old_part *part, lt_text text);
/* Wait for it. False: it has not come to an end of nodes, and is of no use. */
bool lt_dbt_old_part_end(lt_dbt_old_part *part);
void lt_dbt_old_part_cleanup(lt_dbt_old_part *part);

/* Whether a node that is written as `now` is letter by letter what `node` is, but for what says nothing of it. */
bool lt_dbt_old_node_is(const lt_dbt_old_node *node, lt_text now);
