/* JSON paths: compiled once, then followed through a page without building a tree. */
#include "fmt/json.h"

#include "base/vec.h"

#include <inttypes.h>

/* ---- compiling ---- */

typedef struct compiler {
    lt_text source;
    size_t at;
    lt_arena *arena;
    LT_VEC(lt_json_step) steps;
} compiler;

static lt_status wrong(const compiler *self, const char *why, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_INVALID, "wrong JSON path '%.*s': %s at character %zu",
                      LT_ARG(self->source), why, self->at + 1));
    return lt_hint(err, "write it like $.items[*], $.data.rows, $['a b'][0] or $");
}

static char peek(const compiler *self)
{
    return self->at < self->source.len ? self->source.ptr[self->at] : '\0';
}

static bool is_name_char(char c)
{
    return lt_is_alpha(c) || lt_is_digit(c) || c == '_' || c == '-' || (unsigned char)c >= 0x80;
}

static lt_status read_name(compiler *self, lt_json_step *step, lt_err *err)
{
    size_t start = ++self->at;
    while (self->at < self->source.len && is_name_char(peek(self)))
        self->at++;
    if (self->at == start)
        return wrong(self, "expected a name", err);
    step->kind = LT_JSON_STEP_NAME;
    step->name = lt_arena_text(self->arena, lt_text_sub(self->source, start, self->at - start));
    return LT_OK;
}

static lt_status read_quoted(compiler *self, lt_json_step *step, lt_err *err)
{
    char quote = peek(self);
    char *name = lt_alloc(self->arena, self->source.len + 1);
    size_t len = 0;
    for (self->at++; peek(self) != quote; self->at++) {
        if (peek(self) == '\\')
            self->at++;
        if (self->at >= self->source.len)
            return wrong(self, "the quote is not closed", err);
        name[len++] = self->source.ptr[self->at];
    }
    self->at++;
    step->kind = LT_JSON_STEP_NAME;
    step->name = lt_text_at(name, len);
    return LT_OK;
}

static lt_status read_index(compiler *self, lt_json_step *step, lt_err *err)
{
    size_t start = self->at;
    while (lt_is_digit(peek(self)))
        self->at++;
    step->kind = LT_JSON_STEP_INDEX;
    if (lt_text_to_u64(lt_text_sub(self->source, start, self->at - start), &step->index))
        return LT_OK;
    self->at = start;
    return wrong(self, "expected '*', a number from 0 or a name in quotes", err);
}

static lt_status read_bracket(compiler *self, lt_json_step *step, lt_err *err)
{
    self->at++;
    if (peek(self) == '*') {
        self->at++;
        step->kind = LT_JSON_STEP_EACH;
    } else if (peek(self) == '\'' || peek(self) == '"') {
        LT_TRY(read_quoted(self, step, err));
    } else {
        LT_TRY(read_index(self, step, err));
    }
    if (peek(self) != ']')
        return wrong(self, "expected ']'", err);
    self->at++;
    return LT_OK;
}

lt_status lt_json_path_compile(lt_text source, lt_arena *arena, lt_json_path *path, lt_err *err)
{
    compiler self = {.source = source, .arena = arena};
    if (lt_text_has(source, lt_text_at("", 1)) || lt_utf8_valid_len(source) != source.len)
        return wrong(&self, "a byte that is not text", err);
    if (peek(&self) != '$')
        return wrong(&self, "expected '$'", err);
    self.at = 1;
    while (self.at < source.len) {
        lt_json_step step = {0};
        if (self.steps.len == LT_JSON_PATH_STEPS)
            return wrong(&self, "too many steps", err);
        if (peek(&self) == '.')
            LT_TRY(read_name(&self, &step, err));
        else if (peek(&self) == '[')
            LT_TRY(read_bracket(&self, &step, err));
        else
            return wrong(&self, "expected '.' or '['", err);
        lt_push_in(arena, &self.steps, step);
    }
    *path = (lt_json_path){
        .source = lt_arena_text(arena, source), .steps = self.steps.items, .count = self.steps.len};
    return LT_OK;
}

/* ---- following ---- */

void lt_json_walk_open(lt_json_walk *walk, const lt_json_path *path, bool each, lt_text text,
                       const char *name)
{
    *walk = (lt_json_walk){.path = path, .each = each, .missed_step = SIZE_MAX};
    lt_json_open(&walk->reader, text, name);
}

static void note_miss(lt_json_walk *walk, size_t step, lt_json_kind kind, size_t offset)
{
    if (walk->missed_step != SIZE_MAX && walk->missed_step >= step)
        return;
    walk->missed_step = step;
    walk->missed_kind = kind;
    walk->missed_offset = offset;
}

/* Can step `step` be taken inside a value of this kind? The step behind the last is the array that `each` opens. */
static bool can_enter(const lt_json_walk *walk, size_t step, lt_json_kind kind)
{
    if (step == walk->path->count)
        return kind == LT_JSON_ARRAY;
    return kind ==
           (walk->path->steps[step].kind == LT_JSON_STEP_NAME ? LT_JSON_OBJECT : LT_JSON_ARRAY);
}

/* A value that the first `step` steps lead to: give it, enter it, or step over it. */
static lt_status visit(lt_json_walk *walk, size_t step, lt_json_token *token, bool *given,
                       lt_err *err)
{
    bool last = step == walk->path->count;
    bool open_last = last && walk->each && token->kind == LT_JSON_ARRAY &&
                     (step == 0 || walk->path->steps[step - 1].kind != LT_JSON_STEP_EACH);
    if (step > walk->path->count || (last && !open_last)) {
        walk->places++;
        walk->found++;
        *given = true;
        return lt_json_whole(&walk->reader, token, err);
    }
    if (!can_enter(walk, step, token->kind)) {
        note_miss(walk, step, token->kind, token->offset);
        return lt_json_whole(&walk->reader, token, err);
    }
    walk->places += last || (step + 1 == walk->path->count &&
                             walk->path->steps[step].kind == LT_JSON_STEP_EACH);
    walk->levels[walk->level++] = (struct lt_json_level){0};
    return LT_OK;
}

/* The container that the walk is in has ended. */
static void leave(lt_json_walk *walk, size_t offset)
{
    size_t step = --walk->level;
    if (step == walk->path->count || walk->levels[step].seen)
        return;
    const lt_json_step *wanted = &walk->path->steps[step];
    if (wanted->kind != LT_JSON_STEP_EACH)
        note_miss(walk, step, wanted->kind == LT_JSON_STEP_NAME ? LT_JSON_OBJECT : LT_JSON_ARRAY,
                  offset);
}

static void keep_key(lt_json_walk *walk, size_t step, lt_text raw)
{
    bool first = walk->missed_step == SIZE_MAX || step > walk->missed_step;
    if (walk->levels[step].index == 0 && first)
        walk->missed_key_count = 0;
    if (first && walk->missed_key_count < LT_COUNT(walk->missed_keys))
        walk->missed_keys[walk->missed_key_count++] = raw;
    walk->levels[step].index++;
}

static lt_status on_key(lt_json_walk *walk, const lt_json_token *token, lt_err *err)
{
    size_t step = walk->level - 1;
    struct lt_json_level *level = &walk->levels[step];
    lt_text name = walk->path->steps[step].name;
    level->match = lt_json_string_eq(token->raw, name);
    keep_key(walk, step, token->raw);
    if (!level->match)
        return LT_OK;
    if (level->seen)
        return lt_json_fail(&walk->reader, token->offset, err, "the key '%.*s' stands twice",
                            LT_ARG(name));
    level->seen = true;
    return LT_OK;
}

/* Is the value that begins here on the path? */
static bool on_path(lt_json_walk *walk)
{
    if (walk->level == 0)
        return true;
    size_t step = walk->level - 1;
    struct lt_json_level *level = &walk->levels[step];
    if (step == walk->path->count || walk->path->steps[step].kind == LT_JSON_STEP_EACH)
        return true;
    if (walk->path->steps[step].kind == LT_JSON_STEP_NAME)
        return level->match;
    bool match = level->index++ == walk->path->steps[step].index;
    level->seen |= match;
    return match;
}

lt_status lt_json_walk_next(lt_json_walk *walk, lt_json_token *token, lt_err *err)
{
    bool given = false;
    lt_json_token now;
    while (!given) {
        LT_TRY(lt_json_next(&walk->reader, &now, err));
        if (now.kind == LT_JSON_END)
            break;
        if (now.kind == LT_JSON_CLOSE)
            leave(walk, now.offset);
        else if (now.kind == LT_JSON_KEY)
            LT_TRY(on_key(walk, &now, err));
        else if (on_path(walk))
            LT_TRY(visit(walk, walk->level, &now, &given, err));
        else
            LT_TRY(lt_json_whole(&walk->reader, &now, err));
    }
    *token = now;
    return LT_OK;
}

/* The path up to and with `count` steps, as it is written. */
static void write_steps(const lt_json_path *path, size_t count, lt_buf *out)
{
    lt_buf_add_byte(out, '$');
    for (size_t i = 0; i < count; i++) {
        const lt_json_step *step = &path->steps[i];
        if (step->kind == LT_JSON_STEP_NAME)
            lt_buf_printf(out, ".%.*s", LT_ARG(step->name));
        else if (step->kind == LT_JSON_STEP_EACH)
            lt_buf_add_str(out, "[*]");
        else
            lt_buf_printf(out, "[%" PRIu64 "]", step->index);
    }
}

static void hint_keys(const lt_json_walk *walk, lt_err *err)
{
    LT_AUTO(lt_buf) keys = {.limit = 400};
    for (size_t i = 0; i < walk->missed_key_count; i++)
        lt_buf_printf(&keys, "%s%.*s", i ? ", " : "", LT_ARG(walk->missed_keys[i]));
    if (keys.len)
        lt_ignore(lt_hint(err, "the object there has: %s", keys.data));
}

lt_status lt_json_walk_check(const lt_json_walk *walk, lt_err *err)
{
    if (walk->places || walk->missed_step == SIZE_MAX)
        return LT_OK;
    size_t step = walk->missed_step;
    bool name = walk->path->steps[step].kind == LT_JSON_STEP_NAME;
    LT_AUTO(lt_buf) here = {.limit = 400}, wanted = {.limit = 400};
    write_steps(walk->path, step, &here);
    write_steps(walk->path, step + 1, &wanted);
    if (walk->missed_kind == (name ? LT_JSON_OBJECT : LT_JSON_ARRAY)) {
        lt_ignore(lt_json_fail(&walk->reader, walk->missed_offset, err,
                               "there is no %s in the page", lt_buf_chars(&wanted)));
        if (name)
            hint_keys(walk, err);
        return err->status;
    }
    return lt_json_fail(&walk->reader, walk->missed_offset, err,
                        "%s is %s, expected %s for the path %.*s", lt_buf_chars(&here),
                        lt_json_kind_name(walk->missed_kind), name ? "an object" : "an array",
                        LT_ARG(walk->path->source));
}

lt_status lt_json_path_find(const lt_json_path *path, lt_text text, const char *name,
                            lt_json_token *token, lt_err *err)
{
    lt_json_walk walk;
    lt_json_walk_open(&walk, path, false, text, name);
    return lt_json_walk_next(&walk, token, err);
}
