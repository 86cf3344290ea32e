"""A regression on a CSV file; `write` makes one of invented flats.

python examples/table.py flats.csv
python train.py -m backend=tensorflow,jax,torch model=examples/table.py:perceptron data=./flats.csv data.label=rent
"""

import csv
import random
import sys


def perceptron(input_shapes, outputs, width=32):
    from keras import layers, models

    return models.Sequential([
        layers.Input(shape=input_shapes[0]),
        layers.Dense(width, activation="relu"),
        layers.Dense(outputs),
    ])  # fmt: skip


def write(path, rows=1000):
    draw = random.Random(1)
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["area", "rooms", "town", "rent"])
        for _ in range(rows):
            area, town = draw.uniform(20, 150), draw.choice(["Ulm", "Bonn", "Kiel"])
            rent = 8 * area * {"Ulm": 1.0, "Bonn": 1.2, "Kiel": 0.9}[town] + draw.gauss(0, 40)
            table.writerow([round(area, 1), max(1, round(area / 25)), town, round(rent)])


if __name__ == "__main__":
    write(sys.argv[1])
