/* deps --add-package: an entry in packages.yml, written between the lines that are there. */
#include "dbt/deps/inner.h"

#include "base/fs.h"

/* ---- which entries are the same package ---- */

/* "acme/dbt_utils" is also "dbt-utils", and a part of "https://example.com/dbt-utils.git". */
static bool has_word(lt_text text, lt_text word)
{
    for (size_t at = lt_text_find(text, word, 0); at != SIZE_MAX;
         at = lt_text_find(text, word, at + 1)) {
        size_t end = at + word.len;
        bool begins = at == 0 || text.ptr[at - 1] == '/' || text.ptr[at - 1] == '.';
        if (begins && (end == text.len || text.ptr[end] == '/' || text.ptr[end] == '.'))
            return true;
    }
    return false;
}

static bool is_same(lt_text identifier, const char *package)
{
    static const char swaps[][2] = {{'_', '_'}, {'_', '-'}, {'-', '_'}};
    lt_text whole = lt_text_of(package);
    const char *slash = strrchr(package, '/');
    for (size_t i = 0; i < LT_COUNT(swaps); i++) {
        LT_AUTO(lt_chars) name = lt_text_dup(whole);
        for (char *c = name; *c; c++)
            *c = *c == swaps[i][0] ? swaps[i][1] : *c;
        if (has_word(identifier, lt_text_of(name)) ||
            (slash && has_word(identifier, lt_text_of(name + (slash + 1 - package)))))
            return true;
    }
    return false;
}

static bool is_replaced(const lt_yaml *entry, const char *package)
{
    static const lt_text keys[] = {T("package"), T("git"), T("local"), T("tarball"), T("private")};
    for (size_t i = 0; i < LT_COUNT(keys); i++) {
        const lt_yaml *said = lt_yaml_find(entry, keys[i]);
        if (said && is_same(said->text, package))
            return true;
    }
    return false;
}

/* ---- lines ---- */

static void put_entry(const lt_dbt_deps_entry *entry, int indent, lt_buf *out)
{
    bool hub = strcmp(entry->source, "hub") == 0, git = strcmp(entry->source, "git") == 0;
    lt_text rest = lt_text_of(entry->version ? entry->version : ""), part;
    bool list = lt_text_find_byte(rest, ',', 0) != SIZE_MAX;
    lt_buf_printf(out, "%*s- %s: ", indent, "", hub ? "package" : entry->source);
    lt_json_quote(lt_text_of(entry->package), out);
    if (rest.len) {
        lt_buf_printf(out, "\n%*s%s: %s", indent + 2, "", git ? "revision" : "version",
                      list ? "[" : "");
        for (size_t i = 0; lt_text_cut(&rest, ',', &part); i++) {
            lt_buf_add_str(out, i ? ", " : "");
            lt_json_quote(lt_text_trim(part), out);
        }
        lt_buf_add_str(out, list ? "]" : "");
    }
    lt_buf_add_byte(out, '\n');
}

/* Entries begin on lines of their own: then lines can be taken out and put in. */
static lt_status check_lines(const char *path, const lt_yaml *list, lt_err *err)
{
    if (list->kind == LT_YAML_SEQUENCE) {
        bool own = true;
        for (size_t i = 0; i < list->count; i++)
            own &= list->items[i]->line > (i ? list->items[i - 1]->line : 0) &&
                   list->items[i]->col > 2;
        if (own && list->count)
            return LT_OK;
    }
    lt_ignore(
        lt_fail(err, LT_INVALID, "%s: the list of packages is not written line by line", path));
    return lt_hint(err, "write the package into it yourself");
}

/* The line behind the last entry: the first that begins further left and is no comment. */
static size_t end_of_list(const lt_texts *lines, const lt_yaml *list)
{
    size_t indent = list->items[0]->col - 3, at = list->items[list->count - 1]->line;
    for (; at < lines->len; at++) {
        lt_text line = lines->items[at], bare = lt_text_trim(line);
        size_t blanks = 0;
        while (blanks < line.len && line.ptr[blanks] == ' ')
            blanks++;
        if (bare.len && (blanks < indent || (blanks == indent && bare.ptr[0] != '-')))
            return at;
        if (!bare.len)
            return at;
    }
    return at;
}

/* Lines are counted from 0 here, in `lines`; from 1 in `list`. */
static void rewrite(const lt_texts *lines, const lt_yaml *list, const lt_dbt_deps_entry *entry,
                    bool *replaced, lt_buf *out)
{
    size_t end = end_of_list(lines, list);
    for (size_t at = 0; at <= lines->len; at++) {
        bool drop = false;
        for (size_t i = 0; i < list->count && at < end; i++) {
            size_t from = list->items[i]->line - 1;
            size_t to = i + 1 < list->count ? list->items[i + 1]->line - 1 : end;
            if (at >= from && at < to && is_replaced(list->items[i], entry->package))
                drop = true;
        }
        *replaced |= drop;
        if (at == end)
            put_entry(entry, (int)list->items[0]->col - 3, out);
        if (at < lines->len && !drop) {
            lt_buf_add(out, lines->items[at]);
            lt_buf_add_byte(out, '\n');
        }
    }
}

static lt_status edit(const char *path, const lt_dbt_deps_entry *entry, bool *replaced, lt_buf *out,
                      lt_err *err)
{
    static const lt_yaml_options options = {.yaml11 = true};
    LT_AUTO(lt_arena) scratch = {0};
    LT_AUTO(lt_buf) text = {.limit = LT_DBT_FILE_BYTES};
    lt_texts lines = {0};
    lt_yaml *root = NULL;
    lt_text rest, line;
    if (lt_path_exists(path))
        LT_TRY(lt_file_read(path, &text, err));
    LT_TRY(lt_yaml_read(lt_buf_text(&text), path, &options, &scratch, &root, err));
    const lt_yaml *list = lt_yaml_find(root, T("packages"));
    if (lt_dbt_is_null(root)) {
        lt_buf_printf(out, "%spackages:\n", lt_buf_chars(&text));
        put_entry(entry, 2, out);
        return LT_OK;
    }
    if (!list || (list->kind == LT_YAML_SEQUENCE && !list->count)) {
        lt_ignore(lt_fail(err, LT_INVALID, "%s has no packages", path));
        return lt_hint(err, "write the first one into it yourself");
    }
    LT_TRY(check_lines(path, list, err));
    rest = lt_buf_text(&text);
    rest.len -= lt_text_ends(rest, T("\n"));
    while (lt_text_cut(&rest, '\n', &line))
        lt_push_in(&scratch, &lines, line);
    rewrite(&lines, list, entry, replaced, out);
    return LT_OK;
}

lt_status lt_dbt_deps_add(const char *root, const lt_dbt_deps_entry *entry, bool *replaced,
                          char **path, lt_err *err)
{
    LT_AUTO(lt_buf) out = {.limit = LT_DBT_FILE_BYTES};
    LT_AUTO(lt_chars) packages = lt_path_join(root, "packages.yml");
    LT_AUTO(lt_chars) dependencies = lt_path_join(root, "dependencies.yml");
    const char *file =
        lt_path_exists(dependencies) && !lt_path_exists(packages) ? dependencies : packages;
    *replaced = false;
    LT_TRY(edit(file, entry, replaced, &out, err));
    LT_TRY(lt_buf_check(&out, file, err));
    LT_TRY(lt_file_write(file, lt_buf_text(&out), 0644, err));
    *path = lt_xstrdup(file);
    return LT_OK;
}
