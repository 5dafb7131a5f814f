/* Time zones: reading tzdata's files, and finding offsets and changes in them. */
#include "base/zone.h"

#include "base/arena.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/time.h"

#include <pthread.h>
#include <stdlib.h>

enum { MAX_FILE = 256 * 1024, HEADER = 44, MAX_NAME = 64 };
enum { DAY_S = 86400 };
/* No two offsets are further apart than from -12 to +14 hours, with room to spare. */
enum { REACH_S = 2 * DAY_S };

/* When a rule's part of the year begins: "M3.5.0/1", "J60", "59". */
typedef struct turn {
    enum { TURN_JULIAN, TURN_DAY, TURN_WEEKDAY } kind;
    unsigned month, week, day; /* `day` alone for the first two */
    int32_t time_s;            /* wall clock; may be negative or beyond a day */
} turn;

/* What goes on for ever behind the last listed change (the file's footer). */
typedef struct rule {
    lt_zone_type standard, summer;
    bool has_summer;
    turn to_summer, to_standard;
} rule;

struct lt_zone {
    lt_arena arena;
    const char *name;
    const int64_t *at_s; /* the listed changes, sorted */
    const uint8_t *type_of;
    const lt_zone_type *types;
    size_t count, type_count;
    rule rule;
    bool has_rule;
};

static lt_zone utc = {
    .name = "UTC",
    .types = (const lt_zone_type[]){{.offset_s = 0, .name = "UTC"}},
    .type_count = 1,
};

/* ---- the rule in the footer: a POSIX TZ string */

static bool take_char(lt_text *rest, char c)
{
    if (!rest->len || rest->ptr[0] != c)
        return false;
    *rest = lt_text_sub(*rest, 1, SIZE_MAX);
    return true;
}

static bool take_number(lt_text *rest, unsigned most, unsigned *out)
{
    size_t digits = 0;
    uint64_t value = 0;
    while (digits < rest->len && digits < 4 && lt_is_digit(rest->ptr[digits]))
        value = value * 10 + (unsigned)(rest->ptr[digits++] - '0');
    *rest = lt_text_sub(*rest, digits, SIZE_MAX);
    *out = (unsigned)value;
    return digits && value <= most;
}

/* "EST", "<+0330>" */
static bool take_name(lt_text *rest, lt_arena *arena, const char **name)
{
    bool quoted = take_char(rest, '<');
    size_t len = 0;
    while (len < rest->len && len < MAX_NAME &&
           (quoted ? rest->ptr[len] != '>' : lt_is_alpha(rest->ptr[len])))
        len++;
    *name = lt_arena_str(arena, lt_text_sub(*rest, 0, len));
    *rest = lt_text_sub(*rest, len, SIZE_MAX);
    return len && (!quoted || take_char(rest, '>'));
}

/* [+-]h[h[h]][:mm[:ss]] in seconds */
static bool take_clock(lt_text *rest, int32_t *seconds)
{
    bool minus = take_char(rest, '-');
    unsigned hours, minutes = 0, rest_s = 0;
    if (!minus)
        (void)take_char(rest, '+');
    if (!take_number(rest, 167, &hours) ||
        (take_char(rest, ':') && !take_number(rest, 59, &minutes)) ||
        (take_char(rest, ':') && !take_number(rest, 59, &rest_s)))
        return false;
    int32_t sum = (int32_t)(hours * 3600 + minutes * 60 + rest_s);
    *seconds = minus ? -sum : sum;
    return true;
}

static bool take_turn(lt_text *rest, turn *out)
{
    *out = (turn){.time_s = 2 * 3600};
    bool good;
    if (take_char(rest, 'M')) {
        out->kind = TURN_WEEKDAY;
        good = take_number(rest, 12, &out->month) && out->month && take_char(rest, '.') &&
               take_number(rest, 5, &out->week) && out->week && take_char(rest, '.') &&
               take_number(rest, 6, &out->day);
    } else if (take_char(rest, 'J')) {
        out->kind = TURN_JULIAN;
        good = take_number(rest, 365, &out->day) && out->day;
    } else {
        out->kind = TURN_DAY;
        good = take_number(rest, 365, &out->day);
    }
    return good && (!take_char(rest, '/') || take_clock(rest, &out->time_s));
}

static bool read_rule(lt_zone *zone, lt_text text)
{
    rule *r = &zone->rule;
    int32_t west;
    if (!take_name(&text, &zone->arena, &r->standard.name) || !take_clock(&text, &west))
        return false;
    r->standard.offset_s = -west;
    zone->has_rule = true;
    if (!text.len)
        return true;
    r->has_summer = true;
    r->summer.is_dst = true;
    r->summer.offset_s = r->standard.offset_s + 3600;
    if (!take_name(&text, &zone->arena, &r->summer.name))
        return false;
    if (text.len && text.ptr[0] != ',') {
        if (!take_clock(&text, &west))
            return false;
        r->summer.offset_s = -west;
    }
    return take_char(&text, ',') && take_turn(&text, &r->to_summer) && take_char(&text, ',') &&
           take_turn(&text, &r->to_standard) && !text.len;
}

static int64_t turn_day(const turn *when, int64_t year)
{
    int64_t january = lt_days_from_date((lt_date){year, 1, 1});
    bool leap = lt_date_is_valid((lt_date){year, 2, 29});
    if (when->kind == TURN_DAY)
        return january + when->day;
    if (when->kind == TURN_JULIAN) /* counts without February 29 */
        return january + when->day - 1 + (leap && when->day >= 60);
    int64_t first = lt_days_from_date((lt_date){year, when->month, 1});
    int64_t weekday = (first + 4) - lt_divide_down(first + 4, 7) * 7; /* 0 is Sunday */
    int64_t day = first + ((int64_t)when->day - weekday + 7) % 7 + 7 * ((int64_t)when->week - 1);
    lt_date date = lt_date_from_days(day);
    return date.month == when->month ? day : day - 7;
}

typedef struct change {
    int64_t at_s;
    const lt_zone_type *type;
} change;

/* Both changes of a year, the earlier one first. */
static void rule_changes(const rule *r, int64_t year, change out[2])
{
    change summer = {turn_day(&r->to_summer, year) * DAY_S + r->to_summer.time_s -
                         r->standard.offset_s,
                     &r->summer};
    change standard = {turn_day(&r->to_standard, year) * DAY_S + r->to_standard.time_s -
                           r->summer.offset_s,
                       &r->standard};
    bool summer_first = summer.at_s < standard.at_s;
    out[0] = summer_first ? summer : standard;
    out[1] = summer_first ? standard : summer;
}

static int64_t year_of(int64_t utc_s)
{
    return lt_date_from_days(lt_divide_down(utc_s, DAY_S)).year;
}

static const lt_zone_type *rule_at(const rule *r, int64_t utc_s)
{
    const lt_zone_type *found = &r->standard;
    int64_t year = year_of(utc_s);
    for (int64_t y = year - 1; r->has_summer && y <= year + 1; y++) {
        change both[2];
        rule_changes(r, y, both);
        for (int i = 0; i < 2; i++)
            if (both[i].at_s <= utc_s)
                found = both[i].type;
    }
    return found;
}

static bool rule_next_change(const rule *r, int64_t utc_s, int64_t *at_s)
{
    int64_t year = year_of(utc_s);
    for (int64_t y = year - 1; r->has_summer && y <= year + 2; y++) {
        change both[2];
        rule_changes(r, y, both);
        for (int i = 0; i < 2; i++)
            if (both[i].at_s > utc_s) {
                *at_s = both[i].at_s;
                return true;
            }
    }
    return false;
}

/* ---- the file */

typedef struct counts {
    uint32_t utc, standard, leap, times, types, chars;
} counts;

static uint32_t u32(const char *at)
{
    const unsigned char *p = (const unsigned char *)at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t i64(const char *at)
{
    return (int64_t)((uint64_t)u32(at) << 32 | u32(at + 4));
}

static bool read_header(lt_text file, counts *c)
{
    if (file.len < HEADER || memcmp(file.ptr, "TZif", 4) != 0)
        return false;
    *c = (counts){.utc = u32(file.ptr + 20),
                  .standard = u32(file.ptr + 24),
                  .leap = u32(file.ptr + 28),
                  .times = u32(file.ptr + 32),
                  .types = u32(file.ptr + 36),
                  .chars = u32(file.ptr + 40)};
    return c->utc <= MAX_FILE && c->standard <= MAX_FILE && c->leap <= MAX_FILE &&
           c->times <= MAX_FILE && c->types > 0 && c->types <= 256 && c->chars > 0 &&
           c->chars <= MAX_FILE;
}

static size_t block_size(const counts *c, size_t time_size)
{
    return c->times * (time_size + 1) + c->types * (size_t)6 + c->chars +
           c->leap * (time_size + 4) + c->standard + c->utc;
}

static bool read_types(lt_zone *zone, const counts *c, const char *at)
{
    const char *chars = at + 6 * (size_t)c->types;
    lt_zone_type *types = lt_alloc_array(&zone->arena, c->types, sizeof(*types));
    for (uint32_t i = 0; i < c->types; i++, at += 6) {
        uint8_t name = (uint8_t)at[5];
        int32_t offset_s = (int32_t)u32(at);
        if (name >= c->chars || offset_s < -REACH_S || offset_s > REACH_S)
            return false;
        lt_text text = lt_text_at(chars + name, strnlen(chars + name, c->chars - name));
        types[i] = (lt_zone_type){
            .offset_s = offset_s, .is_dst = at[4] != 0, .name = lt_arena_str(&zone->arena, text)};
    }
    zone->types = types;
    zone->type_count = c->types;
    return true;
}

static bool read_changes(lt_zone *zone, const counts *c, const char *times)
{
    const char *indexes = times + 8 * (size_t)c->times;
    int64_t *at_s = lt_alloc_array(&zone->arena, c->times + 1, sizeof(*at_s));
    uint8_t *type_of = lt_alloc_array(&zone->arena, c->times + 1, 1);
    for (uint32_t i = 0; i < c->times; i++) {
        at_s[i] = i64(times + 8 * (size_t)i);
        type_of[i] = (uint8_t)indexes[i];
        if (type_of[i] >= c->types || (i && at_s[i] <= at_s[i - 1]))
            return false;
    }
    zone->at_s = at_s;
    zone->type_of = type_of;
    zone->count = c->times;
    return read_types(zone, c, indexes + c->times);
}

/* The second part of the file, with times of 64 bits, and the footer behind it. */
static bool read_file(lt_zone *zone, lt_text file)
{
    counts c;
    if (!read_header(file, &c) || file.ptr[4] < '2')
        return false;
    size_t skip = HEADER + block_size(&c, 4);
    if (skip > file.len)
        return false;
    lt_text rest = lt_text_sub(file, skip, SIZE_MAX);
    if (!read_header(rest, &c) || HEADER + block_size(&c, 8) > rest.len || c.leap)
        return false;
    if (!read_changes(zone, &c, rest.ptr + HEADER))
        return false;
    lt_text footer = lt_text_trim(lt_text_sub(rest, HEADER + block_size(&c, 8), SIZE_MAX));
    return !footer.len || read_rule(zone, footer);
}

lt_status lt_zone_read(lt_text name, lt_text file, lt_zone **out, lt_err *err)
{
    LT_AUTO(lt_zone_ref) zone = lt_xcalloc(1, sizeof(*zone));
    zone->name = lt_arena_str(&zone->arena, name);
    if (!read_file(zone, file))
        return lt_fail(err, LT_INVALID, "the file of time zone '%.*s' is damaged", LT_ARG(name));
    *out = LT_TAKE(zone);
    return LT_OK;
}

void lt_zone_free(lt_zone *zone)
{
    if (!zone)
        return;
    lt_arena_cleanup(&zone->arena);
    lt_free(zone);
}

/* ---- the zones of this process */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static lt_map known; /* of lt_zone, by name */

static bool is_name(lt_text name)
{
    if (!name.len || name.len > MAX_NAME || name.ptr[0] == '/' || lt_text_has(name, T("..")) ||
        lt_text_starts(name, T("right/")) || lt_text_starts(name, T("posix/")))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!lt_is_alpha(name.ptr[i]) && !lt_is_digit(name.ptr[i]) && !strchr("/_+-", name.ptr[i]))
            return false;
    return true;
}

static lt_status read_path(const char *path, lt_text name, lt_zone **out, lt_err *err)
{
    LT_AUTO(lt_buf) file = {.limit = MAX_FILE};
    LT_TRY(lt_file_read(path, &file, err));
    return lt_zone_read(name, lt_buf_text(&file), out, err);
}

static lt_status find_locked(lt_text name, const lt_zone **out, lt_err *err)
{
    *out = lt_map_find(&known, name);
    if (*out)
        return LT_OK;
    LT_AUTO(lt_chars) path = lt_format("/usr/share/zoneinfo/%.*s", LT_ARG(name));
    lt_zone *made = NULL;
    if (lt_path_is_folder(path) || !lt_path_exists(path))
        return lt_fail(err, LT_NOT_FOUND, "there is no time zone '%.*s'", LT_ARG(name));
    LT_TRY(read_path(path, name, &made, err));
    lt_map_put(&known, lt_text_of(made->name), made);
    *out = made;
    return LT_OK;
}

static lt_text name_at(const void *context, size_t i)
{
    return ((const lt_texts *)context)->items[i];
}

/* BST, PST, IST: what several zones call themselves for half of the year. The nearest name would be some other clock. */
static bool is_abbreviation(lt_text name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 'A' || name.ptr[i] > 'Z')
            return false;
    return name.len <= 5;
}

/* tzdata.zi has a line for each name: "Z Europe/London ..." is a zone, "L Europe/London GB" another name of one. */
static void hint_nearest(lt_text name, lt_err *err)
{
    lt_err unread = {0};
    lt_texts names = {0};
    lt_text rest, line, word, nearest = {0};
    LT_AUTO(lt_buf) file = {.limit = LT_MIB};
    (void)lt_hint(err, "names are like Europe/London or UTC; the package tzdata has them all");
    if (is_abbreviation(name))
        return;
    if (lt_file_read("/usr/share/zoneinfo/tzdata.zi", &file, &unread) != LT_OK)
        return;
    for (rest = lt_buf_text(&file); lt_text_cut(&rest, '\n', &line);) {
        bool zone = lt_text_starts(line, T("Z ")), link = lt_text_starts(line, T("L "));
        for (int i = 0; (zone || link) && i < (zone ? 2 : 3); i++)
            (void)lt_text_cut(&line, ' ', &word);
        if (zone || link)
            lt_push(&names, word);
    }
    if (lt_text_nearest(name, names.len, name_at, &names, &nearest))
        (void)lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    lt_vec_free(&names);
}

lt_status lt_zone_find(lt_text name, const lt_zone **out, lt_err *err)
{
    if (lt_text_eq_nocase(name, T("UTC"))) {
        *out = &utc;
        return LT_OK;
    }
    if (!is_name(name)) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' is not the name of a time zone", LT_ARG(name)));
        return lt_hint(err, "names are like Europe/London or UTC");
    }
    (void)pthread_mutex_lock(&lock);
    lt_status status = find_locked(name, out, err);
    (void)pthread_mutex_unlock(&lock);
    if (status == LT_NOT_FOUND)
        hint_nearest(name, err);
    return status;
}

const lt_zone *lt_zone_utc(void)
{
    return &utc;
}

/* What /etc/localtime links to: ".../zoneinfo/Europe/London". */
static lt_text linked_name(const char *target)
{
    static const lt_text mark = {.ptr = "/zoneinfo/", .len = 10};
    size_t at = target ? lt_text_find(lt_text_of(target), mark, 0) : SIZE_MAX;
    return at == SIZE_MAX ? (lt_text){0} : lt_text_sub(lt_text_of(target), at + mark.len, SIZE_MAX);
}

const lt_zone *lt_zone_local(void)
{
    lt_err ignored = {0};
    const lt_zone *found = NULL;
    const char *set = getenv("TZ");
    if (set && *set)
        return lt_zone_find(lt_text_of(set + (*set == ':')), &found, &ignored) == LT_OK ? found
                                                                                        : &utc;
    char *target = realpath("/etc/localtime", NULL);
    lt_text name = linked_name(target);
    if (name.len && lt_zone_find(name, &found, &ignored) != LT_OK)
        found = NULL;
    free(target);
    if (found)
        return found;
    static lt_zone *copied;
    (void)pthread_mutex_lock(&lock);
    if (!copied)
        lt_ignore(read_path("/etc/localtime", T("local"), &copied, &ignored));
    found = copied;
    (void)pthread_mutex_unlock(&lock);
    return found ? found : &utc;
}

const char *lt_zone_name(const lt_zone *zone)
{
    return zone->name;
}

/* ---- asking */

/* How many listed changes are not after `utc_s`. */
static size_t changes_until(const lt_zone *zone, int64_t utc_s)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (zone->at_s[middle] <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const lt_zone_type *lt_zone_at(const lt_zone *zone, int64_t utc_s)
{
    size_t done = changes_until(zone, utc_s);
    if (done == zone->count && zone->has_rule)
        return rule_at(&zone->rule, utc_s);
    return &zone->types[done ? zone->type_of[done - 1] : 0];
}

bool lt_zone_next_change(const lt_zone *zone, int64_t utc_s, int64_t *at_s)
{
    size_t done = changes_until(zone, utc_s);
    if (done < zone->count) {
        *at_s = zone->at_s[done];
        return true;
    }
    return zone->has_rule && rule_next_change(&zone->rule, utc_s, at_s);
}

lt_wall_kind lt_zone_moments(const lt_zone *zone, int64_t wall_s, int64_t *first, int64_t *second)
{
    int64_t at_s = wall_s - REACH_S, skipped_at_s = wall_s;
    const lt_zone_type *type = lt_zone_at(zone, at_s);
    size_t found = 0;
    for (;;) {
        int64_t moment = wall_s - type->offset_s, next = 0;
        bool changes = lt_zone_next_change(zone, at_s, &next) && next <= wall_s + REACH_S;
        if (moment >= at_s && (!changes || moment < next)) {
            *(found ? second : first) = moment;
            found++;
        }
        if (!changes || found == 2)
            break;
        at_s = next;
        int32_t before_s = type->offset_s;
        type = lt_zone_at(zone, at_s);
        if (wall_s >= at_s + before_s && wall_s < at_s + type->offset_s)
            skipped_at_s = at_s;
    }
    if (!found)
        *first = skipped_at_s;
    if (found < 2)
        *second = *first;
    return found == 2 ? LT_WALL_TWICE : found ? LT_WALL_ONCE : LT_WALL_SKIPPED;
}
