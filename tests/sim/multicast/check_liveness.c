/* SPDX-License-Identifier: Apache-2.0 */
/* check_liveness: C4. What any group has committed, every destination has delivered. */
#include <stdio.h>

#include "tests/sim/multicast/checks.h"

bool check_liveness_delivered(const struct checks *checks, uint32_t groups, char *text, size_t size)
{
    for (uint32_t i = 0; i < CHECK_MESSAGES_MAX; i++) {
        const struct check_message *m = &checks->messages[i];
        for (uint32_t g = 0; g < groups && m->committed != 0; g++) {
            if (((m->destinations >> g) & 1) != 0 && m->positions[g] == 0) {
                snprintf(text, size,
                         "message %u is committed at groups 0x%llx and not delivered at group %u",
                         i, (unsigned long long)m->committed, g);
                return false;
            }
        }
    }
    return true;
}
