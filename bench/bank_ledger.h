/* SPDX-License-Identifier: Apache-2.0 */
/* bank_ledger: what clients of the bank were told, and whether it can be true.
 *
 * We check:
 *   1. Every audit has the same total.
 *   2. No two transfers have made the same version of an account, and neighbouring versions differ by what was transferred.
 *   3. The last version of an account is not below any that was told; as many versions as nobody was told of can be explained by
 *      transfers whose outcome is not known.
 *   4. There is one order of all operations that agrees with every version and with real time (strict_order.h).
 * It takes n log n time, and knows nothing of partitions, logs and timestamps. */
#ifndef KV_BENCH_BANK_LEDGER_H
#define KV_BENCH_BANK_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* An account's number is balance * BANK_UNIT + version. */
#define BANK_UNIT    INT64_C(1000000000)
#define BANK_BALANCE INT64_C(1000)

static inline int64_t bank_version(int64_t number)
{
    const int64_t rest = number % BANK_UNIT;
    return rest < 0 ? rest + BANK_UNIT : rest;
}

static inline int64_t bank_balance(int64_t number)
{
    return (number - bank_version(number)) / BANK_UNIT;
}

/* An account that an operation has seen, or changed: the number that it has afterwards. */
struct bank_entry {
    uint32_t account;
    bool changed;
    int64_t added; /* to the balance */
    int64_t number;
};

enum bank_kind { BANK_TRANSFER, BANK_REFUSED, BANK_AUDIT };

struct bank_ledger;

struct bank_verdict {
    bool wrong;
    char text[256]; /* what is wrong first */
    uint64_t operations, audits;
    uint64_t unknown;          /* transfers of which nobody knows whether they were done */
    uint64_t unknown_versions; /* that nobody was told of */
};

struct bank_ledger *bank_ledger_new(uint32_t accounts);
void bank_ledger_close(struct bank_ledger **ledger);

/* An operation that was answered: asked and answered at moments of one clock. Entries are copied. */
void bank_ledger_add(struct bank_ledger *ledger, enum bank_kind kind, uint64_t asked,
                     uint64_t answered, const struct bank_entry *entries, uint32_t count);

/* A transfer that may have been done or may yet be. */
void bank_ledger_add_unknown(struct bank_ledger *ledger);

/* Check everything. The last audit must have been asked after everything else was answered. */
void bank_ledger_check(const struct bank_ledger *ledger, struct bank_verdict *ret);

/* One operation per line. */
void bank_ledger_write(const struct bank_ledger *ledger, FILE *out);

#endif
