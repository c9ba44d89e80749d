#!/usr/bin/env python3
"""Runs sre-bench, scores what it wrote, and prints a table beside the peers.

  bench.py detect     --data ROOT --scorers DIR     ROOT/metrics/index.csv; DIR/score_detect.py
  bench.py breach     --data DIR  --scorers DIR     DIR/cases/*.json and DIR/truth.json; DIR/score_breach.py; some minutes
  bench.py forecast   --data DIR  --scorers DIR     DIR/train.csv and DIR/test.csv; DIR/score_forecast.py
  bench.py throughput

Writes .build/bench/NAME.json: a list of {name, value, unit, peer, peer_value, ratio, n, min, median, max}. The peers'
quality was measured with the same scorers on other series of the same corpora; their speed is on the machine of then
(one core, Python 3.11): bench_peers.py measures it here.
"""
import argparse
import json
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
PROGRAM = os.path.join(ROOT, ".build", "release", "sre-bench")
OUT = os.path.join(ROOT, ".build", "bench")

# name of ours -> (peer, its value); the best peer of each line.
DETECT = {
    "F1 nab": ("contextOSE", 0.632), "F1 cmd": ("prophet, daily refit", 0.469), "F1 wsd": ("adtk PersistAD", 0.787),
    "VUS-PR nab": ("PyOD Isolation Forest", 0.332), "VUS-PR cmd": ("PyOD One-Class SVM", 0.659),
    "VUS-PR wsd": ("PyOD One-Class SVM", 0.349), "false alarms a series-day nab": ("contextOSE", 0.03),
    "false alarms a series-day cmd": ("contextOSE", 0.03), "false alarms a series-day wsd": ("prophet", 0.06),
    "NAB standard": ("ARTime", 74.9), "NAB low-FP": ("ARTime", 65.2), "NAB low-FN": ("ARTime", 80.4),
}
BREACH = {
    "median error": ("MSTL+ARIMA", 45.0), "within 30 min": ("MSTL+ARIMA", 0.40), "recall": ("MSTL+ARIMA", 0.74),
    "false breach": ("MSTL+ETS", 0.015), "F1 at 60 min": ("MSTL+ARIMA", 0.69),
}
FORECAST = {
    "MASE hours 1-6": ("AutoARIMA(24)", 0.467), "OWA hours 1-48": ("doornik, published", 0.410),
    "MASE hours 1-6, 7 days of history": ("AutoARIMA(24)", 0.663),
    "a series": ("AutoARIMA(24), machine of then", 3_400.0),
    "MASE hours 1-6, 7 days, seasonal-naive": ("seasonal naive", 0.752),
    "MASE hours 1-6, 7 days, exponential-smoothing": ("MSTL+ETS", 0.730),
}
THROUGHPUT = {
    "ensemble": ("z-score over a day", 12_600_000.0), "isolation-forest": ("PyOD Isolation Forest, daily refit", 3_400.0),
    "one-class-svm": ("PyOD One-Class SVM, daily refit", 25_000.0), "forecast of 700 hours": ("AutoARIMA(24)", 3_400.0),
    "breach of 2,016 points": ("MSTL+ETS", 70.0),
}
# Naive2 of the M4 competition's hourly series, for OWA.
NAIVE2 = (18.383, 2.395)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr or done.stdout}")
    return done.stdout


def line(name, value, unit, peers, n, spread=None):
    peer, reference = peers.get(name, (None, None))
    low, middle, high = spread or (value, value, value)
    return dict(
        name=name, value=value, unit=unit, peer=peer, peer_value=reference,
        ratio=value / reference if reference else None, n=n, min=low, median=middle, max=high)


def detect(options):
    out = os.path.join(OUT, "detect")
    speed = run(PROGRAM, "detect", "--data", options.data, "--out", out)
    rows = []
    for text in run(sys.executable, f"{options.scorers}/score_detect.py", options.data, out).splitlines():
        score = json.loads(text)
        if "error" in score:
            sys.exit(f"{score['corpus']}: {score['error']}")
        corpus, n = score["corpus"], score["series"]
        rows += [
            line(f"F1 {corpus}", score["F1"], "", DETECT, n),
            line(f"VUS-PR {corpus}", score["VUS_PR"], "", DETECT, n),
            line(f"false alarms a series-day {corpus}", score["false_alarms_per_series_day"], "", DETECT, n),
        ]
        if corpus == "nab":
            rows += [
                line("NAB standard", score["NAB_standard"], "", DETECT, n),
                line("NAB low-FP", score["NAB_reward_low_FP"], "", DETECT, n),
                line("NAB low-FN", score["NAB_reward_low_FN"], "", DETECT, n),
                line("NAB at the threshold of 0.7", score["NAB_standard_at_threshold"], "", DETECT, n),
            ]
    print(speed.strip())
    return rows


def breach(options):
    out = os.path.join(OUT, "breach-answers.json")
    speed = run(PROGRAM, "breach", "--cases", options.data, "--out", out)
    score = json.loads(run(sys.executable, f"{options.scorers}/score_breach.py", options.data, out))
    n = score["cases"]
    print(speed.strip())
    # The same series through the analyzer's watch, step by step: what people would be told in operation.
    print("replaying the histories through the watch for breaches")
    replayed = os.path.join(OUT, "watch.json")
    run(PROGRAM, "watch", "--cases", options.data, "--json", replayed)
    watch = json.load(open(replayed))[0]
    leads = sorted(watch["leads"]) or [0.0]
    lead = (leads[0], leads[len(leads) // 2], leads[-1])
    return [
        line("median error", score["median_abs_error_min"], "min", BREACH, n),
        line("within 30 min", score["within30"], "", BREACH, n),
        line("recall", score["recall"], "", BREACH, n),
        line("false breach", score["false_breach"], "", BREACH, n),
        line("F1 at 60 min", score["F1_60"], "", BREACH, n),
        line("P10-P90 coverage", score["coverage_p10_p90"], "", BREACH, n),
        line("Brier score", score["brier"], "", BREACH, n),
        line("watch: false warnings a series-week", watch["falseWarnings"] / watch["weeks"], "", BREACH, n),
        line("watch: breaches warned of", watch["warned"] / max(1, watch["breaches"]), "", BREACH, watch["breaches"]),
        line("watch: lead time", lead[1], "min", BREACH, len(watch["leads"]), lead),
        line("watch: flaps a warning", watch["flaps"] / max(1, watch["warnings"]), "", BREACH, watch["warnings"]),
    ]


def forecast(options):
    rows = []

    def measure(label, *extra):
        out = os.path.join(OUT, "forecast.csv")
        text = run(PROGRAM, "forecast", "--m4", options.data, "--out", out, *extra)
        speed = [float(number) for number in re.findall(r"(?:mean|least|most) ([0-9.e-]+)", text)]
        score = json.loads(run(sys.executable, f"{options.scorers}/score_forecast.py", options.data, out))
        owa = (score["sMAPE_1_48"] / NAIVE2[0] + score["MASE_1_48"] / NAIVE2[1]) / 2
        n = score["series"]
        rows.append(line(f"MASE hours 1-6{label}", score["MASE_1_6"], "", FORECAST, n))
        return n, owa, (speed[1], speed[0], speed[2])

    for label, extra in (("", []), (", 7 days of history", ["--days", "7"])):
        n, owa, speed = measure(label, *extra)
        rows.append(line(f"OWA hours 1-48{label}", owa, "", FORECAST, n))
        rows.append(line(f"a series{label}", speed[1], "ms", FORECAST, n, speed))
    # The other forecasters, each beside the peer of its kind; arima takes more than a second a series.
    for method in ("seasonal-naive", "exponential-smoothing", "additive-model", "local-models", "lstm"):
        measure(f", 7 days, {method}", "--days", "7", "--method", method)
    return rows


def throughput(options):
    out = os.path.join(OUT, "throughput-raw.json")
    run(PROGRAM, "throughput", "--json", out)
    measured_here = {}
    peers_file = os.path.join(OUT, "peers.json")
    if os.path.exists(peers_file):
        for row in json.load(open(peers_file)):
            known = measured_here.get(row["beside"])
            # The fastest one of those that do the same.
            if known is None or (row["value"] > known[1]) == (row["unit"] == "points/s"):
                measured_here[row["beside"]] = (row["name"] + ", measured here", row["value"])
    rows = []
    for row in json.load(open(out)):
        peers = {**THROUGHPUT, **measured_here}
        rows.append(
            line(row["name"], row["value"], row["unit"], peers, row["n"], (row["min"], row["median"], row["max"])))
    return rows


def table(rows):
    def digits(value):
        if value is None:
            return ""
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"

    print(f"{'':44}{'ours':>14}  {'unit':9}{'peer':>12}{'ratio':>9}{'n':>8}  peer")
    for row in rows:
        print(
            f"{row['name']:44}{digits(row['value']):>14}  {row['unit']:9}{digits(row['peer_value']):>12}"
            f"{digits(row['ratio']):>9}{row['n']:>8}  {row['peer'] or ''}")


def main():
    benches = dict(detect=detect, breach=breach, forecast=forecast, throughput=throughput)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(benches))
    parser.add_argument("--data", help="folder of the data set")
    parser.add_argument("--scorers", help="folder with the score_*.py of the data sets")
    options = parser.parse_args()
    if options.name != "throughput" and not (options.data and options.scorers):
        parser.error(f"{options.name} needs --data and --scorers")
    os.makedirs(OUT, exist_ok=True)
    rows = benches[options.name](options)
    table(rows)
    file = os.path.join(OUT, f"{options.name}.json")
    with open(file, "w") as out:
        json.dump(rows, out, indent=1)
        out.write("\n")
    print(f"wrote {os.path.relpath(file)}")


if __name__ == "__main__":
    main()
