/* manifest_inner.h - what the files that write manifest.json share. Keys and shapes are dbt's. */
#pragma once
#include "dbt/artifacts/manifest.h"
#include "dbt/inner.h"

/* ---- manifest_value.c: one key and its value ---- */

void lt_manifest_key(lt_json_writer *w, lt_jinja_value key);
void lt_manifest_value(lt_json_writer *w, const char *key, lt_jinja_value value);
void lt_manifest_null(lt_json_writer *w, const char *key);
void lt_manifest_text(lt_json_writer *w, const char *key, lt_text text); /* empty: null */
void lt_manifest_texts(lt_json_writer *w, const char *key, const lt_texts *texts);
/* `bracket` '{': a dict; '[': a list, or one text as a list. What is neither is written empty. */
void lt_manifest_container(lt_json_writer *w, const char *key, lt_jinja_value value, char bracket);
/* A dict: the keys of `usual`, with what `value` says of them. */
void lt_manifest_over(lt_json_writer *w, lt_jinja_value usual, lt_jinja_value value);
void lt_manifest_created(lt_json_writer *w, const lt_dbt *dbt); /* created_at */
void lt_manifest_config(lt_json_writer *w, const lt_dbt *dbt, const lt_dbt_node *node);

/* ---- manifest_column.c ---- */

void lt_manifest_columns(lt_json_writer *w, const lt_dbt *dbt, const lt_dbt_node *node);
void lt_manifest_constraints(lt_json_writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                             lt_jinja_value list, bool of_model);
/* dbt's checksum of an enforced contract: names, types and constraints of the columns, as SHA-256 in hex. */
void lt_manifest_contract_sum(const lt_dbt_node *node, char out[65]);
/* The columns that make a model's row unique, as constraints or tests tell. */
void lt_manifest_primary_key(lt_dbt *dbt, const lt_dbt_node *node, const lt_dbt_nodes *children,
                             lt_texts *out);

/* ---- manifest_node.c ---- */

void lt_manifest_node(lt_json_writer *w, const lt_dbt *dbt, const lt_dbt_node *node,
                      const lt_texts *primary_key);

/* ---- manifest_place.c: the files ---- */

/* manifest.json takes turns with the one before it: that is brought up to date and takes the name by exchange. An index beside each
 * says where its pieces lie. */
typedef struct lt_manifest_place {
    int lock; /* of the folder; -1: others may be writing too, and nothing is kept for the next time */
    char *path, *fresh, *spare, *index, *spare_index; /* owned */
} lt_manifest_place;

void lt_manifest_place_open(lt_manifest_place *place, const char *folder);
void lt_manifest_place_close(lt_manifest_place *place);
/* The spare as `fresh`, when nobody else can see it; else -1. Read and written. */
int lt_manifest_place_take(const lt_manifest_place *place);
/* An empty `fresh`. */
lt_status lt_manifest_place_new(const lt_manifest_place *place, int *fd, lt_err *err);
/* Give `fresh` its name. `keeps`: what had it becomes the spare. */
lt_status lt_manifest_place_name(const lt_manifest_place *place, bool keeps, lt_err *err);

/* ---- manifest_piece.c: what is as it was ---- */

/* Pieces that are no node: tags of nodes follow theirs. */
enum { LT_MANIFEST_MACROS, LT_MANIFEST_DOCS, LT_MANIFEST_MAPS, LT_MANIFEST_SECTIONS };

/* Blanks in front give room to what may grow between pieces. */
enum { LT_MANIFEST_BLANK_BITS = 24 };
typedef struct lt_manifest_piece {
    uint32_t tag, len;
    uint64_t offset : 64 - LT_MANIFEST_BLANK_BITS; /* with the comma in front, if there is one */
    uint64_t blank : LT_MANIFEST_BLANK_BITS;
    uint64_t digest; /* of what is not in the parse cache */
} lt_manifest_piece;

typedef enum lt_manifest_way {
    LT_MANIFEST_ANEW,
    LT_MANIFEST_COPIED, /* pieces come from manifest.json */
    LT_MANIFEST_PATCHED /* the spare is written to: pieces stay where they are in it */
} lt_manifest_way;

typedef struct lt_manifest_span {
    uint64_t offset, len;
} lt_manifest_span;

typedef struct lt_manifest_pieces {
    lt_arena arena;
    lt_manifest_way way;
    uint64_t stamp; /* of the parse cache; 0: nothing can be copied, and no index is written */
    uint32_t tags;
    int old_fd;                   /* where pieces come from; -1: there is none */
    lt_buf index;                 /* as it was */
    const lt_manifest_piece *old; /* in `index`; NULL: none that fits */
    uint32_t *place_of;           /* by tag: in `old`, from 1 */
    LT_VEC(lt_manifest_piece) fresh;
    lt_manifest_span run; /* pieces that follow each other, behind the buffer */
    size_t run_first;     /* in `fresh` */
    LT_VEC(lt_manifest_span) touched;
    uint32_t tag; /* of the piece that is written */
    uint64_t digest, begun;
    uint64_t blank_end; /* of the last blanks */
    unsigned blank;     /* in front of the piece */
    bool failed;        /* it can be done in another way */
} lt_manifest_pieces;

/* ---- manifest.c: the file ---- */

typedef struct lt_manifest_spare lt_manifest_spare;
typedef struct lt_manifest {
    lt_json_writer w;
    lt_buf buf;
    int fd;
    lt_status status; /* of writing so far */
    const lt_manifest_place *place;
    lt_err *err;
    lt_dbt *dbt;
    const lt_dbt_invocation *invocation;
    lt_dbt_nodes *children;    /* by index in dbt->all; NULL until lt_manifest_children() */
    struct node_state *states; /* by index in dbt->all */
    lt_arena scratch;
    uint64_t written; /* bytes of the file so far, without the buffer */
    lt_manifest_pieces pieces;
    lt_manifest_spare *spare; /* owned: what is copied meanwhile; NULL: nothing is */
    bool has_no_spare;        /* it cannot be made */
} lt_manifest;

/* What is written so far goes to the file, so that memory does not grow with the project. */
void lt_manifest_flush(lt_manifest *m);
/* All of it, with what is to be copied. */
void lt_manifest_flush_all(lt_manifest *m);
/* Who needs each node, by index in dbt->all. */
const lt_dbt_nodes *lt_manifest_children(lt_manifest *m);

/* manifest_piece.c: begin to write m->fd, with what was written for the same parse cache, if it is there. LT_NOT_FOUND: the spare cannot be patched. */
lt_status lt_manifest_pieces_open(lt_manifest *m, lt_manifest_way way);
/* An item of the open container, by its tag: LT_MANIFEST_..., or LT_MANIFEST_SECTIONS and the node's place. False: it is there with the same
 * digest, and kept; else write it and call lt_manifest_piece_end(). A digest of 0 is never the same. After the last piece of a
 * container comes lt_manifest_flush_all(). */
bool lt_manifest_piece_begin(lt_manifest *m, uint32_t tag, uint64_t digest);
void lt_manifest_piece_end(lt_manifest *m);
/* The run behind the buffer is copied, or the buffer is written in front of it. */
void lt_manifest_run_end(lt_manifest *m);
/* What is left of a patched file: it is on its way to the disk before it has its name. */
void lt_manifest_patch_end(lt_manifest *m);
/* Another file of the same content may have an index too. False: none was written. */
bool lt_manifest_pieces_write(const lt_manifest *m, int fd, const char *path);
/* When manifest.json has its name: write the index, or take it away. */
void lt_manifest_pieces_keep(const lt_manifest *m);
void lt_manifest_pieces_close(lt_manifest_pieces *pieces);

/* Bytes of one file to the end of another. */
bool lt_manifest_copy(int from, uint64_t offset, int to, uint64_t len);

/* ---- manifest_spare.c: a copy of what is written from its beginning, for the next change ---- */

/* More is written, and more will be. What is written at once is not worth a copy. */
void lt_manifest_spare_grow(lt_manifest *m);
/* All is written, or it failed. True: the spare is there, with its index. */
bool lt_manifest_spare_end(lt_manifest *m);

/* ---- manifest_macro.c, manifest_map.c: keys of the file ---- */

void lt_manifest_macros(lt_manifest *m);
void lt_manifest_docs(lt_manifest *m);
void lt_manifest_maps(lt_manifest *m);
void lt_manifest_groups(lt_manifest *m);
