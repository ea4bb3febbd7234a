/* SPDX-License-Identifier: Apache-2.0 */
/* sim_packet: one message on its way through the simulated network: a deep copy, or the bytes of a
 * frame.
 *
 * As a copy it keeps only the part of the union that its kind uses, because a whole wire_message
 * has room for the largest kind. As a frame it has gone through the codec, which is slower, but
 * exercises the codec and cuts every pointer that nodes of one process could share by mistake.
 * Duplicates share a packet by reference count. */
#ifndef KV_SIM_PACKET_H
#define KV_SIM_PACKET_H

#include "multicast/wire/codec.h"

/* Who sends and receives: nodes by their id, clients from SIM_ENDPOINT_CLIENT on. Each life of a client has an endpoint of its own,
 * as a new process has a new connection: the number of the life is above the place. */
#define SIM_ENDPOINT_CLIENT 32u
#define SIM_ENDPOINT_LIFE   256u

static inline uint32_t sim_endpoint_place(uint32_t endpoint)
{
    return endpoint % SIM_ENDPOINT_LIFE;
}

struct sim_packet {
    uint32_t references;
    uint32_t from, to;
    bool framed;
    uint32_t size; /* of the message copy or the frame behind this struct */
    max_align_t bytes[];
};

/* A packet with one reference. */
struct sim_packet *sim_packet_new(uint32_t from, uint32_t to, const struct wire_message *message,
                                  bool framed);

static inline struct sim_packet *sim_packet_keep(struct sim_packet *packet)
{
    packet->references++;
    return packet;
}

void sim_packet_drop(struct sim_packet **packet);

/* The message; it borrows from packet and reader. STATUS_CORRUPT: a frame that the codec made
 * cannot be read again. */
KV_MUST_CHECK enum status sim_packet_open(const struct sim_packet *packet,
                                          struct wire_frame_reader *reader,
                                          struct wire_message *ret);

#endif
