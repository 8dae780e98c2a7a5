"""From runs to medians and ratios, to the verdicts on the targets, to the printed table."""
import statistics

import instructions

MEGA = 1e6
UNTRACED_RATE_MIN = 1.85  # of two threads; below it, other programs had the cores and there is no verdict
REPLAY_EVENTS_MIN = 2e6  # below it, starting up is what one measures


def summarize(program, runs):
    """Medians per operation; ratios are medians of each round's ratio to the untraced run of the same round."""
    summary = {"unit": program.unit, "scale": program.scale, "threads": program.threads, "runs": runs, "median": {}, "ratio": {}}
    for name, all_runs in runs.items():
        per_work = {key: [r[key] / r["work"] for r in all_runs] for key in ("cpu", "total_cpu", "wall")}
        per_work["peak_bytes"] = [r["peak_bytes"] for r in all_runs]
        summary["median"][name] = {key: statistics.median(v) for key, v in per_work.items()}
        summary["ratio"][name] = {
            key: statistics.median(v / u["peak_bytes" if key == "peak_bytes" else key] * (1 if key == "peak_bytes" else u["work"])
                                   for v, u in zip(values, runs["untraced"])) for key, values in per_work.items()}
    seep = runs["seep"]
    summary["events"] = statistics.median(r["events"] for r in seep)
    summary["bytes_per_event"] = statistics.median(r["trace_bytes"] / r["events"] for r in seep)
    summary["collector_ns_per_event"] = statistics.median(r["other_cpu"] * 1e9 / r["events"] for r in seep)
    summary["lost_events"] = max(r["lost_events"] for r in seep)
    if "heaptrack" in runs:
        summary["heaptrack_bytes_per_event"] = statistics.median(
            h["trace_bytes"] / s["events"] * s["work"] / h["work"] for h, s in zip(runs["heaptrack"], seep))
    return summary


# ---- targets ----

class Targets:
    """kind: "target" has to be met, "goal" is where recording is to go from there."""

    def __init__(self, results):
        self.programs, self.analysis, self.counted = results["programs"], results["analysis"], results.get("instructions")
        self.all = []

    def add(self, kind, what, limit, value, is_met, form="{:.2f}", note=""):
        self.all.append({"kind": kind, "what": what, "limit": limit, "value": value, "met": is_met,
                         "shown": form.format(value) + (f" ({note})" if note else "")})

    def at_most(self, kind, what, value, limit, form="{:.2f}", note="", limit_form="{:g}"):
        self.add(kind, what, "<= " + limit_form.format(limit), value, value <= limit, form, note)

    def at_least(self, kind, what, value, limit, form="{:.2f}", note=""):
        self.add(kind, what, f">= {limit:g}", value, value >= limit, form, note)

    def trace_size(self):
        for kind, name, limit in (("target", "cc1", 0.65), ("target", "cc1plus", 0.65), ("target", "python", 0.15),
                                  ("target", "nginx", 0.06), ("target", "busy x4", 1.0), ("goal", "cc1", 0.6),
                                  ("goal", "python", 0.12), ("goal", "nginx", 0.05)):
            if name in self.programs:
                self.at_most(kind, f"trace, bytes per event: {name}", self.programs[name]["bytes_per_event"], limit, "{:.3f}")

    def collector(self):
        for what, limit, is_threaded in (("one thread", 35, False), ("threads", 50, True)):
            costs = {n: p["collector_ns_per_event"] for n, p in self.programs.items() if (p["threads"] > 1) == is_threaded}
            if costs:
                worst = max(costs, key=costs.get)
                self.at_most("target", f"collector, ns per event, {what}", costs[worst], limit, "{:.1f}", f"highest: {worst}")

    def threads(self):
        one, two = self.programs.get("micro loop d20"), self.programs.get("micro loop d20 x2")
        if one and two:
            rates = {v: statistics.median((a["wall"] / a["work"]) / (b["wall"] / b["work"])
                                          for a, b in zip(one["runs"][v], two["runs"][v])) for v in one["runs"]}
            by_cpu = 2 * one["median"]["seep"]["cpu"] / two["median"]["seep"]["total_cpu"]
            note = ", ".join(f"{v} {r:.2f}" for v, r in rates.items() if v != "seep")
            note += f"; from CPU alone, two cores also shared with the collector: {by_cpu:.2f}"
            self.at_least("target", "rate of two threads against one", rates["seep"], 1.7, note=note)
            self.at_least("goal", "rate of two threads against one", rates["seep"], 1.8)
            if rates["untraced"] < UNTRACED_RATE_MIN:
                for target in self.all[-2:]:
                    target["met"] = None

    def added_cpu(self):
        shares = {}
        for name, p in self.programs.items():
            if "heaptrack" in p["runs"]:
                m = p["median"]
                shares[name] = ((m["seep"]["total_cpu"] - m["untraced"]["total_cpu"])
                                / max(1e-12, m["heaptrack"]["total_cpu"] - m["untraced"]["total_cpu"]))
        if shares:
            worst = max(shares, key=shares.get)
            self.add("target", "added CPU against heaptrack's, every program", "< 1", shares[worst], shares[worst] < 1,
                     note=f"highest: {worst}")

    def reading(self):
        rates = {n: a["replay_per_second"] / MEGA for n, a in self.analysis.items() if a["events"] >= REPLAY_EVENTS_MIN}
        if rates:
            worst = min(rates, key=rates.get)
            self.at_least("target", "replay, million events a second", rates[worst], 60, "{:.0f}", f"lowest: {worst}")
        both = {n: a for n, a in self.analysis.items() if "print" in a}
        if both:
            slow = min(both, key=lambda n: both[n]["report_speed"])
            self.at_least("target", "report, times faster than heaptrack_print", both[slow]["report_speed"], 5, "{:.1f}",
                          f"lowest: {slow}; with heaptrack_interpret {both[slow]['report_speed_whole']:.1f}")
            big = max(both, key=lambda n: both[n]["report_memory"])
            self.add("target", "report, memory against heaptrack_print's", "< 0.5", both[big]["report_memory"],
                     both[big]["report_memory"] < 0.5, note=f"highest: {big}")
        many = self.analysis.get("many")
        if many and many["is_full_size"]:
            self.at_most("target", "report of 36 million allocations, s", many["report"]["wall"], 3)
            self.at_most("target", "report of 36 million allocations, MB", many["report"]["peak_bytes"] / MEGA, 100, "{:.0f}")

    def micro_goals(self):
        added = {}
        for walk, depth, limit in (("loop", 20, 40), ("loop", 60, 50), ("walk", 20, 60), ("walk", 60, 70)):
            p = self.programs.get(f"micro {walk} d{depth}")
            if p:
                added[walk, depth] = (p["median"]["seep"]["cpu"] - p["median"]["untraced"]["cpu"]) * 1e9
                self.at_most("goal", f"micro {walk} d{depth}, ns per pair above untraced", added[walk, depth], limit, "{:.0f}")
        for walk in ("loop", "walk"):
            if (walk, 60) in added and (walk, 20) in added:
                self.at_most("goal", f"micro {walk}, ns per further frame", (added[walk, 60] - added[walk, 20]) / 40, 0.5)

    def cpu_goals(self):
        for name, application, total in (("cc1", 1.18, 1.27), ("python", 1.35, 1.48), ("nginx", 1.18, 1.22),
                                         ("redis", 1.08, 1.13)):
            if name in self.programs:
                ratio = self.programs[name]["ratio"]["seep"]
                self.at_most("goal", f"{name}, application CPU against untraced", ratio["cpu"], application)
                self.at_most("goal", f"{name}, total CPU against untraced", ratio["total_cpu"], total)


    def instruction_goals(self):
        if not self.counted:
            return
        c = self.counted
        self.at_most("goal", "instructions added to a malloc+free pair, depth 20", c["pair"], instructions.PAIR_BUDGET, "{:.0f}")
        self.at_most("goal", f"the same, passed over by sample={instructions.SAMPLING}", c["sampled_pair"],
                     instructions.SAMPLED_BUDGET, "{:.0f}")
        for name, share in c["share"].items():
            self.at_most("goal", f"{name}, instructions added by sample={instructions.SAMPLING}, %", share * 100, 2, "{:.2f}",
                         f"recording all: {c['full_share'][name] * 100:.0f}")
        if "openssl_share" in c:
            self.at_most("goal", "nginx, OpenSSL's tags, of the instructions added, %", c["openssl_share"] * 100, 5, "{:.1f}")


def judge(results):
    targets = Targets(results)
    for rule in (targets.trace_size, targets.collector, targets.threads, targets.added_cpu, targets.reading, targets.micro_goals,
                 targets.cpu_goals, targets.instruction_goals):
        rule()
    return sorted(targets.all, key=lambda t: t["kind"], reverse=True)


# ---- table ----

def columns(rows, right_from=1):
    """Rows of strings as lines, the first column to the left, the others to the right."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return ["  ".join(c.ljust(w) if i < right_from else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))).rstrip()
            for r in rows]


def ratio_cells(p, name):
    if name not in p["ratio"]:
        return ["-"] * 4
    return [f"{p['ratio'][name][key]:.2f}" for key in ("cpu", "total_cpu", "wall", "peak_bytes")]


def recording_table(programs):
    rows = [["recording", "untraced", "", "peak", "seep:", "total", "", "peak", "heaptrack:", "total", "", "peak", "events",
             "bytes/event", "heap-", "collector"],
            ["", "CPU", "", "MB", "CPU x", "CPU x", "wall x", "x", "CPU x", "CPU x", "wall x", "x", "million", "seep", "track",
             "ns/event"]]
    for name, p in programs.items():
        base = p["median"]["untraced"]
        rows.append([name, f"{base['cpu'] * p['scale']:.{2 if p['scale'] == 1 else 1}f}", p["unit"],
                     f"{base['peak_bytes'] / MEGA:.1f}", *ratio_cells(p, "seep"), *ratio_cells(p, "heaptrack"),
                     f"{p['events'] / MEGA:.2f}", f"{p['bytes_per_event']:.3f}",
                     f"{p['heaptrack_bytes_per_event']:.2f}" if "heaptrack_bytes_per_event" in p else "-",
                     f"{p['collector_ns_per_event']:.1f}" + (f" lost {p['lost_events']}" if p["lost_events"] else "")])
    return columns(rows)


def cost_cells(a, name):
    return [f"{a[name]['cpu']:.3f}", f"{a[name]['peak_bytes'] / MEGA:.0f}"] if name in a else ["-", "-"]


def reading_table(analysis):
    rows = [["reading", "info", "", "million", "report", "", "(json)", "", "heaptrack_print", "", "_interpret", "", "report:", "with",
             "memory"],
            ["", "CPU s", "MB", "events/s", "CPU s", "MB", "CPU s", "MB", "CPU s", "MB", "CPU s", "MB", "faster x", "_interpret x",
             "x"]]
    for name, a in analysis.items():
        compared = ([f"{a['report_speed']:.1f}", f"{a['report_speed_whole']:.1f}", f"{a['report_memory']:.2f}"]
                    if "print" in a else ["-"] * 3)
        rows.append([name, *cost_cells(a, "info"), f"{a['replay_per_second'] / MEGA:.0f}", *cost_cells(a, "report"),
                     *cost_cells(a, "report_json"), *cost_cells(a, "print"), *cost_cells(a, "interpret"), *compared])
    return columns(rows)


def target_table(targets):
    mark = {("target", True): "pass", ("target", False): "FAIL", ("goal", True): "pass", ("goal", False): "not yet",
            ("target", None): "busy", ("goal", None): "busy"}
    return columns([["", "", "asked", "measured"]]
                   + [[mark[t["kind"], t["met"]], f"{t['kind']}: {t['what']}", t["limit"], t["shown"]] for t in targets], 4)


def render(results):
    m, method = results["machine"], results["method"]
    lines = [f"{m['cpu']}, {m['cores']} cores, {m['memory_gb']:.0f} GB, Linux {m['kernel']}; load {m['load_before']:.1f} before"
             f", {m['load_after']:.1f} after",
             "; ".join(f"{k} {v}" for k, v in results["versions"].items() if v),
             f"{method['rounds']} interleaved rounds{' of small inputs' if method['is_quick'] else ''}, medians; x = times the"
             " untraced run of the same round; total = with collector or compressor", ""]
    if results["programs"]:
        lines += recording_table(results["programs"]) + [""]
    if results["analysis"]:
        lines += reading_table(results["analysis"]) + [""]
    lines += [f"skipped: {name}: {why}" for name, why in results["skipped"].items()]
    lines += [f"no comparison with heaptrack_print on {name}: {a['heaptrack_failure']}" for name, a in results["analysis"].items()
              if "heaptrack_failure" in a]
    lines += target_table(results["targets"])
    judged = [t for t in results["targets"] if t["kind"] == "target"]
    lines += ["", f"{sum(t['met'] is True for t in judged)} of {len(judged)} targets met"]
    for is_met, word in ((False, "missed"), (None, "no verdict on a busy machine")):
        what = [t["what"] for t in judged if t["met"] is is_met]
        lines[-1] += f"; {word}: {'; '.join(what)}" if what else ""
    return "\n".join(lines)
