"""What the benchmark runs in python3 with PYTHONMALLOC=malloc: objects of many kinds, as scripts make them.

workload.py ROUNDS
"""
import ast
import collections
import fractions
import json
import random
import re
import sys


class Account:
    def __init__(self, number, owner):
        self.number, self.owner, self.entries = number, owner, []

    def post(self, text, amount):
        self.entries.append((text, amount, {"at": len(self.entries)}))

    def balance(self):
        return sum(amount for _, amount, _ in self.entries)


def accounts(rng):
    all_of_them = [Account(i, f"owner {rng.randrange(50)}") for i in range(200)]
    for i in range(4000):
        rng.choice(all_of_them).post(f"entry {i % 97}", rng.random() * 100 - 50)
    by_owner = collections.defaultdict(list)
    for account in all_of_them:
        by_owner[account.owner].append(account)
    return sorted((sum(a.balance() for a in group), owner) for owner, group in by_owner.items())


def documents(rng):
    document = {"items": [{"id": i, "name": f"item-{i}", "tags": [f"t{rng.randrange(20)}" for _ in range(3)],
                           "price": rng.random()} for i in range(400)]}
    for _ in range(4):
        document = json.loads(json.dumps(document))
    return document


def sources(rng):
    lines = [f"def f{i}(a, b=({i}, 'x{i}')):\n    return [x * {i} + a for x in range(b[0]) if x % 3] or {{'k': a}}\n"
             for i in range(80)]
    tree = ast.parse("".join(lines))
    compile(tree, "generated", "exec")
    return sum(isinstance(n, ast.Name) for n in ast.walk(tree))


def words(rng):
    text = " ".join(rng.choice(["alpha", "beta", "gamma-3", "delta_4", "x=1", "(eps)"]) + str(rng.randrange(99))
                    for _ in range(3000))
    counts = collections.Counter(m.group(1) for m in re.finditer(r"([a-z]+)[-_=]?\d+", text))
    return counts, re.sub(r"\d+", lambda m: str(int(m.group()) * 2), text)


def tree(depth):
    return (tree(depth - 1), tree(depth - 1)) if depth else ()


def numbers(rng):
    total = fractions.Fraction(0)
    for i in range(1, 150):
        total += fractions.Fraction(rng.randrange(1, 9), i)
    return total, [x ** 40 for x in range(2000)]


def main():
    rng = random.Random(1)
    for _ in range(int(sys.argv[1])):
        accounts(rng)
        documents(rng)
        sources(rng)
        words(rng)
        tree(12)
        numbers(rng)


main()
