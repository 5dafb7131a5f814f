/* OpenLineage events: which facet says what. */
#include "notify/lineage.h"

#include "base/time.h"
#include "base/version.h"
#include "fmt/json.h"

#include <openssl/sha.h>
#include <stdio.h>

#define SPEC "https://openlineage.io/spec/"
#define PRODUCER "urn:x-leat:" LT_VERSION

const char *lt_uuid_from(lt_text words, char out[LT_UUID_CHARS])
{
    unsigned char b[SHA256_DIGEST_LENGTH];
    (void)SHA256((const unsigned char *)words.ptr, words.len, b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x80);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)snprintf(out, LT_UUID_CHARS,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
    return out;
}

/* Begin `"name": {"_producer": ..., "_schemaURL": ...`; lt_json_end() closes it. */
static void begin_facet(lt_json_writer *w, const char *name, const char *schema)
{
    lt_json_key(w, lt_text_of(name));
    lt_json_begin(w, '{');
    lt_json_set(w, "_producer", T(PRODUCER));
    lt_json_set(w, "_schemaURL", lt_text_of(schema));
}

static void set_time(lt_json_writer *w, const char *name, int64_t at_us)
{
    char text[LT_TIME_CHARS];
    lt_json_set(w, name, lt_text_of(lt_time_write(at_us, text)));
}

static void write_job_names(lt_json_writer *w, const lt_lineage_job *job)
{
    lt_json_set(w, "namespace", job->namespace_);
    lt_json_set(w, "name", job->name);
}

static void write_parent(lt_json_writer *w, const lt_lineage_event *event)
{
    begin_facet(w, "parent", SPEC "facets/1-1-0/ParentRunFacet.json#/$defs/ParentRunFacet");
    lt_json_key(w, T("run"));
    lt_json_begin(w, '{');
    lt_json_set(w, "runId", event->parent_run_id);
    lt_json_end(w);
    lt_json_key(w, T("job"));
    lt_json_begin(w, '{');
    write_job_names(w, &event->parent);
    lt_json_end(w);
    lt_json_end(w);
}

static void write_run(lt_json_writer *w, const lt_lineage_event *event)
{
    lt_json_key(w, T("run"));
    lt_json_begin(w, '{');
    lt_json_set(w, "runId", event->run_id);
    lt_json_key(w, T("facets"));
    lt_json_begin(w, '{');
    if (event->parent_run_id.len)
        write_parent(w, event);
    if (event->nominal_start_us) {
        begin_facet(w, "nominalTime",
                    SPEC "facets/1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet");
        set_time(w, "nominalStartTime", event->nominal_start_us);
        if (event->nominal_end_us)
            set_time(w, "nominalEndTime", event->nominal_end_us);
        lt_json_end(w);
    }
    if (event->error.len) {
        begin_facet(w, "errorMessage",
                    SPEC "facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet");
        lt_json_set(w, "message", event->error);
        lt_json_set(w, "programmingLanguage", event->sql.len ? T("SQL") : T("C"));
        lt_json_end(w);
    }
    lt_json_end(w);
    lt_json_end(w);
}

static void write_job(lt_json_writer *w, const lt_lineage_event *event)
{
    lt_json_key(w, T("job"));
    lt_json_begin(w, '{');
    write_job_names(w, &event->job);
    lt_json_key(w, T("facets"));
    lt_json_begin(w, '{');
    begin_facet(w, "jobType", SPEC "facets/2-0-3/JobTypeJobFacet.json#/$defs/JobTypeJobFacet");
    lt_json_set(w, "processingType", T("BATCH"));
    lt_json_set(w, "integration", T("LEAT"));
    lt_json_set(w, "jobType", event->job_type);
    lt_json_end(w);
    if (event->sql.len) {
        begin_facet(w, "sql", SPEC "facets/1-1-0/SQLJobFacet.json#/$defs/SQLJobFacet");
        lt_json_set(w, "query", event->sql);
        lt_json_set(w, "dialect", event->dialect);
        lt_json_end(w);
    }
    lt_json_end(w);
    lt_json_end(w);
}

static void write_assertion(lt_json_writer *w, const lt_lineage_dataset *dataset)
{
    begin_facet(w, "dataQualityAssertions",
                SPEC "facets/1-0-1/DataQualityAssertionsDatasetFacet.json"
                     "#/$defs/DataQualityAssertionsDatasetFacet");
    lt_json_key(w, T("assertions"));
    lt_json_begin(w, '[');
    lt_json_begin(w, '{');
    lt_json_set(w, "assertion", dataset->assertion);
    lt_json_set_bool(w, "success", dataset->holds);
    lt_json_end(w);
    lt_json_end(w);
    lt_json_end(w);
}

static void write_statistics(lt_json_writer *w, int64_t rows)
{
    begin_facet(w, "outputStatistics",
                SPEC "facets/1-0-2/OutputStatisticsOutputDatasetFacet.json"
                     "#/$defs/OutputStatisticsOutputDatasetFacet");
    lt_json_set_int(w, "rowCount", rows);
    lt_json_end(w);
}

static void write_schema(lt_json_writer *w, const lt_lineage_fields *fields)
{
    begin_facet(w, "schema", SPEC "facets/1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet");
    lt_json_key(w, T("fields"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < fields->len; i++) {
        lt_json_begin(w, '{');
        lt_json_set(w, "name", fields->items[i].name);
        lt_json_set(w, "type", fields->items[i].type);
        lt_json_end(w);
    }
    lt_json_end(w);
    lt_json_end(w);
}

static void write_dataset_facets(lt_json_writer *w, const lt_lineage_dataset *one)
{
    if (one->fields.len)
        write_schema(w, &one->fields);
    if (one->version.len) {
        begin_facet(w, "version",
                    SPEC "facets/1-0-1/DatasetVersionDatasetFacet.json"
                         "#/$defs/DatasetVersionDatasetFacet");
        lt_json_set(w, "datasetVersion", one->version);
        lt_json_end(w);
    }
    if (one->replaced) {
        begin_facet(w, "lifecycleStateChange",
                    SPEC "facets/1-0-1/LifecycleStateChangeDatasetFacet.json"
                         "#/$defs/LifecycleStateChangeDatasetFacet");
        lt_json_set(w, "lifecycleStateChange", T("OVERWRITE"));
        lt_json_end(w);
    }
}

static void write_datasets(lt_json_writer *w, const char *name, bool written,
                           const lt_lineage_datasets *list)
{
    lt_json_key(w, lt_text_of(name));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < list->len; i++) {
        const lt_lineage_dataset *one = &list->items[i];
        lt_json_begin(w, '{');
        lt_json_set(w, "namespace", one->namespace_);
        lt_json_set(w, "name", one->name);
        lt_json_key(w, T("facets"));
        lt_json_begin(w, '{');
        write_dataset_facets(w, one);
        lt_json_end(w);
        lt_json_key(w, written ? T("outputFacets") : T("inputFacets"));
        lt_json_begin(w, '{');
        if (written && one->rows >= 0)
            write_statistics(w, one->rows);
        if (!written && one->assertion.len)
            write_assertion(w, one);
        lt_json_end(w);
        lt_json_end(w);
    }
    lt_json_end(w);
}

void lt_lineage_write(const lt_lineage_event *event, lt_buf *out)
{
    static const char *const kinds[] = {"START", "COMPLETE", "FAIL", "ABORT"};
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "eventType", lt_text_of(kinds[event->kind]));
    set_time(&w, "eventTime", event->at_us);
    lt_json_set(&w, "producer", T(PRODUCER));
    lt_json_set(&w, "schemaURL", T(SPEC "2-0-2/OpenLineage.json#/$defs/RunEvent"));
    write_run(&w, event);
    write_job(&w, event);
    write_datasets(&w, "inputs", false, &event->inputs);
    write_datasets(&w, "outputs", true, &event->outputs);
    lt_json_end(&w);
    lt_buf_add_byte(out, '\n');
}
