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

static inline __attribute__((always_inline)) void work_off(uint32_t word)
{
    struct command c = {.word = word};
    if (c.opcode < OP_NEURON_RESET)
        vector_command(&c);
    else
        neural_command(&c);
}

#ifdef SEQUENTIAL_HOST
void run_command(void)
{
    work_off(load(PORT_COMMAND));
    store(PORT_FINISH, 0);
}
#else
/* All in one function and with the ports' address in a register: from the end of a command it takes the program so few
   cycles to wait for the next one that a host which looks at STATUS always finds it waiting. */
int main(void)
{
    volatile uint32_t *ports = PORTS;
    __asm__("" : "+r"(ports));
    boot();
    for (;;) {
        work_off(ports[PORT_COMMAND]);
        ports[PORT_FINISH] = 0;
    }
}
#endif
