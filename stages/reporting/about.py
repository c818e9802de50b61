"""What each figure and table shows, and what the paper finds in its own, where it has one."""

FIGURES = {
    "figure_01": (
        "A plane through two initialisations and an optimum with the path of training, and the losses on the lines.",
        "Loss falls along the line from either initialisation; training takes a bent path.",
    ),
    "figure_02": ("Training loss on lines of convolutional networks.", "Monotone with SGD, often not with Adam."),
    "figure_03": (
        "Logits along lines in two principal components.",
        "Without batch norm the paths are nearly straight; with it they bend.",
    ),
    "figure_04": ("Training loss on lines of autoencoders.", "SGD and Adam are both mostly monotone."),
    "figure_05": (
        "Min Δ against distance and against Gauss length.",
        "Networks that moved little, or turned little, are monotone.",
    ),
    "figure_06": (
        "Lines from fresh initialisations to a monotone and to a non-monotone optimum.",
        "They behave as the line from the own initialisation.",
    ),
    "figure_07": ("Gauss length against distance.", "A power law, R² 0.616."),
    "figure_08": ("Lines between ten networks.", "No barriers but between optima."),
    "figure_09": (
        "Planes of a masked language model.",
        "Both initialisations are monotonically connected to both optima.",
    ),
    "figure_10": ("Test accuracy against min Δ.", "Monotone and non-monotone networks generalise alike."),
    "figure_11": ("Lines by optimizer.", "K-FAC, RMSProp and Adam break monotonicity more often than SGD."),
    "figure_12": ("Figure 5 by optimizer.", "Adam moves farther, and is more often non-monotone."),
    "figure_13": ("Figure 5 for autoencoders.", "Short distances and Gauss lengths are monotone."),
    "figure_14": ("Min Δ against distance for residual networks.", "Farther networks are more often non-monotone."),
    "figure_15": ("Gauss length against distance for autoencoders.", "A power law, R² 0.705."),
    "figure_16": ("Min Δ against Gauss length for residual networks.", "Little relation."),
    "figure_17": ("Gauss length against distance for residual networks.", "R² 0.399 and 0.402."),
    "figure_18": ("Min Δ against distance, with batch norm and without.", "Batch norm moves weights farther."),
    "figure_19": ("A plane through a network whose line rises.", "A barrier, then a flat region."),
    "figure_20": (
        "Lines from initialisations by another scheme.",
        "From block-identity initialisations the lines to the same optimum are monotone.",
    ),
    "figure_21": ("Lines to and from permuted networks.", "Permutations preserve monotonicity."),
    "figure_22": (
        "Planes of residual networks: loss and accuracy.",
        "Monotone from initialisations to optima.",
    ),
    "figure_23": ("Planes of a masked language model with the losses on lines.", "Monotone between all pairs."),
    "figure_24": ("All lines of table 1.", "Batch norm and large rates break monotonicity."),
    "figure_25": ("Mean min Δ by rate, width and depth.", "The rate matters, width and depth do not."),
    "figure_26": ("Lines of networks trained on few examples.", "Smooth and monotone, however unstable training was."),
    "figure_27": ("Lines on the training and the test split.", "Both alike."),
    "figure_28": ("The same for residual networks.", "Both alike."),
    "figure_29": (
        "The slope at the end of lines of the noisy quadratic model.",
        "Symmetric, so half are monotone.",
    ),
    "figure_30": ("Lines of networks trained on corrupted labels.", "In words: always monotone."),
    "figure_31": (
        "Distance at equal training loss, by optimizer.",
        "In words: adaptive optimizers go farther.",
    ),
    "figure_32": ("Theorem 3 example by example.", "A theorem, without an experiment."),
    "figure_33": ("Theorem 9: distance and rise against the width.", "A theorem, without an experiment."),
    "figure_34": ("Two-layer linear networks.", "Appendix A.1, without an experiment."),
    "figure_35": ("Barriers between optima before and after matching hidden units.", "Not in the paper."),
    "figure_36": ("Paths of training beside the line: progress, residual, cosines.", "Not in the paper."),
    "figure_37": ("Lines from noise, from zero, and from points of training.", "Not in the paper."),
    "figure_38": ("Lines along which one layer moves.", "Not in the paper."),
}
TABLES = {
    "table_1": (
        "Non-monotone lines by optimizer, batch norm and learning rate.",
        "Large rates and Adam with batch norm.",
    ),
    "table_2": ("Non-monotone lines of residual networks by initialisation.", "BN 54 and 77 %; the others far fewer."),
    "table_3": ("The same by learning rate and batch norm.", "More with batch norm at every rate."),
    "table_4": ("Table 2 on a harder problem.", "BN 45 and 62 %; the others far fewer."),
    "table_5": ("Runs that switch from SGD to Adam.", "Distance and Gauss length grow by tens and by ten."),
    "table_6": ("Runs that switch from Adam to SGD.", "Both shrink."),
    "table_7": ("Steps of one optimizer's direction and another's length.", "The length breaks monotonicity."),
    "table_8": ("Two-layer linear networks.", "Appendix A.1, without an experiment."),
}
