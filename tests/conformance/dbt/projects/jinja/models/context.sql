{% set when = modules.datetime.datetime(2024, 2, 29, 12, 30) %}
{% set later = when + modules.datetime.timedelta(days=1, hours=2) %}
{% set found = modules.re.findall('[a-z]+', 'ab1cd2') %}
{% set ns = namespace(total=0) %}
{% for i in range(4) if i is odd %}{% set ns.total = ns.total + i %}{% endfor %}
select
    '{{ target.name }} {{ target.schema }} {{ target.type }} {{ target.threads }} {{ target.get("nothere", "-") }}' as target,
    '{{ this }} | {{ this.schema }} | {{ this.include(database=false) }}' as this,
    '{{ project_name }} {{ model.unique_id }} {{ model.resource_type }} {{ model.package_name }}' as who,
    '{{ later.strftime("%Y-%m-%d %H:%M") }} {{ later.isoformat() }} {{ modules.pytz.timezone("Europe/London").localize(when) }}' as later,
    '{{ found | join("/") }} {{ modules.re.sub("(b)", "<\\1>", "abc") }} {{ modules.re.match("a(.)", "abc").group(1) }}' as found,
    {{ ns.total }} as total, {{ execute | as_bool }} as executes,
    '{{ local_md5("x") }}' as hash, '{{ tojson({"a": [1, none]}) }}' as json, '{{ fromjson("[1, 2]")[1] }}' as parsed,
    '{{ fromyaml("a: [yes, 1.50]") }}' as yaml, '{{ zip([1, 2], ["a", "b"]) | list | string | replace("\x27", "") }}' as zipped, '{{ set([1, 1]) | list }}' as uniq,
    '{{ flags.FULL_REFRESH }} {{ flags.WHICH }}' as flags, '{{ invocation_args_dict.which }}' as which,
    '{{ ref("lists") }} {{ ref("lists").identifier }} {{ ref("lists").name }}' as lists, '{{ source("raw", "things") }}' as things,
    '{{ adapter.quote("q") }} {{ adapter.type() }} {{ api.Column.translate_type("string") }} {{ dbt.type_timestamp() }} {{ dbt.type_int() }}' as quoted,
    {{ dbt.concat(["'a'", "'b'"]) }} as concatenated, {{ dbt.safe_cast("'1'", api.Column.translate_type("integer")) }} as casted,
    {{ dbt.dateadd('day', 1, "cast('2024-02-28' as date)") }} as added, {{ dbt.datediff("cast('2024-01-01' as date)", "cast('2024-02-01' as date)", 'day') }} as days,
    {{ dbt.date_trunc('month', "cast('2024-02-28' as date)") }} as month, {{ dbt.hash("'x'") }} as hashed, {{ dbt.split_part("'a-b'", "'-'", 2) }} as part,
    {{ dbt.length("'abc'") }} as len, {{ dbt.replace("'abc'", "'b'", "'x'") }} as replaced, {{ dbt.right("'abc'", 2) }} as rightmost, {{ dbt.position("'b'", "'abc'") }} as pos,
    {{ dbt.any_value("1") }} as any_v, {{ dbt.bool_or("true") }} as any_b, {{ dbt.listagg("'a'", "','") }} as agg, {{ dbt.last_day("cast('2024-02-05' as date)", 'month') }} as last_d,
    {{ dbt.escape_single_quotes("it's") | tojson | replace('"', "'") }} as escaped, {{ dbt.string_literal("lit") }} as lit, {{ dbt.cast("1", "integer") }} as cst
    {{ dbt.except() | replace('except', '') }}
