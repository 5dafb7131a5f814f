{#- What goes around a model that is written in Python, for adapters that run those. -#}

{% macro resolve_model_name(input_model_name) %}
    {{- return(adapter.dispatch('resolve_model_name', 'dbt')(input_model_name)) -}}
{% endmacro %}

{% macro default__resolve_model_name(input_model_name) %}{{ input_model_name | string | replace('"', '\"') }}{% endmacro %}

{% macro build_ref_function(model) %}
    {% set known = {} %}
    {% for one in model.refs %}
        {% set parts = [one.package, one.name] if one.package else [one.name] %}
        {% set key = parts | join('.') %}
        {% set found = ref(*parts, v=one.version) if one.version else ref(*parts) %}
        {% set found = found.render() if found.render is defined and found.render is callable else found %}
        {% do known.update({key ~ ('.v' ~ one.version if one.version else ''): resolve_model_name(found)}) %}
    {% endfor %}
def ref(*args, **kwargs):
    refs = {{ known | tojson }}
    key = '.'.join(args)
    version = kwargs.get("v") or kwargs.get("version")
    if version:
        key += f".v{version}"
    return kwargs.get("dbt_load_df_function")(refs[key])
{% endmacro %}

{% macro build_source_function(model) %}
    {% set known = {} %}
    {% for one in model.sources %}
        {% do known.update({one | join('.'): resolve_model_name(source(*one))}) %}
    {% endfor %}
def source(*args, dbt_load_df_function):
    sources = {{ known | tojson }}
    return dbt_load_df_function(sources['.'.join(args)])
{% endmacro %}

{% macro build_config_dict(model) %}
    {% set used = {} %}
    {% for key, default in zip(model.config.config_keys_used or [], model.config.config_keys_defaults or []) | list %}
        {% do used.update({key: model.config.get(key, default)}) %}
    {% endfor %}
    {% set meta = {} %}
    {% for key, default in zip(model.config.meta_keys_used or [], model.config.meta_keys_defaults or []) | list %}
        {% do meta.update({key: (model.config.meta or {}).get(key, default)}) %}
    {% endfor %}
config_dict = {{ used }}
meta_dict = {{ meta }}
{% endmacro %}

{% macro py_script_postfix(model) %}
{{ build_ref_function(model) }}
{{ build_source_function(model) }}
{{ build_config_dict(model) }}

class config:
    def __init__(self, *args, **kwargs):
        pass

    @staticmethod
    def get(key, default=None):
        return config_dict.get(key, default)

    @staticmethod
    def meta_get(key, default=None):
        return meta_dict.get(key, default)

class this:
    database = "{{ this.database }}"
    schema = "{{ this.schema }}"
    identifier = "{{ this.identifier }}"
    def __repr__(self):
        return '{{ this }}'

class dbtObj:
    def __init__(self, load_df_function) -> None:
        self.source = lambda *args: source(*args, dbt_load_df_function=load_df_function)
        self.ref = lambda *args, **kwargs: ref(*args, **kwargs, dbt_load_df_function=load_df_function)
        self.config = config
        self.this = this()
        self.is_incremental = {{ is_incremental() }}
{{ py_script_comment() }}
{% endmacro %}

{% macro py_script_comment() %}{% endmacro %}
