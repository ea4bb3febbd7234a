/* SPDX-License-Identifier: Apache-2.0 */
/* make_wire_corpus DIRECTORY: writes the seeds of fuzz_frame, fuzz_command and fuzz_entry: one
 * small struct of every kind, so that a fuzzer starts inside of every branch. Run it again when the
 * format changes. */
#include <stdio.h>
#include <stdlib.h>

#include "multicast/base/assert.h"
#include "tests/unit/wire/wire_random.h"

/* Seeds are small: a fuzzer makes them longer by itself. */
#define SEED_BYTES_MAX 300

static void write_seed(const char *directory, const char *fuzzer, const char *name,
                       const struct kv_buffer *bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", directory, fuzzer, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes->data, 1, bytes->size, file) != bytes->size ||
        fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static void make_frames(const char *directory, struct wire_random *source)
{
    struct wire_frame_writer writer = {0};
    struct kv_buffer seed = {0};
    for (size_t k = 0; k < WIRE_RANDOM_KIND_COUNT; k++) {
        do {
            struct wire_message message;
            wire_random_message(source, WIRE_RANDOM_KINDS[k], &message);
            wire_frame_begin(&writer, (kv_cluster_id){0}, message.from, message.to);
            enum status status = wire_frame_add(&writer, &message);
            KV_ASSERT(status == STATUS_OK);
        } while (writer.bytes.size > SEED_BYTES_MAX);
        kv_buffer_clear(&seed);
        kv_buffer_append(&seed, "\1", 1); /* one message; its body stands behind the header */
        kv_buffer_append(&seed, writer.bytes.data + WIRE_FRAME_HEADER_BYTES,
                         writer.bytes.size - WIRE_FRAME_HEADER_BYTES);
        write_seed(directory, "frame", wire_message_kind_name(WIRE_RANDOM_KINDS[k]), &seed);
    }
    kv_buffer_close(&seed);
    wire_frame_writer_close(&writer);
}

/* Random structs until each kind of the table has had a small one; the names of the files are those
 * of the kinds. */
static void make_commands(const char *directory, struct wire_random *source)
{
    static struct wire_command command;
    struct kv_buffer seed = {0};
    for (int trial = 0; trial < 20000; trial++) {
        wire_random_command(source, &command);
        kv_buffer_clear(&seed);
        wire_command_encode(&command, &seed);
        if (seed.size <= SEED_BYTES_MAX) {
            write_seed(directory, "command", wire_op_name(command.op), &seed);
        }
    }
    kv_buffer_close(&seed);
}

static void make_answers(const char *directory, struct wire_random *source)
{
    static struct wire_answer answer;
    struct kv_buffer seed = {0};
    for (int trial = 0; trial < 20000; trial++) {
        wire_random_answer(source, &answer);
        kv_buffer_clear(&seed);
        wire_answer_encode(&answer, &seed);
        if (seed.size <= SEED_BYTES_MAX && answer.row_count > 0) {
            write_seed(directory, "command", wire_verdict_name(answer.verdict), &seed);
        }
    }
    kv_buffer_close(&seed);
}

static void make_entries(const char *directory, struct wire_random *source)
{
    struct kv_buffer seed = {0};
    for (uint64_t trial = 0; trial < 200; trial++) {
        struct wire_entry *entry = wire_random_entry(source, (kv_index){trial});
        kv_buffer_clear(&seed);
        wire_entry_encode(entry, &seed);
        if (seed.size <= SEED_BYTES_MAX) {
            write_seed(directory, "entry", wire_entry_kind_name(entry->kind), &seed);
        }
        wire_entry_drop(&entry);
    }
    struct wire_config config;
    wire_random_config(source, &config);
    kv_buffer_clear(&seed);
    wire_config_encode(&config, &seed);
    write_seed(directory, "entry", "members", &seed);
    kv_buffer_close(&seed);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY, which has frame/, command/ and entry/ in it\n",
                argv[0]);
        return EXIT_FAILURE;
    }
    struct wire_random source;
    wire_random_init(&source, 1);
    make_frames(argv[1], &source);
    make_commands(argv[1], &source);
    make_answers(argv[1], &source);
    make_entries(argv[1], &source);
    wire_random_close(&source);
    return EXIT_SUCCESS;
}
