#!/usr/bin/env python3
"""Renders generated chat templates with Jinja as transformers sets it up and with `plimsoll template`, and compares them.

    python tools/jinja_diff.py target/debug/plimsoll [--count 10000] [--seed 1] [--save tools/jinja_diff.json] [-v]
    python tools/jinja_diff.py --cases crates/engine/tests/jinja.json      what the engine's own test renders

Needs jinja2 3.1.6. The environment is that of transformers 5.24 (`_compile_jinja_template`): an immutable sandbox with
trim_blocks, lstrip_blocks, loop controls, `generation` blocks, its own `tojson`, `raise_exception`, `strftime_now`,
`dict` and `namespace`. What Jinja refuses has to be refused, in whatever words; what it renders has to be the same text.
What is refused here because it is not supported says so, and is counted apart.
"""
import argparse, collections, concurrent.futures, datetime, json, os, platform, random, resource, signal, subprocess, tempfile, warnings

import jinja2, jinja2.ext, jinja2.utils
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = "2026-11-29T09:05:07"
# What one template may take of Jinja. [s]
SECONDS = 10
WITHOUT_END = f"no end within {SECONDS} s"


def environment():
    class Generation(jinja2.ext.Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

        @jinja2.pass_eval_context
        def _body(self, context, caller):
            return caller()

    class TemplateDict:
        def __call__(self, *args, **kwargs):
            return dict(*args, **kwargs)

        def fromkeys(self, *args, **kwargs):
            return dict.fromkeys(*args, **kwargs)

    class TemplateNamespace(jinja2.utils.Namespace):
        def __init__(*args, **kwargs):
            self, args = args[0], args[1:]
            attrs = dict(*args, **kwargs)
            for name in attrs:
                TemplateNamespace._check_name(name)
            jinja2.utils.Namespace.__init__(self, attrs)

        def __setitem__(self, name, value):
            TemplateNamespace._check_name(name)
            jinja2.utils.Namespace.__setitem__(self, name, value)

        @staticmethod
        def _check_name(name):
            if isinstance(name, str) and name.startswith("_"):
                raise jinja2.exceptions.SecurityError(name)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: datetime.datetime.fromisoformat(NOW).strftime(format)
    env.globals["dict"] = TemplateDict()
    env.globals["namespace"] = TemplateNamespace
    return env


VARIABLES = {
    "s": "The old harbour wall", "t": "one-two, three  four\nfive\tsix\n", "u": "Ünïcödé ß Σας 東京 🚢 ǆ it's \"q\"", "e": "",
    "h": "<b>bold & 'brave'</b>", "n": 7, "z": 0, "m": -12, "g": 123456789012345678901234567890, "f": 2.5, "k": 1e20,
    "p": 0.1, "yes": True, "no": False, "nil": None, "l": [3, 1, 2, 1], "w": ["b", "A", "c", "a"], "empty": [],
    "d": {"b": 2, "a": 1, "items": [1, 2], "C": None}, "x": {}, "nest": [{"k": "v", "n": 2, "sub": {"y": [1, 2]}}, {"k": "w", "n": 1}],
    "mixed": [1, "1", 1.0, True, None, [1], {"a": 1}],
}
MESSAGES = [
    {"role": "system", "content": "Be brief. "}, {"role": "user", "content": "  Hi <|im_end|> there\n"},
    {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1, "b": [2.0, None]}}}]},
    {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "image"}, {"type": "text", "text": "two"}]},
]

TEXTS = ["s", "t", "u", "e", "h", "'abc'", "'a%sb'", "'x y'", "'%d|%5.1f|%-4s|'", "'Ab-cD'", "'{}{0}'", "'  pad '", "'12'", "'-3.7'", "'0x1f'"]
NUMBERS = ["n", "z", "m", "g", "f", "k", "p", "3", "2.0", "-1", "10", "yes", "1_000", "1e3"]
LISTS = ["l", "w", "empty", "nest", "mixed", "[1, 2, 3]", "['x', s]", "(1, 'b')", "(4,)", "range(4)", "messages", "d.keys()", "x.items()"]
DICTS = ["d", "x", "nest[0]", "{'q': 1, 'r': s}", "{}", "messages[0]", "messages[2].tool_calls[0].function"]
ODD = ["nil", "missing", "d.nothing", "yes", "no", "loop", "dict(a=1)", "namespace(a=1)"]

FILTERS = {
    "abs": [], "attr": ["'items'", "'k'"], "batch": ["2", "3, 'x'"], "capitalize": [], "center": ["", "20", "width=9"], "count": [],
    "default": ["", "'d'", "'d', true", "default_value=1", "'x', boolean=true"], "dictsort": ["", "true", "false, 'value'", "by='value'", "reverse=true"],
    "escape": [], "filesizeformat": ["", "true"], "first": [], "float": ["", "1.5", "default=9"], "forceescape": [], "format": ["", "1", "s, 2", "n, f, 'z'"],
    "groupby": ["'k'", "'n'", "'k', default='none'", "0"], "indent": ["", "2", "'> '", "2, true", "first=true", "width=3, blank=true"],
    "int": ["", "5", "0, 16", "default=3"], "items": [], "join": ["", "', '", "'-', 'k'", "d='+'", "attribute='n'"], "last": [], "length": [],
    "list": [], "lower": [], "map": ["'upper'", "attribute='k'", "attribute='k', default='?'", "'default', 'q'", "attribute='sub.y.0'", "'int'"],
    "max": ["", "attribute='n'"], "min": ["", "true"], "reject": ["", "'odd'", "'none'"], "rejectattr": ["'k'", "'k', 'eq', 'v'"],
    "replace": ["'o', '0'", "' ', '_', 1", "'a', 'b', count=1", "old='l', new='L'"], "reverse": [], "round": ["", "1", "0, 'floor'", "1, 'ceil'", "-1", "precision=2"],
    "safe": [], "select": ["", "'string'", "'gt', 1", "'in', [1, 2]"], "selectattr": ["'k'", "'n', '==', 2", "'sub', 'defined'", "'role', 'equalto', 'user'"],
    "slice": ["2", "3, 0"], "sort": ["", "true", "reverse=true", "false, true", "attribute='n'", "attribute='k,n'"], "string": [],
    "striptags": [], "sum": ["", "'n'", "start=5", "attribute='n', start=1"], "title": [], "tojson": ["", "indent=2", "true", "ensure_ascii=true", "separators=(',', ':')", "sort_keys=true", "indent='\\t'"],
    "trim": ["", "'T l'", "chars='x'"], "truncate": ["9", "5, true", "9, false, '!'", "length=12, leeway=0", "8, true, '', 2"], "unique": ["", "true", "attribute='n'"],
    "upper": [], "urlencode": [], "wordcount": [], "wordwrap": ["10", "5, false", "8, wrapstring='|'", "6, true, '/', false"], "xmlattr": ["", "false"], "e": [], "d": ["'z'"],
}
TESTS = ["odd", "even", "divisibleby 3", "divisibleby(2)", "defined", "undefined", "none", "boolean", "false", "true", "integer", "float", "lower", "upper",
         "string", "mapping", "number", "sequence", "iterable", "callable", "sameas none", "sameas(yes)", "escaped", "in [1, 'a']", "in s", "eq 1", "ne('a')",
         "gt 2", "ge 1", "lt(3)", "le 0", "equalto s", "lessthan 5", "greaterthan 1", "filter", "test"]
METHODS = {
    "text": ["capitalize()", "casefold()", "center(12)", "center(9, '*')", "count('a')", "count('', 1)", "endswith('l')", "endswith(('a', 'l'), 1)", "expandtabs(4)", "find('o')",
             "find('o', 5, -2)", "format(1, 'a', k=2)", "index('a')", "isalnum()", "isalpha()", "isascii()", "isdecimal()", "isdigit()", "isidentifier()", "islower()",
             "isnumeric()", "isprintable()", "isspace()", "istitle()", "isupper()", "join(['a', 'b'])", "join(w)", "ljust(8, '.')", "lower()", "lstrip()", "lstrip('T')",
             "partition(' ')", "removeprefix('The')", "removesuffix('l')", "replace('a', 'bb')", "replace('a', '', 1)", "rfind('l')", "rindex('l')", "rjust(25)",
             "rpartition('o')", "rsplit()", "rsplit(None, 1)", "rsplit(' ', maxsplit=1)", "rstrip('l')", "split()", "split(' ')", "split(' ', 1)", "split(sep='o')", "splitlines()",
             "splitlines(true)", "startswith('T')", "startswith(('x', 'T'))", "strip()", "swapcase()", "title()", "upper()", "zfill(30)", "translate({104: 'H', 97: none})", "items", "__class__"],
    "dict": ["keys()", "values()", "items()", "get('a')", "get('zz', 'no')", "copy()", "pop()", "update({})", "k", "a.b", "items", "b"],
    "list": ["copy()", "count(1)", "index(1)", "append(1)", "0", "x"],
    "number": ["bit_length()", "is_integer()", "real", "imag", "numerator"],
}
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in", "not in"]
# What filters take, and what they give.
KINDS = {name: ("any", "any") for name in FILTERS}
for takes, gives, names in [
    ("text", "text", "capitalize center escape e forceescape format indent lower replace safe string striptags title trim truncate upper urlencode wordwrap reverse"),
    ("text", "number", "wordcount length int float"), ("number", "number", "abs round int float"), ("number", "text", "filesizeformat"),
    ("list", "list", "batch list map reject rejectattr select selectattr slice sort unique groupby reverse"), ("list", "number", "count length sum"),
    ("list", "any", "first last max min join"), ("dict", "list", "dictsort items"), ("dict", "text", "xmlattr tojson"), ("any", "text", "tojson string"),
]:
    for name in names.split():
        KINDS[name] = (takes, gives)
ATOMS = {"text": TEXTS, "number": NUMBERS, "list": LISTS, "dict": DICTS, "odd": ODD}
QUOTED = ["'a'", "'k'", "'items'", "'0x1f'", "s"]
DATES = ["%d %B %Y", "%c", "%x %X", "%j|%U|%W|%V|%u|%w", "%e %-d %_H %I %p %P", "%y%%%Q", "%H:%M:%S.%f", "%Z%z|%D %F %T %R %r"]


class Maker:
    """Templates by a grammar: the seed fixes them."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def atom(self, kind):
        if kind == "any" or self.r.random() < 0.03:
            kind = self.r.choice(list(ATOMS))
        return self.r.choice(ATOMS[kind])

    def expression(self, depth, kind="any"):
        """An expression that mostly is of a kind: text, number, list, dict, or any."""
        r = self.r
        if depth <= 0 or r.random() < 0.1:
            return self.atom(kind)
        inner = lambda kind="any": self.expression(depth - 1, kind if r.random() < 0.95 else "any")
        choice = r.random()
        if choice < 0.42:
            name = r.choice([name for name, (_, gives) in KINDS.items() if kind in ("any", gives)] or list(KINDS))
            arguments = r.choice(FILTERS[name] or [""])
            return f"({inner(KINDS[name][0])})|{name}" + (f"({arguments})" if arguments else "")
        if choice < 0.56:
            of = kind if kind in METHODS else r.choice(list(METHODS))
            return f"({inner(of)}).{r.choice(METHODS[of])}"
        if choice < 0.66:
            sides = kind if kind in ("text", "number", "list") else r.choice(["text", "number", "list"])
            signs = {"text": ["+", "~", "~", "==", "<", "in"], "number": ["+", "-", "*", "/", "//", "%", "**", "<", ">="], "list": ["+", "==", "!="]}
            if r.random() < 0.1:
                return f"({inner()} {r.choice(BINARY)} {inner()})"
            return f"({inner(sides)} {r.choice(signs[sides] + ['and', 'or'])} {inner(sides)})"
        if choice < 0.72:
            return f"({inner()} is {r.choice(['', 'not '])}{r.choice(TESTS)})"
        if choice < 0.8:
            index = r.choice(["0", "-1", "1:", ":2", "::-1", "1:-1", "::2", "n", "-3:", "5:1:-2", "9", "none", "1.5"])
            if r.random() < 0.3:
                return f"({inner('dict')})[{r.choice(QUOTED)}]"
            return f"({inner(r.choice(['text', 'list']))})[{index}]"
        if choice < 0.85:
            return f"({inner(kind)} if {inner()}" + (f" else {inner(kind)})" if r.random() < 0.8 else ")")
        if choice < 0.9:
            return f"[{inner()}, {inner()}]" if r.random() < 0.5 else f"{{'a': {inner()}, {r.choice(QUOTED)}: 1}}"
        if choice < 0.93:
            return f"-({inner('number')})" if r.random() < 0.5 else f"not ({inner()})"
        if choice < 0.97:
            return r.choice([f"('%s' % ({inner('text')}))", f"('%5.2f|' % ({inner('number')}))", f"('%-4s|%r' % ({inner()}, {inner()}))", f"('{{:>6}}|{{!r}}'.format({inner('text')}, {inner()}))"])
        return r.choice(["range(5, 0, -2)", "dict([('a', 1)], b=2)", "cycler(1, 2).next()", "joiner('|')()", f"strftime_now('{r.choice(DATES)}')", "namespace(a=1).a", "loop.index", "'é' 'b'"])

    def space(self):
        return self.r.choice(["", "", " ", "\n", "  \n", "x ", "\n\n "])

    def statement(self, depth):
        r = self.r
        sign = lambda: r.choice(["", "", "", "-", "-", "+"])
        begin, end = lambda: "{%" + sign() + " ", lambda: " " + r.choice(["", "", "-", "+"]) + "%}"
        e = lambda: self.expression(r.choice([1, 2, 2]))
        body = lambda: self.body(depth - 1)
        kind = r.random()
        if depth <= 0 or kind < 0.4:
            return "{{" + r.choice(["", "-"]) + " " + self.expression(r.choice([1, 2, 3])) + " " + r.choice(["", "-"]) + "}}"
        if kind < 0.5:
            return f"{begin()}if {e()}{end()}{body()}" + (f"{begin()}elif {e()}{end()}{body()}" if r.random() < 0.4 else "") + (f"{begin()}else{end()}{body()}" if r.random() < 0.5 else "") + f"{begin()}endif{end()}"
        if kind < 0.68:
            target = r.choice(["i", "i", "i", "a, b"])
            items = r.choice(LISTS + DICTS + ["d.items()", "d|items", "d|dictsort", "s", e()])
            test = f" if {r.choice(['i', 'i is not none', 'loop', e()])}" if r.random() < 0.2 else ""
            inside = body() + r.choice(["", "{{ loop.index }}", "{{ loop.last }}", "{{ i }}", "{{ loop.cycle('o', 'e') }}", "{{ loop.changed(i) }}", "{% if loop.index > 2 %}{% break %}{% endif %}",
                                        "{% if loop.first %}{% continue %}{% endif %}", "{{ loop.previtem }}{{ loop.nextitem }}{{ loop.revindex0 }}{{ loop.length }}{{ loop.depth }}", "{% set s = s ~ i %}{{ s }}", "{% set ns.a = ns.a + 1 %}"])
            other = f"{begin()}else{end()}{body()}" if r.random() < 0.3 else ""
            return f"{begin()}for {target} in {items}{test}{end()}{inside}{other}{begin()}endfor{end()}"
        if kind < 0.78:
            return r.choice([f"{begin()}set v = {e()}{end()}{{{{ v }}}}", f"{begin()}set v{end()}{body()}{begin()}endset{end()}{{{{ v }}}}",
                             f"{begin()}set v | upper{end()}{body()}{begin()}endset{end()}{{{{ v|length }}}}", f"{begin()}set a, b = {e()}, 2{end()}{{{{ a }}}}{{{{ b }}}}",
                             f"{begin()}set ns = namespace(a=0){end()}{body()}{{{{ ns.a }}}}"])
        if kind < 0.86:
            call = r.choice(["f()", "f(1)", "f(1, 2)", "f(b=3)", "f(1, c=4)", "f(*l)", "f(**x)", "f(q=1)"])
            return f"{begin()}macro f(a, b='x'){end()}{r.choice(['{{ a }}{{ b }}', '{{ varargs }}{{ kwargs }}', '{{ caller is defined }}', '{{ a }}{{ caller() if caller else 0 }}'])}{body()}{begin()}endmacro{end()}{{{{ {call} }}}}"
        if kind < 0.9:
            return f"{begin()}with a = {e()}, b = 2{end()}{{{{ a }}}}{body()}{begin()}endwith{end()}"
        if kind < 0.93:
            return f"{begin()}filter {r.choice(['upper', 'trim', 'indent(2)', 'replace(1, 2)|title', 'length'])}{end()}{body()}{begin()}endfilter{end()}"
        if kind < 0.95:
            return f"{begin()}generation{end()}{body()}{begin()}endgeneration{end()}"
        if kind < 0.97:
            return "{#" + sign() + " a {{ comment }} " + r.choice(["", "-"]) + "#}"
        if kind < 0.985:
            return "{% raw %}{{ x }}" + self.space() + "{% endraw" + end()
        return "{% macro g(x) %}[{{ x }}{{ caller(1) }}]{% endmacro %}{% call(y) g(" + self.atom("any") + ") %}{{ y }}" + body() + "{% endcall %}"

    def body(self, depth):
        return "".join(self.space() + self.statement(depth) + self.space() for _ in range(self.r.choice([1, 1, 2])))

    def template(self):
        return self.body(self.r.choice([0, 1, 2, 3]))


def reference(env, source, request):
    messages = [{key: value for key, value in message.items() if value is not None} for message in request["messages"]]
    variables = {key: value for key, value in request.items() if key not in ("messages", "add_generation_prompt")}
    try:
        return env.from_string(source).render(messages=messages, tools=None, documents=None, add_generation_prompt=True, **variables), None
    except RecursionError:
        return None, "recursion"
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def within_limits(env, source, request):
    """The same in a process of its own: a power of long numbers would hold up everything, and no exception ends it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        with os.fdopen(writing, "wb") as out:
            out.write(json.dumps(reference(env, source, request)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as given:
        found = given.read()
    os.waitpid(child, 0)
    return tuple(json.loads(found)) if found else (None, WITHOUT_END)


def ours(program, folder, index, source, request_path):
    path = os.path.join(folder, f"{index}.jinja")
    with open(path, "w", newline="") as out:
        out.write(source)
    try:
        done = subprocess.run([program, "template", path, "--request", request_path, "--now", NOW], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    except subprocess.TimeoutExpired:
        return None, "CRASH no end within a minute"
    if done.returncode == 0:
        return done.stdout.decode(), None
    if done.returncode < 0 or b"panicked" in done.stderr or b"beyond the template engine" in done.stderr:
        return None, "CRASH " + done.stderr.decode("utf-8", "replace")
    return None, done.stderr.decode("utf-8", "replace")


def write_cases(path, seed, count=400):
    """Short templates that Jinja renders, and a quarter as many that it refuses."""
    env, request, cases, refused = environment(), {"messages": MESSAGES, **VARIABLES}, [], []
    index = 0
    while len(cases) < count or len(refused) < count // 4:
        source = Maker(seed * 7_000_003 + index).template()
        index += 1
        text, error = reference(env, source, request)
        if len(source) > 160 or (text is not None and (" at 0x" in text or len(text) > 400)) or "pprint" in source:
            continue
        if text is None and error != "recursion" and len(refused) < count // 4:
            refused.append({"template": source, "rendered": None})
        elif text is not None and len(cases) < count:
            cases.append({"template": source, "rendered": text})
    with open(path, "w") as out:
        document = {"jinja2": jinja2.__version__, "now": NOW, "request": request, "cases": cases + refused}
        # A case a line: changes are to be read.
        head = json.dumps({key: document[key] for key in ("jinja2", "now")}, ensure_ascii=False)[:-1]
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in document["cases"])
        out.write(head + ',\n"request": ' + json.dumps(request, ensure_ascii=False) + ',\n"cases": [\n' + lines + "\n]}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", nargs="?", help="the binary")
    parser.add_argument("--cases", help="write templates with what Jinja makes of them, and compare nothing")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", help="where to keep counts and what differs, as JSON")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("-v", action="store_true", help="print what differs")
    args = parser.parse_args()
    if args.cases:
        return write_cases(args.cases, args.seed)
    if not args.program:
        parser.error("which binary?")
    warnings.simplefilter("ignore")  # of what generated templates do on purpose
    env, counts, differing = environment(), collections.Counter(), []
    request = {"messages": MESSAGES, **VARIABLES}
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        request_path = os.path.join(folder, "request.json")
        with open(request_path, "w") as out:
            json.dump(request, out)
        sources = [Maker(args.seed * 1_000_003 + index).template() for index in range(args.count)]
        right = [within_limits(env, source, request) for source in sources]
        found = pool.map(lambda pair: ours(args.program, folder, pair[0], pair[1], request_path), enumerate(sources))
        for source, (expected, refused), (text, error) in zip(sources, right, found):
            if expected is not None and " at 0x" in expected:
                counts["an address in what Jinja prints"] += 1
            elif error and error.startswith("CRASH"):
                counts["crash"] += 1
                differing.append({"template": source, "expected": expected or refused, "found": error})
            elif expected is not None and text == expected:
                counts["same text"] += 1
            elif refused == WITHOUT_END:
                counts["without end in Jinja"] += 1
            elif expected is None and text is None:
                counts["refused by both"] += 1
            elif error and "not supported" in error:
                counts["refused by name"] += 1
            else:
                counts["differs"] += 1
                differing.append({"template": source, "expected": expected if expected is not None else "ERROR " + refused, "found": text if text is not None else "ERROR " + error})
    result = {"date": datetime.date.today().isoformat(), "jinja2": jinja2.__version__, "python": platform.python_version(), "templates": args.count, "seed": args.seed, **counts}
    print(json.dumps(result, ensure_ascii=False))
    if args.v:
        for one in differing:
            print("---", repr(one["template"]), "\n want", repr(one["expected"][:300]), "\n got ", repr(one["found"][:300]))
    if args.save:
        with open(args.save, "w") as out:
            json.dump({**result, "differing": differing}, out, ensure_ascii=False, indent=1)
            out.write("\n")
    raise SystemExit(1 if differing else 0)


if __name__ == "__main__":
    main()
