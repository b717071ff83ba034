/* nesting.h - how deep are the messages in an encoding?
 *
 * libprotobuf-c's decoder recurses for each, without a limit: what it is given is looked at here
 * first. */
#ifndef WAYSTONE_GEN_NESTING_H
#define WAYSTONE_GEN_NESTING_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Deeper than a schema, or an option, that people write. */
#define NESTING_MAX 100

/* Whether no message is nested deeper. Bytes that are no encoding are nobody's nesting; the
 * decoder refuses them. */
bool nesting_is_bounded(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t length);

#endif
