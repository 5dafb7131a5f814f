{%- set given = var('given', []) -%}
select '{{ env_var("CONFORM_WORD", "silent") }}' as word, '{{ var("nested")["map"]["a"][0] }}' as x, {{ var('nested').list | length }} as n,
    '{{ var("date") }}' as date, '{{ var("scoped") }}' as scoped, '{{ given | length }}' as given, '{{ var("flag", false) }}' as flag, '{{ var("day", "none") }}' as day,
    '{{ var("nothere", "default") }}' as nothere, {{ var.has_var('scoped') }} as has, '{{ target.name }}' as target, '{{ dbt_metadata_envs }}' as envs
