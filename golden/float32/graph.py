"""The graph of a core: bounded degree, no vector ever cut off.

Every node keeps a list of at most 6 links; the first ``n_pinned`` of them are pinned and never leave, the others
stand in order of age. Insertion needs no distances between stored vectors, only the ranking of the stored ones by
their distance to the new one.

Inserting node i into n > 0 nodes, with ``near`` = the 16 nearest of them by (distance, index):

1. parent = the first of ``near`` with fewer than 6 pinned links; others = the first 5 of ``near`` without it.
2. i's list: the parent (pinned), then the others in order.
3. the parent's list: i goes, pinned, to slot p = n_pinned. The link that stood there moves to the end when
   the list has room, and is dropped when it has not.
4. each other j: i is appended when j's list has room; else, when j has a link that is not pinned, the oldest such
   link is dropped, the later ones move down and i takes the last slot; else j's list stays.

Invariant (reachability): the pinned links, taken in both directions, are exactly the edges of a spanning tree
rooted at node 0, and no step removes a pinned link. So every node can be reached from node 0 by links after every
insertion. Proof by induction: step 2 and 3 pin one edge, between i and a node that is in the tree already; step 3 and 4
only ever drop a link at a slot >= n_pinned.

A parent always exists. With n nodes the tree has n - 1 edges and occupies 2(n - 1) pinned slots. For n <= 16
``near`` holds all n nodes, and were they all full, 6n <= 2(n - 1), which is false. For 16 < n <= 31 at most
floor(2(n - 1) / 6) <= 10 nodes are full, so of the 16 in ``near`` at least 6 are not.
"""

from collections.abc import Sequence

from golden.spec.constants import MAX_NEIGHBOURS, MAX_RESULTS


class Graph:
    """The links of one core's nodes.

    Attributes: ``links[i]`` node i's neighbours in slot order (at most 6), ``n_pinned[i]`` how many of them, from
    slot 0 on, are pinned.
    """

    def __init__(self) -> None:
        self.links: list[list[int]] = []
        self.n_pinned: list[int] = []

    def __len__(self) -> int:
        return len(self.links)

    def insert(self, ranking: Sequence[int]) -> int:
        """Add one node and return its index.

        ``ranking``: all nodes held, nearest to the new one first, ties by index; only the first 16 are read.
        """
        node = len(self.links)
        if not node:
            self.links.append([])
            self.n_pinned.append(0)
            return node
        near = list(ranking[:MAX_RESULTS])
        parent = next(j for j in near if self.n_pinned[j] < MAX_NEIGHBOURS)
        others = [j for j in near if j != parent][: MAX_NEIGHBOURS - 1]
        self.links.append([parent, *others])
        self.n_pinned.append(1)
        self._pin(parent, node)
        for j in others:
            self._link_back(j, node)
        return node

    def _pin(self, parent: int, node: int) -> None:
        links, slot = self.links[parent], self.n_pinned[parent]
        displaced = links[slot : slot + 1]
        links[slot : slot + 1] = [node]
        if len(links) < MAX_NEIGHBOURS:
            links += displaced
        self.n_pinned[parent] += 1

    def _link_back(self, j: int, node: int) -> None:
        links = self.links[j]
        if len(links) == MAX_NEIGHBOURS:
            if self.n_pinned[j] == MAX_NEIGHBOURS:
                return
            del links[self.n_pinned[j]]
        links.append(node)
