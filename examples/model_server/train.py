"""Trains the model when the image is built: python3 train.py model.joblib

Handwritten digits, 8 x 8 pixels from 0 to 16, from scikit-learn's own copy of the data set: nothing is downloaded.
"""

import sys

import joblib
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

ACCURACY_MIN = 0.95


def main() -> None:
    images, digits = load_digits(return_X_y=True)
    train, test, train_digits, test_digits = train_test_split(images, digits, test_size=0.25, random_state=7)
    model = make_pipeline(MinMaxScaler(), MLPClassifier((64,), solver="lbfgs", alpha=0.1, max_iter=500, random_state=7))
    model.fit(train, train_digits)
    accuracy = model.score(test, test_digits)
    if accuracy < ACCURACY_MIN:
        sys.exit(f"only {accuracy:.3f} of the test images are read right; {ACCURACY_MIN} is expected")
    joblib.dump(model, sys.argv[1])
    print(f"{accuracy:.3f} of {len(test)} test images are read right; model in {sys.argv[1]}")


if __name__ == "__main__":
    main()
