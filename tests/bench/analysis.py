"""What it costs to read a trace: seep info and seep report, against heaptrack_print and the heaptrack_interpret before it."""
import os
import statistics

HEAPTRACK_S = 120


def median_of(runs):
    return {key: statistics.median(r[key] for r in runs) for key in ("wall", "cpu", "peak_bytes")}


def seep_commands(tools, trace):
    return {"info": [tools.seep, "info", "--format", "json", trace], "report": [tools.seep, "report", trace],
            "report_json": [tools.seep, "report", "--format", "json", trace]}


def heaptrack_commands(tools, raw, readable):
    interpret = f'{tools.compressor} -dc < "$0" | "$1" | {tools.compressor} -c > "$2"'
    return {"interpret": ["bash", "-o", "pipefail", "-c", interpret, raw, tools.heaptrack_interpret, readable],
            "print": [tools.heaptrack_print, readable]}


def run_all(tools, directory, commands, limits, rounds, say):
    runs = {name: [] for name in commands}
    for n in range(rounds):
        for name, command in commands.items():
            say(f"{name} {n + 1}/{rounds}")
            runs[name].append(tools.measure(command, {"DEBUGINFOD_URLS": ""}, directory=directory, output=os.devnull, **limits))
    return {name: median_of(r) for name, r in runs.items()}


def analyze(tools, directory, events, seep_trace, heaptrack_trace, heaptrack_mb, rounds, say):
    """Medians of {wall, cpu, peak_bytes} of each command, the replay rate in events a second, and how seep and heaptrack compare.

    heaptrack_interpret 1.4.0 takes 19 GB for some traces (cc1, cc1plus): what does not end within heaptrack_mb is left out, and
    heaptrack_failure says so.
    """
    result = run_all(tools, directory, seep_commands(tools, seep_trace), {}, rounds, say)
    result.update(events=events, replay_per_second=events / result["info"]["cpu"])
    if not heaptrack_trace:
        return result
    commands = heaptrack_commands(tools, heaptrack_trace, os.path.join(directory, "readable." + tools.compressor_suffix))
    try:
        result.update(run_all(tools, directory, commands, {"limit_s": HEAPTRACK_S, "limit_mb": heaptrack_mb}, rounds, say))
    except RuntimeError as error:
        result["heaptrack_failure"] = f"not read within {heaptrack_mb} MB and {HEAPTRACK_S} s"
        result["heaptrack_error"] = str(error)
        return result
    result["report_speed"] = result["print"]["cpu"] / result["report"]["cpu"]
    result["report_speed_whole"] = (result["print"]["cpu"] + result["interpret"]["cpu"]) / result["report"]["cpu"]
    result["report_memory"] = result["report"]["peak_bytes"] / result["print"]["peak_bytes"]
    return result
