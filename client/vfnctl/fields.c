/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/vfnctl/fields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

uint64_t field_number(const uint8_t *at, unsigned int size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | at[size];
	return value;
}

const char *field_u128(const uint8_t *at, char text[FIELD_U128_SIZE])
{
	unsigned __int128 value = 0;
	char *p = text + FIELD_U128_SIZE - 1;

	for (int i = 15; i >= 0; i--)
		value = value << 8 | at[i];
	*p = 0;
	do {
		*--p = (char)('0' + (int)(value % 10));
		value /= 10;
	} while (value);
	return memmove(text, p, strlen(p) + 1);
}

uint64_t field_part(uint64_t value, unsigned int hi, unsigned int lo)
{
	unsigned int n = hi - lo + 1;

	return value >> lo & (n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1);
}

void field_print_bits(FILE *out, const struct field_bits *b, uint64_t value)
{
	for (; b->text[0] || b->text[1]; b++) {
		uint64_t part = field_part(value, b->hi, b->lo);
		const char *text = b->text[part && b->text[1]];

		if (b->names)
			text = b->names[part];
		if (!text) /* reserved, and zero as it should be */
			continue;
		fprintf(out, "  [%d:%d] : %#x\t%s\n", b->hi, b->lo, (unsigned int)part, text);
	}
}

static void guid_text(const uint8_t *at, char text[37])
{
	int n = 0;

	for (int i = 0; i < 16; i++)
		n += sprintf(text + n, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
			     at[i]);
}

static void bytes_text(const uint8_t *at, unsigned int size, char *text)
{
	for (unsigned int i = 0; i < size; i++)
		sprintf(text + 2 * i, "%02x", at[i]);
}

static void print_value(FILE *out, const struct field *f, const uint8_t *at)
{
	char text[2 * UINT8_MAX + 1];

	switch (f->kind) {
	case FIELD_HEX:
		fprintf(out, "%#" PRIx64, field_number(at, f->size));
		break;
	case FIELD_DEC:
		fprintf(out, "%" PRIu64, field_number(at, f->size));
		break;
	case FIELD_U128:
		fputs(field_u128(at, text), out);
		break;
	case FIELD_TEXT:
		fprintf(out, "%-*.*s", f->size, f->size, (const char *)at);
		break;
	case FIELD_NUL:
		fprintf(out, "%.*s", f->size, (const char *)at);
		break;
	case FIELD_OUI:
		fprintf(out, "%06" PRIx64, field_number(at, 3));
		break;
	case FIELD_GUID:
		guid_text(at, text);
		fputs(text, out);
		break;
	case FIELD_BYTES:
		bytes_text(at, f->size, text);
		fputs(text, out);
		break;
	}
}

void field_print(FILE *out, const struct field *f, size_t n, int width, const uint8_t *data,
		 bool human)
{
	for (; n--; f++) {
		const uint8_t *at = data + f->offset;

		fprintf(out, "%-*s: ", width, f->name);
		print_value(out, f, at);
		fputc('\n', out);
		if (!human || (!f->bits && !f->human))
			continue;
		if (f->human)
			f->human(out, at);
		else
			field_print_bits(out, f->bits, field_number(at, f->size));
		if (!f->no_gap)
			fputc('\n', out);
	}
}

static struct json_object *json_value(const struct field *f, const uint8_t *at)
{
	char text[2 * UINT8_MAX + 1];

	switch (f->kind) {
	case FIELD_U128:
		return json_object_new_string(field_u128(at, text));
	case FIELD_TEXT:
		snprintf(text, sizeof(text), "%-*.*s", f->size, f->size, (const char *)at);
		return json_object_new_string(text);
	case FIELD_NUL:
		return json_object_new_string_len((const char *)at,
						  (int)strnlen((const char *)at, f->size));
	case FIELD_GUID:
		guid_text(at, text);
		return json_object_new_string(text);
	case FIELD_BYTES:
		bytes_text(at, f->size, text);
		return json_object_new_string(text);
	default:
		return json_object_new_uint64(field_number(at, f->size));
	}
}

void field_json(struct json_object *obj, const struct field *f, size_t n, const uint8_t *data)
{
	for (; n--; f++)
		if (f->kind != FIELD_NUL || data[f->offset])
			json_object_object_add(obj, f->name, json_value(f, data + f->offset));
}

void field_json_hex(struct json_object *obj, const char *name, const uint8_t *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * size + 1);

	if (!text)
		return;
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[data[i] >> 4];
		text[2 * i + 1] = digits[data[i] & 0xf];
	}
	text[2 * size] = '\0';
	json_object_object_add(obj, name, json_object_new_string(text));
	free(text);
}

void field_json_print(FILE *out, struct json_object *obj)
{
	fprintf(out, "%s\n",
		json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(obj);
}

void field_dump(FILE *out, const uint8_t *data, size_t size)
{
	if (size)
		fputs("       0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f\n", out);
	for (size_t row = 0; row < size; row += 16) {
		size_t n = size - row < 16 ? size - row : 16;

		fprintf(out, "%04zx:", row);
		for (size_t i = 0; i < 16; i++)
			if (i < n)
				fprintf(out, " %02x", data[row + i]);
			else
				fputs("   ", out);
		fputs(n < 16 ? "  \"" : " \"", out); /* as nvme-cli has it */
		for (size_t i = 0; i < n; i++)
			fputc(data[row + i] > ' ' && data[row + i] < 0x7f ? data[row + i] : '.',
			      out);
		fputs("\"\n", out);
	}
}
