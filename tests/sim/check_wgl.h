/* SPDX-License-Identifier: Apache-2.0 */
/* check_wgl: is the history of one key linearizable? Looks at nothing but what clients saw.
 *
 * We check: there is an order of the operations, each at one moment between being asked and being
 * answered, in which the model gives every answer that was given. An operation with an unknown
 * outcome may stand at any moment after it was asked, or never.
 *
 * [Wing & Gong 1993; Lowe 2017, "Testing for linearizability", section 4.1]: a search over the
 * linked list of calls and returns, with a cache of (set of linearized operations, state) that was
 * tried in vain. Linearizability is local (Herlihy & Wing), so the caller splits a history by key;
 * commands on several keys are projected, which is sound; what that loses check_linear.c finds. The
 * search is exponential at worst and gives up after a number of cached states. */
#ifndef KV_SIM_CHECK_WGL_H
#define KV_SIM_CHECK_WGL_H

#include "tests/sim/model.h"

struct wgl_operation {
    uint64_t asked;
    uint64_t answered; /* UINT64_MAX: unknown outcome, result is not looked at */
    struct model_step step;
    struct model_result result;
};

enum wgl_verdict {
    WGL_LINEARIZABLE,
    WGL_VIOLATION,
    WGL_GAVE_UP /* the bound was reached: nothing is known */
};

/* Cached states at which a search gives up, unless told otherwise: about a second of work. */
#define WGL_STATES_MAX (1u << 18)

/* Operations of one key in any order; the key is absent at first. */
enum wgl_verdict wgl_check(struct model *model, const struct wgl_operation *operations,
                           uint32_t count, uint32_t states_max);

#endif
