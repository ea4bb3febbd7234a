/* SPDX-License-Identifier: Apache-2.0 */
/* message: the names of messages, from their table. */
#include "multicast/wire/message.h"

const char *wire_message_kind_name(enum wire_message_kind kind)
{
    switch (kind) {
#define X(NAME, name, number, from, to, purpose)                                                   \
    case WIRE_MESSAGE_##NAME:                                                                      \
        return #NAME;
        WIRE_MESSAGE_MAP(X)
#undef X
    }
    return "UNKNOWN";
}
