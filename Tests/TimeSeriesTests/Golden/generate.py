#!/usr/bin/env python3
"""Writes golden.json: what reference implementations make of small made-up series.

Run once, by hand, in an environment with the packages of requirements.txt:

  generate.py           writes the file
  generate.py --check   generates anew and compares with the file; fails beyond TOLERANCES, relative to the largest value

The tests name the tolerance of each comparison of ours with these. Randomness is seeded; what optimises or samples
agrees with other versions of its package only within a tolerance.
"""
import json
import logging
import os
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
logging.getLogger("cmdstanpy").setLevel(logging.ERROR)


def series(n, seed, period=12):
    g = np.random.default_rng(seed)
    t = np.arange(n)
    return np.round(50 + 0.1 * t + 8 * np.sin(2 * np.pi * t / period) + g.normal(size=n), 4)


def decomposition():
    from statsmodels.tsa.seasonal import MSTL, STL

    x = series(96, 1)
    x[40] += 25
    plain, robust = STL(x, period=12).fit(), STL(x, period=12, robust=True).fit()
    g = np.random.default_rng(2)
    t = np.arange(140)
    y = np.round(10 + 3 * np.sin(2 * np.pi * t / 7) + 5 * np.sin(2 * np.pi * t / 28) + g.normal(size=140) * 0.3, 4)
    both = MSTL(y, periods=(7, 28)).fit()
    return dict(
        stl=dict(
            values=x, trend=plain.trend, season=plain.seasonal, robust_trend=robust.trend,
            robust_season=robust.seasonal),
        mstl=dict(values=y, trend=both.trend, first=both.seasonal[:, 0], second=both.seasonal[:, 1]))


def smoothing():
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    x = series(72, 3)
    level, slope, season = 50.0, 0.2, [8 * np.sin(2 * np.pi * i / 12) for i in range(12)]
    model = ETSModel(
        pd.Series(x), error="add", trend="add", damped_trend=True, seasonal="add", seasonal_periods=12,
        initialization_method="known", initial_level=level, initial_trend=slope, initial_seasonal=season)
    result = model.smooth([0.4, 0.05, 0.1, 0.95])
    fitted = ETSModel(
        pd.Series(x), error="add", trend="add", damped_trend=True, seasonal="add", seasonal_periods=12).fit(disp=False)
    return dict(
        values=x, level=level, slope=slope, season=season, fitted=result.fittedvalues, forecast=result.forecast(18),
        sse=float(result.sse), best_sse=float(fitted.sse))


def arima():
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    x = series(120, 4)
    out = dict(values=x, cases=[])
    for order, seasonal, params in [
        ((1, 0, 1), (0, 0, 0, 0), [0.6, 0.3, 2.0]),
        ((2, 1, 1), (0, 0, 0, 0), [0.3, -0.2, 0.4, 1.5]),
        ((1, 1, 1), (1, 1, 1, 12), [0.2, -0.5, 0.3, -0.6, 1.2]),
        ((0, 1, 1), (0, 1, 1, 12), [-0.4, -0.5, 1.1]),
    ]:
        y = x - x.mean() if order[1] + (seasonal[1] if seasonal[3] else 0) == 0 else x
        model = SARIMAX(y, order=order, seasonal_order=seasonal, simple_differencing=True)
        levels = SARIMAX(y, order=order, seasonal_order=seasonal)
        path = levels.smooth(params).get_forecast(14)
        best = model.fit(disp=False)
        out["cases"].append(dict(
            ar=order[0], d=order[1], ma=order[2], sar=seasonal[0], sd=seasonal[1], sma=seasonal[2],
            period=seasonal[3] or 1, coefficients=params[:-1], variance=params[-1],
            log_likelihood=float(model.loglike(params)), best=float(best.llf),
            forecast=path.predicted_mean + (x.mean() if y is not x else 0), deviations=path.se_mean))
    return out


def prophet():
    from prophet import Prophet

    g = np.random.default_rng(5)
    n = 24 * 28
    t = np.arange(n)
    x = np.where(t < 400, 100 + 0.05 * t, 120 - 0.02 * (t - 400)) + 10 * np.sin(2 * np.pi * t / 24)
    x = np.round(x - 6 * ((t // 24) % 7 >= 5) + g.normal(size=n), 3)
    frame = pd.DataFrame(dict(ds=pd.date_range("2024-01-01", periods=n, freq="h"), y=x))
    model = Prophet(daily_seasonality=4, weekly_seasonality=3, yearly_seasonality=False, interval_width=0.8)
    model.fit(frame)
    np.random.seed(1)
    path = model.predict(model.make_future_dataframe(48, freq="h", include_history=False))
    return dict(values=x, forecast=path.yhat, lower=path.yhat_lower, upper=path.yhat_upper)


def support():
    from sklearn.svm import OneClassSVM

    g = np.random.default_rng(6)
    x = np.round(g.normal(size=(80, 2)), 4)
    x[:4] = [[4, 4], [-4, 3], [3, -4], [5, 0]]
    asked = np.array([[0, 0], [1, 1], [3, 3], [6, -6], [-1, 0.5]])
    model = OneClassSVM(nu=0.1, gamma=0.5, tol=1e-8).fit(x)
    return dict(points=x, nu=0.1, gamma=0.5, asked=asked, decisions=model.decision_function(asked))


def random_cut():
    import rrcf

    np.random.seed(7)
    x = np.round(np.random.normal(size=(64, 2)), 4)
    x[10] = [6, 6]
    total = np.zeros(64)
    trees = 400
    for _ in range(trees):
        tree = rrcf.RCTree(x)
        total += [tree.codisp(i) for i in range(64)]
    return dict(points=x, displacements=total / trees)


def isolation():
    from sklearn.ensemble import IsolationForest

    g = np.random.default_rng(8)
    x = np.round(g.normal(size=(128, 2)), 4)
    x[5] = [5, -5]
    model = IsolationForest(n_estimators=400, max_samples=64, random_state=1).fit(x)
    return dict(points=x, scores=-model.score_samples(x))


def change():
    from scipy import stats
    from river import drift

    g = np.random.default_rng(9)
    x = np.round(np.r_[g.normal(size=40), g.normal(3, 1, size=30)], 4)
    # Adams and MacKay with a normal-gamma prior, written down from the paper on scipy's density of Student.
    probability, mu, kappa, alpha, beta, hazard = np.array([1.0]), np.zeros(1), np.ones(1), np.ones(1), np.ones(1), 0.02
    rows = []
    for v in x:
        density = stats.t.pdf(v, 2 * alpha, loc=mu, scale=np.sqrt(beta * (kappa + 1) / (alpha * kappa)))
        grown = np.r_[(probability * density * hazard).sum(), probability * density * (1 - hazard)]
        probability = grown / grown.sum()
        beta = np.r_[1, beta + kappa * (v - mu) ** 2 / (2 * (kappa + 1))]
        mu = np.r_[0, (kappa * mu + v) / (kappa + 1)]
        kappa, alpha = np.r_[1, kappa + 1], np.r_[1, alpha + 0.5]
        rows.append(probability.copy())
    test = drift.PageHinkley(min_instances=1, delta=0.1, threshold=8.0, alpha=0.99, mode="both")
    first = None
    for i, v in enumerate(x):
        test.update(float(v))
        if test.drift_detected:
            first = i
            break
    return dict(
        values=x, hazard=hazard, newest=[float(r[0]) for r in rows], last=rows[-1], delta=0.1, threshold=8.0, alpha=0.99,
        page_hinkley=first)


def discord():
    g = np.random.default_rng(10)
    n, m = 160, 16
    x = np.round(np.sin(2 * np.pi * np.arange(n) / 20) + 0.1 * g.normal(size=n), 4)
    x[120:128] += 1
    windows = np.lib.stride_tricks.sliding_window_view(x, m)
    z = (windows - windows.mean(1, keepdims=True)) / windows.std(1, keepdims=True)
    left = [None if i < m else float(np.sqrt(((z[: i - m + 1] - z[i]) ** 2).sum(1)).min()) for i in range(len(z))]
    return dict(values=x, left=left)


def simple():
    from scipy import stats

    g = np.random.default_rng(11)
    x = np.round(g.normal(10, 3, size=101), 4)
    return dict(
        values=x, median=float(np.median(x)), q25=float(np.quantile(x, 0.25)), q995=float(np.quantile(x, 0.995)),
        mad=float(stats.median_abs_deviation(x, scale="normal")), iqr=float(stats.iqr(x)),
        cdf=[float(stats.norm.cdf(z)) for z in (-3.0, -1.0, 0.0, 0.5, 2.5)])


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray, pd.Series)):
        return [plain(v) for v in list(value)]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.12g}")
    return int(value) if isinstance(value, np.integer) else value


# By part; what is calculated in closed form agrees to the last digits that are written.
TOLERANCES = dict(arima=1e-3, prophet=1e-2, support=1e-4, random_cut=1e-6, isolation=1e-6)


def check(stored, fresh, path, tolerance):
    """Differences beyond the tolerance, as text."""
    if isinstance(stored, dict) and isinstance(fresh, dict) and stored.keys() == fresh.keys():
        return [text for key in stored for text in check(stored[key], fresh[key], f"{path}.{key}", tolerance)]
    if isinstance(stored, list) and isinstance(fresh, list) and len(stored) == len(fresh):
        numbers = [value for value in stored if isinstance(value, (int, float))]
        if len(numbers) == len(stored) and all(isinstance(value, (int, float)) for value in fresh):
            size = max(map(abs, numbers), default=0) or 1
            worst = max((abs(one - other) for one, other in zip(stored, fresh)), default=0) / size
            return [f"{path}: differs by {worst:.2g}"] if worst > tolerance else []
        pairs = enumerate(zip(stored, fresh))
        return [text for index, (one, other) in pairs for text in check(one, other, f"{path}[{index}]", tolerance)]
    if isinstance(stored, (int, float)) and isinstance(fresh, (int, float)):
        return check([stored], [fresh], path, tolerance)
    return [] if stored == fresh else [f"{path}: {stored!r} is now {fresh!r}"]


if __name__ == "__main__":
    parts = [decomposition, smoothing, arima, prophet, support, random_cut, isolation, change, discord, simple]
    golden = {part.__name__: plain(part()) for part in parts}
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.json")
    if sys.argv[1:] == ["--check"]:
        with open(path) as file:
            stored = json.load(file)
        found = [text for name in golden for text in check(stored[name], golden[name], name, TOLERANCES.get(name, 1e-9))]
        sys.exit("\n".join(found) if found else print(f"{len(golden)} parts are as in {os.path.basename(path)}"))
    with open(path, "w") as file:
        json.dump(golden, file, separators=(",", ":"))
        file.write("\n")
