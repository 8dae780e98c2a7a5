"""What it costs to read a trace: seep info and seep report, against heaptrack_print and the heaptrack_interpret before it."""
import os
import statistics


def median_of(runs):
    return {key: statistics.median(r[key] for r in runs) for key in ("wall", "cpu", "peak_bytes")}


def seep_commands(tools, trace):
    return {"info": [tools.seep, "info", "--format", "json", trace], "report": [tools.seep, "report", trace],
            "report_json": [tools.seep, "report", "--format", "json", trace]}


def heaptrack_commands(tools, raw, readable):
    interpret = f'{tools.compressor} -dc < "$0" | "$1" | {tools.compressor} -c > "$2"'
    return {"interpret": ["sh", "-c", interpret, raw, tools.heaptrack_interpret, readable],
            "print": [tools.heaptrack_print, readable]}


def analyze(tools, directory, events, seep_trace, heaptrack_trace, rounds, say):
    """Medians of {wall, cpu, peak_bytes} of each command, interleaved; and the replay rate in events a second."""
    commands = seep_commands(tools, seep_trace)
    if heaptrack_trace:
        commands.update(heaptrack_commands(tools, heaptrack_trace, os.path.join(directory, "readable." + tools.compressor_suffix)))
    runs = {name: [] for name in commands}
    for n in range(rounds):
        for name, command in commands.items():
            say(f"{name} {n + 1}/{rounds}")
            runs[name].append(tools.measure(command, {"DEBUGINFOD_URLS": ""}, directory=directory, output=os.devnull))
    result = {name: median_of(r) for name, r in runs.items()}
    result["events"] = events
    result["replay_per_second"] = events / result["info"]["cpu"]
    if heaptrack_trace:
        result["report_speed"] = result["print"]["cpu"] / result["report"]["cpu"]
        result["report_speed_whole"] = (result["print"]["cpu"] + result["interpret"]["cpu"]) / result["report"]["cpu"]
        result["report_memory"] = result["report"]["peak_bytes"] / result["print"]["peak_bytes"]
    return result
