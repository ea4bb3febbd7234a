/* SPDX-License-Identifier: Apache-2.0 */
/* The closed loop of the bank's virtual clients, and of the one that moves accounts. */
#include "bench/bank.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/usage.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"
#include "multicast/base/prng.h"

/* Longest stay in the library before the clock is looked at. */
#define TURN_MS 10

/* Accounts that one operation moves, at most. */
#define MOVE_KEYS_MAX 4

/* How long the end waits for a clean last audit. */
#define FINAL_AUDIT_US    (60 * UINT64_C(1000000))

#define STATUS_TIMEOUT_MS 2000

struct bank;

struct player {
    struct bank *bank;
    bool busy;
    bool audits;
    uint32_t from, to;
    int64_t amount;
    uint64_t begun_us;
};

struct bank {
    const struct bank_settings *settings;
    kv_client *client;
    struct kv_prng prng;
    struct bank_ledger *ledger;
    struct bank_result *result;
    uint32_t partitions;
    char (*names)[BANK_PREFIX_BYTES_MAX + 8];
    kv_bytes *keys;
    struct bank_entry *entries; /* scratch of an audit */
    struct player *players;
    bool moving;
    uint64_t next_move_us;
};

/* A decimal number of 64 bits; false: it is none. */
static bool read_number(kv_bytes text, int64_t *ret)
{
    char copy[24], *end = NULL;
    if (text.size == 0 || text.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret = strtoll(copy, &end, 10);
    return *end == '\0';
}

/* ---- Answers ---- */

static void note_transfer(struct player *player, const kv_result *result, uint64_t now)
{
    struct bank *bank = player->bank;
    struct bank_entry entries[2] = {
        {.account = player->from, .changed = true, .added = -player->amount},
        {.account = player->to, .changed = true, .added = player->amount}};
    const bool done = kv_result_number(result) == 1;
    const uint32_t count = done ? 2 : 1;
    bool good = kv_result_count(result) == count;
    for (uint32_t i = 0; i < count && good; i++) {
        good = read_number(kv_result_value(result, i), &entries[i].number);
    }
    bank->result->partitions_touched += kv_result_partitions(result);
    bank->result->oracle_transfers += kv_result_via_oracle(result) ? 1 : 0;
    bank->result->refused += done ? 0 : 1;
    entries[0].changed = done;
    if (good) {
        bank_ledger_add(bank->ledger, done ? BANK_TRANSFER : BANK_REFUSED, player->begun_us, now,
                        entries, count);
    }
    bench_series_add(&bank->result->transfers, good ? BENCH_OUTCOME_OK : BENCH_OUTCOME_CORRUPT,
                     now - player->begun_us);
}

static bool note_audit(struct bank *bank, const kv_result *result, uint64_t begun, uint64_t now)
{
    const uint32_t accounts = bank->settings->accounts;
    bool good = kv_result_count(result) == accounts;
    for (uint32_t i = 0; i < accounts && good; i++) {
        bank->entries[i] = (struct bank_entry){.account = i};
        good = kv_result_present(result, i) &&
               read_number(kv_result_value(result, i), &bank->entries[i].number);
    }
    if (good) {
        bank_ledger_add(bank->ledger, BANK_AUDIT, begun, now, bank->entries, accounts);
    }
    return good;
}

static void on_done(void *context, kv_status status, kv_result *result)
{
    struct player *player = context;
    struct bank *bank = player->bank;
    const uint64_t now = kv_now_us();
    player->busy = false;
    if (player->audits) {
        const bool good = status == KV_OK && note_audit(bank, result, player->begun_us, now);
        bench_series_add(&bank->result->audits,
                         status == KV_OK && !good ? BENCH_OUTCOME_CORRUPT
                                                  : bench_outcome_of(status),
                         now - player->begun_us);
        return;
    }
    if (status == KV_OK) {
        note_transfer(player, result, now);
        return;
    }
    if (kv_status_in_doubt(status)) {
        bank_ledger_add_unknown(bank->ledger);
    }
    bench_series_add(&bank->result->transfers, bench_outcome_of(status), now - player->begun_us);
}

static void on_moved(void *context, kv_status status, kv_result *result)
{
    struct bank *bank = context;
    bank->moving = false;
    bank->result->moves++;
    bank->result->move_failures += status == KV_OK ? 0 : 1;
    for (uint32_t i = 0; i < kv_result_places(result); i++) {
        bank->result->moved += kv_result_place(result, i).status == KV_OK ? 1 : 0;
    }
}

/* ---- Questions ---- */

static kv_status submit_transfer(struct player *player)
{
    struct bank *bank = player->bank;
    const kv_bytes from = bank->keys[player->from], to = bank->keys[player->to];
    const kv_step guards[] = {kv_step_number(KV_GUARD_AT_LEAST, from, player->amount * BANK_UNIT)};
    const kv_step steps[] = {kv_step_number(KV_STEP_INCR, from, 1 - player->amount * BANK_UNIT),
                             kv_step_number(KV_STEP_INCR, to, 1 + player->amount * BANK_UNIT)};
    const kv_step otherwise[] = {kv_step_of(KV_STEP_GET, from, kv_bytes_of(NULL, 0))};
    const kv_op op = {.code = KV_OP_TXN,
                      .guards = guards,
                      .guard_count = 1,
                      .steps = steps,
                      .step_count = 2,
                      .otherwise = otherwise,
                      .otherwise_count = 1,
                      .policy = bank->settings->policy};
    return kv_submit(bank->client, &op, on_done, player);
}

static void choose_accounts(struct player *player, uint32_t number)
{
    struct bank *bank = player->bank;
    const uint32_t accounts = bank->settings->accounts;
    if (bank->settings->pairs) {
        player->from = 2 * number % accounts;
        player->to = (player->from + 1) % accounts;
        if (kv_prng_chance(&bank->prng, 1, 2)) {
            const uint32_t other = player->from;
            player->from = player->to;
            player->to = other;
        }
        return;
    }
    player->from = (uint32_t)kv_prng_below(&bank->prng, accounts);
    player->to = (uint32_t)kv_prng_below(&bank->prng, accounts - 1);
    player->to += player->to >= player->from ? 1 : 0;
}

static void begin(struct player *player, uint32_t number, uint64_t now)
{
    struct bank *bank = player->bank;
    kv_status status;
    player->begun_us = now;
    player->audits = kv_prng_chance(&bank->prng, bank->settings->audits_percent, 100);
    if (player->audits) {
        const kv_op op = {
            .code = KV_OP_MGET, .keys = bank->keys, .count = bank->settings->accounts};
        status = kv_submit(bank->client, &op, on_done, player);
    } else {
        choose_accounts(player, number);
        player->amount = (int64_t)kv_prng_between(&bank->prng, 1, 100);
        status = submit_transfer(player);
    }
    player->busy = status == KV_OK;
}

static void maybe_move(struct bank *bank, uint64_t now)
{
    kv_bytes keys[MOVE_KEYS_MAX];
    const uint32_t accounts = bank->settings->accounts;
    if (bank->moving || bank->settings->moves_per_second == 0 || now < bank->next_move_us) {
        return;
    }
    const uint32_t most = accounts < MOVE_KEYS_MAX ? accounts : MOVE_KEYS_MAX;
    const uint32_t count = (uint32_t)kv_prng_between(&bank->prng, 1, most);
    const uint32_t first = (uint32_t)kv_prng_below(&bank->prng, accounts);
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = bank->keys[(first + i) % accounts];
    }
    const kv_op op = {.code = KV_OP_MOVE,
                      .keys = keys,
                      .count = count,
                      .partition = (uint32_t)kv_prng_between(&bank->prng, 1, bank->partitions)};
    bank->next_move_us = now + count * UINT64_C(1000000) / bank->settings->moves_per_second;
    bank->moving = kv_submit(bank->client, &op, on_moved, bank) == KV_OK;
}

/* ---- Beginning and end ---- */

static kv_status open_accounts(struct bank *bank)
{
    char value[24];
    const int size = snprintf(value, sizeof value, "%" PRId64, BANK_BALANCE * BANK_UNIT);
    const uint32_t accounts = bank->settings->accounts;
    kv_bytes *values = kv_alloc_zero(accounts, sizeof *values);
    for (uint32_t i = 0; i < accounts; i++) {
        const int named =
            snprintf(bank->names[i], sizeof bank->names[i], "%s%06u", bank->settings->prefix, i);
        bank->keys[i] = kv_bytes_of(bank->names[i], (size_t)named);
        values[i] = kv_bytes_of(value, (size_t)size);
    }
    const kv_status status = kv_mput(bank->client, bank->keys, values, accounts);
    kv_free(values);
    return status;
}

/* After everything else: until it succeeds, so that it is the state that stays. */
static bool final_audit(struct bank *bank)
{
    const uint64_t until = kv_now_us() + FINAL_AUDIT_US;
    bool good = false;
    while (!good && kv_now_us() < until) {
        kv_result *result = NULL;
        const uint64_t begun = kv_now_us();
        const kv_status status =
            kv_mget(bank->client, bank->keys, bank->settings->accounts, &result);
        good = status == KV_OK && note_audit(bank, result, begun, kv_now_us());
        kv_result_free(result);
    }
    return good;
}

static void show_progress(const struct bank *bank, uint64_t begun, uint64_t now)
{
    fprintf(stderr,
            "bank: %" PRIu64 " s, %" PRIu64 " transfers, %" PRIu64 " audits, %" PRIu64
            " accounts moved, %" PRIu64 " failed\n",
            (now - begun) / 1000000, bank->result->transfers.ok.count,
            bank->result->audits.ok.count, bank->result->moved,
            bank->result->transfers.failed.count + bank->result->audits.failed.count);
}

static bool is_playing(const struct bank *bank)
{
    bool playing = bank->moving;
    for (uint32_t i = 0; i < bank->settings->clients; i++) {
        playing = playing || bank->players[i].busy;
    }
    return playing;
}

static void play(struct bank *bank, const volatile sig_atomic_t *interrupt)
{
    const uint64_t begun = kv_now_us(), end = begun + bank->settings->seconds * 1000000;
    uint64_t shown = begun, now = begun;
    bool stop = false;
    while (!stop || is_playing(bank)) {
        now = kv_now_us();
        stop = stop || now >= end || *interrupt != 0;
        for (uint32_t i = 0; i < bank->settings->clients && !stop; i++) {
            if (!bank->players[i].busy) {
                begin(&bank->players[i], i, now);
            }
        }
        if (!stop) {
            maybe_move(bank, now);
        }
        if (bank->settings->progress && now - shown >= 1000000) {
            shown = now;
            show_progress(bank, begun, now);
        }
        kv_client_run(bank->client, TURN_MS);
    }
    bank->result->runtime_us = kv_now_us() - begun;
}

static void take_usage(struct bank *bank, const struct bench_usage *before)
{
    static struct bench_usage after;
    uint64_t bytes;
    if (bench_usage_read(bank->client, STATUS_TIMEOUT_MS, &after) != KV_OK ||
        !bench_usage_between(before, &after, &bank->result->syncs, &bytes)) {
        return;
    }
    bank->result->messages = bench_usage_messages(before, &after);
}

static kv_status open_bank(struct bank *bank, const char *endpoints, const char *cluster)
{
    const struct bank_settings *settings = bank->settings;
    const kv_client_options options = {
        .struct_size = sizeof options, .timeout_ms = settings->timeout_ms, .cluster_name = cluster};
    bank->names = kv_alloc_zero(settings->accounts, sizeof *bank->names);
    bank->keys = kv_alloc_zero(settings->accounts, sizeof *bank->keys);
    bank->entries = kv_alloc_zero(settings->accounts, sizeof *bank->entries);
    bank->players = kv_alloc_zero(settings->clients, sizeof *bank->players);
    bank->ledger = bank_ledger_new(settings->accounts);
    for (uint32_t i = 0; i < settings->clients; i++) {
        bank->players[i].bank = bank;
    }
    kv_prng_init(&bank->prng, settings->seed);
    const kv_status status = kv_client_open(endpoints, &options, &bank->client);
    return status == KV_OK ? open_accounts(bank) : status;
}

static void close_bank(struct bank *bank)
{
    kv_client_close(&bank->client);
    bank_ledger_close(&bank->ledger);
    kv_free(bank->names);
    kv_free(bank->keys);
    kv_free(bank->entries);
    kv_free(bank->players);
}

static bool write_history(const struct bank *bank, char error[BENCH_RUN_ERROR_BYTES])
{
    if (bank->settings->history == NULL) {
        return true;
    }
    FILE *out = fopen(bank->settings->history, "w");
    if (out != NULL) {
        bank_ledger_write(bank->ledger, out);
    }
    if (out == NULL || fclose(out) != 0) {
        snprintf(error, BENCH_RUN_ERROR_BYTES, "%s cannot be written", bank->settings->history);
        return false;
    }
    return true;
}

enum bench_end bank_run(const struct bank_settings *settings, const char *endpoints,
                        const char *cluster, const volatile sig_atomic_t *interrupt,
                        struct bank_result *ret, char error[BENCH_RUN_ERROR_BYTES])
{
    static struct bench_usage before;
    struct bank bank = {.settings = settings, .result = ret};
    enum bench_end end = BENCH_END_OK;
    const kv_status status = open_bank(&bank, endpoints, cluster);
    if (status != KV_OK || bench_usage_read(bank.client, STATUS_TIMEOUT_MS, &before) != KV_OK) {
        snprintf(error, BENCH_RUN_ERROR_BYTES, "the accounts cannot be opened: %s",
                 kv_client_error(bank.client));
        close_bank(&bank);
        return BENCH_END_UNAVAILABLE;
    }
    bank.partitions = before.partitions;
    play(&bank, interrupt);
    take_usage(&bank, &before);
    if (!final_audit(&bank)) {
        snprintf(error, BENCH_RUN_ERROR_BYTES, "the last audit has no answer: %s",
                 kv_client_error(bank.client));
        end = BENCH_END_UNAVAILABLE;
    }
    bank_ledger_check(bank.ledger, &ret->verdict);
    snprintf(ret->stats, sizeof ret->stats, "%s", kv_client_stats_json(bank.client));
    if (!write_history(&bank, error)) {
        end = BENCH_END_UNAVAILABLE;
    }
    close_bank(&bank);
    if (end == BENCH_END_OK && ret->verdict.wrong) {
        end = BENCH_END_FAILURES;
    }
    return end == BENCH_END_OK && *interrupt != 0 ? BENCH_END_INTERRUPTED : end;
}
