/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_frame: hostile frames. The input is tried as it is, and again as the body of a frame whose
 * checksum is right: its first byte is then the number of messages.
 *
 * Property: what is read can be written (the writer asserts every limit), and what was written
 * reads the same again. */
#include <stdint.h>

#include "multicast/base/assert.h"
#include "multicast/wire/codec.h"
#include "tests/unit/wire/wire_forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read all of a frame and write it again; false if it does not read to its end. */
static bool copy_frame(struct wire_frame_reader *reader, kv_slice frame,
                       struct wire_frame_writer *ret)
{
    if (wire_frame_open(reader, frame) != STATUS_OK) {
        return false;
    }
    struct wire_message message;
    enum status status;
    wire_frame_begin(ret, reader->cluster, reader->from, reader->to);
    while ((status = wire_frame_next(reader, &message)) == STATUS_OK) {
        /* The shortest form never is longer than what was read, so the copy always fits. */
        enum status added = wire_frame_add(ret, &message);
        KV_ASSERT(added == STATUS_OK);
    }
    KV_ASSERT(status == STATUS_END || status == STATUS_CORRUPT);
    (void)wire_frame_finish(ret);
    return status == STATUS_END;
}

static void check(kv_slice frame)
{
    struct wire_frame_reader reader = {0};
    struct wire_frame_writer first = {0};
    struct wire_frame_writer second = {0};
    if (copy_frame(&reader, frame, &first)) {
        bool copied = copy_frame(&reader, kv_buffer_slice(&first.bytes), &second);
        KV_ASSERT(copied);
        KV_ASSERT(kv_slice_equal(kv_buffer_slice(&first.bytes), kv_buffer_slice(&second.bytes)));
    }
    wire_frame_writer_close(&first);
    wire_frame_writer_close(&second);
    wire_frame_reader_close(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(kv_slice_of(data, size));
    if (size > 0) {
        struct kv_buffer frame = {0};
        wire_forge_frame(data[0], kv_slice_of(data + 1, size - 1), &frame);
        check(kv_buffer_slice(&frame));
        kv_buffer_close(&frame);
    }
    return 0;
}
