/* Looking at a folder: files that have stopped growing. */
#include "sched/look.h"

#include "base/fs.h"
#include "base/time.h"

#include <sys/inotify.h>
#include <sys/stat.h>

enum { MOST_FILES = 100000 };

static const int64_t US = 1000000;

/* Which file it is, and what is in it by now: device, inode, size, time. */
static char *stamp_of(const struct stat *info)
{
    return lt_format("%llx.%llx|%lld|%lld.%09ld", (unsigned long long)info->st_dev,
                     (unsigned long long)info->st_ino, (long long)info->st_size,
                     (long long)info->st_mtim.tv_sec, info->st_mtim.tv_nsec);
}

static lt_growing *find_growing(lt_watched *watched, const char *path)
{
    for (size_t i = 0; i < watched->growing.len; i++)
        if (strcmp(watched->growing.items[i].path, path) == 0)
            return &watched->growing.items[i];
    return NULL;
}

/* How long it still has to be left alone; 0: it has arrived. */
static int64_t rest_of(lt_watched *watched, const char *path, const char *stamp)
{
    int64_t now_us = lt_mono_us();
    lt_growing *one = find_growing(watched, path);
    if (!one) {
        lt_growing made = {.path = lt_xstrdup(path), .stamp = lt_xstrdup(stamp)};
        made.since_mono_us = now_us;
        lt_push(&watched->growing, made);
        one = &watched->growing.items[watched->growing.len - 1];
    } else if (strcmp(one->stamp, stamp) != 0) {
        lt_free(one->stamp);
        one->stamp = lt_xstrdup(stamp);
        one->since_mono_us = now_us;
    }
    one->seen = true;
    return LT_MAX(one->since_mono_us + watched->trigger->file.quiet_us - now_us, (int64_t)0);
}

/* Those that are gone, or known by now. */
static void forget_unseen(lt_watched *watched)
{
    size_t kept = 0;
    for (size_t i = 0; i < watched->growing.len; i++) {
        lt_growing *one = &watched->growing.items[i];
        if (one->seen) {
            one->seen = false;
            watched->growing.items[kept++] = *one;
            continue;
        }
        lt_free(one->path);
        lt_free(one->stamp);
    }
    watched->growing.len = kept;
}

static void add_file(lt_look *look, const char *folder, const char *path, const struct stat *info,
                     lt_text stamp)
{
    LT_AUTO(lt_buf) json = {0};
    LT_AUTO(lt_chars) whole = lt_path_join(folder, path);
    char moment[LT_TIME_CHARS];
    lt_json_writer w = {.out = &json};
    int64_t at_us = (int64_t)info->st_mtim.tv_sec * US + info->st_mtim.tv_nsec / 1000;
    lt_json_begin(&w, '{');
    lt_json_set(&w, "path", lt_text_of(whole));
    lt_json_set(&w, "name", lt_text_of(path));
    lt_json_set_int(&w, "size", (int64_t)info->st_size);
    lt_json_set(&w, "at", lt_text_of(lt_time_write(at_us, moment)));
    lt_json_end(&w);
    lt_sched_event made = {.id = lt_look_id(lt_text_of(path), stamp, look->arena),
                           .json = lt_arena_text(look->arena, lt_buf_text(&json)),
                           .what = lt_arena_text(look->arena, lt_text_of(whole)),
                           .at_us = lt_now_us()};
    lt_push_in(look->arena, &look->events, made);
}

static void look_at_file(lt_watched *watched, lt_look *look, const char *folder, const char *path)
{
    struct stat info;
    LT_AUTO(lt_chars) whole = lt_path_join(folder, path);
    if (stat(whole, &info) != 0 || !S_ISREG(info.st_mode)) /* gone again */
        return;
    LT_AUTO(lt_chars) stamp = stamp_of(&info);
    const char *known = lt_map_find(&watched->known, lt_text_of(path));
    if (known && strcmp(known, stamp) == 0)
        return;
    int64_t rest_us = look->first ? 0 : rest_of(watched, path, stamp);
    if (rest_us) {
        look->again_us = look->again_us ? LT_MIN(look->again_us, rest_us) : rest_us;
        return;
    }
    if (lt_look_item(watched, look, lt_text_of(path), lt_text_of(stamp)))
        add_file(look, folder, path, &info, lt_text_of(stamp));
}

/* The folder and those in it that hold files: they tell of a change at once. */
static void watch_folders(const lt_watched *watched, const char *folder, const lt_path_list *files)
{
    const uint32_t what = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR;
    if (watched->inotify < 0)
        return;
    (void)inotify_add_watch(watched->inotify, folder, what);
    for (size_t i = 0; i < files->len; i++) {
        char *slash = strrchr(files->items[i], '/');
        if (!slash)
            continue;
        LT_AUTO(lt_chars)
        inner = lt_format("%s/%.*s", folder, (int)(slash - files->items[i]), files->items[i]);
        (void)inotify_add_watch(watched->inotify, inner, what);
    }
}

lt_status lt_look_files(lt_watched *watched, lt_look *look, lt_err *err)
{
    const lt_conf_on_file *on = &watched->trigger->file;
    LT_AUTO(lt_chars) name = lt_text_dup(on->folder);
    LT_AUTO(lt_chars) folder = lt_path_join(watched->workspace->root, name);
    LT_AUTO(lt_path_list) files = {0};
    LT_AUTO(lt_map) there = {0};
    if (!lt_path_is_folder(folder))
        return lt_watch_no_folder(name, err);
    LT_TRY(lt_files_below(folder, "", MOST_FILES, &files, err));
    watch_folders(watched, folder, &files);
    for (size_t i = 0; i < files.len; i++) {
        lt_text path = lt_text_of(files.items[i]);
        if (!lt_text_fits(path, on->name))
            continue;
        (void)lt_map_put(&there, path, &there);
        look_at_file(watched, look, folder, files.items[i]);
    }
    lt_look_gone(watched, look, &there);
    if (!look->events.len) /* else they are still news until they are recorded */
        forget_unseen(watched);
    return LT_OK;
}
