/*
 * json_value.c - what the strings and numbers that json.c found mean.
 *
 * Works on slices that the scanner has validated, so nothing here can meet a
 * bad escape. Knows nothing about objects and arrays.
 */
#include "lib/base/json.h"

#include <string.h>

#include "lib/base/encode.h"

enum {
	UTF8_MAX = 4,
	UNICODE_ESCAPE_LEN = 6,
	ESCAPED_NUMBER_MAX = 64,
	REPLACEMENT = 0xfffd, /* for what is no character */
};

/* Further than any text is long; keeps sums of exponents from overflowing. */
#define EXPONENT_MAX (INT64_MAX / 4)

/* The scanner has seen that they are four hex digits. */
static uint32_t code_unit(const char *digits)
{
	uint32_t value = 0;
	int i;

	for (i = 0; i < 4; i++)
		value = value << 4 | (uint32_t)wp_hex_value(digits[i]);
	return value;
}

static size_t encode_utf8(uint32_t code, char out[UTF8_MAX])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* The low half of a surrogate pair when one is escaped at p, else 0. */
static uint32_t low_half(const char *p, const char *end)
{
	uint32_t code;

	if (end - p < UNICODE_ESCAPE_LEN || p[0] != '\\' || p[1] != 'u')
		return 0;
	code = code_unit(p + 2);
	return code >= 0xdc00 && code <= 0xdfff ? code : 0;
}

/* Resolve the escape at *text and step over it; returns the bytes in out. */
static size_t resolve_escape(const char **text, const char *end,
			     char out[UTF8_MAX])
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *p = *text;
	uint32_t code;

	if (p[1] != 'u') {
		*text += 2;
		out[0] = to[strchr(from, p[1]) - from];
		return 1;
	}
	code = code_unit(p + 2);
	*text += UNICODE_ESCAPE_LEN;
	if (code >= 0xd800 && code <= 0xdfff) {
		uint32_t low = code < 0xdc00
				       ? low_half(p + UNICODE_ESCAPE_LEN, end)
				       : 0;

		if (low == 0)
			return encode_utf8(REPLACEMENT, out);
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		*text += UNICODE_ESCAPE_LEN;
	}
	return encode_utf8(code, out);
}

void wp_json_decode(const struct wp_json_slice *slice, struct wp_buf *buf)
{
	const char *p = slice->data;
	const char *end = p + slice->len;
	char bytes[UTF8_MAX];

	if (!slice->has_escapes) {
		wp_buf_add(buf, p, slice->len);
		return;
	}
	while (p < end && !buf->failed) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));

		if (stop == NULL)
			stop = end;
		wp_buf_add(buf, p, (size_t)(stop - p));
		p = stop;
		if (p < end) {
			size_t n = resolve_escape(&p, end, bytes);

			wp_buf_add(buf, bytes, n);
		}
	}
}

bool wp_json_slice_is(const struct wp_json_slice *slice, const char *text)
{
	size_t left = strlen(text);
	const char *p = slice->data;
	const char *end = p + slice->len;

	if (!slice->has_escapes)
		return slice->len == left && memcmp(p, text, left) == 0;
	while (p < end) {
		char bytes[UTF8_MAX];
		size_t n = 1;

		if (*p == '\\')
			n = resolve_escape(&p, end, bytes);
		else
			bytes[0] = *p++;
		if (n > left || memcmp(bytes, text, n) != 0)
			return false;
		text += n;
		left -= n;
	}
	return left == 0;
}

/* A number as sign, digits with the point taken out, and where it was. */
struct decimal {
	bool is_negative;
	const char *whole; /* digits before the point */
	size_t whole_len;
	const char *part; /* digits behind it */
	size_t part_len;
	int64_t exponent;
};

static size_t digits_len(const char *text, const char *end)
{
	const char *p = text;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return (size_t)(p - text);
}

static int64_t read_exponent(const char *p, const char *end)
{
	bool is_negative = *p == '-';
	int64_t value = 0;

	if (*p == '-' || *p == '+')
		p++;
	for (; p < end && value < EXPONENT_MAX / 16; p++)
		value = value * 10 + (*p - '0');
	return is_negative ? -value : value;
}

/* Take apart a text that follows the grammar of JSON numbers. */
static struct decimal split(const char *p, size_t len)
{
	struct decimal number = { 0 };
	const char *end = p + len;

	number.is_negative = *p == '-';
	p += number.is_negative;
	number.whole = p;
	number.whole_len = digits_len(p, end);
	p += number.whole_len;
	if (p < end && *p == '.') {
		number.part = p + 1;
		number.part_len = digits_len(p + 1, end);
		p += 1 + number.part_len;
	}
	if (p < end)
		number.exponent = read_exponent(p + 1, end);
	return number;
}

static bool times_ten_plus(uint64_t *value, uint64_t digit)
{
	if (*value > (UINT64_MAX - digit) / 10)
		return false;
	*value = *value * 10 + digit;
	return true;
}

static char digit_at(const struct decimal *number, size_t i)
{
	if (i < number->whole_len)
		return number->whole[i];
	return number->part[i - number->whole_len];
}

/* The absolute value, if it is an integer of 64 bits. */
static bool magnitude(const struct decimal *number, uint64_t *out)
{
	/* The point moves right by the exponent: so many digits count. */
	int64_t whole = (int64_t)number->whole_len + number->exponent;
	size_t count = number->whole_len + number->part_len;
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		char c = digit_at(number, i);

		if ((int64_t)i >= whole) {
			if (c != '0')
				return false; /* a fraction remains */
		} else if (!times_ten_plus(&value, (uint64_t)(c - '0'))) {
			return false;
		}
	}
	for (; value != 0 && (int64_t)i < whole; i++)
		if (!times_ten_plus(&value, 0))
			return false;
	*out = value;
	return true;
}

bool wp_json_integer(const struct wp_json_slice *slice, int64_t min,
		     int64_t max, int64_t *out)
{
	char memory[ESCAPED_NUMBER_MAX + 1];
	/* Borrowed memory and a ceiling below it: see the head of buf.c. */
	struct wp_buf text = { .data = memory,
			       .cap = sizeof(memory),
			       .max_bytes = ESCAPED_NUMBER_MAX };
	struct wp_json_slice number = *slice;
	struct decimal decimal;
	struct wp_json js;
	uint64_t value;
	int64_t result;

	if (slice->has_escapes) {
		wp_json_decode(slice, &text);
		if (text.failed)
			return false;
		number.data = text.data;
		number.len = text.len;
	}
	/* A string may hold anything: it must be one number and no more. */
	wp_json_init(&js, number.data, number.len);
	if (!wp_json_number(&js, &number) || number.len != js.len)
		return false;

	decimal = split(number.data, number.len);
	if (!magnitude(&decimal, &value))
		return false;
	if (value > (uint64_t)INT64_MAX + decimal.is_negative)
		return false;
	/* Not -(int64_t)value: INT64_MIN has no positive twin. */
	result = decimal.is_negative ? (int64_t)(~value + 1) : (int64_t)value;
	if (result < min || result > max)
		return false;
	*out = result;
	return true;
}
