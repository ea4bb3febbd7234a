/* SPDX-License-Identifier: Apache-2.0 */
/* sim_layers: checkpoints of a member's state in memory, step by step between its executions. Whatever layers the rows are in, answers
 * and digests must be the same; and a head on its bases must be the whole state.
 *
 * It draws from a generator of its own, so a run is the same with and without it. */
#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

/* One execution in so many is followed by the next step of a checkpoint. */
#define STEP_RARITY 40

/* Another engine on the bases just made, given the head of the same moment. */
static void check_head(struct sim *sim, const struct sim_node *node, struct sim_member *member,
                       kv_slice head)
{
    struct store_base bases[MACHINE_STORES_MAX];
    struct engine *copy = engine_new(member->group, sim_machine_new(sim, member->group),
                                     (uint32_t)sim->parameters.sessions_max);
    memory_checkpoint_bases(&member->checkpoint, bases);
    /* Not engine_check: who waited behind a parked read, which the copy does not have, has his turn only at its next step. */
    if (engine_load_head(copy, head, bases) != STATUS_OK ||
        engine_digest(copy) != engine_digest(member->engine)) {
        sim_report_fail(&sim->report, "layers",
                        "group %u: node %u cannot go on from a checkpoint of its own",
                        member->group.value, node->id.value);
    }
    engine_destroy(&copy);
}

void sim_layers_step(struct sim *sim, struct sim_node *node, struct sim_member *member)
{
    struct memory_checkpoint *checkpoint = &member->checkpoint;
    if (!kv_prng_chance(&sim->layers, 1, STEP_RARITY)) {
        return;
    }
    if (checkpoint->frozen && kv_prng_chance(&sim->layers, 1, 4)) {
        memory_checkpoint_abandon(checkpoint, &member->machine);
    } else if (checkpoint->frozen) {
        memory_checkpoint_thaw(checkpoint, &member->machine);
    } else if (kv_prng_chance(&sim->layers, 1, 8)) {
        struct kv_buffer head = {0};
        engine_save_head(member->engine, &head);
        memory_checkpoint_freeze(checkpoint, &member->machine);
        memory_checkpoint_thaw(checkpoint, &member->machine);
        check_head(sim, node, member, kv_buffer_slice(&head));
        kv_buffer_close(&head);
    } else {
        memory_checkpoint_freeze(checkpoint, &member->machine);
    }
    KV_ASSERT(engine_status(member->engine) == STATUS_OK);
}
