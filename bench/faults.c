/* SPDX-License-Identifier: Apache-2.0 */
/* Events as text, and their order. */
#include "bench/faults.h"

#include <stdio.h>
#include <string.h>

#include "bench/parse.h"
#include "multicast/base/assert.h"
#include "multicast/base/limits.h"

#define WORD_BYTES 16

const char *bench_fault_name(enum bench_fault_verb verb)
{
    static const char *const names[BENCH_FAULT_VERBS] = {
#define X(NAME, name) #name,
        BENCH_FAULT_MAP(X)
#undef X
    };

    KV_ASSERT(verb < BENCH_FAULT_VERBS);
    return names[verb];
}

bool bench_fault_parse(const char *text, struct bench_fault *ret)
{
    char time[WORD_BYTES], verb[WORD_BYTES], node[WORD_BYTES], more[2];
    struct bench_fault fault = {.verb = BENCH_FAULT_VERBS};
    uint64_t number = 0;

    if (sscanf(text, "%15s %15s %15s %1s", time, verb, node, more) != 3 ||
        !bench_parse_time(time, &fault.at_ms) ||
        !bench_parse_number(node, 1, KV_NODES_MAX, &number)) {
        return false;
    }
    for (enum bench_fault_verb i = 0; i < BENCH_FAULT_VERBS; i++) {
        fault.verb = strcmp(verb, bench_fault_name(i)) == 0 ? i : fault.verb;
    }
    fault.node = (uint32_t)number;
    *ret = fault;
    return fault.verb != BENCH_FAULT_VERBS;
}

void bench_faults_sort(struct bench_fault *faults, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct bench_fault fault = faults[i];
        uint32_t place = i;

        for (; place > 0 && faults[place - 1].at_ms > fault.at_ms; place--) {
            faults[place] = faults[place - 1];
        }
        faults[place] = fault;
    }
}
