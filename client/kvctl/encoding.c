/* SPDX-License-Identifier: Apache-2.0 */
/* encoding: the four text forms of bytes. */
#include "client/kvctl/encoding.h"

#include <stdio.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const char *kvctl_encoding_name(enum kvctl_encoding encoding)
{
    switch (encoding) {
#define X(name, text)                                                                              \
    case KVCTL_ENCODING_##name:                                                                    \
        return text;
        KVCTL_ENCODING_MAP(X)
#undef X
    }
    return "";
}

bool kvctl_encoding_parse(const char *name, enum kvctl_encoding *ret)
{
#define X(symbol, text)                                                                            \
    if (strcmp(name, text) == 0) {                                                                 \
        *ret = KVCTL_ENCODING_##symbol;                                                            \
        return true;                                                                               \
    }
    KVCTL_ENCODING_MAP(X)
#undef X
    return false;
}

static void encode_hex(kv_bytes bytes, struct kv_buffer *text)
{
    const uint8_t *data = bytes.data;
    kv_buffer_reserve(text, 2 * bytes.size);
    for (size_t i = 0; i < bytes.size; i++) {
        const char pair[2] = {hex_digits[data[i] >> 4], hex_digits[data[i] & 15]};
        kv_buffer_append(text, pair, 2);
    }
}

static void encode_base64(kv_bytes bytes, struct kv_buffer *text)
{
    const uint8_t *data = bytes.data;
    kv_buffer_reserve(text, (bytes.size + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size; i += 3) {
        const size_t left = bytes.size - i;
        const uint32_t word = (uint32_t)data[i] << 16 |
                              (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                              (left > 2 ? (uint32_t)data[i + 2] : 0);
        const char quad[4] = {base64_digits[word >> 18], base64_digits[word >> 12 & 63],
                              left > 1 ? base64_digits[word >> 6 & 63] : '=',
                              left > 2 ? base64_digits[word & 63] : '='};
        kv_buffer_append(text, quad, 4);
    }
}

static void encode_escape(kv_bytes bytes, struct kv_buffer *text)
{
    const uint8_t *data = bytes.data;
    for (size_t i = 0; i < bytes.size; i++) {
        const uint8_t byte = data[i];
        char code[5];
        switch (byte) {
        case '\n':
            kv_buffer_append(text, "\\n", 2);
            break;
        case '\r':
            kv_buffer_append(text, "\\r", 2);
            break;
        case '\t':
            kv_buffer_append(text, "\\t", 2);
            break;
        case '\\':
            kv_buffer_append(text, "\\\\", 2);
            break;
        default:
            if (byte >= 0x20 && byte < 0x7f) {
                kv_buffer_append(text, &byte, 1);
            } else {
                snprintf(code, sizeof(code), "\\x%02x", byte);
                kv_buffer_append(text, code, 4);
            }
        }
    }
}

void kvctl_encode(enum kvctl_encoding encoding, kv_bytes bytes, struct kv_buffer *text)
{
    switch (encoding) {
    case KVCTL_ENCODING_UTF8:
        kv_buffer_append(text, bytes.data, bytes.size);
        return;
    case KVCTL_ENCODING_HEX:
        encode_hex(bytes, text);
        return;
    case KVCTL_ENCODING_BASE64:
        encode_base64(bytes, text);
        return;
    case KVCTL_ENCODING_ESCAPE:
        encode_escape(bytes, text);
        return;
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* 0..15, or -1. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

static bool decode_hex(kv_bytes text, struct kv_buffer *bytes, const char **ret_error)
{
    const char *c = text.data;
    int high = -1;
    kv_buffer_reserve(bytes, text.size / 2);
    for (size_t i = 0; i < text.size; i++) {
        if (is_space(c[i])) {
            continue;
        }
        const int value = hex_value(c[i]);
        if (value < 0) {
            *ret_error = "hex has digits 0-9 and a-f only";
            return false;
        }
        if (high < 0) {
            high = value;
            continue;
        }
        const uint8_t byte = (uint8_t)(high << 4 | value);
        kv_buffer_append(bytes, &byte, 1);
        high = -1;
    }
    if (high >= 0) {
        *ret_error = "hex needs two digits for each byte";
        return false;
    }
    return true;
}

static bool decode_base64(kv_bytes text, struct kv_buffer *bytes, const char **ret_error)
{
    const char *c = text.data;
    uint32_t word = 0;
    unsigned digits = 0; /* of the present quad, padding included */
    unsigned padding = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (is_space(c[i])) {
            continue;
        }
        const char *at = c[i] == '\0' ? NULL : strchr(base64_digits, c[i]);
        if (c[i] == '=' && digits >= 2) {
            padding++;
        } else if (at == NULL || padding > 0) {
            *ret_error = "not base64 (RFC 4648: A-Z a-z 0-9 + / and = at the end)";
            return false;
        }
        word = word << 6 | (at == NULL ? 0 : (uint32_t)(at - base64_digits));
        if (++digits == 4) {
            const uint8_t triple[3] = {(uint8_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word};
            kv_buffer_append(bytes, triple, 3 - padding);
            word = 0;
            digits = 0;
        }
    }
    if (digits != 0) {
        *ret_error = "base64 has a multiple of four characters, filled up with =";
        return false;
    }
    return true;
}

static bool decode_escape(kv_bytes text, struct kv_buffer *bytes, const char **ret_error)
{
    const char *c = text.data;
    for (size_t i = 0; i < text.size; i++) {
        char byte = c[i];
        if (byte == '\\') {
            const char code = i + 1 < text.size ? c[i + 1] : '\0';
            const int high = code == 'x' && i + 3 < text.size ? hex_value(c[i + 2]) : -1;
            const int low = high >= 0 ? hex_value(c[i + 3]) : -1;
            if (low >= 0) {
                byte = (char)(high << 4 | low);
                i += 3;
            } else if (code == 'n' || code == 'r' || code == 't' || code == '\\') {
                byte = code == 'n' ? '\n' : code == 'r' ? '\r' : code == 't' ? '\t' : '\\';
                i += 1;
            } else {
                *ret_error = "after a backslash: n, r, t, \\ or x and two hex digits";
                return false;
            }
        }
        kv_buffer_append(bytes, &byte, 1);
    }
    return true;
}

bool kvctl_decode(enum kvctl_encoding encoding, kv_bytes text, struct kv_buffer *bytes,
                  const char **ret_error)
{
    switch (encoding) {
    case KVCTL_ENCODING_UTF8:
        kv_buffer_append(bytes, text.data, text.size);
        return true;
    case KVCTL_ENCODING_HEX:
        return decode_hex(text, bytes, ret_error);
    case KVCTL_ENCODING_BASE64:
        return decode_base64(text, bytes, ret_error);
    case KVCTL_ENCODING_ESCAPE:
        return decode_escape(text, bytes, ret_error);
    }
    return false;
}
