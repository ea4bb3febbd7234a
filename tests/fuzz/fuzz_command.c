/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_command: hostile bodies, read as a command and as an answer.
 *
 * Property: what is read can be written (the encoder asserts every limit), and what was written
 * reads the same again. */
#include <stdint.h>

#include "multicast/base/assert.h"
#include "multicast/wire/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_command(kv_slice input, struct kv_buffer *first, struct kv_buffer *second)
{
    static struct wire_command command;
    if (wire_command_decode(input, &command) != STATUS_OK) {
        return;
    }
    wire_command_encode(&command, first);
    enum status status = wire_command_decode(kv_buffer_slice(first), &command);
    KV_ASSERT(status == STATUS_OK);
    wire_command_encode(&command, second);
    KV_ASSERT(kv_slice_equal(kv_buffer_slice(first), kv_buffer_slice(second)));
}

static void check_answer(kv_slice input, struct kv_buffer *first, struct kv_buffer *second)
{
    static struct wire_answer answer;
    if (wire_answer_decode(input, &answer) != STATUS_OK) {
        return;
    }
    wire_answer_encode(&answer, first);
    enum status status = wire_answer_decode(kv_buffer_slice(first), &answer);
    KV_ASSERT(status == STATUS_OK);
    wire_answer_encode(&answer, second);
    KV_ASSERT(kv_slice_equal(kv_buffer_slice(first), kv_buffer_slice(second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kv_buffer first = {0};
    struct kv_buffer second = {0};
    check_command(kv_slice_of(data, size), &first, &second);
    kv_buffer_clear(&first);
    kv_buffer_clear(&second);
    check_answer(kv_slice_of(data, size), &first, &second);
    kv_buffer_close(&first);
    kv_buffer_close(&second);
    return 0;
}
