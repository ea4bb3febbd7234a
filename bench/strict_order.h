/* SPDX-License-Identifier: Apache-2.0 */
/* strict_order: do conflicts and real time agree?
 *
 * Given the order in which conflicting commands stand (that of their timestamps) and when each was asked and answered, there must be
 * one order of all commands that has every conflict as it was and never puts a command before one that was answered before it was
 * asked: strict serializability, checked as the absence of a cycle [Papadimitriou 1979]. Timestamps alone are not that order: of
 * commands that share nothing, one with a smaller timestamp may be asked after another one was answered.
 *
 * "Answered before asked" is written down with one node per moment instead of one edge per pair: linear in the history. */
#ifndef KV_BENCH_STRICT_ORDER_H
#define KV_BENCH_STRICT_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct strict_order;

struct strict_order *strict_order_new(void);
void strict_order_close(struct strict_order **check);

/* A command, asked and answered (UINT64_MAX: never, as far as anybody knows) at moments of one counter. Returns its number. */
uint32_t strict_order_add(struct strict_order *check, uint64_t asked, uint64_t answered);

/* A command's access to a key; calls for one key come in the order of its conflicts. */
void strict_order_access(struct strict_order *check, uint32_t command, uint32_t key, bool write);

/* The commands of one cycle are cut off behind so many. */
#define STRICT_ORDER_CYCLE_MAX 32

/* False: there is a cycle; its commands are in `ret`, each one before the next. */
bool strict_order_agrees(struct strict_order *check, uint32_t ret[STRICT_ORDER_CYCLE_MAX],
                         uint32_t *ret_count);

#endif
