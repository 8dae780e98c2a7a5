#!/usr/bin/env python3
"""check_gate.py - read the outputs of `seep gate` as their consumers do.

usage: check_gate.py sarif FILE SCHEMA      valid by the schema; prints "RULE LEVEL URI:LINE FUNCTION FRAMES", a line for each result
       check_gate.py junit FILE             prints "SUITE|CASE|passed, failure, error or skipped", a line for each case
       check_gate.py github FILE            prints "LEVEL FILE:LINE|TITLE|MESSAGE" of the workflow commands, unescaped, line breaks as \\n
"""
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def sarif(path, schema):
    import jsonschema
    document = json.load(open(path, encoding="utf-8"))
    schema = json.load(open(schema, encoding="utf-8"))
    jsonschema.Draft4Validator(schema).validate(document)
    run = document["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        if rules[result["ruleIndex"]] != result["ruleId"]:
            sys.exit("ruleIndex does not lead to " + result["ruleId"])
        place = result["locations"][0]
        physical = place["physicalLocation"]
        frames = sum(len(stack["frames"]) for stack in result.get("stacks", []))
        print(result["ruleId"], result["level"],
              "%s:%s" % (urllib.parse.unquote(physical["artifactLocation"]["uri"], errors="replace"), physical.get("region", {}).get("startLine", "-")),
              place.get("logicalLocations", [{}])[0].get("fullyQualifiedName", "-"), frames)


def junit(path):
    for suite in ElementTree.parse(path).getroot():
        counts = {"failure": 0, "error": 0, "skipped": 0}
        for case in suite:
            result = case[0].tag if len(case) else "passed"
            counts[result] = counts.get(result, 0) + 1
            print("%s|%s|%s" % (suite.get("name"), case.get("name"), result))
        said = [int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")]
        if said != [len(suite), counts["failure"], counts["error"], counts["skipped"]]:
            sys.exit("the suite's own counts are wrong: %s" % said)


def unescaped(text, pairs):
    for escape, character in pairs + [("%25", "%")]:
        text = text.replace(escape, character)
    return text


def github(path):
    data = [("%0D", "\r"), ("%0A", "\n")]
    for line in open(path, encoding="utf-8", newline="\n"):
        if not line.startswith("::"):
            continue
        head, message = line[2:].rstrip("\n").split("::", 1)
        level, _, rest = head.partition(" ")
        properties = {}
        for item in rest.split(","):
            key, _, value = item.partition("=")
            properties[key] = unescaped(value, data + [("%3A", ":"), ("%2C", ",")])
        print("%s %s:%s|%s|%s" % (level, properties.get("file", "-"), properties.get("line", "-"), properties.get("title", "-"),
                                  unescaped(message, data).replace("\n", "\\n")))


{"sarif": sarif, "junit": junit, "github": github}[sys.argv[1]](*sys.argv[2:])
