"""How many steps a plain backtracking matcher takes to find all of a pattern in a text: the same on every machine.

It knows as much of the language of patterns as the package uses. Bounds above `WIDEST` count as that, so that what is
bounded looks bounded on short texts.
"""

import re
import sys

parser = sys.modules.get("re._parser") or __import__("sre_parse")
WIDEST = 8
UNBOUNDED = 1 << 20


def steps(pattern, text):
    """The number of steps of a search for every match."""
    matcher = _Matcher(pattern, text)
    at = 0
    while at <= len(text):
        end = matcher.first(at)
        at = at + 1 if end is None or end == at else end
    return matcher.count


class _Matcher:
    def __init__(self, pattern, text):
        self.parsed = list(parser.parse(pattern.pattern, pattern.flags))
        self.folds = bool(pattern.flags & re.IGNORECASE)
        self.text = text
        self.count = 0
        self.groups = {}

    def first(self, at):
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(50_000)
        try:
            return next(self.run(self.parsed, 0, at), None)
        finally:
            sys.setrecursionlimit(limit)

    def run(self, nodes, index, at):
        self.count += 1
        if index == len(nodes):
            yield at
            return
        operation, argument = nodes[index]
        for end in getattr(self, f"do_{str(operation).lower()}")(argument, at, str(operation)):
            yield from self.run(nodes, index + 1, end)

    def do_literal(self, argument, at, operation):
        if at < len(self.text) and self.fits((operation, argument), self.text[at]):
            yield at + 1

    do_not_literal = do_in = do_any = do_literal

    def do_branch(self, argument, at, _):
        for one in argument[1]:
            yield from self.run(list(one), 0, at)

    def do_subpattern(self, argument, at, _):
        for end in self.run(list(argument[-1]), 0, at):
            self.groups[argument[0]] = self.text[at:end]
            yield end

    def do_groupref(self, argument, at, _):
        held = self.groups.get(argument, "")
        if self.text.startswith(held, at):
            yield at + len(held)

    def do_assert(self, argument, at, operation):
        direction, inner = argument
        begin = at if direction > 0 else at - inner.getwidth()[0]
        found = begin >= 0 and next(self.run(list(inner), 0, begin), None) is not None
        if found is (operation == "ASSERT"):
            yield at

    do_assert_not = do_assert

    def do_at(self, argument, at, _):
        where, text = str(argument), self.text
        if "BEGINNING" in where:
            fits = at == 0
        elif "END" in where:
            fits = at == len(text) or ("STRING" not in where and at == len(text) - 1 and text[at] == "\n")
        else:
            fits = (at > 0 and _is_word(text[at - 1])) != (at < len(text) and _is_word(text[at]))
        if fits:
            yield at

    def do_max_repeat(self, argument, at, _):
        least, most, inner = argument
        most = UNBOUNDED if int(most) > UNBOUNDED else max(least, min(int(most), WIDEST))
        inner = list(inner)
        if len(inner) == 1 and str(inner[0][0]) in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            yield from self.run_of(inner[0], at, least, most)
        else:
            yield from self.turns(inner, at, least, most, 0)

    def do_min_repeat(self, argument, at, _):
        least, most, inner = argument
        (node,) = inner  # only repeats of one character are lazy here
        count = 0
        while True:
            self.count += 1
            if count >= least:
                yield at + count
            if count >= int(most) or at + count >= len(self.text) or not self.fits(node, self.text[at + count]):
                return
            count += 1

    def run_of(self, node, at, least, most):
        count = 0
        while count < most and at + count < len(self.text) and self.fits(node, self.text[at + count]):
            count += 1
        self.count += count
        for length in range(count, least - 1, -1):
            self.count += 1
            yield at + length

    def turns(self, inner, at, least, most, done):
        if done < most:
            for end in self.run(inner, 0, at):
                if end > at:
                    yield from self.turns(inner, end, least, most, done + 1)
        if done >= least:
            yield at

    def fits(self, node, character):
        operation, argument = node
        if str(operation) == "ANY":
            return True
        shapes = {character, character.lower(), character.upper()} if self.folds else {character}
        if str(operation) in ("LITERAL", "NOT_LITERAL"):
            return (chr(argument) in shapes) is (str(operation) == "LITERAL")
        negated = str(argument[0][0]) == "NEGATE"
        return any(_is_among(one, shape) for one in argument[negated:] for shape in shapes) is not negated


def _is_among(item, character):
    operation, argument = str(item[0]), item[1]
    if operation == "LITERAL":
        return chr(argument) == character
    if operation == "RANGE":
        return argument[0] <= ord(character) <= argument[1]
    category = str(argument)
    kinds = {"DIGIT": character.isdecimal(), "SPACE": character.isspace(), "WORD": _is_word(character)}
    return kinds[category.rpartition("_")[2]] is ("NOT" not in category)


def _is_word(character):
    return character.isalnum() or character == "_"
