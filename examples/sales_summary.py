#!/usr/bin/env -S scriptlock run
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "pandas>=2.2,<4",
#   "numpy>=2",
# ]
# ///
"""Sum up a CSV file of sales (columns day, product, units, price); without one, a made-up year."""

import sys

import numpy as np
import pandas as pd


def made_up() -> pd.DataFrame:
    random = np.random.default_rng(seed=7)
    days = pd.date_range("2025-01-01", periods=365, name="day")
    products = np.array(["apples", "bread", "cheese"])
    size = len(days) * 4
    return pd.DataFrame(
        {
            "day": np.repeat(days.to_numpy(), 4),
            "product": random.choice(products, size),
            "units": random.integers(1, 20, size),
            "price": random.normal(3.5, 0.4, size).round(2),
        }
    )


def summary(sales: pd.DataFrame) -> pd.DataFrame:
    sales = sales.assign(revenue=sales["units"] * sales["price"], quarter=sales["day"].dt.quarter)
    table = sales.pivot_table(
        values="revenue", index="product", columns="quarter", aggfunc="sum", margins=True
    )
    return table.rename(columns=lambda name: f"Q{name}" if name != "All" else "year").round(2)


if __name__ == "__main__":
    sales = pd.read_csv(sys.argv[1], parse_dates=["day"]) if len(sys.argv) > 1 else made_up()
    print(summary(sales).to_string())
