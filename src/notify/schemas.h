/* schemas.h - what is known, while a run goes on, of the datasets that it tells others of: columns, types, version.
 *
 * Threads: any number may ask and add. What is given lives until lt_schemas_free(). */
#pragma once
#include "notify/lineage.h"

typedef struct lt_schemas lt_schemas;

lt_schemas *lt_schemas_new(void);
void lt_schemas_free(lt_schemas *self); /* NULL is fine */

/* Remember the fields and the version (may be empty) of a dataset by its namespace and name; all is copied. What was known of it is replaced. */
void lt_schemas_put(lt_schemas *self, const lt_lineage_dataset *dataset);
bool lt_schemas_has(lt_schemas *self, const lt_lineage_dataset *dataset);
/* Set the fields and the version, where they are known. */
void lt_schemas_fill(lt_schemas *self, lt_lineage_dataset *dataset);
