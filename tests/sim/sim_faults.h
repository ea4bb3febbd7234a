/* SPDX-License-Identifier: Apache-2.0 */
/* sim_faults: breaks things while a run is in its safety phase.
 *
 * We break (each kind with a weight that the seed draws, often 0):
 *   1. Links: two sides, single directions, a leader cut off (both ways or one way), a bridge;
 *      mended by a heal or after a while (flapping). Loss, doubling, stragglers and replays are the
 *      network's own (sim_net.h).
 *   2. Nodes: crash with loss of a part of what was not synced, all at once too; pause and resume;
 *      slow disks; wall clocks that jump, monotonic clocks of different rates.
 *   3. Operators: leader transfer, changes of members. */
#ifndef KV_SIM_FAULTS_H
#define KV_SIM_FAULTS_H

#include "tests/sim/sim.h"

/* Schedule the first fault. */
void sim_faults_start(struct sim *sim);

/* Break one thing and schedule the next fault. */
void sim_faults_on_event(struct sim *sim);

/* A crashed or paused node's time is over; `number`: the incarnation that it was made for. */
void sim_faults_on_restart(struct sim *sim, struct sim_node *node, uint64_t number);
void sim_faults_on_resume(struct sim *sim, struct sim_node *node, uint64_t number);

/* A doomed node's sync is under way. */
void sim_faults_on_crash(struct sim *sim, struct sim_node *node, uint64_t number);

/* A cut has lived long enough; `number` is its own. */
void sim_faults_on_mend(struct sim *sim, uint64_t number);

/* The liveness phase begins: mend everything, start everything. */
void sim_faults_heal(struct sim *sim);

#endif
