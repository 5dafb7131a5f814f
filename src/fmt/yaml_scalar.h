/* yaml_scalar.h - what a YAML scalar means: for yaml.c alone. */
#pragma once
#include "fmt/yaml.h"

/* Set type and value of a plain scalar from its text: YAML 1.2's core schema (10.3.2), or YAML 1.1 as PyYAML has it. */
void lt_yaml_resolve(lt_yaml *scalar, bool yaml11);
/* Apply a written tag. False: the text does not fit it; *known says whether the tag itself is one of ours. */
bool lt_yaml_apply_tag(lt_yaml *scalar, bool yaml11, bool *known);
