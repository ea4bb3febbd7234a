/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/kvctl/encoding.h"
#include "multicast/base/prng.h"

static struct kv_buffer encoded(enum kvctl_encoding encoding, const void *data, size_t size)
{
    struct kv_buffer text = {0};
    kv_buffer_reserve(&text, 1);
    kvctl_encode(encoding, kv_bytes_of(data, size), &text);
    return text;
}

static void assert_encodes(enum kvctl_encoding encoding, const void *data, size_t size,
                           const char *expected)
{
    struct kv_buffer text = encoded(encoding, data, size);
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
    kv_buffer_close(&text);
}

static void assert_refuses(enum kvctl_encoding encoding, const char *text)
{
    struct kv_buffer bytes = {0};
    const char *error = NULL;
    assert_false(kvctl_decode(encoding, kv_bytes_of(text, strlen(text)), &bytes, &error));
    assert_non_null(error);
    kv_buffer_close(&bytes);
}

static void assert_decodes(enum kvctl_encoding encoding, const char *text, const void *expected,
                           size_t size)
{
    struct kv_buffer bytes = {0};
    const char *error = NULL;
    kv_buffer_reserve(&bytes, 1);
    assert_true(kvctl_decode(encoding, kv_bytes_of(text, strlen(text)), &bytes, &error));
    assert_int_equal(bytes.size, size);
    assert_memory_equal(bytes.data, expected, size);
    kv_buffer_close(&bytes);
}

static void every_encoding_gives_back_what_it_was_given(void **state)
{
    (void)state;
    uint8_t data[64];
    struct kv_prng prng;
    kv_prng_init(&prng, 7);
    for (int round = 0; round < 2000; round++) {
        const size_t size = (size_t)round % (sizeof(data) + 1);
        for (size_t i = 0; i < size; i++) {
            data[i] = (uint8_t)kv_prng_next(&prng);
        }
        for (int e = KVCTL_ENCODING_UTF8; e <= KVCTL_ENCODING_ESCAPE; e++) {
            struct kv_buffer text = encoded((enum kvctl_encoding)e, data, size);
            struct kv_buffer back = {0};
            const char *error = NULL;
            kv_buffer_reserve(&back, 1);
            assert_true(kvctl_decode((enum kvctl_encoding)e, kv_bytes_of(text.data, text.size),
                                     &back, &error));
            assert_int_equal(back.size, size);
            assert_memory_equal(back.data, data, size);
            kv_buffer_close(&text);
            kv_buffer_close(&back);
        }
    }
}

static void base64_is_that_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        assert_encodes(KVCTL_ENCODING_BASE64, vectors[i][0], strlen(vectors[i][0]), vectors[i][1]);
        assert_decodes(KVCTL_ENCODING_BASE64, vectors[i][1], vectors[i][0], strlen(vectors[i][0]));
    }
    assert_encodes(KVCTL_ENCODING_BASE64, "\xfb\xff", 2, "+/8=");
}

static void base64_that_is_not_whole_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Z", "Zg", "Zg=", "=", "Z===", "Zg==Zg==", "Zg=g", "Zm9v=", "Zm9-", "Zm9v\x80", "===="};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_refuses(KVCTL_ENCODING_BASE64, texts[i]);
    }
}

static void hex_reads_both_cases_and_skips_line_ends(void **state)
{
    (void)state;
    assert_encodes(KVCTL_ENCODING_HEX, "\x00\xff\x1a", 3, "00ff1a");
    assert_decodes(KVCTL_ENCODING_HEX, "00 fF\n1A\r\n", "\x00\xff\x1a", 3);
    assert_refuses(KVCTL_ENCODING_HEX, "0");
    assert_refuses(KVCTL_ENCODING_HEX, "0g");
    assert_refuses(KVCTL_ENCODING_HEX, "0x00");
}

static void escape_keeps_printable_ascii_readable(void **state)
{
    (void)state;
    assert_encodes(KVCTL_ENCODING_ESCAPE, "a b\n\r\t\\\x00\x7f\xc3\xa9", 11,
                   "a b\\n\\r\\t\\\\\\x00\\x7f\\xc3\\xa9");
    assert_decodes(KVCTL_ENCODING_ESCAPE, "\\x41\\xe9", "A\xe9", 2);
    static const char *const texts[] = {"\\", "\\q", "\\x", "\\x4", "\\xg0", "\\x0g"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_refuses(KVCTL_ENCODING_ESCAPE, texts[i]);
    }
}

static void names_of_encodings_are_read_back(void **state)
{
    (void)state;
    enum kvctl_encoding encoding;
    for (int e = KVCTL_ENCODING_UTF8; e <= KVCTL_ENCODING_ESCAPE; e++) {
        assert_true(kvctl_encoding_parse(kvctl_encoding_name((enum kvctl_encoding)e), &encoding));
        assert_int_equal(encoding, e);
    }
    assert_false(kvctl_encoding_parse("utf-16", &encoding));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_encoding_gives_back_what_it_was_given),
        cmocka_unit_test(base64_is_that_of_rfc_4648),
        cmocka_unit_test(base64_that_is_not_whole_is_refused),
        cmocka_unit_test(hex_reads_both_cases_and_skips_line_ends),
        cmocka_unit_test(escape_keeps_printable_ascii_readable),
        cmocka_unit_test(names_of_encodings_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
