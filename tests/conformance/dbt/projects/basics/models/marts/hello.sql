select '{{ var("who") }}' as who, '{{ this.identifier }}' as me, '{{ model.name }}' as model, {{ cents('5') }} as cents
