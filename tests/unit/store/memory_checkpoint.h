/* SPDX-License-Identifier: Apache-2.0 */
/* memory_checkpoint: checkpoints of a machine on bases in memory, in the steps in which a driver takes them. */
#ifndef KV_TESTS_STORE_MEMORY_CHECKPOINT_H
#define KV_TESTS_STORE_MEMORY_CHECKPOINT_H

#include "partition/engine/machine.h"
#include "tests/unit/store/memory_base.h"

/* Zero-initialise. */
struct memory_checkpoint {
    struct memory_base *bases[MACHINE_STORES_MAX]; /* that the machine is on */
    struct store_layer layers[MACHINE_STORES_MAX]; /* frozen */
    bool frozen;
};

void memory_checkpoint_freeze(struct memory_checkpoint *checkpoint, const struct machine *machine);

/* The frozen layers are written, and the machine is on them. */
void memory_checkpoint_thaw(struct memory_checkpoint *checkpoint, const struct machine *machine);
void memory_checkpoint_abandon(struct memory_checkpoint *checkpoint, const struct machine *machine);

/* The bases to load a head onto. */
void memory_checkpoint_bases(const struct memory_checkpoint *checkpoint,
                             struct store_base ret[MACHINE_STORES_MAX]);

/* Forget the bases: no machine is on them any more. */
void memory_checkpoint_close(struct memory_checkpoint *checkpoint);

#endif
