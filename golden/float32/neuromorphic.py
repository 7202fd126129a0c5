"""The neuromorphic search: one pipeline through all units, and the score that keeps it a search.

``docs/neuromorphic.md`` has the reasons and the measurement. In short, with d the distances of the query to all n
vectors (each held within +-2**120) and every operation one float32 operation in the order written:

1. The neurons, the dendrites, the winner and the histories are reset.
2. Membranes: low = min d; if low < 0, d = d - low and low = 0 (dot). unit = the fifth smallest d (the largest when n
   < 5) * 0.25, or, when that is 0, the largest d * 0.25. V = (unit + low) / (unit + d), 1 when unit + low is 0;
   V = V + V. So this is 1 / (1 + d / unit), relative to the best: the best neuron starts at 2, twice the threshold.
   (1 / (1 + d) itself never exceeds 1 and decays before it is compared: nothing would ever fire.)
3. first = V; late = 0; then ``iterations`` times, t = 0, 1 ...: oscillator step; dendrites integrate and are
   cleared; for t > 0: late = late + 8**-t * (min(V, 2) + h), the weight by repeated products, h = 1 when the neuron's
   history is not 0 (it fired within the last 32 steps), else 0; neurons step; dendrites propagate with gain 0.5; soft
   competition; pattern record; homeostasis. volley = number of spikes at t = 0.
4. score = first + (volley / 32) * late: what a membrane brings to its threshold, and having fired, early far above
   late. The more neurons the first volley holds, the less certain the query, and the more the late activity counts,
   which is what the neurons that fired have told their neighbours on the graph.
5. Sequence: with ``agree`` = the number of neurons for which "score > mean score" equals "trace > mean trace" (mean:
   sum from neuron 0 upwards, from +0, then one division by n), the search continues the sequence of those before when
   n_glimpses > 0 and 16 * agree + 4 * volley >= (11 + n_glimpses) * n: an uncertain query needs to agree less, a trace
   that counts for more must be agreed with more. If so: final = score + trace * 2**(n_glimpses - 3), trace = score +
   trace, n_glimpses = min(n_glimpses + 1, 3). If not: final = trace = score, n_glimpses = 1. Then trace = trace -
   trace * 0.125.
6. final = final + resonance * 2**-16; the record's distance is 0 - final; order by (distance, index).

Cost in hardware: one division a neuron, shifts, adds, a product with a 6-bit count, one 32-bit population count.
"""

import numpy as np
from numpy.typing import NDArray

from golden.float32.dendrite import Dendrites
from golden.float32.homeostasis import Homeostasis
from golden.float32.lif import LifNeurons
from golden.float32.math32 import ONE, TWO, ZERO, Floats, ieee
from golden.float32.neural_constants import MAX_GLIMPSES, SEARCH_GAIN
from golden.float32.oscillator import GammaOscillator
from golden.float32.pattern import PatternUnit
from golden.float32.state import SpikingState
from golden.float32.wta import WinnerTakeAll

DISTANCE_LIMIT = np.float32(2.0**120)
UNIT_RANK = 4
"""The unit of distance is a quarter of the distance of this rank (0 is the nearest)."""
QUARTER, EIGHTH = np.float32(0.25), np.float32(0.125)
PER_NEURON = np.float32(2.0**-5)
RESONANCE_SHARE = np.float32(2.0**-16)


@ieee()
def initial_membranes(distance: Floats) -> Floats:
    """Step 2: 0..2 for distances [n >= 1] without NaN; larger is nearer, and order is kept up to rounding."""
    d = np.minimum(np.maximum(distance, -DISTANCE_LIMIT), DISTANCE_LIMIT)
    low = d.min()
    if low < 0:
        d, low = d - low, ZERO
    ranked = np.sort(d)
    unit = ranked[min(UNIT_RANK, len(d) - 1)] * QUARTER
    if unit == 0:
        unit = ranked[-1] * QUARTER
    best = unit + low
    v = best / (unit + d) if best > 0 else np.ones_like(d)
    return v + v


@ieee()
def above_mean(values: Floats) -> NDArray[np.bool_]:
    """values > mean, the mean as in step 5."""
    total = ZERO
    for value in values:
        total = total + value
    return values > total / np.float32(len(values))


class NeuromorphicSearch:
    """Steps 1 to 6 on the units of one core."""

    def __init__(self, state: SpikingState) -> None:
        self.state = state
        self.lif = LifNeurons(state)
        self.dendrites = Dendrites(state)
        self.homeostasis = Homeostasis(state)
        self.oscillator = GammaOscillator(state)
        self.patterns = PatternUnit(state)
        self.wta = WinnerTakeAll(state)

    def forget(self) -> None:
        """End the sequence of glimpses: the next search stands alone."""
        self.state.trace[:] = 0
        self.state.n_glimpses = 0

    def run(self, distance: Floats, links: list[list[int]], dt: np.float32, iterations: int) -> Floats:
        """Steps 1 to 6 for ``distance`` [n]; returns the records' distances [n], minus the final scores.

        The state afterwards is what the units left. With n = 0 the oscillator and the time still move on.
        """
        n = len(distance)
        self.lif.reset()
        self.dendrites.reset()
        self.wta.reset()
        self.patterns.reset()
        if n:
            self.state.membrane[:n] = initial_membranes(distance)
        score, volley = self._score(n, links, dt, iterations)
        if not n:
            return score
        final = self._join_sequence(score, volley)
        with ieee():
            resonance = np.array([self.oscillator.resonance(i) for i in range(n)], np.float32)
            return ZERO - (final + resonance * RESONANCE_SHARE)

    @ieee()
    def _score(self, n: int, links: list[list[int]], dt: np.float32, iterations: int) -> tuple[Floats, int]:
        v = self.state.membrane[:n]
        n_links = np.array([len(slots) for slots in links], np.intp)
        first: Floats = v.copy()
        late: Floats = np.zeros(n, np.float32)
        weight, volley = ONE, 0
        for t in range(iterations):
            self.oscillator.step(dt)
            self.dendrites.integrate(slice(n), n_links)
            self.dendrites.reset()
            if t:
                weight = weight * EIGHTH
                has_fired = np.minimum(self.state.patterns[:n], np.uint32(1)).astype(np.float32)
                late += weight * (np.minimum(v, TWO) + has_fired)
            n_spikes = self.lif.step(n, dt)
            if not t:
                volley = n_spikes
            self.dendrites.propagate(links, SEARCH_GAIN)
            self.wta.soften(n)
            self.patterns.record()
            self.homeostasis.update(n, dt)
        return first + (np.float32(volley) * PER_NEURON) * late, volley

    @ieee()
    def _join_sequence(self, score: Floats, volley: int) -> Floats:
        s, n = self.state, len(score)
        trace = s.trace[:n]
        n_agree = int((above_mean(score) == above_mean(trace)).sum())
        if s.n_glimpses and 16 * n_agree + 4 * volley >= (11 + s.n_glimpses) * n:
            final = score + trace * np.float32(2.0 ** (s.n_glimpses - MAX_GLIMPSES))
            kept = score + trace
            s.n_glimpses = min(s.n_glimpses + 1, MAX_GLIMPSES)
        else:
            final = kept = score
            s.n_glimpses = 1
        trace[...] = kept - kept * EIGHTH
        return final
