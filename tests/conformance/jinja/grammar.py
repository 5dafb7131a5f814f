"""Templates made at random: every filter, test and method, operators, statements in each other, white space control.

Most of what is made is wrong in Python's eyes (a list plus a text), which is no loss: what Jinja refuses is not compared."""

VARIABLES = {
    "n": 5, "f": 2.5, "s": "Grüß e", "l": [3, 1, 2], "d": {"a": 1, "b": [1, {"c": None}], "k": "v"}, "t": (1, "x"), "z": 0, "e": "",
    "words": ["ab", "Cd", "a b"], "rows": [{"x": 1, "y": "q"}, {"x": 3, "y": "p"}, {"x": 2, "y": "q"}], "neg": -7, "tru": True, "non": None,
}

TEXTS = ["''", "'a'", "'Ab c'", "'a,b,,c'", "'  x '", "'%s-%d'", "'1.5'", "'12'", "'é'", r"'A\nb'", '"it\'s"', "'<b>&'", "'abcabc'", "'{}'", "'Hello World foo'",
         "'{0} {1}'", "'-3.0'", "'1e2'", "'öÄ'"]
NUMBERS = "0 1 2 -3 1.0 2.5 1e3 0.1 10 255 1_000 7.25 9223372036854775807 123456789012345678901 0xffffffffffffffffff 1e22".split()
OTHERS = "none true false [] {} ()".split()

STR_METHODS = """upper() lower() strip() split() split(',') split(',',1) rsplit(',',1) title() capitalize() swapcase() replace('a','b') replace('a','b',1)
    startswith('a') endswith(('c','d')) find('b') rfind('b') count('a') join(['x','y']) zfill(8) center(9,'*') ljust(9) rjust(9,'-') isdigit() isalpha() isalnum()
    isspace() isupper() islower() istitle() partition(',') rpartition(',') splitlines() splitlines(true) strip('a_') lstrip('A') rstrip('c') format(1,2) format(x=1)
    format_map({'a':1}) index('a') rindex('a') casefold() expandtabs(4) removeprefix('a') removesuffix('c') isnumeric() isidentifier() isdecimal() isascii()
    isprintable() translate({97:'z',98:none})""".replace("_", " ").split("\n")
STR_METHODS = [method for line in STR_METHODS for method in line.split()]
LIST_METHODS = "count(1) index(1) copy() append(1) pop() pop(0) insert(0,1) sort() reverse() extend([1]) remove(1) clear() index(99)".split()
DICT_METHODS = """keys() values() items() get('a') get('zz') get('zz',3) copy() pop('a') pop('zz',1) update({'q':1}) update(q=2) setdefault('a',2) popitem() a b[1].c
    keys()|list items()|list values()|list""".split()
FILTERS = """abs attr("x") batch(2)|list batch(2,"-")|list capitalize center(10) count d default("x") default("x",true) dictsort dictsort(true,"value") dictsort(reverse=true) e
    escape filesizeformat filesizeformat(true) first float float(1.5) forceescape format(1) format(1,2) groupby("y") groupby("y")|list groupby("y",default="n")|map("list")|list
    indent indent(2,true) indent(2,blank=true) indent("--") int int(7) int(0,16) items items|list join join(",") join(",",attribute="x") last length list lower map("upper")|list
    map(attribute="x")|list map("default","q")|list map(attribute="zz",default=1)|list map("int")|list map("trim")|list map("replace","a","b")|list map("length")|list
    map("first")|list map("sum")|list map("join","-")|list map(attribute="y.0")|list max min max(attribute="x") min(case_sensitive=true) pprint reject|list reject("odd")|list
    rejectattr("x","eq",1)|list replace("a","b") replace("a","b",1) reverse reverse|list round round(1) round(1,"floor") round(-1) round(0,"ceil") safe select|list
    select("string")|list select("in",[1,2])|list select("defined")|list selectattr("x")|list selectattr("x",">",1)|list selectattr("y","equalto","q")|list slice(2)|list
    slice(2,"z")|list sort sort(true) sort(attribute="x") sort(attribute="y,x",reverse=true) sort(case_sensitive=true) string string|length striptags sum
    sum(attribute="x") sum(start=10) title tojson tojson(2) trim trim("a") truncate(5) truncate(5,true) truncate(5,false,"..",0) unique|list unique(true)|list
    unique(attribute="y")|list upper urlencode urlize wordcount wordwrap(5) wordwrap(3,false) wordwrap(4,true,"|") xmlattr xmlattr(false)""".split()
TESTS = """defined undefined none boolean false true integer float number string mapping sequence iterable callable even odd divisibleby(2) divisibleby_3 eq(1) ==_1 lower upper
    sameas_none sameas(true) in_[1,2] in("abc") gt_1 lt(3) ge_2 le_2 ne_1 greaterthan(1) lessthan_9 filter test equalto_"a" !=_2 >_3 >=_2 <_1""".split()
TESTS = [test.replace("_", " ") for test in TESTS]
BINARY = "+ - * / // % ** ~ ~ + == != < > <= >= in not_in and or".split()
SLICES = "0 -1 1: ::2 ::-1 :2 -2: 1:3 5 none true".split()
NAMES = "n f s l d t z e words rows neg tru non undef s l d words rows".split()
LOOPS = ["l", "words", "rows", "d", "d.items()", "range(3)", "s", "t", "undef", "[]", "d|dictsort", 'rows|groupby("y")']
LOOP_BODIES = ["", "{{ loop.index }}{{ loop.first }}{{ loop.last }}", "{{ loop.previtem }}{{ loop.nextitem }}", '{{ loop.cycle("a", "b") }}',
               "{{ loop.length }}{{ loop.revindex }}{{ loop.depth }}", "{{ loop.changed(i) }}", "{% if loop.index == 2 %}{% break %}{% endif %}",
               "{% if loop.first %}{% continue %}{% endif %}", "{{ i }}", "{{ a }}{{ b }}", "{{ loop.index0 }}{{ loop.revindex0 }}{{ loop.depth0 }}"]
PARAMETERS = ["", "a", "a, b=2", "a=1, b=n", 'a="q"', "b=a"]
MACRO_BODIES = ["", "{{ a }}{{ b }}", "{{ varargs }}{{ kwargs }}", '{{ caller() if caller else "" }}', "{{ caller(1) }}"]
MACRO_CALLS = ["", "{{ m() }}", "{{ m(1) }}", "{{ m(1, 2) }}", "{{ m(b=3) }}", "{{ m(1, 2, 3) }}", "{{ m(z=1) }}", "{% call m() %}in{% endcall %}",
               "{% call(x) m(1) %}{{ x }}{% endcall %}", "{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.caller }}", "{{ m(*l) }}", "{{ m(**d) }}"]
RAW_TEXTS = ["x", " ", "\n", "  \n  ", " a ", "\n\n", "|", ";", "{ ", "}", "# ", "\t\n"]
DEEPEST_EXPRESSION, DEEPEST_BLOCK = 3, 2


class Maker:
    """One template after another out of a random.Random."""

    def __init__(self, chance):
        self.chance = chance
        self.pick = chance.choice

    def template(self):
        return self.block(0) if self.chance.random() < 0.6 else "{{ " + self.expression(0) + " }}"

    # ---- expressions

    def expression(self, depth):
        if depth > DEEPEST_EXPRESSION or self.chance.random() < 0.22:
            return self.pick(self.pick((TEXTS, NUMBERS, OTHERS, NAMES, NAMES, NAMES)))
        kinds = (self.binary,) * 5 + (self.filtered,) * 3 + (self.method,) * 3 + (self.test, self.sign, self.chain, self.either, self.item, self.sequence, self.pairs,
                                                                                 self.span, self.percent)
        return self.pick(kinds)(depth + 1)

    def binary(self, depth):
        return f"{self.expression(depth)} {self.pick(BINARY).replace('_', ' ')} {self.expression(depth)}"

    def chain(self, depth):
        return f"{self.expression(depth)} {self.pick(('<', '<=', '=='))} {self.expression(depth)} {self.pick(('<', '>', '!='))} {self.expression(depth)}"

    def sign(self, depth):
        return f"({self.pick(('not ', '-', '+'))}{self.expression(depth)})"

    def filtered(self, depth):
        return f"({self.expression(depth)})|{self.pick(FILTERS)}"

    def method(self, depth):
        subject, methods = self.pick(((self.pick(["s", "e", f"({self.pick(TEXTS)})", f"({self.expression(depth)})"]), STR_METHODS),
                                      (self.pick(["l", "words", "rows", f"[{self.expression(depth)}, 1]"]), LIST_METHODS),
                                      (self.pick(["d", f"{{'a': {self.expression(depth)}}}"]), DICT_METHODS)))
        return f"{subject}.{self.pick(methods)}"

    def test(self, depth):
        return f"({self.expression(depth)} is {self.pick(('', '', 'not '))}{self.pick(TESTS)})"

    def either(self, depth):
        other = f" else {self.expression(depth)}" if self.chance.random() < 0.8 else ""
        return f"({self.expression(depth)} if {self.expression(depth)}{other})"

    def item(self, depth):
        return f"{self.pick(['s', 'l', 't', 'words', 'rows', f'({self.expression(depth)})'])}[{self.pick(SLICES + [self.expression(depth)])}]"

    def sequence(self, depth):
        items = ", ".join(self.expression(depth) for _ in range(self.chance.randint(0, 3)))
        return f"[{items}]" if self.chance.random() < 0.6 or not items else f"({items},)"

    def pairs(self, depth):
        return "{" + ", ".join(f"{self.pick(TEXTS + NUMBERS)}: {self.expression(depth)}" for _ in range(self.chance.randint(0, 2))) + "}"

    def span(self, depth):
        return f"range({self.pick(('3', '0', '1, 4', '5, 0, -2', 'n'))}){self.pick(('', '|list', '|list', '|sum', '[1]', '|join'))}"

    def percent(self, depth):
        return f"{self.pick(['s', '(1.5)', '(n)', f'({self.pick(TEXTS)})'])} % {self.pick(['1', '(1, 2)', '(1,)', 'd', 's', self.expression(depth)])}"

    # ---- statements

    def tag(self, body):
        return "{%" + self.pick(("", "", "", "", "-", "-", "+")) + f" {body} " + self.pick(("", "", "", "-", "+")) + "%}"

    def block(self, depth):
        return "".join(self.part(depth) for _ in range(self.chance.randint(1, 4)))

    def part(self, depth):
        if depth > DEEPEST_BLOCK or self.chance.random() < 0.5:
            return self.pick((self.text, self.output))()
        kinds = (self.condition,) * 3 + (self.loop,) * 4 + (self.assignment,) * 3 + (self.macro,) * 2 + (self.set_block, self.small, self.scope)
        return self.pick(kinds)(depth + 1)

    def text(self):
        return self.pick(RAW_TEXTS)

    def output(self):
        return "{{" + self.pick(("", "-")) + f" {self.expression(0)} " + self.pick(("", "-")) + "}}"

    def rarely(self, text):
        return text if self.chance.random() < 0.4 else ""

    def condition(self, depth):
        more = self.rarely(self.tag("elif " + self.expression(2)) + self.block(depth)) + self.rarely(self.tag("else") + self.block(depth))
        return self.tag("if " + self.expression(2)) + self.block(depth) + more + self.tag("endif")

    def loop(self, depth):
        names = self.pick(("i", "i", "i", "a, b", "(a, b)", "n"))
        head = f"for {names} in {self.pick(LOOPS + [self.expression(2)])}{self.pick(('', '', '', ' if i', ' recursive'))}"
        return self.tag(head) + self.pick(LOOP_BODIES) + self.block(depth) + self.rarely(self.tag("else") + self.block(depth)) + self.tag("endfor")

    def assignment(self, depth):
        """Of no variable of the context: one that is read further in and set further out, later, is undefined in Jinja, and here what it was."""
        return self.tag(f"set {self.pick(('v', 'v', 'w', 'a, b'))} = {self.expression(1)}") + self.pick(("", "{{ v }}", "{{ w }}"))

    def set_block(self, depth):
        return self.tag("set v" + self.pick(("", " | upper", " | trim | length"))) + self.block(depth) + self.tag("endset") + "{{ v }}"

    def macro(self, depth):
        return self.tag(f"macro m({self.pick(PARAMETERS)})") + self.pick(MACRO_BODIES) + self.block(depth) + self.tag("endmacro") + self.pick(MACRO_CALLS)

    def small(self, depth):
        return self.pick((self.tag("do " + self.expression(2)), "{% raw %}{{ x }}{% endraw %}", "{#- c #}", "{# c -#}"))

    def scope(self, depth):
        if self.chance.random() < 0.5:
            return self.tag(f"with v = {self.expression(2)}{self.pick(('', ', w = v'))}") + self.block(depth) + self.tag("endwith")
        return self.tag("filter " + self.pick(("upper", "trim", 'replace("a", "b")', "indent"))) + self.block(depth) + self.tag("endfilter")
