"""Training of the learning policies (Section V); the only room with torch."""

from qnetsim.extras import require

require("learning (training and its environments)", "torch")
