/* SPDX-License-Identifier: Apache-2.0 */
/* kv_machine: the machine of a partition: an ordered map from keys to values with versions, and what a home knows of its keys that
 * are elsewhere.
 *
 * A version is the final timestamp of the command that wrote the value. The machine runs the commands of wire/command.h that
 * concern keys, alone or together with other groups (docs/protocol/placement.md); others are UNSUPPORTED. A command on a key that is not
 * here is answered STALE with a hint, SCAN excepted: it gives this partition's rows. A number is canonical decimal text: no blanks,
 * plus, leading zeros or "-0". The digest is made of sums of hashes over all rows and stubs, modulo 2^64, so a change costs
 * O(1). */
#ifndef KV_KV_MACHINE_H
#define KV_KV_MACHINE_H

#include "partition/engine/machine.h"

/* An empty machine of partition `group` of `partitions` (both from 1). */
struct machine kv_machine_new(kv_group_id group, uint32_t partitions);

#endif
