select {{ var('depth') }} as depth, {{ var('width') }} as width, '{{ var("who") }}' as who, '{{ name() }}' as name, '{{ greet() }}' as greet
