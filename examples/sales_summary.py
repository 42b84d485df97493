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


# >>> scriptlock >>>
# | # Locked dependencies of this script. Refresh: scriptlock lock
# | [tool.scriptlock]
# | lock-version = 1
# | inputs = "v1:ffd082edd9c030c501d7c7164ccee201"
# | content = "v1:e70a201c102869fc69217cdc19a9e173"
# | requires-python = ">=3.11"
# | environments = [
# |   "sys_platform == 'linux' and platform_machine == 'x86_64' and python_version >= '3.11' and python_version < '3.16'",
# |   "sys_platform == 'linux' and platform_machine == 'aarch64' and python_version >= '3.11' and python_version < '3.16'",
# |   "sys_platform == 'darwin' and platform_machine == 'arm64' and python_version >= '3.11' and python_version < '3.16'",
# |   "sys_platform == 'win32' and platform_machine == 'AMD64' and python_version >= '3.11' and python_version < '3.16'",
# | ]
# |
# | [tool.scriptlock.pins]
# | numpy = [
# |   { version = "2.5.5", marker = "python_version >= '3.12'" },
# |   { version = "2.4.6", marker = "python_version < '3.12'" },
# | ]
# | pandas = "3.1.1"
# | python-dateutil = "4.0.0"
# | tzdata = "2026.6"
# |
# | [tool.scriptlock.hashes]
# | numpy = [
# | "sha256:0ab0a9c4ffb1a6d95ef519fe4247dba8eb6b18ad93999f76b7f657039acabd47",
# | "sha256:110f8b71aacb688ec69062bb7f6938a0f8acb01b7c1c4beb453c65b6d234584d",
# | "sha256:1e254a00cdf42b1e4d5b3d68d33af63268d41340d8885df2ab6470f2e1500147",
# | "sha256:20145b11776d2f7570cd61351b156a51d3a341822282095baa819d87272bc710",
# | "sha256:704d819265e5d1064d932968e9ee85fff2103ccc78c05b878c06943ba27b8507",
# | "sha256:7ca51125c76817de53473dae31ddc17213776472761bea9cca68a1a0037a4827",
# | "sha256:7e71ac4284c700afa654e2d15b1b174166710dca932f24045e5dc92001b5bda0",
# | "sha256:824025655df929268bfe6b47ed91a00d14209a6f760847cf150be446829e1ce4",
# | "sha256:89cd468399cfd2504718f0ba50e410dca55a170b61a02ad92bb18c8a65186e93",
# | "sha256:919eb420662b0b4ba34889df503f3d5329775b0c1d5f7e5f5af4fba8315b1e30",
# | "sha256:9c3e1ac3cd5d3329f4d38709ff4c21f0621bbe8779c094d6de8ec8347246fcdc",
# | "sha256:a0750f2156d53446caca85663d0b65d67214e1664b9050454a731ea1418d176a",
# | "sha256:a207eb88a18e30add597c366c1db7e79f48fc94084b8e7dbd0eefb95a645db12",
# | "sha256:ae2b8285d0b4eed24739c3ca9ec0fa424a0247489c01e1d5fe2815a599e11d33",
# | "sha256:ae9cfe4e985139c5f2db69d4310de7348bd0abc02cfdc06991c4419065f6fdca",
# | "sha256:b96e9ee49ccbdb5676359f852a4497f7a9c5df6c377d8877f5330d6fd3ff42e4",
# | "sha256:c48960d420e90cf305cb1fde0d4e6082cc90512cda87a9acf0b6e04e91cf4abe",
# | "sha256:cc6eb7502facce90349b4097a26821af224aaa0ab36e78304711cdb544352882",
# | "sha256:d7d9be35d50366fe5ac28188364154c9e1e22ad1b977a06c9465c0680c8eeefe",
# | "sha256:e0608d1585557b68dcb6a70a41654f7536567960afad79d91752d2863b242b68",
# | ]
# | pandas = [
# | "sha256:028490c8ac2e03e18c9b08b7f3612e149b03570209bcf741d23833a7a5377ab2",
# | "sha256:07998b563a4e1ff2d6062ead5a7b145bb7f70096bbd428b7dc556672970ff0ed",
# | "sha256:0f628bb9a4681695da1dcc04efef86bc8c67095300d8da928b9886259cb0dada",
# | "sha256:1e13eb2650f438ee4acda9c50ab7692ea2bc2c5fd5959d1284c83bc7eb287e5e",
# | "sha256:269716b079899a92953837d13ed215ef2d36dbf8dd3787faf617f1160a2f5062",
# | "sha256:2b6f34c1fd341128317fd880aee0365020fd14be573c375fb4c72e63567c6ba4",
# | "sha256:326459d8a9be11b5f48c7fc1d63e38ba7cfeaebe5d41bd19e4c5f4f11dc9ac91",
# | "sha256:3b10ae67d301ea84d0969388557cf8b90ea7870def14fd743614bde890104163",
# | "sha256:48066660db2f0d652b0f4df5743ca975e9b568043084c86e575b0eda648f7c64",
# | "sha256:4f1602f614bb83f443381dbcbb94c4ac764b2e50c8d6c965614c5cd83e328c47",
# | "sha256:57112bab44e336758121435cd01ccebc1e4fca56c28d95d7c03bf2418dedea6a",
# | "sha256:593fb29eb5e51ab77ee37bda7ab2232aa1077088af7b4acbd18ca2f43f6c02f5",
# | "sha256:645fa00fd85cfced2d2c09dc116d3694f578501b1ce4899153fbe64788ecda98",
# | "sha256:6d84760cc1bd799440a66b4df2ceb7a508870f3b8b4d8dda21befd62779cd3b4",
# | "sha256:78837bfc15a272896def947e9b47a671363f5291c5266105c68c06d6a1b0045e",
# | "sha256:862f6fbef3f05005d78df13ffd9c44606fdcb76af8748ab14c901f6181bf3789",
# | "sha256:b71ab4607da4c1665f3db3bba62dfe7222f66a0ca353de0e2d9d934480dc19bf",
# | "sha256:bf0cf825769b60f9a01a8ff77ed82cfca9ccf2609170814f8f00810f5eaeae71",
# | "sha256:eef35cb3f07dbc8e10e298b8a55ee4aa04d6511f27d5277f13c3df45d3bbef5c",
# | "sha256:fdd87cf4d59a3c45f17af6ec965d0bd10b9f15e1b5082d2da11a577439551bcd",
# | ]
# | python-dateutil = [
# | "sha256:a5e246f79eb80475e691bf93862cead98decd8a498cf53ba0516fcdc0f50dc1c",
# | ]
# | tzdata = [
# | "sha256:0a10eec6e13ef16b627fabed9a5f2ba61a62b1c67f327305f4e7e412a70b4aec",
# | ]
# <<< scriptlock <<<
