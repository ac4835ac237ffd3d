/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fields - print little-endian structures of the NVMe specifications from tables
 *
 * What is printed, its order and its names are nvme-cli's, which people and their scripts know.
 */
#ifndef VFNCTL_FIELDS_H
#define VFNCTL_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

/* A part of a field, high bits first in a table; a table ends with text[0] and text[1] NULL. */
struct field_bits {
	uint8_t hi, lo;
	/* Without `names`: for 0 and for other values; text[1] NULL: as text[0]. With: by value. */
	const char *text[2];
	const char *const *names;
};

#define BITS(hi, lo, no, yes)  {hi, lo, {no, yes}, NULL}
#define FLAG(bit, what)        {bit, bit, {what " Not Supported", what " Supported"}, NULL}
#define NAMES(hi, lo, names)   {hi, lo, {"", NULL}, names}
#define RESERVED(hi, lo)       {hi, lo, {NULL, "Reserved"}, NULL}
#define BITS_END               {0, 0, {NULL, NULL}, NULL}

enum field_kind {
	FIELD_HEX, /* %#x */
	FIELD_DEC,
	FIELD_U128,   /* decimal; text in JSON */
	FIELD_TEXT,   /* fixed size, padded with spaces */
	FIELD_NUL,    /* text up to its end or a zero; not in JSON where empty */
	FIELD_OUI,    /* three bytes, the last first */
	FIELD_GUID,   /* 16 bytes */
	FIELD_BYTES,  /* as hexadecimal text */
};

struct field {
	const char *name;
	uint16_t offset;
	uint8_t size; /* bytes; up to 8 for numbers */
	enum field_kind kind;
	const struct field_bits *bits; /* for -H */
	void (*human)(FILE *out, const uint8_t *at); /* in their place where a table does not do */
	bool no_gap; /* no empty line after its bits */
};

/* A member of a structure, explained by a table (or NULL) or by a function. */
#define FIELD(type, member, how, table)                                                            \
	{                                                                                          \
		.name = #member, .offset = offsetof(type, member),                                 \
		.size = sizeof(((type *)0)->member), .kind = FIELD_##how, .bits = (table)          \
	}
#define FIELD_BY(type, member, how, function)                                                      \
	{                                                                                          \
		.name = #member, .offset = offsetof(type, member),                                 \
		.size = sizeof(((type *)0)->member), .kind = FIELD_##how, .human = (function)      \
	}

/* The number of `size` bytes at `at`. */
uint64_t field_number(const uint8_t *at, unsigned int size);

/* 128 bits as decimal text; returns `text`. */
#define FIELD_U128_SIZE 40
const char *field_u128(const uint8_t *at, char text[FIELD_U128_SIZE]);

/* Bits hi:lo of a value. */
uint64_t field_part(uint64_t value, unsigned int hi, unsigned int lo);

void field_print_bits(FILE *out, const struct field_bits *bits, uint64_t value);

/* A line a field: name, padded to `width`, then ": " and the value. */
void field_print(FILE *out, const struct field *fields, size_t n, int width, const uint8_t *data,
		 bool human);

/* Adds a member a field to `obj`. */
void field_json(struct json_object *obj, const struct field *fields, size_t n,
		const uint8_t *data);

/* Adds a member: the bytes as a string, two digits each. Not at all where there is no memory. */
void field_json_hex(struct json_object *obj, const char *name, const uint8_t *data, size_t size);

/* An object as nvme-cli prints it, to `out`; drops the caller's reference. */
void field_json_print(FILE *out, struct json_object *obj);

/* Rows of 16 bytes in hexadecimal and characters. */
void field_dump(FILE *out, const uint8_t *data, size_t size);

#endif
