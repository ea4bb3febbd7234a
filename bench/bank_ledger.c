/* SPDX-License-Identifier: Apache-2.0 */
/* bank_ledger: see the header for what is checked. */
#include "bench/bank_ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench/strict_order.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

struct operation {
    enum bank_kind kind;
    uint64_t asked, answered;
    uint64_t first; /* entry */
    uint32_t count;
};

struct bank_ledger {
    uint32_t accounts;
    struct operation *operations;
    uint64_t operation_count, operation_capacity;
    struct bank_entry *entries;
    uint64_t entry_count, entry_capacity;
    uint64_t unknown;
};

#define GROW(array, count, more, capacity)                                                         \
    do {                                                                                           \
        if ((count) + (more) > (capacity)) {                                                       \
            (capacity) = 2 * (capacity) + (more) + 1024;                                           \
            (array) = kv_realloc((array), (capacity) * sizeof((array)[0]));                        \
        }                                                                                          \
    } while (0)

struct bank_ledger *bank_ledger_new(uint32_t accounts)
{
    struct bank_ledger *ledger = kv_alloc_zero(1, sizeof(*ledger));
    ledger->accounts = accounts;
    return ledger;
}

void bank_ledger_close(struct bank_ledger **ledger)
{
    kv_free((*ledger)->operations);
    kv_free((*ledger)->entries);
    kv_free(*ledger);
    *ledger = NULL;
}

void bank_ledger_add(struct bank_ledger *ledger, enum bank_kind kind, uint64_t asked,
                     uint64_t answered, const struct bank_entry *entries, uint32_t count)
{
    GROW(ledger->operations, ledger->operation_count, 1, ledger->operation_capacity);
    GROW(ledger->entries, ledger->entry_count, count, ledger->entry_capacity);
    ledger->operations[ledger->operation_count++] = (struct operation){.kind = kind,
                                                                       .asked = asked,
                                                                       .answered = answered,
                                                                       .first = ledger->entry_count,
                                                                       .count = count};
    memcpy(&ledger->entries[ledger->entry_count], entries, count * sizeof(*entries));
    ledger->entry_count += count;
}

void bank_ledger_add_unknown(struct bank_ledger *ledger)
{
    ledger->unknown++;
}

/* ---- Checks ---- */

static void fail(struct bank_verdict *verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fail(struct bank_verdict *verdict, const char *format, ...)
{
    va_list arguments;
    if (verdict->wrong) {
        return; /* what follows is a consequence */
    }
    verdict->wrong = true;
    va_start(arguments, format);
    vsnprintf(verdict->text, sizeof(verdict->text), format, arguments);
    va_end(arguments);
}

/* 1 */
static void check_totals(const struct bank_ledger *ledger, struct bank_verdict *verdict)
{
    const int64_t total = BANK_BALANCE * ledger->accounts;
    for (uint64_t i = 0; i < ledger->operation_count; i++) {
        const struct operation *operation = &ledger->operations[i];
        int64_t sum = 0;
        if (operation->kind != BANK_AUDIT) {
            continue;
        }
        verdict->audits++;
        for (uint32_t e = 0; e < operation->count; e++) {
            sum += bank_balance(ledger->entries[operation->first + e].number);
        }
        if (sum != total || operation->count != ledger->accounts) {
            fail(verdict, "an audit finds %" PRId64 " in %u accounts, there are %" PRId64 " in %u",
                 sum, operation->count, total, ledger->accounts);
        }
    }
}

/* An entry with the operation that it is of. */
struct access {
    const struct bank_entry *entry;
    uint32_t operation;
};

/* By account, then version, what made a version first. */
static int compare_accesses(const void *left, const void *right)
{
    const struct bank_entry *a = ((const struct access *)left)->entry;
    const struct bank_entry *b = ((const struct access *)right)->entry;
    const int64_t version_a = bank_version(a->number), version_b = bank_version(b->number);
    if (a->account != b->account) {
        return a->account < b->account ? -1 : 1;
    }
    if (version_a != version_b) {
        return version_a < version_b ? -1 : 1;
    }
    return (int)b->changed - (int)a->changed;
}

static struct access *sort_accesses(const struct bank_ledger *ledger)
{
    struct access *accesses = kv_alloc_zero(ledger->entry_count + 1, sizeof(*accesses));
    uint64_t at = 0;
    for (uint64_t i = 0; i < ledger->operation_count; i++) {
        for (uint32_t e = 0; e < ledger->operations[i].count; e++) {
            accesses[at++] =
                (struct access){&ledger->entries[ledger->operations[i].first + e], (uint32_t)i};
        }
    }
    qsort(accesses, ledger->entry_count, sizeof(*accesses), compare_accesses);
    return accesses;
}

/* 2, between an entry and the one before it of the same account; `first`: there is none before. */
static void check_step(const struct bank_entry *before, const struct bank_entry *entry,
                       struct bank_verdict *verdict)
{
    const int64_t from = before == NULL ? 0 : bank_version(before->number);
    const int64_t held = before == NULL ? BANK_BALANCE : bank_balance(before->number);
    const int64_t version = bank_version(entry->number), balance = bank_balance(entry->number);
    if (entry->changed && before != NULL && before->changed && version == from) {
        fail(verdict, "two transfers made version %" PRId64 " of account %u", version,
             entry->account);
    }
    if (entry->changed && version == from + 1 && balance != held + entry->added) {
        fail(verdict,
             "account %u has %" PRId64 " in version %" PRId64 ", %" PRId64
             " before it, and %" PRId64 " was added",
             entry->account, balance, version, held, entry->added);
    }
    if (!entry->changed && version == from && balance != held) {
        fail(verdict, "version %" PRId64 " of account %u is seen with %" PRId64 " and %" PRId64,
             version, entry->account, balance, held);
    }
    if (version > from + (entry->changed ? 1 : 0)) {
        verdict->unknown_versions += (uint64_t)(version - from - (entry->changed ? 1 : 0));
    }
}

/* 2, 4 */
static void check_accounts(const struct bank_ledger *ledger, struct bank_verdict *verdict)
{
    struct access *accesses = sort_accesses(ledger);
    struct strict_order *order = strict_order_new();
    uint32_t cycle[STRICT_ORDER_CYCLE_MAX], count = 0;
    for (uint64_t i = 0; i < ledger->operation_count; i++) {
        (void)strict_order_add(order, ledger->operations[i].asked, ledger->operations[i].answered);
    }
    const struct bank_entry *before = NULL;
    for (uint64_t i = 0; i < ledger->entry_count; i++) {
        const struct bank_entry *entry = accesses[i].entry;
        if (before != NULL && before->account != entry->account) {
            before = NULL;
        }
        check_step(before, entry, verdict);
        strict_order_access(order, accesses[i].operation, entry->account, entry->changed);
        before = entry;
    }
    if (!strict_order_agrees(order, cycle, &count)) {
        fail(verdict,
             "no order of all operations agrees with the versions and with real time: %u of "
             "them make a cycle, asked at %" PRIu64 " and so on",
             count, ledger->operations[cycle[0]].asked);
    }
    strict_order_close(&order);
    kv_free(accesses);
}

/* 3: the last audit is the final state. */
static void check_end(const struct bank_ledger *ledger, struct bank_verdict *verdict)
{
    int64_t *last = kv_alloc_zero(ledger->accounts + 1, sizeof(*last));
    const struct operation *final = NULL;
    for (uint64_t i = 0; i < ledger->operation_count; i++) {
        const struct operation *operation = &ledger->operations[i];
        final = operation->kind == BANK_AUDIT ? operation : final;
        for (uint32_t e = 0; e < operation->count; e++) {
            const struct bank_entry *entry = &ledger->entries[operation->first + e];
            const int64_t version = bank_version(entry->number);
            last[entry->account] = last[entry->account] > version ? last[entry->account] : version;
        }
    }
    for (uint32_t e = 0; final != NULL && e < final->count; e++) {
        const struct bank_entry *entry = &ledger->entries[final->first + e];
        if (bank_version(entry->number) < last[entry->account]) {
            fail(verdict,
                 "account %u ends at version %" PRId64 ", but version %" PRId64 " was told",
                 entry->account, bank_version(entry->number), last[entry->account]);
        }
    }
    if (final == NULL) {
        fail(verdict, "there is no audit at the end");
    }
    if (verdict->unknown_versions > 2 * ledger->unknown) {
        fail(verdict,
             "%" PRIu64 " versions were made by nobody; %" PRIu64 " transfers are not known",
             verdict->unknown_versions, ledger->unknown);
    }
    kv_free(last);
}

void bank_ledger_check(const struct bank_ledger *ledger, struct bank_verdict *ret)
{
    *ret = (struct bank_verdict){.operations = ledger->operation_count, .unknown = ledger->unknown};
    check_totals(ledger, ret);
    check_accounts(ledger, ret);
    check_end(ledger, ret);
}

void bank_ledger_write(const struct bank_ledger *ledger, FILE *out)
{
    static const char *const kinds[] = {"transfer", "refused", "audit"};
    for (uint64_t i = 0; i < ledger->operation_count; i++) {
        const struct operation *operation = &ledger->operations[i];
        fprintf(out,
                "{\"kind\":\"%s\",\"asked\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"accounts\":[",
                kinds[operation->kind], operation->asked, operation->answered);
        for (uint32_t e = 0; e < operation->count; e++) {
            const struct bank_entry *entry = &ledger->entries[operation->first + e];
            fprintf(out,
                    "%s{\"account\":%u,\"balance\":%" PRId64 ",\"version\":%" PRId64
                    ",\"added\":%" PRId64 "}",
                    e == 0 ? "" : ",", entry->account, bank_balance(entry->number),
                    bank_version(entry->number), entry->added);
        }
        fprintf(out, "]}\n");
    }
}
