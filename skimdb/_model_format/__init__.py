"""The format of model files: a zip archive of JSON and of arrays in NumPy's .npy format.

No member is compressed, and none holds anything that could be run:

``manifest.json``
    ``format`` ("skimdb model"), ``format_version`` (1), ``skimdb_version``, and in ``members`` the
    ``size`` and ``sha256`` of every other member.
``model.json``
    A DenseClassifier, or a Pipeline and its steps: for each the ``type``, the ``parameters`` of
    the constructor, and under ``fitted`` the learned attributes that fit into JSON. Values that
    JSON has no type for, such as tuples, are objects with one name, which says the type;
    ``_plain_values.py`` lists them.
``<step>_weight_<i>.npy``
    Kernel (even i) and bias (odd i) of each layer, float32; ``<step>`` is the position of the step
    in the pipeline, starting at 0.
``<step>_classes.npy``, ``<step>_optimizer_<i>.npy``
    ``classes_``; the variables of the optimizer, if training can continue.
``<step>_idf.npy``, ``<step>_ngrams.npy``
    ``idf_`` and ``ngrams_`` of a vectorizer.
``<step>_scale.npy``, ``<step>_square.npy``, ``<step>_column_sum.npy``
    Of a LogCountRatioScaler: ``scale_``, the sums of squares of the columns, and for several
    labels a row the sums of the columns.
``<step>_count.npy``, ``<step>_count_column.npy``, ``<step>_count_row.npy``
    The three arrays of ``feature_count_``, a CSR array.
``<step>_vocabulary.json``, ``<step>_given_vocabulary.json``
    Lists of ``words`` and of their ``ranks``: ``vocabulary_``, and the parameter ``vocabulary``
    if it differs.

A file is opened only if it is, byte for byte, the file that ``save_model`` writes for its members.

Why not skops, which saves any scikit-learn estimator: the types in a skimdb model are few and
known, so a file can be checked against what each type requires, shape by shape, instead of against
a list of types to trust; later releases can read the format without keeping their classes at the
same import paths; it needs no further dependency; and any tool that reads zip, JSON and .npy can
read the weights.
"""
