select {{ 7 // 2 }} as a, {{ -7 // 2 }} as b, {{ 7 % 3 }} as c, {{ -7 % 3 }} as d, {{ 2 ** 10 }} as e, {{ 7 / 2 }} as f, {{ 1e3 }} as g, {{ 10 / 5 }} as h,
{{ (1.1 + 2.2) | round(2) }} as i, {{ [1, 2, 3] | sum }} as j, {{ 'abc'[::-1] | tojson | replace('"', "'") }} as k, {{ "%05.2f" | format(3.14159) }} as l,
'{{ "{:>5}|{:<5}|{:^5}".format("a", "b", "c") }}' as m, '{{ range(5) | list }}' as n, '{{ (1, "two", none, True) }}' as o, {{ 1 < 2 < 3 }} as p,
'{{ "a,b,,c".split(",") | join(";") }}' as q, '{{ "Hello World".lower().title().swapcase() }}' as r, '{{ [3, 1, 2] | sort(reverse=true) | map("string") | join }}' as s,
'{{ {"a": 1, "b": [1.0, "x"]} | string | replace("\x27", "") }}' as t, {{ "12" | int + 1 }} as u, '{{ "x" * 3 ~ 1.0 ~ none ~ true }}' as v
