/* SPDX-License-Identifier: Apache-2.0 */
/* make_engine_corpus DIRECTORY: writes the seeds of fuzz_engine_load: small saved states of the KV
 * machine, of the oracle, and of an engine with each, without the engine's checksum, which the
 * fuzzer adds. Run it again when a form changes. */
#include <stdio.h>
#include <stdlib.h>

#include "multicast/base/assert.h"
#include "oracle/oracle_machine.h"
#include "partition/kv/kv_machine.h"
#include "tests/unit/engine/fixture.h"

#define SESSIONS_MAX   16
#define PARTITIONS     1
#define CHECKSUM_BYTES 8

/* The first byte of a seed: see fuzz_engine_load.c. */
enum seed_kind { SEED_KV = 0, SEED_ORACLE = 1, SEED_ENGINE = 2 };

static void write_seed(const char *directory, const char *name, uint8_t kind, kv_slice bytes)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/engine_load/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fputc(kind, file) == EOF ||
        fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static void write_engine(const char *directory, const char *name, uint8_t kind,
                         const struct fixture *fixture)
{
    struct kv_buffer saved = {0};
    engine_save(fixture->engine, &saved);
    write_seed(directory, name, kind, kv_slice_of(saved.data, saved.size - CHECKSUM_BYTES));
    kv_buffer_close(&saved);
}

static void write_machine(const char *directory, const char *name, uint8_t kind,
                          struct machine machine)
{
    struct kv_buffer saved = {0};
    machine.ops->save(machine.state, /* rows */ true, &saved);
    write_seed(directory, name, kind, kv_buffer_slice(&saved));
    kv_buffer_close(&saved);
}

static void make_kv(const char *directory)
{
    struct machine machine = kv_machine_new((kv_group_id){1}, PARTITIONS);
    struct fixture *fixture = fixture_new_with((kv_group_id){1}, machine, SESSIONS_MAX);
    write_engine(directory, "engine_kv_empty", SEED_KV | SEED_ENGINE, fixture);
    fixture_put_text(fixture, "key", "a value that no record can hold within itself");
    fixture_deliver(fixture, fixture_id(2, 1, 1), 0);
    fixture_put_if_absent(fixture, "key", "no");
    fixture_deliver(fixture, fixture_id(3, 7, 2), 5);
    fixture_incr(fixture, "n", 5);
    fixture_deliver(fixture, fixture_id(2, 3, 1), 0);
    fixture_put_text(fixture, "brief", "v");
    fixture->command.ttl_ms = 1000;
    fixture_deliver(fixture, fixture_id(2, 4, 1), 0);
    write_engine(directory, "engine_kv", SEED_KV | SEED_ENGINE, fixture);
    write_machine(directory, "kv", SEED_KV, machine);
    fixture_destroy(&fixture);
}

static void make_oracle(const char *directory)
{
    struct machine machine = oracle_machine_new(PARTITIONS, SESSIONS_MAX);
    struct fixture *fixture = fixture_new_with(KV_GROUP_ORACLE, machine, SESSIONS_MAX);
    for (uint64_t nonce = 5; nonce < 8; nonce++) {
        fixture_plain(fixture, WIRE_OP_SESSION_OPEN);
        fixture_deliver(fixture, (kv_message_id){.sequence = nonce, .attempt = 1}, 0);
    }
    fixture_plain(fixture, WIRE_OP_MAP);
    fixture_deliver(fixture, fixture_id(1, 1, 1), 0);
    write_engine(directory, "engine_oracle", SEED_ORACLE | SEED_ENGINE, fixture);
    write_machine(directory, "oracle", SEED_ORACLE, machine);
    fixture_destroy(&fixture);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_engine_corpus DIRECTORY\n");
        return EXIT_FAILURE;
    }
    make_kv(argv[1]);
    make_oracle(argv[1]);
    return EXIT_SUCCESS;
}
