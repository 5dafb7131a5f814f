select '{{ tools.name() }}' as name, '{{ name() }}' as own, '{{ tools.greet() }}' as greet, * from {{ ref('tools', 'numbers') }}
