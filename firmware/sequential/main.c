/* The sequential engine's program: empties the array, then runs one command after the other. */
#include "program.h"

void answer(uint32_t low, uint32_t high)
{
    store(PORT_ANSWER_LO, low);
    store(PORT_ANSWER_HI, high);
}

void boot(void)
{
    empty(MAX_DIMS, METRIC_L2);
    results.count = 0;
    best.most = results.most = MAX_RESULTS;
    near.most = BEAM_WIDTH;
    store(PORT_FINISH, 0);
}

void run_command(void)
{
    uint32_t word = load(PORT_COMMAND);
    struct command c = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16), (uint8_t)(word >> 24)};
    if (c.opcode < OP_NEURON_RESET)
        vector_command(&c);
    else
        neural_command(&c);
    store(PORT_FINISH, 0);
}

#ifndef SEQUENTIAL_HOST
int main(void)
{
    boot();
    for (;;)
        run_command();
}
#endif
