/* SPDX-License-Identifier: Apache-2.0 */
/* encoding: how binary keys and values are written as text.
 *
 *   utf8    the bytes as they are
 *   hex     two digits for each byte
 *   base64  RFC 4648 with padding
 *   escape  printable ASCII as it is, everything else as \n \r \t \\ or \xNN
 *
 * Decoding hex and base64 skips white space, so that their files may have line ends. */
#ifndef KVCTL_ENCODING_H
#define KVCTL_ENCODING_H

#include "client/lib/kv.h"
#include "multicast/base/bytes.h"

/* X(NAME, "name") */
#define KVCTL_ENCODING_MAP(X)                                                                      \
    X(UTF8, "utf8")                                                                                \
    X(HEX, "hex")                                                                                  \
    X(BASE64, "base64")                                                                            \
    X(ESCAPE, "escape")

enum kvctl_encoding {
#define X(name, text) KVCTL_ENCODING_##name,
    KVCTL_ENCODING_MAP(X)
#undef X
};

const char *kvctl_encoding_name(enum kvctl_encoding encoding);
bool kvctl_encoding_parse(const char *name, enum kvctl_encoding *ret);

/* Append the text of bytes. */
void kvctl_encode(enum kvctl_encoding encoding, kv_bytes bytes, struct kv_buffer *text);

/* Append the bytes of a text. False if it does not have the form; *ret_error is then a fixed
 * text that says why. */
bool kvctl_decode(enum kvctl_encoding encoding, kv_bytes text, struct kv_buffer *bytes,
                  const char **ret_error);

#endif
