/* SPDX-License-Identifier: Apache-2.0 */
/* mill: a machine whose commands compute for as long as they say. For tests of jobs, and for measuring them.
 *
 * Cells hold numbers; cell c is in partition 1 + c % partitions. GRIND makes new values of its cells out of the old ones of all of
 * them: the owners exchange theirs with their votes, each computes the same and changes its own. ADD is a command of the same cells
 * that computes nothing. What is computed depends on the order in which commands on one cell execute, and on nothing else. */
#ifndef KV_TESTS_ENGINE_MILL_H
#define KV_TESTS_ENGINE_MILL_H

#include "partition/engine/machine.h"

#define MILL_CELLS      1024
#define MILL_CELLS_EACH 8

enum mill_kind { MILL_ADD, MILL_GRIND };

struct mill_command {
    enum mill_kind kind;
    uint32_t rounds; /* GRIND: how long; 0: there is nothing to compute at its turn */
    uint32_t bytes;  /* of the answer's row */
    uint32_t count;
    uint16_t cells[MILL_CELLS_EACH]; /* ascending */
};

void mill_encode(const struct mill_command *command, struct kv_buffer *ret);

/* Groups that have cells of a command. */
kv_group_set mill_destinations(const struct mill_command *command, uint32_t partitions);

/* The computation: so many rounds of a few nanoseconds. */
uint64_t mill_rounds(uint64_t value, uint32_t rounds);

struct machine mill_new(kv_group_id group, uint32_t partitions);

#endif
