// Batch driver around one simulated unit: compiled together with a generated model.h that defines
//
//   N_IN, N_OUT          words in a row of inputs, of outputs (arrays get at least one element)
//   struct Model {
//     void apply(const uint64_t *in);    // drive all inputs
//     void settle();                     // let everything settle with the clock low
//     void sample(uint64_t *out) const;  // read all outputs
//     void edge();                       // rising clock edge
//   };
//
// Called through ctypes; no function throws.

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "model.h"

namespace {

constexpr size_t at_least_one(size_t n) { return n ? n : 1; }

struct Events {
    std::vector<uint64_t> cycle, value;
    std::vector<uint32_t> word;
    void clear() { cycle.clear(), value.clear(), word.clear(); }
};

struct Sim {
    std::unique_ptr<Model> model = std::make_unique<Model>();
    uint64_t cycle = 0;
    uint64_t last[at_least_one(N_OUT)] = {};
    Events events;

    void one_cycle(uint64_t *out) {
        model->settle();
        model->sample(out);
        model->edge();
    }

    void log_changes(const uint64_t *now, bool all) {
        for (uint32_t i = 0; i < N_OUT; i++) {
            if (all || now[i] != last[i]) {
                events.cycle.push_back(cycle);
                events.word.push_back(i);
                events.value.push_back(now[i]);
            }
        }
        std::memcpy(last, now, sizeof(uint64_t) * N_OUT);
    }
};

}  // namespace

extern "C" {

uint64_t ganglion_n_in() { return N_IN; }
uint64_t ganglion_n_out() { return N_OUT; }

void *ganglion_create() {
    try {
        return new Sim;
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

void ganglion_destroy(void *handle) { delete static_cast<Sim *>(handle); }

uint64_t ganglion_cycle(void *handle) { return static_cast<Sim *>(handle)->cycle; }

void ganglion_restart_count(void *handle) { static_cast<Sim *>(handle)->cycle = 0; }

// A new module, because the generated reset functions leave registers without an initial value alone. 0 = success.
int ganglion_reset(void *handle) {
    Sim &sim = *static_cast<Sim *>(handle);
    try {
        sim.model = std::make_unique<Model>();
    } catch (const std::bad_alloc &) {
        return 1;
    }
    sim.cycle = 0;
    return 0;
}

// stimulus [n_cycles][N_IN] -> trace [n_cycles][N_OUT]
void ganglion_run(void *handle, const uint64_t *stimulus, uint64_t *trace, uint64_t n_cycles) {
    Sim &sim = *static_cast<Sim *>(handle);
    for (uint64_t i = 0; i < n_cycles; i++) {
        sim.model->apply(stimulus + i * N_IN);
        sim.one_cycle(trace + i * N_OUT);
    }
    if (n_cycles) std::memcpy(sim.last, trace + (n_cycles - 1) * N_OUT, sizeof(uint64_t) * N_OUT);
    sim.cycle += n_cycles;
}

// Runs at most max_cycles of counts [n_segments], values [n_segments][N_IN], from segment *segment, of which *done
// cycles have run before; moves both on. Collects the events of this call. 0 = success, 1 = out of memory.
int ganglion_run_segments(void *handle, const uint64_t *counts, const uint64_t *values, uint64_t n_segments,
                          uint64_t *segment, uint64_t *done, uint64_t max_cycles) {
    Sim &sim = *static_cast<Sim *>(handle);
    sim.events.clear();
    uint64_t now[at_least_one(N_OUT)];
    try {
        while (*segment < n_segments && max_cycles) {
            sim.model->apply(values + *segment * N_IN);
            for (; *done < counts[*segment] && max_cycles; ++*done, --max_cycles) {
                sim.one_cycle(now);
                uint64_t differs = sim.cycle == 0;
                for (size_t i = 0; i < N_OUT; i++) differs |= now[i] ^ sim.last[i];
                if (differs) sim.log_changes(now, sim.cycle == 0);
                sim.cycle++;
            }
            if (*done == counts[*segment]) ++*segment, *done = 0;
        }
    } catch (const std::bad_alloc &) {
        return 1;
    }
    return 0;
}

uint64_t ganglion_n_events(void *handle) { return static_cast<Sim *>(handle)->events.cycle.size(); }

void ganglion_copy_events(void *handle, uint64_t *cycle, uint32_t *word, uint64_t *value) {
    const Events &events = static_cast<Sim *>(handle)->events;
    const size_t n = events.cycle.size();
    if (!n) return;
    std::memcpy(cycle, events.cycle.data(), n * sizeof *cycle);
    std::memcpy(word, events.word.data(), n * sizeof *word);
    std::memcpy(value, events.value.data(), n * sizeof *value);
}

}  // extern "C"
