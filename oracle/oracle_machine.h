/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_machine: the machine of the oracle group: sessions, the bucket map, the map of placed keys, and commands that it runs for
 * clients who came too late too often (docs/protocol/placement.md, "The oracle").
 *
 * SESSION_OPEN registers a session: its id is the final timestamp of that message, which the reply
 * carries. The nonce (the message's sequence) is remembered while the session is open, and a resend
 * is answered EXISTS with number = clock of the first id and hint = its group. SESSION_CLOSE ends
 * the session of its message. At most KV_SESSIONS_MAX are open: beyond it the one opened first
 * ends. MAP answers number = version of the bucket map, hint = number of partitions. The keys that
 * it counts are the placed ones. */
#ifndef KV_ORACLE_MACHINE_H
#define KV_ORACLE_MACHINE_H

#include "partition/engine/machine.h"

/* An oracle without sessions, for a cluster of `partitions`. sessions_max 0: KV_SESSIONS_MAX. */
struct machine oracle_machine_new(uint32_t partitions, uint32_t sessions_max);

/* Executions that had to be dispatched again: 0, unless a rule is broken (D7). For tests. */
uint64_t oracle_machine_alarms(const struct machine *machine);

/* Commands that it is to run for clients. */
uint32_t oracle_machine_pending(const struct machine *machine);

/* Open sessions. */
uint32_t oracle_machine_sessions(const struct machine *machine);

#endif
