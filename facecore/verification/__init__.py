"""What scores mean: pure functions over arrays, without photos and without a network.

    pairs         every kind of pair list -> one table
    metrics       ROC, AUC, EER, TAR at FAR, accuracy
    intervals     how sure a rate is
    calibration   score -> probability and verdict
    fitting       scores of known pairs -> calibration and its evidence

The score of a pair is the cosine of two embeddings, higher for more alike. A genuine pair shows one person, an
impostor pair two. FAR (false accept rate) is the share of impostor pairs that are accepted, TAR (true accept rate)
the share of genuine pairs.
"""
