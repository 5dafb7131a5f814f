/* duckdb_lib.h - DuckDB's C API, opened on first use. Only duckdb_*.c include this.
 *
 * A shared library is loaded once for the whole process, so this table is a global: filled once by lt_duckdb_load(), constant
 * afterwards. The library is newer than the header; the calls below are the same in both. */
#pragma once
#include "engine/arrow.h"

#include <duckdb.h>

/* Every call that is used, without "duckdb_". */
#define LT_DUCKDB_CALLS(X)                                                                         \
    X(library_version)                                                                             \
    X(create_config)                                                                               \
    X(set_config)                                                                                  \
    X(destroy_config)                                                                              \
    X(open_ext)                                                                                    \
    X(close)                                                                                       \
    X(connect)                                                                                     \
    X(disconnect)                                                                                  \
    X(interrupt)                                                                                   \
    X(query_progress)                                                                              \
    X(free)                                                                                        \
    X(query)                                                                                       \
    X(extract_statements)                                                                          \
    X(extract_statements_error)                                                                    \
    X(destroy_extracted)                                                                           \
    X(prepare_extracted_statement)                                                                 \
    X(prepare_error)                                                                               \
    X(destroy_prepare)                                                                             \
    X(prepared_statement_type)                                                                     \
    X(prepared_statement_column_count)                                                             \
    X(prepared_statement_column_name)                                                              \
    X(prepared_statement_column_logical_type)                                                      \
    X(nparams)                                                                                     \
    X(bind_varchar_length)                                                                         \
    X(bind_null)                                                                                   \
    X(pending_prepared)                                                                            \
    X(pending_prepared_streaming)                                                                  \
    X(pending_execute_task)                                                                        \
    X(pending_execution_is_finished)                                                               \
    X(execute_pending)                                                                             \
    X(pending_error)                                                                               \
    X(destroy_pending)                                                                             \
    X(result_error)                                                                                \
    X(rows_changed)                                                                                \
    X(column_count)                                                                                \
    X(column_name)                                                                                 \
    X(column_logical_type)                                                                         \
    X(fetch_chunk)                                                                                 \
    X(destroy_result)                                                                              \
    X(result_get_arrow_options)                                                                    \
    X(destroy_arrow_options)                                                                       \
    X(to_arrow_schema)                                                                             \
    X(arrow_scan)                                                                                  \
    X(data_chunk_to_arrow)                                                                         \
    X(error_data_has_error)                                                                        \
    X(error_data_message)                                                                          \
    X(destroy_error_data)                                                                          \
    X(data_chunk_get_vector)                                                                       \
    X(data_chunk_get_size)                                                                         \
    X(destroy_data_chunk)                                                                          \
    X(vector_get_column_type)                                                                      \
    X(vector_get_data)                                                                             \
    X(vector_get_validity)                                                                         \
    X(list_vector_get_child)                                                                       \
    X(struct_vector_get_child)                                                                     \
    X(array_vector_get_child)                                                                      \
    X(get_type_id)                                                                                 \
    X(logical_type_get_alias)                                                                      \
    X(destroy_logical_type)                                                                        \
    X(decimal_width)                                                                               \
    X(decimal_scale)                                                                               \
    X(decimal_internal_type)                                                                       \
    X(enum_internal_type)                                                                          \
    X(enum_dictionary_size)                                                                        \
    X(enum_dictionary_value)                                                                       \
    X(list_type_child_type)                                                                        \
    X(array_type_child_type)                                                                       \
    X(array_type_array_size)                                                                       \
    X(map_type_key_type)                                                                           \
    X(map_type_value_type)                                                                         \
    X(struct_type_child_count)                                                                     \
    X(struct_type_child_name)                                                                      \
    X(struct_type_child_type)                                                                      \
    X(union_type_member_count)                                                                     \
    X(union_type_member_name)                                                                      \
    X(union_type_member_type)                                                                      \
    X(get_varchar)                                                                                 \
    X(destroy_value)                                                                               \
    X(create_null_value)                                                                           \
    X(create_varchar_length)                                                                       \
    X(create_bool)                                                                                 \
    X(create_int8)                                                                                 \
    X(create_uint8)                                                                                \
    X(create_int16)                                                                                \
    X(create_uint16)                                                                               \
    X(create_int32)                                                                                \
    X(create_uint32)                                                                               \
    X(create_int64)                                                                                \
    X(create_uint64)                                                                               \
    X(create_hugeint)                                                                              \
    X(create_uhugeint)                                                                             \
    X(create_bignum)                                                                               \
    X(create_decimal)                                                                              \
    X(create_float)                                                                                \
    X(create_double)                                                                               \
    X(create_date)                                                                                 \
    X(create_time)                                                                                 \
    X(create_time_ns)                                                                              \
    X(create_time_tz_value)                                                                        \
    X(create_timestamp)                                                                            \
    X(create_timestamp_tz)                                                                         \
    X(create_timestamp_s)                                                                          \
    X(create_timestamp_ms)                                                                         \
    X(create_timestamp_ns)                                                                         \
    X(create_interval)                                                                             \
    X(create_blob)                                                                                 \
    X(create_bit)                                                                                  \
    X(create_uuid)                                                                                 \
    X(create_enum_value)                                                                           \
    X(create_struct_value)                                                                         \
    X(create_list_value)                                                                           \
    X(create_array_value)                                                                          \
    X(create_map_value)                                                                            \
    X(create_union_value)

typedef struct lt_duckdb_lib {
#define LT_DUCKDB_FIELD(name) __typeof__(&duckdb_##name) name;
    LT_DUCKDB_CALLS(LT_DUCKDB_FIELD)
#undef LT_DUCKDB_FIELD
} lt_duckdb_lib;

extern lt_duckdb_lib lt_duck;

/* Open the library and fill lt_duck: from $LEAT_DUCKDB if set, else lib/ beside the program or ../lib/leat/. Any thread; once
 * it has worked, later calls do nothing. LT_NOT_FOUND, LT_INVALID (a call is missing), with the places in the hint. */
LT_MUST_CHECK lt_status lt_duckdb_load(lt_err *err);
/* The same on a thread of its own: lt_duckdb_load() waits for it, and says what is wrong. */
void lt_duckdb_load_ahead(void);

/* Owned handles for LT_AUTO. */
#define LT_DUCK_OWNED(name, type, destroy)                                                         \
    typedef type name;                                                                             \
    LT_UNUSED static inline void name##_cleanup(name *value)                                       \
    {                                                                                              \
        lt_duck.destroy(value);                                                                    \
    }
LT_DUCK_OWNED(duck_result, duckdb_result, destroy_result)
LT_DUCK_OWNED(duck_prepared, duckdb_prepared_statement, destroy_prepare)
LT_DUCK_OWNED(duck_extracted, duckdb_extracted_statements, destroy_extracted)
LT_DUCK_OWNED(duck_pending, duckdb_pending_result, destroy_pending)
LT_DUCK_OWNED(duck_chunk, duckdb_data_chunk, destroy_data_chunk)
LT_DUCK_OWNED(duck_type, duckdb_logical_type, destroy_logical_type)
LT_DUCK_OWNED(duck_value, duckdb_value, destroy_value)
LT_DUCK_OWNED(duck_config, duckdb_config, destroy_config)
LT_DUCK_OWNED(duck_arrow_options, duckdb_arrow_options, destroy_arrow_options)

typedef const char *duck_const_chars; /* the same, where the header says const */
LT_UNUSED static inline void duck_const_chars_cleanup(duck_const_chars *value)
{
    lt_duck.free((void *)(uintptr_t)*value);
}

typedef char *duck_chars; /* a string of DuckDB's heap */
LT_UNUSED static inline void duck_chars_cleanup(duck_chars *value)
{
    lt_duck.free(*value);
}
