/* SPDX-License-Identifier: Apache-2.0 */
/* planted: which bug is awake in the broken copies of the cores (mutants.cmake). */
#ifndef KV_MULTICAST_PLANTED_H
#define KV_MULTICAST_PLANTED_H

#include "tests/sim/multicast/mutants.h"

extern enum multicast_mutant multicast_planted;

#define PLANTED(NAME) (multicast_planted == MULTICAST_MUTANT_##NAME)

#endif
