/* SPDX-License-Identifier: Apache-2.0 */
/* planted: which bug is awake in the broken copies of the cores (mutants.cmake). */
#ifndef KV_SIM_PLANTED_H
#define KV_SIM_PLANTED_H

#include "tests/sim/sim_mutants.h"

extern enum sim_mutant sim_planted;

#define PLANTED(NAME) (sim_planted == SIM_MUTANT_##NAME)

#endif
