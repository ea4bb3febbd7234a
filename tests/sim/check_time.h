/* SPDX-License-Identifier: Apache-2.0 */
/* check_time: do conflicts and real time agree?
 *
 * Given the order in which conflicting commands stand (that of their timestamps) and when each was asked and answered, there must be
 * one order of all commands that has every conflict as it was and never puts a command before one that was answered before it was
 * asked: strict serializability, checked as the absence of a cycle [Papadimitriou 1979]. Timestamps alone are not that order: of
 * commands that share nothing, one with a smaller timestamp may be asked after another one was answered.
 *
 * "Answered before asked" is written down with one node per moment instead of one edge per pair: linear in the history. */
#ifndef KV_SIM_CHECK_TIME_H
#define KV_SIM_CHECK_TIME_H

#include <stdbool.h>
#include <stdint.h>

struct check_time;

struct check_time *check_time_new(void);
void check_time_close(struct check_time **check);

/* A command, asked and answered (UINT64_MAX: never, as far as anybody knows) at moments of one counter. Returns its number. */
uint32_t check_time_add(struct check_time *check, uint64_t asked, uint64_t answered);

/* A command's access to a key; calls for one key come in the order of its conflicts. */
void check_time_access(struct check_time *check, uint32_t command, uint32_t key, bool write);

/* The commands of one cycle are cut off behind so many. */
#define CHECK_TIME_CYCLE_MAX 32

/* False: there is a cycle; its commands are in `ret`, each one before the next. */
bool check_time_agrees(struct check_time *check, uint32_t ret[CHECK_TIME_CYCLE_MAX],
                       uint32_t *ret_count);

#endif
