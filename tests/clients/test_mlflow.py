"""MLflow: pipelines as logged models, and runs that autologging makes."""

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.model_selection import GridSearchCV

from skimdb import multi_hot_pipeline, text_pipeline


@pytest.fixture(scope="module", autouse=True)
def _tracking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'runs.db'}")
    mlflow.set_experiment(
        experiment_id=mlflow.create_experiment("skimdb", artifact_location=folder.as_uri())
    )
    yield
    mlflow.sklearn.autolog(disable=True)


def test_a_logged_model(reviews):
    pipeline = text_pipeline(random_state=0).fit(reviews.X, reviews.y)
    frame = pd.DataFrame({"text": reviews.X_test})
    expected = pipeline.predict_proba(reviews.X_test)
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            pipeline,
            name="model",
            signature=mlflow.models.infer_signature(frame, expected),
            pyfunc_predict_fn="predict_proba",
            skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(pipeline)),
        )
    loaded = mlflow.sklearn.load_model(logged.model_uri)
    np.testing.assert_array_equal(loaded.predict_proba(reviews.X_test), expected)
    served = mlflow.pyfunc.load_model(logged.model_uri)
    np.testing.assert_array_equal(served.predict(frame), expected)
    with pytest.raises(mlflow.MlflowException, match="Model is missing inputs"):
        served.predict(frame.rename(columns={"text": "review"}))


def runs():
    return mlflow.search_runs(output_format="list")


@pytest.mark.parametrize("backend", ["sparse", "keras"])
def test_autologging_logs_a_fit_once(backend, reviews):
    mlflow.sklearn.autolog(log_models=False)
    before = len(runs())
    pipeline = multi_hot_pipeline(text=True, epochs=2, backend=backend, random_state=0)
    pipeline.fit(reviews.X, reviews.y)
    assert len(runs()) == before + 1
    data = runs()[0].data
    assert (data.params["classifier__epochs"], data.params["classifier__backend"]) == (
        "2",
        backend,
    )
    mlflow.sklearn.autolog(disable=True)
    assert data.metrics["training_score"] == pipeline.score(reviews.X, reviews.y)


def test_autologging_logs_a_search(reviews):
    mlflow.sklearn.autolog(log_models=False)
    before = len(runs())
    search = GridSearchCV(
        multi_hot_pipeline(text=True, random_state=0), {"classifier__epochs": [1, 8]}, cv=2
    ).fit(reviews.X, reviews.y)
    found = runs()[: len(runs()) - before]
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert (len(found), len(parents)) == (3, 1)
    best = str(search.best_params_["classifier__epochs"])
    assert parents[0].data.params["best_classifier__epochs"] == best
