/* SPDX-License-Identifier: Apache-2.0 */
/* together_watch: a watcher of each partition, which asks whichever member has just done something.
 *
 * We check that what it saw is what the reference changed, each change once and in the order of commands, however different the members
 * executed, and that a member that began later says so. */
#ifndef KV_TESTS_ENGINE_TOGETHER_WATCH_H
#define KV_TESTS_ENGINE_TOGETHER_WATCH_H

#include "tests/unit/engine/together.h"

/* Behind each step of a member. */
void together_watch_step(struct together *together, struct together_member *member);

/* When everything is quiet. Returns how many changes there were. */
uint32_t together_watch_check(struct together *together);

#endif
