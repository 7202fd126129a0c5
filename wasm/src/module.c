/* The module as one translation unit: what one part needs of another is inlined or shared, whichever is smaller.
 *
 * GANGLION_ARRAY: 256 cores in one instance instead of one.
 */
#include "core.h"

/* The parts stand in the order in which they need each other. */
#include "vectors.c"
#include "results.c"
#include "graph.c"
#include "spiking.c"
#include "store.c"
#include "search.c"
#include "units.c"
#include "neuromorphic.c"
#include "snapshot.c"
#ifdef GANGLION_ARRAY
#include "array.c"
#endif
