{% if execute %}{{ exceptions.raise_compiler_error('no ' ~ this.name ~ ' today') }}{% endif %} select * from {{ ref('ok') }}
