#!/usr/bin/env python3
"""Measures the speed of the field's libraries on this machine, on one core, on the series of `sre-bench throughput`.

Needs river, PyOD, scikit-learn, scipy, statsmodels, statsforecast and prophet. Writes .build/bench/peers.json, which
`bench.py throughput` puts beside ours. Detectors are run as they are meant to: the streaming ones point by point, the batch
ones fitted again every day of points and scored in between. Where sre-bench is built, it is measured in the same run, and
the ratio is printed: above 1 we are faster.
"""
import json
import logging
import os
import subprocess
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

warnings.filterwarnings("ignore")
logging.getLogger("cmdstanpy").setLevel(logging.ERROR)
ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
OUT = os.path.join(ROOT, ".build", "bench")
PROGRAM = os.path.join(ROOT, ".build", "release", "sre-bench")
DAY = 1440


def series(n, step=60):
    g = np.random.default_rng(1)
    return 100 + 20 * np.sin(2 * np.pi * np.arange(n) * step / 86_400) + g.uniform(-5, 5, n)


def repeated(body, runs=3):
    values = []
    for _ in range(runs):
        begun = time.perf_counter()
        body()
        values.append(time.perf_counter() - begun)
    return sorted(values)


def features(x):
    step = np.diff(x, prepend=x[0])
    return np.stack([x, step, x - pd.Series(x).rolling(8, min_periods=1).mean().values], 1)


def half_space_trees(x):
    from river import anomaly

    model = anomaly.HalfSpaceTrees(seed=1)
    for value in x:
        point = {"x": (value - 70) / 60}
        model.score_one(point)
        model.learn_one(point)


def gaussian_scorer(x):
    from river import anomaly

    model = anomaly.GaussianScorer()
    for value in x:
        model.score_one(None, value)
        model.learn_one(None, value)


def daily(x, make):
    f = features(x)
    for start in range(DAY, len(x), DAY):
        make().fit(f[max(0, start - 7 * DAY):start]).score_samples(f[start:start + DAY])


def isolation(x):
    from sklearn.ensemble import IsolationForest

    daily(x, lambda: IsolationForest(random_state=1, n_jobs=1))


def support(x):
    from sklearn.svm import OneClassSVM

    daily(x, lambda: OneClassSVM(nu=0.05))


def pyod_isolation(x):
    from pyod.models.iforest import IForest

    f = features(x)
    for start in range(DAY, len(x), DAY):
        model = IForest(random_state=1, n_jobs=1)
        model.fit(f[max(0, start - 7 * DAY):start])
        model.decision_function(f[start:start + DAY])


def pyod_support(x):
    from pyod.models.ocsvm import OCSVM

    f = features(x)
    for start in range(DAY, len(x), DAY):
        model = OCSVM(nu=0.05)
        model.fit(f[max(0, start - 7 * DAY):start])
        model.decision_function(f[start:start + DAY])


def smoothing():
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel
    from statsmodels.tsa.seasonal import MSTL

    x = series(700, 3600)
    parts = MSTL(x, periods=(24, 168)).fit()
    ETSModel(pd.Series(x - parts.seasonal.sum(1)), trend="add", damped_trend=True).fit(disp=False).forecast(48)


def stats_frame():
    x = series(700, 3600)
    return pd.DataFrame(dict(unique_id="a", ds=np.arange(len(x)), y=x))


def auto_arima():
    from statsforecast import StatsForecast
    from statsforecast.models import AutoARIMA

    StatsForecast(models=[AutoARIMA(season_length=24)], freq=1, n_jobs=1).forecast(df=stats_frame(), h=48)


def mstl_ets():
    from statsforecast import StatsForecast
    from statsforecast.models import MSTL, AutoETS

    model = MSTL(season_length=[24, 168], trend_forecaster=AutoETS(model="ZZN"))
    StatsForecast(models=[model], freq=1, n_jobs=1).forecast(df=stats_frame(), h=48)


def prophet():
    from prophet import Prophet

    x = series(2016, 300)
    frame = pd.DataFrame(dict(ds=pd.date_range("2026-01-01", periods=len(x), freq="5min"), y=x))
    model = Prophet().fit(frame)
    model.predict(model.make_future_dataframe(72, freq="5min", include_history=False))


def main():
    rows = []
    for name, beside, body, points in [
        ("river HalfSpaceTrees", "ensemble", half_space_trees, 5_000),
        ("river GaussianScorer", "ewma", gaussian_scorer, 20_000),
        ("PyOD IForest, daily refit", "isolation-forest", pyod_isolation, 5 * DAY),
        ("PyOD OCSVM, daily refit", "one-class-svm", pyod_support, 5 * DAY),
        ("scikit-learn IsolationForest, daily refit", "isolation-forest", isolation, 5 * DAY),
        ("scikit-learn OneClassSVM, daily refit", "one-class-svm", support, 5 * DAY),
    ]:
        x = series(points)
        seconds = repeated(lambda: body(x))
        rates = sorted(points / s for s in seconds)
        rows.append(dict(name=name, beside=beside, value=rates[1], unit="points/s", n=3, min=rates[0], median=rates[1], max=rates[2]))
    for name, beside, body in [
        ("statsmodels MSTL+ETS", "forecast of 700 hours", smoothing),
        ("statsforecast MSTL+AutoETS", "forecast of 700 hours", mstl_ets),
        ("statsforecast AutoARIMA(24)", "forecast of 700 hours", auto_arima),
        ("prophet", "breach of 2,016 points", prophet),
    ]:
        # The first call compiles, imports and caches; it does not count.
        body()
        times = [s * 1000 for s in repeated(body)]
        rows.append(dict(name=name, beside=beside, value=times[1], unit="ms", n=3, min=times[0], median=times[1], max=times[2]))
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, "peers.json"), "w") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")
    ours = measured()
    print(f"{'':44}{'peer':>14} {'':9}{'ours':>14}{'ratio':>9}  beside")
    for row in rows:
        own = ours.get(row["beside"])
        ratio = "" if own is None else own / row["value"] if row["unit"] == "points/s" else row["value"] / own
        shown = f"{own:>14,.1f}{ratio:>9,.1f}" if own is not None else f"{'':>14}{'':>9}"
        print(f"{row['name']:44}{row['value']:>14,.1f} {row['unit']:9}{shown}  {row['beside']}")


def measured():
    """Medians of sre-bench throughput by name, measured now; nothing when it is not built."""
    if not os.path.exists(PROGRAM):
        return {}
    out = os.path.join(OUT, "throughput-raw.json")
    subprocess.run([PROGRAM, "throughput", "--series", "0", "--json", out], check=True, capture_output=True)
    return {row["name"]: row["median"] for row in json.load(open(out))}


if __name__ == "__main__":
    main()
