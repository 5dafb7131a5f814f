/* What a template takes from outside. */
#include "jinja/jinja.h"
#include "support/test.h"

/* "a.b? c()": every use; '?' behind what is asked for, brackets behind calls. */
static void check_uses(const char *source, const char *expected)
{
    static const lt_jinja_env env;
    lt_err err = {0};
    LT_AUTO(lt_jinja_template_ref) t = NULL;
    LT_AUTO(lt_buf) got = {0};
    lt_jinja_heap heap = {0};
    lt_jinja_uses uses;
    CHECK_OK(lt_jinja_compile(&env, T("t"), lt_text_of(source), &t, NULL, &err), err);
    lt_jinja_uses_of(t, &heap, &uses);
    for (size_t i = 0; i < uses.len; i++) {
        const lt_jinja_use *use = &uses.items[i];
        lt_buf_add_str(&got, i ? " " : "");
        for (size_t k = 0; k < use->count; k++)
            lt_buf_printf(&got, "%s%.*s%s", k ? "." : "", LT_ARG(use->parts[k].name),
                          use->parts[k].is_asked ? "?" : "");
        lt_buf_add_str(&got, use->is_called ? "()" : "");
    }
    CHECK_TEXT(lt_buf_text(&got), expected);
    lt_jinja_heap_cleanup(&heap);
}

Test(jinja_uses, names_come_with_their_attributes_and_constant_keys)
{
    check_uses("{{ a }}{{ b.c['d'].e }}", "a b.c.d.e");
    check_uses("{{ a.b[0].c }}{{ a[k].z }}", "a.b a k");
    check_uses("{{ a.b.c.d.e.f.g.h.i.j }}", "a.b.c.d.e.f.g.h");
    check_uses("{{ x.items() | map(attribute=y) | join(z) }}", "x.items() y z");
}

Test(jinja_uses, what_the_template_sets_is_its_own)
{
    check_uses("{% set a, (b, c) = x %}{{ a }}{{ b }}{{ c.d }}", "x");
    check_uses("{% set ns = namespace(n=y) %}{% set ns.n = z %}{{ ns.n }}", "y z");
    check_uses("{% for k, v in m.items() if k != w %}{{ loop.index }}{{ v }}{% endfor %}",
               "m.items() w");
    check_uses("{% macro f(p, q=d) %}{{ p }}{{ q }}{{ r }}{{ varargs }}{% endmacro %}{{ f(s) }}",
               "d r s");
    check_uses("{% with a = b %}{{ a }}{% endwith %}{% set c %}{{ e }}{% endset %}{{ c }}", "b e");
    check_uses("{% call(x) f() %}{{ x }}{% endcall %}{{ range(3) }}{{ {'k': a} }}", "f() a");
    check_uses("{% from 'm' import f as g %}{% import 'm' as h %}{{ g(1) }}{{ h.x }}{{ f }}", "f");
}

Test(jinja_uses, what_is_asked_for_may_be_missing)
{
    check_uses("{% if a.b is defined %}{{ a.b.c }}{% endif %}{{ a.d }}", "a.b? a.b?.c a.d");
    check_uses("{{ x.y | default('') }}{{ x }}", "x.y? x");
    check_uses("{{ f(1) if z is undefined else z }}", "z? f() z?");
}

Test(jinja_uses, a_deep_expression_needs_no_deep_stack)
{
    LT_AUTO(lt_buf) source = {0};
    static const lt_jinja_env env = {.max_source_bytes = 1 << 20};
    lt_err err = {0};
    LT_AUTO(lt_jinja_template_ref) t = NULL;
    lt_jinja_heap heap = {0};
    lt_jinja_uses uses;
    lt_buf_add_str(&source, "{{ a");
    for (int i = 0; i < 100000; i++)
        lt_buf_add_str(&source, "+b");
    lt_buf_add_str(&source, " }}");
    CHECK_OK(lt_jinja_compile(&env, T("t"), lt_buf_text(&source), &t, NULL, &err), err);
    lt_jinja_uses_of(t, &heap, &uses);
    CHECK_INT(uses.len, 100001);
    lt_jinja_heap_cleanup(&heap);
}
