/* SPDX-License-Identifier: Apache-2.0 */
/* backup_internal: what writing and reading agree on. */
#ifndef KV_BACKUP_BACKUP_INTERNAL_H
#define KV_BACKUP_BACKUP_INTERNAL_H

#include <stdint.h>

#define BACKUP_MAGIC UINT64_C(0x31504b4342564b00) /* "\0KVBCKP1" */

/* No clock of a cluster is above it (order refuses them). */
#define BACKUP_CLOCK_MAX (UINT64_C(1) << 61)

#endif
