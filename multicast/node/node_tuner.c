/* SPDX-License-Identifier: Apache-2.0 */
/* node_tuner: see the header. */
#include "multicast/node/node_tuner.h"

#include <stdbool.h>

#include "multicast/base/assert.h"
#include "multicast/base/limits.h"

_Static_assert(NODE_TUNER_FIRST_GOES < NODE_TUNER_FIRST_COMES, "T2");
_Static_assert(NODE_TUNER_NEXT_GOES < NODE_TUNER_NEXT_COMES, "T2");
_Static_assert(NODE_TUNER_FIRST_GOES < NODE_TUNER_NEXT_GOES, "the last one goes last");

void node_tuner_init(struct node_tuner *tuner, uint32_t cores, uint32_t workers)
{
    const uint32_t most = cores < KV_WORKERS_MAX ? cores : KV_WORKERS_MAX;
    *tuner = (struct node_tuner){.workers_max = most, .workers = workers < most ? workers : most};
}

static uint64_t load_of(const struct node_tuner_sample *sample)
{
    return sample->period_ns == 0 ? 0 : sample->service_ns * 1000 / sample->period_ns;
}

static bool wants_more(const struct node_tuner *tuner, const struct node_tuner_sample *sample)
{
    const uint64_t load = load_of(sample);
    if (tuner->workers >= tuner->workers_max || sample->jobs == 0) {
        return false; /* T1 */
    }
    if (tuner->workers == 0) {
        return load >= NODE_TUNER_FIRST_COMES &&
               sample->service_ns >= sample->jobs * NODE_TUNER_SERVICE_NS_MIN;
    }
    return load >= (uint64_t)NODE_TUNER_NEXT_COMES * tuner->workers &&
           sample->wait_ns > sample->service_ns;
}

static bool wants_fewer(const struct node_tuner *tuner, const struct node_tuner_sample *sample)
{
    const uint64_t load = load_of(sample);
    if (tuner->workers == 0 || (sample->jobs == 0 && sample->out > 0)) {
        return false; /* one that takes longer than a period is under way */
    }
    if (tuner->workers == 1) {
        return load < NODE_TUNER_FIRST_GOES ||
               sample->service_ns < sample->jobs * (NODE_TUNER_SERVICE_NS_MIN / 2);
    }
    return load < (uint64_t)NODE_TUNER_NEXT_GOES * (tuner->workers - 1);
}

static enum node_tuner_state judge(const struct node_tuner *tuner,
                                   const struct node_tuner_sample *sample)
{
    if (wants_more(tuner, sample)) {
        return NODE_TUNER_MORE;
    }
    if (wants_fewer(tuner, sample)) {
        return NODE_TUNER_FEWER;
    }
    return sample->jobs == 0 && sample->out == 0 ? NODE_TUNER_IDLE : NODE_TUNER_STEADY;
}

uint32_t node_tuner_step(struct node_tuner *tuner, const struct node_tuner_sample *sample)
{
    const enum node_tuner_state state = judge(tuner, sample);
    tuner->alike = state == tuner->state ? tuner->alike + 1 : 1;
    tuner->state = state;
    if (state == NODE_TUNER_MORE && tuner->alike >= NODE_TUNER_MORE_SAMPLES) {
        tuner->workers++;
        tuner->alike = 0;
    } else if (state == NODE_TUNER_FEWER && tuner->alike >= NODE_TUNER_FEWER_SAMPLES) {
        tuner->workers--;
        tuner->alike = 0;
    }
    KV_ASSERT(tuner->workers <= tuner->workers_max); /* T1 */
    return tuner->workers;
}

const char *node_tuner_state_text(enum node_tuner_state state)
{
    switch (state) {
#define X(NAME, number, text)                                                                      \
    case NODE_TUNER_##NAME:                                                                        \
        return text;
        NODE_TUNER_STATE_MAP(X)
#undef X
    }
    return "?";
}
