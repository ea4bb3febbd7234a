/* SPDX-License-Identifier: Apache-2.0 */
/* sim_slow: a machine in front of another one, whose commands all compute: each of them goes out as a job and comes back at some time.
 *
 * The computation is to take the votes from one place to the other: what is done to the state is done by the machine behind it, at
 * apply. So the same commands give the same states with and without it, if the engine keeps for each of them what it has seen. */
#ifndef KV_SIM_SLOW_H
#define KV_SIM_SLOW_H

#include "partition/engine/machine.h"

/* Takes over the machine behind it. */
struct machine sim_slow_new(struct machine behind);

#endif
